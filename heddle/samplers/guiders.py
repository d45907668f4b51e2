"""How the guesses for several sides become one: classifier-free guidance and its kin.

A guider is made of `SideGuesses` (`conditions.py`) and gives a `GuidedDenoiser`, whose second guess is
the negative's. Methods that alter guidance, whatever the
guider, are `GuidanceChange`s (`guidance_changes.py` has them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from heddle.samplers.conditions import SideGuesses
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import AskedFor, GuidedDenoiser


@dataclass(frozen=True, eq=False)
class GuidedStep:
    """One guess in the making, as a change of guidance sees it.

    x: [B, C, h, w], the noisy latent; sigma: its level, 0-d.
    scale: how many times the way from the negative's guess to the positive's is gone.
    positive, negative: the clean guesses; negative is None where it is not needed.
    again: guesses once more, for changes that compare with a network that runs differently.
    """

    x: Tensor
    sigma: Tensor
    scale: float
    positive: Tensor
    negative: Tensor | None
    prediction: Prediction
    again: SideGuesses


@dataclass(frozen=True)
class GuidanceChange:
    """Something put into guidance, at up to four places.

    rescale: another scale at this level, in `cfg` alone: guiders with several scales keep theirs. before: changes the
    two guesses. mix: replaces the formula; of several the last one counts. after: changes the result.
    needs_negative: the negative is evaluated also where the scale is 1.
    """

    rescale: Callable[[Tensor, float], float] | None = None
    before: Callable[[GuidedStep], GuidedStep] | None = None
    mix: Callable[[GuidedStep], Tensor] | None = None
    after: Callable[[GuidedStep, Tensor], Tensor] | None = None
    needs_negative: bool = False


#: Makes a change for one run: what a change remembers from step to step lives no longer than that.
BeginChange = Callable[[], GuidanceChange]


def cfg(
    guess: SideGuesses,
    scale: float,
    prediction: Prediction,
    changes: Sequence[BeginChange] = (),
    *,
    positive: str = "positive",
    negative: str | None = "negative",
) -> GuidedDenoiser:
    """Classifier-free guidance: from the negative's guess through the positive's, `scale` times as far.

    Source: Ho and Salimans 2022, arXiv:2207.12598, equation 6, with scale = w + 1. At scale 1 the negative has no
    effect and is not evaluated, unless a change needs it.

    Args:
        positive, negative: names of the sides; without a negative there is no guidance.
    """
    begun = [begin() for begin in changes]
    needs_negative = any(change.needs_negative for change in begun)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        now = scale
        for change in begun:
            now = now if change.rescale is None else change.rescale(sigma, now)
        asks_negative = negative is not None and (now != 1 or needs_negative or needs_plain)
        sides = guess(x, sigma, (positive, negative) if negative is not None and asks_negative else (positive,))
        step = GuidedStep(
            x, sigma, now, sides[positive], sides[negative] if asks_negative and negative else None, prediction, guess
        )
        return guide(step, begun)

    return AskedFor(ask)


def guide(step: GuidedStep, changes: Sequence[GuidanceChange] = ()) -> tuple[Tensor, Tensor]:
    """The guess that two guesses and the changes make, and the negative's; where there is none, the former again."""
    for change in changes:
        step = step if change.before is None else change.before(step)
    mix = next((change.mix for change in reversed(changes) if change.mix is not None), towards)
    clean = mix(step)
    for change in changes:
        clean = clean if change.after is None else change.after(step, clean)
    return clean, clean if step.negative is None else step.negative


def towards(step: GuidedStep) -> Tensor:
    """The plain formula: negative + (positive - negative) * scale."""
    if step.negative is None or step.scale == 1:
        return step.positive
    return step.negative + (step.positive - step.negative) * step.scale


def dual_cfg(
    guess: SideGuesses,
    scale: float,
    middle_scale: float,
    prediction: Prediction,
    changes: Sequence[BeginChange] = (),
    *,
    nested: bool = False,
) -> GuidedDenoiser:
    """Guidance by two positives: the sides "positive", "middle" and "negative".

    Not nested, `middle_scale` leads from the negative to the middle and `scale` from the middle on to the positive,
    as Brooks et al. 2023, arXiv:2211.09800, equation 3, guide by picture and text. Nested, `scale` leads from the
    middle to the positive, and `middle_scale` from the negative to where that ends.
    """
    begun = [begin() for begin in changes]

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        needs_middle = nested or scale != 1 or middle_scale != 1
        needs_negative = needs_plain or middle_scale != 1 or any(change.needs_negative for change in begun)
        names = ["positive", *["middle"] * needs_middle, *["negative"] * needs_negative]
        sides = guess(x, sigma, names)
        negative = sides.get("negative")
        if not needs_middle:
            return guide(GuidedStep(x, sigma, scale, sides["positive"], negative, prediction, guess), begun)
        positive, middle = sides["positive"], sides["middle"]
        if nested:
            ahead = middle + (positive - middle) * scale
            return guide(GuidedStep(x, sigma, middle_scale, ahead, negative, prediction, guess), begun)
        base, plain = guide(GuidedStep(x, sigma, middle_scale, middle, negative, prediction, guess), begun)
        return base + (positive - middle) * scale, plain

    return AskedFor(ask)


def perp_neg(
    guess: SideGuesses,
    scale: float,
    negative_scale: float,
    prediction: Prediction,
    changes: Sequence[BeginChange] = (),
) -> GuidedDenoiser:
    """Guidance away from only that part of the negative which the positive does not have: sides "positive",
    "negative" and "empty". The empty side is what a CFG++ sampler reads noise off.

    Source: Armandpour et al. 2023, arXiv:2304.04968, equation 7.
    """
    begun = [begin() for begin in changes]

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        sides = guess(x, sigma, ("positive", "negative", "empty"))
        empty = sides["empty"]
        wanted, unwanted = sides["positive"] - empty, sides["negative"] - empty
        # A positive that asks for nothing leaves nothing of the negative to keep.
        share = (wanted * unwanted).sum() / wanted.square().sum().clamp(min=1e-12)
        across = unwanted - wanted * share
        step = GuidedStep(x, sigma, scale, sides["positive"], empty, prediction, guess)

        def mix(step: GuidedStep) -> Tensor:
            return empty + (wanted - across * negative_scale) * scale

        return guide(step, [GuidanceChange(mix=mix), *[replace(change, mix=None) for change in begun]])

    return AskedFor(ask)
