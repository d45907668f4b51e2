"""What FLUX.1's networks take beside latent and time: text, pooled text, guidance, and pictures to follow.

Of a conditioning's options, read here: "pooled_output", "guidance" (None = the network is told none),
"reference_latents", "concat_latent_image" and "concat_mask"; latents are in the VAE's units, masks 1 = draw here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from heddle.numerics.resize import resize
from heddle.samplers.fitting import fit_batch
from model_management.family import LatentSpace, RunFacts
from model_management.pooled_text import pooled_of

LATENT = LatentSpace(channels=16, scale=0.3611, shift=0.1159, small_vae="taef1")  # of the published VAE's configuration
GUIDANCE = 3.5  # what the ecosystem takes where none is said
PX_PER_CELL = 8


def text_and_guidance(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of all of them. Networks that know no guidance take no notice of it."""
    inputs = {"context": states, "vector": pooled_of(more, "FLUX.1")}
    guidance = more.get("guidance", GUIDANCE)
    if guidance is not None:
        inputs["guidance"] = torch.tensor([float(guidance)])
    return inputs


def with_references(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of dev, schnell and Kontext: also any number of reference latents, each of its own size.

    An adapter may have widened the network so that it is shown a picture beside its latent, as Canny and Depth are.
    """
    references = {
        f"reference_{number}": LATENT.inward(latent) for number, latent in enumerate(more.get("reference_latents", ()))
    }
    read = with_picture if run.in_channels == 2 * LATENT.channels else text_and_guidance
    return {**read(states, more, run), **references}


def with_picture(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of Canny and Depth: the latent of the outlines or distances, zeros in the VAE's units where there is none."""
    return {**text_and_guidance(states, more, run), "concat": _picture(more, run)}


def with_masked_picture(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of Fill: the latent of the picture without what is to be drawn, then the mask with a channel for each pixel.

    Where the conditioning names no mask, the run's own counts; where there is neither, all is drawn.
    """
    height, width = (cells * PX_PER_CELL for cells in run.shape[-2:])
    mask = more.get("concat_mask")
    mask = run.mask if mask is None else mask
    if mask is None:
        pixels = torch.ones(run.shape[0], 1, height, width)
    else:
        pixels = resize(mask.reshape(-1, 1, *mask.shape[-2:]).float(), width, height, "bilinear", "center")
    folded = rearrange(pixels, "b 1 (h p) (w q) -> b (p q) h w", p=PX_PER_CELL, q=PX_PER_CELL)
    picture = _picture(more, run)
    concat = torch.cat([picture, fit_batch(folded, len(picture)).to(picture)], dim=1)
    return {**text_and_guidance(states, more, run), "concat": concat}


def _picture(more: Mapping[str, Any], run: RunFacts) -> Tensor:
    picture = more.get("concat_latent_image")
    if picture is None:
        return LATENT.inward(torch.zeros_like(run.latent))
    height, width = run.shape[-2:]
    if picture.shape[-2:] != (height, width):
        picture = resize(picture.float(), width, height, "bilinear", "center")
    return LATENT.inward(fit_batch(picture, run.shape[0]).to(run.latent))
