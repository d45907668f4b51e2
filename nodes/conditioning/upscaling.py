"""A small picture for the network that draws it larger."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.declare import Number, Wire, node
from heddle.numerics.resize import resize
from heddle.wires import Conditioning, Image, Latent
from nodes.conditioning.places import with_options

PX_PER_CELL = 4  # of the upscaler's latents


@node(
    "SD_4XUpscale_Conditioning", category="model/conditioning/stable diffusion upscaler",
    name="SD_4XUpscale_Conditioning", outputs=("positive", "negative", "latent"),
    search=("upscaler", "x4", "super resolution"),
)  # fmt: skip
def for_upscaling(
    images: Annotated[Image, Wire("IMAGE", tip="The pictures to draw larger.")],
    positive: Conditioning,
    negative: Conditioning,
    scale_ratio: Annotated[
        float,
        Number(
            default=4.0, low=0.0, high=10.0, step=0.01,
            tip="How many times as wide and high the new picture is; the model was trained for 4.",
        ),
    ],
    noise_augmentation: Annotated[
        float,
        Number(
            default=0.0, low=0.0, high=1.0, step=0.001, advanced=True,
            tip="How much noise hides the small picture from the model: the more, the freer it draws.",
        ),
    ],
) -> tuple[Conditioning, Conditioning, Latent]:  # fmt: skip
    """Show the Stable Diffusion 4x upscaler the picture to draw larger, and begin from an empty latent."""
    height, width = (max(1, round(side * scale_ratio)) for side in images.shape[1:3])
    rows, columns = max(1, height // PX_PER_CELL), max(1, width // PX_PER_CELL)
    small = resize(images[..., :3].movedim(-1, 1) * 2 - 1, columns, rows, "bilinear", "center")
    shown = {"concat_image": small, "noise_augmentation": noise_augmentation}
    latent: Latent = {"samples": torch.zeros(len(images), 4, rows, columns)}
    return with_options(positive, **shown), with_options(negative, **shown), latent
