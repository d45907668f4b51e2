"""Nodes of the menu "video": videos from files and to files, put together, taken apart and cut."""
