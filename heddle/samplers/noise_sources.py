"""Where a run's noise may come from, by name: this ecosystem's way, or those of A1111's web UI.

All are drawn on the CPU, so that a seed means the same picture on every device; "a1111 gpu" draws there what a CUDA
device would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError, ShapeError
from heddle.samplers.noise import initial_noise, step_noise
from heddle.samplers.noise_a1111 import CpuStream, ImageNoise, MakeStream
from heddle.samplers.philox import Philox
from heddle.samplers.sampler import NoiseSource

DEFAULT = "default"
STREAMS: Mapping[str, MakeStream] = MappingProxyType({"a1111 cpu": CpuStream, "a1111 gpu": Philox})
NOISE_SOURCES: tuple[str, ...] = (DEFAULT, *STREAMS)


class RunNoise(NamedTuple):
    """first: what the run begins with, float32 on the CPU. steps: what its steps add."""

    first: Tensor
    steps: NoiseSource


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
            return RunNoise(initial_noise(seed, like.shape, batch_index), step_noise(seed, like))
        return _joined([run_noise(DEFAULT, one, like[:1]) for one in seeds])
    if source not in STREAMS:
        raise HeddleError(f"there is no noise source {source!r}; choose one of {', '.join(NOISE_SOURCES)}")
    noise = ImageNoise(STREAMS[source], like.shape[1:], seeds)
    return RunNoise(noise.first(), steps_of(noise, like))


def steps_of(noise: ImageNoise, like: Tensor) -> NoiseSource:
    """What the steps of a run add, in the dtype and place of its latents."""

    def draw(sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        return noise.next().to(like)

    return draw


def _joined(runs: Sequence[RunNoise]) -> RunNoise:
    """One run over the images of several."""

    def draw(sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        return torch.cat([run.steps(sigma, sigma_next) for run in runs])

    return RunNoise(torch.cat([run.first for run in runs]), draw)
