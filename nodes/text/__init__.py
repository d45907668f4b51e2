"""Nodes of the menu "text": texts put together, changed, searched and saved."""
