"""Nodes of the menu "conditioning": texts and what steers a picture."""
