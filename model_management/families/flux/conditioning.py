"""What FLUX.1's networks take beside latent and time: text, pooled text, guidance, and pictures to follow.

Of a conditioning's options, read here: "pooled_output", "guidance" (None = the network is told none),
"reference_latents", "reference_latents_method" (see `heddle.networks.reference_places`), "concat_latent_image" and
"concat_mask"; latents are in the VAE's units, masks 1 = draw here.
For an attention mask see `attention_masks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from heddle.graph.said import say
from heddle.networks.reference_places import METHODS, OFFSET, reference_name
from heddle.networks.vae import VaeConfig
from heddle.numerics.latent_rgb import LatentColours
from heddle.numerics.resize import resize
from heddle.samplers.fitting import fit_batch
from model_management.attention_masks import mask_inputs
from model_management.family import LatentSpace, RunFacts
from model_management.pooled_text import pooled_of

LATENT = LatentSpace(
    channels=16,
    scale=0.3611,  # with the shift, of the published VAE's configuration
    shift=0.1159,
    colours=LatentColours(  # as the node engines of this ecosystem publish them
        (
            (-0.0346, 0.0244, 0.0681),
            (0.0034, 0.0210, 0.0687),
            (0.0275, -0.0668, -0.0433),
            (-0.0174, 0.0160, 0.0617),
            (0.0859, 0.0721, 0.0329),
            (0.0004, 0.0383, 0.0115),
            (0.0405, 0.0861, 0.0915),
            (-0.0236, -0.0185, -0.0259),
            (-0.0245, 0.0250, 0.1180),
            (0.1008, 0.0755, -0.0421),
            (-0.0515, 0.0201, 0.0011),
            (0.0428, -0.0012, -0.0036),
            (0.0817, 0.0765, 0.0749),
            (-0.1264, -0.0522, -0.1103),
            (-0.0280, -0.0881, -0.0499),
            (-0.1262, -0.0982, -0.0778),
        ),
        (-0.0329, -0.0718, -0.0851),
    ),
    published_vae=VaeConfig(widths=(128, 256, 512, 512), blocks=2, latent_channels=16, has_quant=False),
    small_vae="taef1",
)
GUIDANCE = 3.5  # what the ecosystem takes where none is said
PX_PER_CELL = 8


def text_and_guidance(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of all of them. Networks that know no guidance take no notice of it."""
    inputs = {"context": states, "vector": pooled_of(more, "FLUX.1"), **mask_inputs(more, run)}
    guidance = more.get("guidance", GUIDANCE)
    if guidance is not None:
        inputs["guidance"] = torch.tensor([float(guidance)])
    return inputs


def with_references(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of dev, schnell and Kontext: also any number of reference latents, each of its own size.

    An adapter may have widened the network so that it is shown a picture beside its latent, as Canny and Depth are.
    """
    method = more.get("reference_latents_method", OFFSET)
    if method not in METHODS:
        run.note(
            say(
                "references are placed by {offset}, since FLUX.1 knows no {method!r} but {known}",
                offset=OFFSET,
                method=method,
                known=", ".join(METHODS),
            )
        )
        method = OFFSET
    references = {
        reference_name(method, number): LATENT.inward(latent)
        for number, latent in enumerate(more.get("reference_latents", ()))
    }
    is_widened = run.config is not None and run.config.in_channels == 2 * LATENT.channels
    read = with_picture if is_widened else text_and_guidance
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
