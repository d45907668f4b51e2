"""The attention mask of a conditioning, as networks take it in which text and picture share one attention.

Of a conditioning's options, read here: "attention_mask", [B, T + cells, T + cells], numbers that are added or bools,
and "attention_mask_img_shape", the rows and columns of the picture's cells in it; (1, 1) if it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from heddle.numerics.joint_mask import as_bias, resize_picture
from model_management.family import RunFacts

MASK, CELLS = "attention_mask", "attention_mask_img_shape"
SIDE = 2  # cells of the latent that make one token, each way


def mask_inputs(more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The mask by the networks' keyword, if there is one. With more cells than one it fits the run's picture."""
    if more.get(MASK) is None:
        return {}
    mask, cells = as_bias(more[MASK]), tuple(more.get(CELLS, (1, 1)))
    height, width = run.shape[-2:]
    wanted = (-(-height // SIDE), -(-width // SIDE))
    return {MASK: mask if cells in ((1, 1), wanted) else resize_picture(mask, (cells[0], cells[1]), wanted)}
