"""Nodes of the menu "latent": made empty, resized, and turned into images and back."""
