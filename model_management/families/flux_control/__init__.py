"""FLUX.1 Canny and Depth."""
