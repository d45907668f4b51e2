"""Nodes of the menu "utilities": numbers, choices, logic, lists, boxes, colours, and values shown."""
