"""Where a run's noise may come from, by name: this ecosystem's way, or those of A1111's web UI.

All are drawn on the CPU, so that a seed means the same picture on every device; "a1111 gpu" draws there what a CUDA
device would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError, ShapeError
from heddle.graph.said import say
from heddle.samplers.noise import StepNoise, brownian_noise, initial_noise, step_noise
from heddle.samplers.noise_a1111 import CpuStream, ImageNoise, MakeStream, Variation, slerp
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
    source: str,
    seed: int,
    like: Tensor,
    *,
    batch_index: Sequence[int] | None = None,
    each_alone: bool = False,
    variation_seed: int = 0,
    variation_strength: float = 0.0,
    made_at_px: tuple[int, int] | None = None,
    step_seed_delta: int = 0,
) -> RunNoise:
    """The noise of a run over a batch of latents.

    Args:
        source: one of `NOISE_SOURCES`.
        like: a tensor in the shape [B, C, h, w], dtype and place of the latents.
        batch_index: the number of each image, 0, 1, 2 ... where it is None.
        each_alone: image number n has at each moment the noise that it would have alone, with the seed + n. A1111's
            sources always do so; in the default way a batch is one draw, so its images depend on each other's number.
        variation_seed, variation_strength: another noise that is mixed into what the run begins with, 0 = nothing of
            it, 1 = it alone. Its seed, too, grows by 1 from image to image where each is as if alone.
        made_at_px, step_seed_delta: see `ImageNoise`; the former is A1111's sources' only.
    Raises: HeddleError, for another source, or one that does not know the size of another picture; ShapeError, if
        `batch_index` is not as long as the batch.
    """
    numbers = range(like.shape[0]) if batch_index is None else batch_index
    if len(numbers) != like.shape[0]:
        raise ShapeError(
            say(
                "the latent has {count} pictures, but its batch_index names {named}; make them as many",
                count=like.shape[0],
                named=len(numbers),
            ),
            wanted=like.shape[0],
            got=len(numbers),
        )
    seeds = [seed + number for number in numbers]
    variation_seeds = [variation_seed + number for number in numbers]
    if source == DEFAULT:
        if made_at_px and min(made_at_px) > 0:
            raise HeddleError(
                say(
                    "the noise of a picture of another size is known to the sources {known} only; choose "
                    "one of them, or give no such size",
                    known=", ".join(STREAMS),
                )
            )
        if each_alone:
            alone = zip(seeds, variation_seeds, strict=True)
            more = {"variation_strength": variation_strength, "step_seed_delta": step_seed_delta}
            return _joined([run_noise(DEFAULT, one, like[:1], variation_seed=other, **more) for one, other in alone])
        first = initial_noise(seed, like.shape, batch_index)
        if variation_strength:
            other = initial_noise(variation_seed, like.shape, batch_index)
            first = slerp(first.flatten(1), other.flatten(1), variation_strength).reshape(first.shape)
        return RunNoise(first, step_noise(seed + step_seed_delta))
    if source not in STREAMS:
        raise HeddleError(
            say(
                "there is no noise source {source!r}; choose one of {known}",
                source=source,
                known=", ".join(NOISE_SOURCES),
            )
        )
    noise = ImageNoise(
        STREAMS[source],
        like.shape[1:],
        seeds,
        variation=Variation(variation_seeds, variation_strength),
        made_at_px=made_at_px,
        step_seed_delta=step_seed_delta,
    )
    return RunNoise(noise.first(), _ImageSteps(noise, [each + step_seed_delta for each in seeds]))


@dataclass(frozen=True)
class SourcedNoise:
    """What a run begins with and what its steps add, along NOISE wires, see `run_noise`.

    Packs call `generate_noise` with a latent's dict and read `seed`, as of any other noise.
    """

    source: str
    seed: int
    each_alone: bool = False
    variation_seed: int = 0
    variation_strength: float = 0.0
    made_at_px: tuple[int, int] | None = None
    step_seed_delta: int = 0

    def generate_noise(self, latent: Mapping[str, Any]) -> Tensor:
        """[B, C, h, w], of unit variance."""
        return self._drawn(latent).first

    def step_noise(self, latent: Mapping[str, Any]) -> StepNoise:
        return self._drawn(latent).steps

    def _drawn(self, latent: Mapping[str, Any]) -> RunNoise:
        return run_noise(
            self.source,
            self.seed,
            latent["samples"],
            batch_index=latent.get("batch_index"),
            each_alone=self.each_alone,
            variation_seed=self.variation_seed,
            variation_strength=self.variation_strength,
            made_at_px=self.made_at_px,
            step_seed_delta=self.step_seed_delta,
        )


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
