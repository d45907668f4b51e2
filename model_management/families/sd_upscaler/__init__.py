"""The Stable Diffusion 4x upscaler."""
