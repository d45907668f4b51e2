"""Nodes of the menu "image": pictures from files and to files, cut, resized, put together, filtered, and masks."""
