"""Batches of latents, with what belongs to them: masks of noise, and which draws of a seed they get.

A latent here is what is on the wire, `{samples, noise_mask?, batch_index?}`. None is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from heddle.numerics.batches import fit_batch, masks_of
from heddle.numerics.latents import fit_latent

_PX_PER_CELL = 8  # at which masks of batches that are put together are kept


def numbers_of(latent: dict[str, Any]) -> list[int]:
    """Which draw of a seed's noise each picture gets: its number, where nothing else is said."""
    return list(latent.get("batch_index", range(len(latent["samples"]))))


def take(latent: dict[str, Any], index: int, length: int) -> dict[str, Any]:
    """Some of a batch, from `index` on, which counts from the end if negative; the last one where it is too far."""
    samples = latent["samples"]
    index = min(len(samples) - 1, max(0, index + len(samples) if index < 0 else index))
    taken = slice(index, index + min(len(samples) - index, length))
    part = {**latent, "samples": samples[taken].clone(), "batch_index": numbers_of(latent)[taken]}
    if (masks := _masks(latent)) is not None:
        part["noise_mask"] = masks if len(masks) == 1 else fit_batch(masks, len(samples))[taken].clone()
    return part


def repeat(latent: dict[str, Any], times: int) -> dict[str, Any]:
    """A batch several times behind itself. Numbers of draws go on, so that the copies get noise of their own."""
    samples = latent["samples"]
    made = {**latent, "samples": samples.repeat(times, *[1] * (samples.ndim - 1))}
    if (masks := _masks(latent)) is not None and len(masks) > 1:
        made["noise_mask"] = fit_batch(masks, len(samples)).repeat(times, 1, 1, 1)
    if "batch_index" in latent:
        numbers = list(latent["batch_index"])
        span = max(numbers) - min(numbers) + 1
        made["batch_index"] = [number + copy * span for copy in range(times) for number in numbers]
    return made


def join(latents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All of them as one batch, at the size of the first, of which all else is kept."""
    first = latents[0]["samples"]
    samples = torch.cat([fit_latent(each["samples"], first) for each in latents])
    return {**latents[0], "samples": samples, "batch_index": [n for each in latents for n in numbers_of(each)]}


class _Batch(NamedTuple):
    samples: Tensor
    masks: Tensor
    numbers: list[int]

    def joined(self, other: _Batch) -> _Batch:
        return _Batch(
            torch.cat([self.samples, other.samples.to(self.samples)]),
            torch.cat([self.masks, other.masks.to(self.masks)]),
            self.numbers + other.numbers,
        )

    def part(self, start: int, end: int | None = None) -> _Batch:
        return _Batch(self.samples[start:end], self.masks[start:end], self.numbers[start:end])


def rebatch(latents: Iterable[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """The same latents in batches of `size`, the rest of each size in one that is smaller.

    Where numbers of draws are not said, they count through all latents.
    """
    waiting: _Batch | None = None
    seen = 0
    for latent in latents:
        samples = latent["samples"]
        numbers = list(latent.get("batch_index", range(seen, seen + len(samples))))
        seen += len(samples)
        batch = _Batch(samples, _masks_at_size(latent), numbers)
        if waiting is None:
            waiting = batch
        elif waiting.samples.shape[1:] == samples.shape[1:]:
            waiting = waiting.joined(batch)
        else:
            yield from _parts(waiting, size)
            waiting = batch
        full = len(waiting.samples) // size * size
        yield from _parts(waiting.part(0, full), size)
        waiting = waiting.part(full) if full < len(waiting.samples) else None
    if waiting is not None:
        yield from _parts(waiting, size)


def _parts(batch: _Batch, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(batch.samples), size):
        part = batch.part(start, start + size)
        masked = {} if bool((part.masks == 1).all()) else {"noise_mask": part.masks}
        yield {"samples": part.samples, **masked, "batch_index": part.numbers}


def _masks(latent: dict[str, Any]) -> Tensor | None:
    masks = latent.get("noise_mask")
    return None if masks is None else masks_of(masks)[:, None]


def _masks_at_size(latent: dict[str, Any]) -> Tensor:
    """One mask [1, H, W] for each of a batch, at the size of its pictures."""
    samples, masks = latent["samples"], _masks(latent)
    size = (samples.shape[-2] * _PX_PER_CELL, samples.shape[-1] * _PX_PER_CELL)
    if masks is None:
        return torch.ones(len(samples), 1, *size)
    if masks.shape[-2:] != size:
        masks = F.interpolate(masks, size=size, mode="bilinear")
    return fit_batch(masks, len(samples))
