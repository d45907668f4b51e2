"""What a sampler is, and the types of what it is given.

A sampler is a function from a denoiser, a start and a schedule to an end:
`(denoise, x, sigmas, *, on_step=silent, noise=None, **options) -> x`. It sees no model, no node and no progress bar.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from heddle.graph.errors import HeddleError


class Denoiser(Protocol):
    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """The clean guess [B, C, h, w] for a noisy latent at one level, sigma a 0-d tensor."""
        ...


class OnStep(Protocol):
    def __call__(self, step: int, x: Tensor, clean: Tensor, /) -> None:
        """Called once a step, after its first denoiser call. Progress and previews hang here; raising ends the run."""
        ...


class NoiseSource(Protocol):
    def __call__(self, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """Fresh noise of unit variance in x's shape for the way from one level to the next."""
        ...


def silent(step: int, x: Tensor, clean: Tensor, /) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Sampler:
    """A sampler function with what its callers may ask about it.

    Attributes:
        name: as in workflows.
        options: the function's own keyword arguments with their defaults (eta, s_noise ...).
        draws_noise: it takes a `noise` source.
        asks_for_flow: it takes `flow`, since its rule for adding noise differs where noise and picture are mixed.
    """

    name: str
    function: Callable[..., Tensor]
    options: Mapping[str, Any]
    draws_noise: bool
    asks_for_flow: bool

    def __call__(self, denoise: Denoiser, x: Tensor, sigmas: Tensor, **keywords: Any) -> Tensor:
        return self.function(denoise, x, sigmas, **keywords)


def sampler(name: str) -> Callable[[Callable[..., Tensor]], Sampler]:
    """Make a `Sampler` of a function, its options read from its signature."""

    def describe(function: Callable[..., Tensor]) -> Sampler:
        keywords = {
            key: parameter.default
            for key, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        return Sampler(
            name=name,
            function=function,
            options={key: value for key, value in keywords.items() if key not in ("on_step", "noise", "flow")},
            draws_noise="noise" in keywords,
            asks_for_flow="flow" in keywords,
        )

    return describe


def draw(noise: NoiseSource | None, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Noise from the source, or a word on what is missing: a random sampler must not fall back on chance of its own."""
    if noise is None:
        raise HeddleError(
            "this sampler adds noise between its steps, but was given no source; pass noise=white_noise(...)"
        )
    return noise(sigma, sigma_next)
