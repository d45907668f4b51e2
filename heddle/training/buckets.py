"""Examples of a training set, grouped so that a step can take several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say


def pairs_of(latents: Sequence[dict[str, Any]], conditionings: Sequence[Sequence[Any]]) -> list[tuple[Tensor, Any]]:
    """Every picture of all latents, [C, h, w] or [C, F, h, w], with the entry of a conditioning that belongs to it.

    A conditioning with one entry goes with all pictures of its latent, one with more with a picture each.
    Raises: GraphError, if there are more or fewer conditionings than latents, or entries than pictures.
    """
    if len(latents) != len(conditionings):
        words = "{latents} latents and {texts} conditionings: each latent needs one; make both with one node"
        said = say(words, latents=len(latents), texts=len(conditionings))
        raise GraphError(said, input_name="conditioning", found=len(conditionings), wanted=len(latents))
    pairs: list[tuple[Tensor, Any]] = []
    for latent, entries in zip(latents, conditionings, strict=True):
        samples = latent["samples"]
        if len(entries) not in (1, len(samples)):
            words = "a batch of {pictures} latents with a conditioning of {entries} entries; give it one, or one each"
            said = say(words, pictures=len(samples), entries=len(entries))
            raise GraphError(said, input_name="conditioning", found=len(entries), wanted=len(samples))
        pairs += [(samples[at], entries[at % len(entries)]) for at in range(len(samples))]
    return pairs


def by_resolution(pairs: Sequence[tuple[Tensor, Any]]) -> list[tuple[Tensor, list[Any]]]:
    """The pairs of each shape together, in the order in which shapes come first: [B, C, ...] and B entries."""
    buckets: dict[tuple[int, ...], tuple[list[Tensor], list[Any]]] = {}
    for picture, entry in pairs:
        pictures, entries = buckets.setdefault(tuple(picture.shape), ([], []))
        pictures.append(picture)
        entries.append(entry)
    return [(torch.stack(pictures), entries) for pictures, entries in buckets.values()]
