"""Nodes of the menu "patch": what steps into a model."""
