"""What Stable Diffusion 3 reads of its three text encoders, each of which may be missing.

Source: Esser et al. 2024, arXiv:2403.03206, appendix B.3, and Stability's published inference code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from heddle.networks.clip_text import EncodedText
from model_management.family import RunFacts
from model_management.pooled_text import pooled_of

WIDTHS = {"l": 768, "g": 1280}  # of the published CLIP encoders; also of their pooled vectors
T5_WIDTH = 4096
EMPTY_LENGTH = 77


def texts_in_a_row(texts: Mapping[str, EncodedText]) -> EncodedText:
    """The states of both CLIP encoders side by side, filled up to T5's width, then T5's. Pooled: both side by side.

    Zeros stand for an encoder that is missing. Without any of them the text is 77 zero vectors.
    """
    rows: list[Tensor] = []
    clips = [texts.get(name) for name in WIDTHS]
    there = [clip.states for clip in clips if clip is not None]
    if there:
        length = min(states.shape[1] for states in there)
        halves = [
            there[0].new_zeros(len(there[0]), length, width) if clip is None else clip.states[:, :length]
            for clip, width in zip(clips, WIDTHS.values(), strict=True)
        ]
        both = torch.cat(halves, dim=-1)
        rows.append(pad(both, (0, max(0, T5_WIDTH - both.shape[-1]))))
    if "t5xxl" in texts:
        rows.append(texts["t5xxl"].states)
    states = torch.cat(rows, dim=1) if rows else torch.zeros(1, EMPTY_LENGTH, T5_WIDTH)
    pooled = [
        states.new_zeros(len(states), width) if clip is None else clip.pooled
        for clip, width in zip(clips, WIDTHS.values(), strict=True)
    ]
    return EncodedText(states, torch.cat(pooled, dim=-1))


def text_and_pooled(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """What of a conditioning the network takes."""
    return {"context": states, "vector": pooled_of(more, "Stable Diffusion 3")}
