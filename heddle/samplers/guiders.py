"""How the guesses for several sides become one: classifier-free guidance and its kin.

A guider is made of `SideGuesses` (`conditions.py`) and gives a `GuidedDenoiser`, whose second guess is
the negative's. Methods that alter guidance, whatever the
guider, are `GuidanceChange`s (`guidance_changes.py` has them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    said: what the network said of each side, before any change.
    positive_side, negative_side: the sides whose guesses are guided to and away from.
    """

    x: Tensor
    sigma: Tensor
    scale: float
    positive: Tensor
    negative: Tensor | None
    prediction: Prediction
    again: SideGuesses
    said: Mapping[str, Tensor] = field(default_factory=dict)
    positive_side: str = "positive"
    negative_side: str = "negative"


@dataclass(frozen=True)
class GuidanceChange:
    """Something put into guidance, at up to five places.

    ask: stands between the guider and the guesses that it asks for, the first of several next to the network. rescale:
    another scale at this level, in `cfg` alone: guiders with several scales keep theirs. before: changes the
    two guesses. mix: replaces the formula; of several the last one counts. after: changes the result.
    needs_negative: the negative is evaluated also where the scale is 1.
    sides: those whose guesses it wants beside the guider's, see `GuidedStep.said`.
    """

    ask: Callable[[SideGuesses], SideGuesses] | None = None
    rescale: Callable[[Tensor, float], float] | None = None
    before: Callable[[GuidedStep], GuidedStep] | None = None
    mix: Callable[[GuidedStep], Tensor] | None = None
    after: Callable[[GuidedStep, Tensor], Tensor] | None = None
    needs_negative: bool = False
    sides: tuple[str, ...] = ()


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
    asked, more = _asked_through(guess, begun), _more_sides(begun)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        now = scale
        for change in begun:
            now = now if change.rescale is None else change.rescale(sigma, now)
        other = negative if now != 1 or needs_negative or needs_plain else None
        said = asked(x, sigma, (positive, *more) if other is None else (positive, other, *more))
        unwanted = None if other is None else said[other]
        step = GuidedStep(x, sigma, now, said[positive], unwanted, prediction, guess, said, positive, other or "")
        return guide(step, begun)

    return AskedFor(ask)


def _asked_through(guess: SideGuesses, changes: Sequence[GuidanceChange]) -> SideGuesses:
    for change in changes:
        guess = guess if change.ask is None else change.ask(guess)
    return guess


def _more_sides(changes: Sequence[GuidanceChange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for change in changes for name in change.sides))


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
    asked, more = _asked_through(guess, begun), _more_sides(begun)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        needs_middle = nested or scale != 1 or middle_scale != 1
        needs_negative = needs_plain or middle_scale != 1 or any(change.needs_negative for change in begun)
        said = asked(x, sigma, ["positive", *["middle"] * needs_middle, *["negative"] * needs_negative, *more])
        negative = said.get("negative")
        if not needs_middle:
            return guide(GuidedStep(x, sigma, scale, said["positive"], negative, prediction, guess, said), begun)
        positive, middle = said["positive"], said["middle"]
        if nested:
            ahead = middle + (positive - middle) * scale
            return guide(GuidedStep(x, sigma, middle_scale, ahead, negative, prediction, guess, said), begun)
        step = GuidedStep(x, sigma, middle_scale, middle, negative, prediction, guess, said, positive_side="middle")
        base, plain = guide(step, begun)
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
    asked, more = _asked_through(guess, begun), _more_sides(begun)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        said = asked(x, sigma, ("positive", "negative", "empty", *more))
        empty = said["empty"]
        step = GuidedStep(x, sigma, scale, said["positive"], empty, prediction, guess, said)

        def mix(step: GuidedStep) -> Tensor:
            return away_across(said["positive"], said["negative"], empty, scale, negative_scale)

        return guide(step, [GuidanceChange(mix=mix), *[replace(change, mix=None) for change in begun]])

    return AskedFor(ask)


def away_across(positive: Tensor, negative: Tensor, empty: Tensor, scale: float, negative_scale: float) -> Tensor:
    """The formula of `perp_neg`."""
    wanted, unwanted = positive - empty, negative - empty
    # A positive that asks for nothing leaves nothing of the negative to keep.
    share = (wanted * unwanted).sum() / wanted.square().sum().clamp(min=1e-12)
    across = unwanted - wanted * share
    return empty + (wanted - across * negative_scale) * scale
