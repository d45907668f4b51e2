"""Nodes of the menu "utilities": numbers, choices, logic, lists, and values shown."""
