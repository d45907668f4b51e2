"""Where a run's noise may come from, by name: this ecosystem's way, or those of A1111's web UI.

All are drawn on the CPU, so that a seed means the same picture on every device; "a1111 gpu" draws there what a CUDA
device would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError, ShapeError
from heddle.samplers.noise import StepNoise, brownian_noise, initial_noise, step_noise
from heddle.samplers.noise_a1111 import CpuStream, ImageNoise, MakeStream
from heddle.samplers.philox import Philox
from heddle.samplers.sampler import NoiseKind, NoiseSource

DEFAULT = "default"
STREAMS: Mapping[str, MakeStream] = MappingProxyType({"a1111 cpu": CpuStream, "a1111 gpu": Philox})
NOISE_SOURCES: tuple[str, ...] = (DEFAULT, *STREAMS)


class RunNoise(NamedTuple):
    """first: what the run begins with, float32 on the CPU. steps: what its steps add, as its sampler asks."""

    first: Tensor
    steps: StepNoise


def run_noise(
    source: str, seed: int, like: Tensor, *, batch_index: Sequence[int] | None = None, each_alone: bool = False
) -> RunNoise:
    """The noise of a run over a batch of latents.

    Args:
        source: one of `NOISE_SOURCES`.
        like: a tensor in the shape [B, C, h, w], dtype and place of the latents.
        batch_index: the number of each image, 0, 1, 2 ... where it is None.
        each_alone: image number n has at each moment the noise that it would have alone, with the seed + n. A1111's
            sources always do so; in the default way a batch is one draw, so its images depend on each other's number.
    Raises: HeddleError, for another source; ShapeError, if `batch_index` is not as long as the batch.
    """
    numbers = range(like.shape[0]) if batch_index is None else batch_index
    if len(numbers) != like.shape[0]:
        raise ShapeError(
            f"the latent has {like.shape[0]} pictures, but its batch_index names {len(numbers)}; make them as many",
            wanted=like.shape[0],
            got=len(numbers),
        )
    seeds = [seed + number for number in numbers]
    if source == DEFAULT:
        if not each_alone:
            return RunNoise(initial_noise(seed, like.shape, batch_index), step_noise(seed))
        return _joined([run_noise(DEFAULT, one, like[:1]) for one in seeds])
    if source not in STREAMS:
        raise HeddleError(f"there is no noise source {source!r}; choose one of {', '.join(NOISE_SOURCES)}")
    noise = ImageNoise(STREAMS[source], like.shape[1:], seeds)
    return RunNoise(noise.first(), _ImageSteps(noise, seeds))


@dataclass(frozen=True)
class _ImageSteps:
    """Steps with a stream, and a Brownian path, for each image of a batch."""

    noise: ImageNoise
    seeds: Sequence[int]

    def source(self, kind: NoiseKind, like: Tensor, sigmas: Tensor) -> NoiseSource:
        if kind == "brownian":
            return _beside([brownian_noise(seed, like[:1], sigmas) for seed in self.seeds])

        def draw(sigma: Tensor, sigma_next: Tensor, other: Tensor | None = None, /) -> Tensor:
            shape = (like if other is None else other).shape[1:]
            return self.noise.next(shape).to(like)

        return draw

    def over_kept(self, like: Tensor) -> Tensor:
        return self.noise.first().to(like)  # the web UI has nothing of its own for it


@dataclass(frozen=True)
class _StepsBeside:
    """The steps of several runs of one image as those of one run over all of them."""

    steps: Sequence[StepNoise]

    def source(self, kind: NoiseKind, like: Tensor, sigmas: Tensor) -> NoiseSource:
        return _beside([one.source(kind, like[:1], sigmas) for one in self.steps])

    def over_kept(self, like: Tensor) -> Tensor:
        return torch.cat([one.over_kept(like[:1]) for one in self.steps])


def _beside(sources: Sequence[NoiseSource]) -> NoiseSource:
    def draw(sigma: Tensor, sigma_next: Tensor, like: Tensor | None = None, /) -> Tensor:
        one = None if like is None else like[:1]
        return torch.cat([source(sigma, sigma_next, one) for source in sources])

    return draw


def _joined(runs: Sequence[RunNoise]) -> RunNoise:
    """One run over the images of several."""
    return RunNoise(torch.cat([run.first for run in runs]), _StepsBeside([run.steps for run in runs]))
