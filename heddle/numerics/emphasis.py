"""What the weights of tokens do to an encoded prompt, in the ways that A1111's web UI offers.

This ecosystem's own way, which compares with the empty prompt, is `model_management.text_encoding`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from torch import Tensor

Emphasis: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""States [B, T, D] and weights [B, T] -> the states [B, T, D] to condition on."""


def ignored(states: Tensor, weights: Tensor) -> Tensor:
    """As if no word had a weight."""
    return states


def scaled(states: Tensor, weights: Tensor) -> Tensor:
    """Each token's states times its weight."""
    return states * weights.to(states)[..., None]


def scaled_to_same_mean(states: Tensor, weights: Tensor) -> Tensor:
    """Each token's states times its weight, and all of them times what gives back the mean over all numbers.

    Where the weights leave a mean of zero nothing gives it back: then they are scaled alone.
    """
    weighed = scaled(states, weights)
    mean = weighed.mean()
    return weighed * (states.mean() / mean) if mean != 0 else weighed


EMPHASES: Mapping[str, Emphasis] = MappingProxyType(
    {"None": ignored, "Ignore": ignored, "Original": scaled_to_same_mean, "No norm": scaled}
)
"""By A1111's names. With "None" parentheses are text, too (`weighted=False` when the prompt is read)."""
