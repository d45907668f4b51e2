"""Stable Diffusion XL that edits pictures."""
