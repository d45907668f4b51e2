"""Nodes of the menu "loaders": models from files."""
