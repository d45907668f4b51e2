"""The vector that Stable Diffusion XL's networks take: the pooled text, and sizes that a picture is to look as if of.

Pictures, read by the vision half of the encoder that the pooled text is of (OpenCLIP-bigG), may stand in its place.

Source: Podell et al. 2023, arXiv:2307.01952, section 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.networks.unet import embed_timesteps
from model_management.family import RunFacts
from model_management.picture_vectors import SHOWN, picture_vector
from model_management.pooled_text import pooled_of

#: Each number becomes so many cosines and sines.
NUMBER_WIDTH = 256

#: Where no size is said it is the run's own: so many pixels for each cell of the latent.
PX_PER_CELL = 8

#: Scores, of about 10, where none is given: a fine picture is asked for, and a poor one kept away from.
SCORE, NEGATIVE_SCORE = 6.0, 2.5


def base_inputs(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of the base model: the original's height and width, what was cut above and at the left, the target's size."""
    height, width = _size(more, run)
    numbers = (
        *(height, width, more.get("crop_h", 0), more.get("crop_w", 0)),
        *(more.get("target_height", height), more.get("target_width", width)),
    )
    return {"context": states, "vector": vector_of(more, numbers, run)}


def refiner_inputs(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """Of the refiner: height, width, what was cut above and at the left, and an aesthetic score."""
    score = more.get("aesthetic_score", NEGATIVE_SCORE if run.side == "negative" else SCORE)
    numbers = (*_size(more, run), more.get("crop_h", 0), more.get("crop_w", 0), score)
    return {"context": states, "vector": vector_of(more, numbers, run)}


def _size(more: Mapping[str, Any], run: RunFacts) -> tuple[int, int]:
    height, width = (side * PX_PER_CELL for side in run.shape[-2:])
    return more.get("height", height), more.get("width", width)


def vector_of(more: Mapping[str, Any], numbers: tuple[float, ...], run: RunFacts) -> Tensor:
    """[B, D + 256 for each number] from the pooled text [B, D], or from pictures [1, D].

    Raises: GraphError, if the conditioning has neither.
    """
    pictures = more.get(SHOWN)
    if pictures:
        width = run.config.vector_width - NUMBER_WIDTH * len(numbers)
        pooled = picture_vector(pictures, width, run.seed, together=0.0)[:, :width]
    else:
        pooled = pooled_of(more, "Stable Diffusion XL")
    embedded = embed_timesteps(torch.tensor([float(number) for number in numbers]), NUMBER_WIDTH)
    return torch.cat([pooled, embedded.reshape(1, -1).to(pooled).expand(len(pooled), -1)], dim=-1)
