"""Noise from seeds. It is always drawn on the CPU, in float32: so a seed means the same picture on every device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.samplers.sampler import NoiseSource


def seeded(seed: int) -> torch.Generator:
    """A CPU generator. Seeds are taken modulo 2^64: workflows hold any integer."""
    return torch.Generator("cpu").manual_seed(seed % 2**64)


def initial_noise(seed: int, shape: Sequence[int], batch_index: Sequence[int] | None = None) -> Tensor:
    """The noise that a run begins with, [B, C, h, w].

    Args:
        batch_index: for each picture of the batch, which draw of the stream is its own; a picture taken out of a batch
            keeps its noise so. Without it the whole batch is one draw.
    Raises: ShapeError, if it is not as long as the batch.
    """
    generator = seeded(seed)
    if batch_index is None:
        return torch.randn(tuple(shape), generator=generator)
    if len(batch_index) != shape[0]:
        raise ShapeError(
            f"the latent has {shape[0]} pictures, but its batch_index names {len(batch_index)}; make them as many",
            wanted=shape[0],
            got=len(batch_index),
        )
    wanted = set(batch_index)
    drawn: dict[int, Tensor] = {}
    for index in range(max(wanted, default=-1) + 1):
        one = torch.randn((1, *shape[1:]), generator=generator)
        if index in wanted:
            drawn[index] = one
    return torch.cat([drawn[index] for index in batch_index])


def white_noise(seed: int, like: Tensor) -> NoiseSource:
    """A source that draws a latent in the shape of `like` at each call, whatever the levels are."""
    generator = seeded(seed)

    def draw(sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like)

    return draw


def step_noise(seed: int, like: Tensor) -> NoiseSource:
    """The source for the noise between the steps of a run with this seed.

    Its stream starts at seed + 1: started at the seed itself, its first draw would be the noise that the run began
    with.
    """
    return white_noise(seed + 1, like)


@dataclass(frozen=True)
class StartNoise:
    """What a run begins with, along NOISE wires: noise from a seed, or none.

    Packs call `generate_noise` with a latent's dict and read `seed`, which also says where noise between the steps
    comes from.
    """

    seed: int
    is_empty: bool = False

    def generate_noise(self, latent: Mapping[str, Any]) -> Tensor:
        """[B, C, h, w], of unit variance; zeros if there is none."""
        samples = latent["samples"]
        if self.is_empty:
            return torch.zeros(samples.shape)
        return initial_noise(self.seed, samples.shape, latent.get("batch_index"))
