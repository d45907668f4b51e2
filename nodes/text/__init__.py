"""Nodes of the menu "text": texts put together, changed, searched, saved, and laid over images."""
