"""Nodes of the menu "advanced/multigpu": where nets run."""
