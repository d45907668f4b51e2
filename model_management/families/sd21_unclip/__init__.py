"""Stable Diffusion 2.1 unCLIP."""
