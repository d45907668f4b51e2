"""Nodes of the menu "model/training": training sets, trainings, and what they show of themselves."""
