"""Nodes of the menu "audio": sounds from files and to files, cut, joined, mixed and made louder."""
