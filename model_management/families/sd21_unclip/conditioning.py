"""What the network of Stable Diffusion 2.1 unCLIP takes beside latent and time: a text, and what pictures show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.graph.said import say
from heddle.numerics.embedding_noise import AS_THEY_ARE, Spread
from model_management.family import RunFacts
from model_management.header import Header
from model_management.picture_vectors import SHOWN, picture_vector
from model_management.tensor_reading import open_tensors

#: Mean and spread of the embeddings of the training; files that were trained on plain ones have none.
MEAN, STD = "noise_augmentor.data_mean", "noise_augmentor.data_std"

TOGETHER = 0.05  # the ecosystem's share of noise on several pictures


def text_and_pictures(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The text, and a vector of the pictures; zeros where there are none, as in a part of the training."""
    pictures = more.get(SHOWN)
    width = run.config.vector_width
    if pictures:
        vector = picture_vector(pictures, width // 2, run.seed, together=TOGETHER, spread=_spread(run.header))
    else:
        vector = torch.zeros(1, width)
        if run.side == "positive":
            run.note(
                say("positive: an unCLIP model draws from the text alone here; show it images with unCLIPConditioning")
            )
    return {"context": states, "vector": vector}


def _spread(header: Header | None) -> Spread:
    if header is None or MEAN not in header or STD not in header:
        return AS_THEY_ARE
    with open_tensors(header) as tensors:
        return Spread(*(tensors.get_tensor(name).float().reshape(1, -1) for name in (MEAN, STD)))
