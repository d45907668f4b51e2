"""Latents of which only a part is drawn anew."""

from __future__ import annotations

from heddle.graph.declare import node
from heddle.samplers.fitting import as_batch
from heddle.wires import Latent, Mask


@node("SetLatentNoiseMask", category="model/latent", name="Set Latent Noise Mask", search=("inpaint",))
def set_noise_mask(samples: Latent, mask: Mask) -> Latent:
    """Let sampling change the latent only where the mask is white; it may have any size."""
    return {**samples, "noise_mask": as_batch(mask)}
