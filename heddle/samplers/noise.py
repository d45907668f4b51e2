"""Noise from seeds. It is always drawn on the CPU, in float32: so a seed means the same picture on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.samplers.sampler import NoiseKind, NoiseSource


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
            say(
                "the latent has {count} pictures, but its batch_index names {named}; make them as many",
                count=shape[0],
                named=len(batch_index),
            ),
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
    generator, usual = seeded(seed), like

    def draw(sigma: Tensor, sigma_next: Tensor, like: Tensor | None = None, /) -> Tensor:
        like = usual if like is None else like
        return torch.randn(like.shape, generator=generator).to(like)

    return draw


def brownian_noise(seed: int, like: Tensor, sigmas: Tensor) -> NoiseSource:
    """A source whose draws are the parts of one Brownian path over the levels, whatever parts are asked for.

    So a run of more steps has the same noise, cut finer. The path is torchsde's virtual tree: Li et al. 2020,
    arXiv:2001.01328, section 4.
    """
    above = sigmas[sigmas > 0]
    # The tree keeps levels to a millionth, its ends too: a level beyond a rounded end it would only grumble about.
    low, high = (round(float(above.min()), 6), round(float(above.max()), 6)) if len(above) else (0.0, 0.0)
    path: Callable[[float, float], Tensor] | None = None

    def draw(sigma: Tensor, sigma_next: Tensor, other: Tensor | None = None, /) -> Tensor:
        nonlocal path
        if other is not None and other.shape != like.shape:
            raise ShapeError(say("a Brownian path has one size"), wanted=list(like.shape), got=list(other.shape))
        if path is None:
            path = _brownian_path(seed, like, low, high)
        start, end = (min(max(float(one), low), high) for one in (sigma, sigma_next))
        if start == end:  # a part of no length, which no tree is asked for: all of its noise is to come
            return torch.zeros_like(like)
        part = path(end, start).neg() if start > end else path(start, end)
        return (part / abs(start - end) ** 0.5).to(like)

    return draw


def _brownian_path(seed: int, like: Tensor, low: float, high: float) -> Callable[[float, float], Tensor]:
    """(start, end) -> what the path grows by from one to the other."""
    import torchsde  # takes a while to load, and few samplers ask for it

    tree = torchsde.BrownianTree(t0=low, w0=torch.zeros(like.shape), t1=high, entropy=seed % 2**64)
    return lambda start, end: cast(Tensor, tree(start, end))


class StepNoise(Protocol):
    """What is drawn once a run has begun.

    A run takes from it what its sampler needs, so whoever starts a run need not know which that is.
    """

    def source(self, kind: NoiseKind, like: Tensor, sigmas: Tensor) -> NoiseSource:
        """Noise in the shape, type and place of `like`, for a run over these levels."""
        ...

    def over_kept(self, like: Tensor) -> Tensor:
        """Noise over what a mask keeps, for samplers that renew it."""
        ...


@dataclass(frozen=True)
class SeededSteps:
    """What is drawn once a run has begun, each from a seed of its own.

    Args:
        white: seed of sources that draw anew at each call.
        brownian: seed of sources that draw along one path.
        kept: seed of the noise over what a mask keeps, for samplers that renew it.
    """

    white: int
    brownian: int
    kept: int

    def source(self, kind: NoiseKind, like: Tensor, sigmas: Tensor) -> NoiseSource:
        if kind == "brownian":
            return brownian_noise(self.brownian, like, sigmas)
        return white_noise(self.white, like)

    def over_kept(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=seeded(self.kept)).to(like)


def step_noise(seed: int) -> SeededSteps:
    """The noise between the steps of a run with this seed.

    White noise starts at seed + 1: started at the seed itself, its first draw would be the noise that the run began
    with. A Brownian path has a generator of its own kind, and takes the seed as it is.
    """
    return SeededSteps(white=seed + 1, brownian=seed, kept=seed + 1)


@dataclass(frozen=True)
class ScaledSteps:
    """Others' noise times a number."""

    steps: StepNoise
    factor: float

    def source(self, kind: NoiseKind, like: Tensor, sigmas: Tensor) -> NoiseSource:
        drawn = self.steps.source(kind, like, sigmas)
        return lambda sigma, sigma_next, like=None, /: drawn(sigma, sigma_next, like) * self.factor

    def over_kept(self, like: Tensor) -> Tensor:
        return self.steps.over_kept(like) * self.factor


@dataclass(frozen=True)
class StartNoise:
    """What a run begins with, along NOISE wires: noise from a seed, or none.

    Packs call `generate_noise` with a latent's dict and read `seed`, which also says where noise between the steps
    comes from, unless there is a `step_noise` that says it.
    """

    seed: int
    is_empty: bool = False

    def generate_noise(self, latent: Mapping[str, Any]) -> Tensor:
        """[B, C, h, w], of unit variance; zeros if there is none."""
        samples = latent["samples"]
        if self.is_empty:
            return torch.zeros(samples.shape)
        return initial_noise(self.seed, samples.shape, latent.get("batch_index"))
