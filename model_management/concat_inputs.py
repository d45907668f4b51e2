"""Pictures and masks that some networks are shown beside the latent, cell by cell, as further channels.

Of a conditioning's options, read here: "concat_latent_image", a latent in the VAE's units, and "concat_mask",
1 = draw here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.numerics.resize import resize
from heddle.samplers.fitting import fit_batch
from model_management.family import ReadEntry, RunFacts

#: What the VAE of Stable Diffusion 1 and 2 makes of mid grey, in the network's units. Source: read off by the ecosystem
#: from the published VAE, and used by it for XL too.
GREY = (0.8223, -0.6876, 0.6364, 0.1380)


def both(*readers: ReadEntry) -> ReadEntry:
    """What all of these give."""

    def read(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
        return {name: value for reader in readers for name, value in reader(states, more, run).items()}

    return read


def mask_and_picture(scale: float) -> ReadEntry:
    """For inpainting networks: one channel of mask, then the latent of the picture with grey under the mask.

    Where the conditioning names no mask, the run's own counts; where there is neither, all is drawn: the mask is 1
    everywhere and the picture grey. Where it names no picture, the run's own latent is taken.

    Args:
        scale: from the VAE's units to the network's.
    """

    def read(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
        mask = more.get("concat_mask")
        mask = run.mask if mask is None else mask
        batch, _, height, width = run.shape
        if mask is None:
            grey = torch.tensor(GREY).to(run.latent).view(1, -1, 1, 1).expand(batch, -1, height, width)
            return {"concat": torch.cat([torch.ones_like(grey[:, :1]), grey], dim=1)}
        picture = more.get("concat_latent_image")
        picture = run.latent if picture is None else _fit(picture, run) * scale
        whole = _fit(mask.reshape(-1, 1, *mask.shape[-2:]), run).round()
        return {"concat": torch.cat([whole, picture], dim=1)}

    return read


def unscaled_picture(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """For editing networks: the latent of the picture to edit, in the VAE's own units; zeros where there is none."""
    picture = more.get("concat_latent_image")
    return {"concat": torch.zeros_like(run.latent) if picture is None else _fit(picture, run)}


def _fit(tensor: Tensor, run: RunFacts) -> Tensor:
    """[B, C, h, w] at the size and number of the run's latents."""
    height, width = run.shape[-2:]
    if tensor.shape[-2:] != (height, width):
        tensor = resize(tensor.float(), width, height, "bilinear", "center")
    return fit_batch(tensor, run.shape[0]).to(run.latent)
