"""Noise as A1111's web UI makes it: a stream for each image of a batch, variations of a seed, seeds of another size.

So an image of a batch has the noise that it would have alone, at the beginning and at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.samplers.noise import seeded

_PX_PER_CELL = 8
_NEARLY_ALONG = 0.9995  # cosine from which two noises lie so close that their angle says nothing


class Stream(Protocol):
    """Numbers from one seed."""

    def randn(self, shape: Sequence[int]) -> Tensor: ...


MakeStream: TypeAlias = Callable[[int], Stream]
"""Seed -> its stream."""


class CpuStream:
    """What torch's CPU generator gives."""

    def __init__(self, seed: int) -> None:
        self._generator = seeded(seed)

    def randn(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(tuple(shape), generator=self._generator)


@dataclass(frozen=True)
class Variation:
    """Another noise, mixed in.

    seeds: one for each image; images beyond them take 0.
    strength: 0 = nothing of it, 1 = it alone.
    """

    seeds: Sequence[int]
    strength: float


class ImageNoise:
    """The noise of a batch of images, [B, C, h, w], float32 on the CPU.

    Args:
        shape: of one image, (C, h, w); dimensions between those of a picture, such as time, may stand before h.
        seeds: one for each image.
        made_at_px: height and width in pixels of the picture whose noise is wanted (seed resize): it is laid in the
            middle of the new one, or cut. None, or a side of 0: no other picture's.
        step_seed_delta: what is added to the seeds for the noise of the steps (the web UI's ENSD).
    """

    def __init__(
        self,
        make_stream: MakeStream,
        shape: Sequence[int],
        seeds: Sequence[int],
        *,
        variation: Variation | None = None,
        made_at_px: tuple[int, int] | None = None,
        step_seed_delta: int = 0,
    ) -> None:
        if not seeds:
            raise ShapeError(say("noise for a batch without an image; give a seed for each"), wanted=">= 1", got=0)
        self._make_stream = make_stream
        self._shape = self._drawn_shape = tuple(shape)
        self._variation = variation
        if made_at_px and min(made_at_px) > 0:
            self._drawn_shape = (*shape[:-2], *(side // _PX_PER_CELL for side in made_at_px))
        self._streams = [make_stream(seed) for seed in seeds]
        self._first = torch.stack([self._first_of(number, seed) for number, seed in enumerate(seeds)])
        if step_seed_delta:
            self._streams = [make_stream(seed + step_seed_delta) for seed in seeds]

    def first(self) -> Tensor:
        """What the run begins with; the same however often it is asked for."""
        return self._first

    def next(self, shape: Sequence[int] | None = None) -> Tensor:
        """What the next step adds, in the shape of one image or in another."""
        return torch.stack([stream.randn(self._shape if shape is None else shape) for stream in self._streams])

    def _first_of(self, number: int, seed: int) -> Tensor:
        own = self._streams[number].randn(self._shape)
        is_resized = self._drawn_shape != self._shape
        noise = self._make_stream(seed).randn(self._drawn_shape) if is_resized else own
        variation = self._variation
        if variation is not None and variation.strength != 0:
            other_seed = variation.seeds[number] if number < len(variation.seeds) else 0
            other = self._make_stream(other_seed).randn(self._drawn_shape)
            noise = slerp(noise, other, variation.strength)
        return _laid_over(own, noise) if is_resized else noise


def slerp(low: Tensor, high: Tensor, share: float) -> Tensor:
    """From one noise to another along the arc between them, so that the way keeps the deviation.

    The arc is that of the vectors along the second dimension, which is the height of one image's noise [C, h, w]: so
    the web UI has it. Where two of them point the same way, or all nearly do, the straight line between them is taken.

    Source: Shoemake 1985, "Animating rotation with quaternion curves".
    """
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1, keepdim=True)
    line = low + (high - low) * share
    if cosine.mean() > _NEARLY_ALONG:
        return line
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * low + (share * angle).sin() * high) / sine
    return torch.where(sine > 0, arc, line)


def _laid_over(under: Tensor, noise: Tensor) -> Tensor:
    """The noise [..., h, w] in the middle of another of any size, cut where it does not fit."""
    (top, from_top, height), (left, from_left, width) = (
        _overlap(under.shape[side], noise.shape[side]) for side in (-2, -1)
    )
    result = under.clone()
    taken = noise[..., from_top : from_top + height, from_left : from_left + width]
    result[..., top : top + height, left : left + width] = taken
    return result


def _overlap(size: int, other: int) -> tuple[int, int, int]:
    """Where the middle of `other` cells begins among `size` of them, from which of its cells on, and how many."""
    margin = (size - other) // 2
    if margin >= 0:
        return margin, 0, other
    return 0, -margin, other + 2 * margin
