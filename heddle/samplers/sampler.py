"""What a sampler is, and the types of what it is given.

A sampler is a function from a denoiser, a start and a schedule to an end:
`(denoise, x, sigmas, *, on_step=silent, noise=None, mixing=ADDED, **options) -> x`. It sees no model, no node and no
progress bar.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say


class Denoiser(Protocol):
    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """The clean guess [B, C, h, w] for a noisy latent at one level, sigma a 0-d tensor."""
        ...


@runtime_checkable
class GuidedDenoiser(Protocol):
    """A denoiser that guides away from a second guess, and can show it."""

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor: ...

    def both(self, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]:
        """The guided guess, and the one under the negative condition alone: evaluated even where guidance is off."""
        ...


@dataclass(frozen=True, eq=False)
class AskedFor:
    """A `GuidedDenoiser` of a function (x, sigma, needs_plain) -> (guided, negative's guess).

    Where `needs_plain` is false nobody looks at the second.
    """

    ask: Callable[[Tensor, Tensor, bool], tuple[Tensor, Tensor]]

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        return self.ask(x, sigma, False)[0]

    def both(self, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]:
        return self.ask(x, sigma, True)


class OnStep(Protocol):
    def __call__(self, step: int, x: Tensor, clean: Tensor, /) -> None:
        """Called once a step, after its first denoiser call. Progress and previews hang here; raising ends the run."""
        ...


class NoiseSource(Protocol):
    def __call__(self, sigma: Tensor, sigma_next: Tensor, like: Tensor | None = None, /) -> Tensor:
        """Fresh noise of unit variance for the way from one level to the next, in the shape that the run began with.

        With `like`, in that one's: for samplers that enlarge the latent, which a Brownian path has nothing for.
        """
        ...


NoiseKind = Literal["white", "brownian"]
"""What the noise of two calls has in common: nothing, or that both are parts of one random path over the levels."""


_FEW = 6  # levels that a message shows


def silent(step: int, x: Tensor, clean: Tensor, /) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Sampler:
    """A sampler function with its options, and with what its callers may ask about it.

    Attributes:
        name: as in workflows.
        options: the function's own keyword arguments (eta, s_noise ...) and their values.
        noise: which kind of `noise` source it takes, None if it takes none.
        asks_for_mixing: it takes `mixing`, since its steps differ where noise and picture are mixed.
        skips_last_level: it calls the denoiser between levels, and reaches far enough down without the schedule's last
            level above 0, which is left out of a schedule of one step more.
        renews_kept: what a mask keeps gets noise of its own rather than the noise that the run began with.
    """

    name: str
    function: Callable[..., Tensor]
    options: Mapping[str, Any]
    noise: NoiseKind | None
    asks_for_mixing: bool
    skips_last_level: bool = False
    renews_kept: bool = False

    def __call__(self, denoise: Denoiser, x: Tensor, sigmas: Tensor, **keywords: Any) -> Tensor:
        sigmas, on_step = _without_repeats(sigmas, keywords.pop("on_step", silent))
        if len(sigmas) < 2:
            return x
        if not bool(sigmas.isfinite().all()):
            shown = ", ".join(f"{sigma:.4g}" for sigma in sigmas.tolist()[:_FEW])
            raise HeddleError(
                say(
                    "sigmas: {shown} ...: a level that is no finite number can neither be begun at nor "
                    "gone to; look at the node that made the list, or at what shifts the model's levels",
                    shown=shown,
                )
            )
        if not bool((sigmas[:-1] > 0).all()):
            shown = ", ".join(f"{sigma:.4g}" for sigma in sigmas.tolist()[:_FEW])
            raise HeddleError(
                say(
                    "sigmas: {shown} ...: no step leads on from a level of 0 or below, which only the "
                    "last one may be; cut the list there, or begin a little above 0",
                    shown=shown,
                )
            )
        return self.function(denoise, x, sigmas, on_step=on_step, **{**self.options, **keywords})

    def with_options(self, name: str = "", **options: Any) -> Sampler:
        """The same method with other values for some of its options, and under another name if one is given.

        Raises: HeddleError, for an option that it does not have.
        """
        unknown = set(options) - set(self.options)
        if unknown:
            raise HeddleError(
                say(
                    "{name} has no option {unknown}; it has {known}",
                    name=self.name,
                    unknown=", ".join(sorted(unknown)),
                    known=", ".join(self.options) or "none",
                )
            )
        return replace(self, name=name or self.name, options={**self.options, **options})


def sampler(
    name: str, *, noise: NoiseKind = "white", skips_last_level: bool = False
) -> Callable[[Callable[..., Tensor]], Sampler]:
    """Make a `Sampler` of a function, its options read from its signature.

    Args:
        noise: the kind of source, if the function takes one.
    """

    def describe(function: Callable[..., Tensor]) -> Sampler:
        keywords = {
            key: parameter.default
            for key, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        return Sampler(
            name=name,
            function=function,
            options={key: value for key, value in keywords.items() if key not in ("on_step", "noise", "mixing")},
            noise=noise if "noise" in keywords else None,
            asks_for_mixing="mixing" in keywords,
            skips_last_level=skips_last_level,
        )

    return describe


def draw(noise: NoiseSource | None, sigma: Tensor, sigma_next: Tensor, like: Tensor | None = None) -> Tensor:
    """Noise from the source, or a word on what is missing: a random sampler must not fall back on chance of its own."""
    if noise is None:
        raise HeddleError(
            say("this sampler adds noise between its steps, but was given no source; pass noise=white_noise(...)")
        )
    return noise(sigma, sigma_next) if like is None else noise(sigma, sigma_next, like)


def both_guesses(denoise: Denoiser, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The guided guess and the negative's. Without guidance they are the same, and CFG++ is the plain method."""
    if isinstance(denoise, GuidedDenoiser):
        return denoise.both(x, sigma)
    clean = denoise(x, sigma)
    return clean, clean


def _without_repeats(sigmas: Tensor, on_step: OnStep) -> tuple[Tensor, OnStep]:
    """The levels without those that equal the one before, and steps still counted as if they were there.

    A step of no length changes nothing, and methods divide by the lengths of their last steps.
    """
    is_new = torch.ones(len(sigmas), dtype=torch.bool)
    is_new[1:] = sigmas.diff() != 0
    if bool(is_new.all()):
        return sigmas, on_step
    steps = (is_new.nonzero().flatten()[1:] - 1).tolist()

    def counted(step: int, x: Tensor, clean: Tensor, /) -> None:
        on_step(steps[min(step, len(steps) - 1)], x, clean)  # some take more steps than they are given

    return sigmas[is_new], counted
