"""Nodes of the menu "sampling": from noise to a latent."""
