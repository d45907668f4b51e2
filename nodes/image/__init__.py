"""Nodes of the menu "image": pictures from files, to files, and to other sizes."""
