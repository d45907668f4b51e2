"""Latents of which only a part is drawn anew."""

from __future__ import annotations

from heddle.graph.declare import node
from heddle.wires import Latent, Mask


@node("SetLatentNoiseMask", category="model/latent", name="Set Latent Noise Mask", search=("inpaint",))
def set_noise_mask(samples: Latent, mask: Mask) -> Latent:
    """Let sampling change the latent only where the mask is white; it may have any size."""
    return {**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])}
