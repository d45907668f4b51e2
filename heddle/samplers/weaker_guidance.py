"""Guidance away from what the network says when a part of it is made weaker, each a `BeginChange`.

How a network is made weaker is handed in: a change of its calls, which puts in hooks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from heddle.samplers.conditions import Call, ChangeCall, SideGuesses
from heddle.samplers.guiders import BeginChange, GuidanceChange, GuidedStep
from heddle.samplers.windows import Window


def away_from_weaker(
    weaken: ChangeCall,
    scale: float,
    kind: str,
    *,
    first_sigma: float = math.inf,
    last_sigma: float = 0.0,
    rescaled: float = 0.0,
) -> BeginChange:
    """From what a weaker network says of the positive through what the whole one says, added to guidance.

    With self-attention that looks nowhere: Ahn et al. 2024, arXiv:2403.17377 (PAG). With blocks left out: the published
    inference code of Stable Diffusion 3.5 (skip layer guidance).

    Args:
        kind: of the calls that are made for it, see `Call`.
        first_sigma, last_sigma: it is done at the levels between them, both included.
        rescaled: how far the result gets the spread of the positive, 0..1.
    """

    def after(step: GuidedStep, clean: Tensor) -> Tensor:
        if scale == 0 or not last_sigma <= float(step.sigma) <= first_sigma:
            return clean
        side = step.positive_side
        positive = step.said[side]
        weak = step.again(step.x, step.sigma, [side], _of_kind(kind, weaken))[side]
        result = clean + (positive - weak) * scale
        if rescaled:
            result = result * (rescaled * (positive.std() / result.std()) + 1 - rescaled)
        return result

    return lambda: GuidanceChange(after=after)


def weaker_negative(weaken: ChangeCall, kind: str, *, first_sigma: float, last_sigma: float) -> BeginChange:
    """The negative's guess made by a weaker network, at the levels between two, both included."""

    def ask(guess: SideGuesses) -> SideGuesses:
        def asked(
            x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None
        ) -> dict[str, Tensor]:
            if "negative" not in names or not last_sigma <= float(sigma) <= first_sigma:
                return guess(x, sigma, names, change)
            said = guess(x, sigma, [name for name in names if name != "negative"], change)
            return said | guess(x, sigma, ["negative"], _of_kind(kind, weaken, change))

        return asked

    return lambda: GuidanceChange(ask=ask)


def _of_kind(kind: str, *changes: ChangeCall | None) -> ChangeCall:
    def change(call: Call, /) -> Call:
        for each in changes:
            call = call if each is None else each(call)
        return replace(call, kind=kind)

    return change


class Watch(Protocol):
    def __call__(self, call: Call, see: Callable[[Tensor], None], /) -> Call:
        """The call, in which `see` is told how much each token of the middle is looked at by all of them together:
        [N, T], the mean over the heads."""
        ...


LOOKED_AT_BY = 1.0  # of all the looks of T tokens each gets 1 in the mean; more marks what the picture hangs on
KERNEL = 9


def self_attention_guidance(watch: Watch, scale: float, blur: float) -> BeginChange:
    """Away from what the network says of a picture that is blurred where its self-attention is strong (SAG).

    Source: Hong et al. 2023, arXiv:2210.00939, section 4.2, with the negative's guess and attention.

    Args:
        blur: deviation of the blur in cells; the kernel has 9 of them. Latents of up to 4 cells are left alone.
    """

    def begin() -> GuidanceChange:
        looks: dict[str, dict[Window | None, list[Tensor]]] = {}

        def see(call: Call, looked: Tensor) -> None:
            items = len(looked) // len(call.areas)
            for number, area in enumerate(call.areas):
                if area is None:  # what is seen of a piece says nothing about the whole
                    seen = looks.setdefault(call.sides[number * items], {}).setdefault(call.window, [])
                    seen.append(looked[number * items :][:items])

        def ask(guess: SideGuesses) -> SideGuesses:
            def asked(
                x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None
            ) -> dict[str, Tensor]:
                def watched(call: Call, /) -> Call:
                    call = call if change is None else change(call)
                    return watch(call, partial(see, call))

                before = dict(looks)
                looks.clear()
                said = guess(x, sigma, names, watched)
                looks.update(before | looks)  # calls that are left out show nothing, so what was seen last counts
                return said

            return asked

        def after(step: GuidedStep, clean: Tensor) -> Tensor:
            side = step.negative_side
            if step.negative is None or side not in looks or min(clean.shape[-2:]) <= KERNEL // 2:
                return clean
            plain = step.said[side]
            mask = _joined(looks[side], plain)
            degraded = torch.lerp(plain, _blurred(plain, blur), mask)
            noisy = degraded + step.x - plain
            weak = step.again(noisy, step.sigma, [side], _of_kind("self-attention guidance"))[side]
            return clean + (degraded - weak) * scale

        return GuidanceChange(ask=ask, after=after, needs_negative=True)

    return begin


def _joined(looks: Mapping[Window | None, Sequence[Tensor]], latent: Tensor) -> Tensor:
    """What was marked of a latent, [B, 1, h, w]; where several windows saw a place, their mean."""
    means = {window: torch.stack(list(seen)).mean(0) for window, seen in looks.items()}
    if None in means:
        return _looked_at(means[None], latent)
    marked, counted = torch.zeros_like(latent[:, :1]), torch.zeros_like(latent[:, :1])
    for window, mean in means.items():
        assert window is not None
        mask = window.asked(_looked_at(mean, window.of(latent)))
        window.add(mask, marked)
        window.add(torch.ones_like(mask), counted)
    return marked / counted.clamp(min=1)


def _looked_at(looked: Tensor, latent: Tensor) -> Tensor:
    """Where tokens [B, T] are looked at much: 1, elsewhere 0, [B, 1, h, w] at the latent's size."""
    height, width = latent.shape[-2:]
    tokens = looked.shape[1]
    wanted = math.sqrt(tokens * height / width)
    rows = min((each for each in range(1, tokens + 1) if tokens % each == 0), key=lambda each: abs(each - wanted))
    marked = (looked > LOOKED_AT_BY).to(latent).reshape(-1, 1, rows, tokens // rows)
    return interpolate(marked, size=(height, width), mode="nearest")


def _blurred(latent: Tensor, deviation: float) -> Tensor:
    """A Gaussian mean over 9 x 9 cells, borders mirrored."""
    channels, half = latent.shape[1], KERNEL // 2
    place = torch.arange(-half, half + 1, device=latent.device, dtype=latent.dtype)
    row = torch.exp(-0.5 * (place / max(deviation, 1e-3)) ** 2)  # a deviation of 0 leaves each cell as it is
    row = row / row.sum()
    kernel = (row[:, None] * row).expand(channels, 1, -1, -1)
    return conv2d(pad(latent, (half,) * 4, mode="reflect"), kernel, groups=channels)
