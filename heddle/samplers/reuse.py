"""Steps that are not computed: what was worked out before is used again while the input has hardly moved.

Source: Zhou et al. 2025, arXiv:2507.02860 (EasyCache): over a stretch of a run the output changes by a steady multiple
of what the input changes by, so that the change of the output can be told without the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from heddle.samplers.conditions import Call, Network
from heddle.samplers.sampler import AskedFor, Denoiser, both_guesses

#: The change is measured on every eighth row and column.
STRIDE = 8

#: What is told a line about each step, if somebody wants to know.
Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Reuse:
    """Where, and for how long, results are used again.

    threshold: the share of the output's size by which it may be expected to have changed.
    first_sigma, last_sigma: levels at which steps may be left out: below or at the first, above the last.
    tell: told of each step within them.
    """

    threshold: float
    first_sigma: float
    last_sigma: float
    tell: Tell | None = None

    def may_begin(self, level: float) -> bool:
        return level <= self.first_sigma

    def has_ended(self, level: float) -> bool:
        return level <= self.last_sigma


class _Meter:
    """How much the output is expected to have changed since it was last computed."""

    def __init__(self, reuse: Reuse) -> None:
        self._reuse = reuse
        self._expected = 0.0
        self._x: Tensor | None = None
        self._output: Tensor | None = None
        self._size = 0.0  # mean of the output's absolute numbers
        self._rate: float | None = None  # change of the output for a change of the input by 1
        self._moved: float | None = None

    def says_reuse(self, x: Tensor, level: float, is_kept: bool) -> bool:
        """Whether the last output still does for this input. `is_kept`: it is there."""
        x = _thinned(x)
        if self._x is None or self._x.shape != x.shape:
            self._moved = self._rate = None
            return False
        self._moved = _difference(x, self._x)
        if self._rate is None or not self._size:
            return False
        self._expected += self._rate * self._moved / self._size
        reuses = is_kept and self._expected < self._reuse.threshold
        if self._reuse.tell is not None:
            word = "used again" if reuses else "computed"
            self._reuse.tell(
                f"level {level:.4g}: {word}, expected change {self._expected:.3f} of {self._reuse.threshold:g}"
            )
        if not reuses:
            self._expected = 0.0
        return reuses

    def note(self, x: Tensor, output: Tensor) -> None:
        """An output has been computed."""
        thinned = _thinned(output)
        if self._output is not None and self._output.shape == thinned.shape and self._moved:
            self._rate = _difference(thinned, self._output) / self._moved
        self._x, self._output, self._size = _thinned(x), thinned, float(output.abs().mean())
        self._moved = None


def _thinned(tensor: Tensor) -> Tensor:
    return tensor[..., ::STRIDE, ::STRIDE].clone()


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean())


def reuse_outputs(network: Network, reuse: Reuse) -> Network:
    """The network with what it adds to its input, kept for each condition, used again (EasyCache).

    The condition that comes first decides; the others' calls at the same level follow, where something is kept for all
    of their parts. Where it does not count any more, the next one decides, after steps that it learns from.
    """
    kept: dict[tuple[object, str], Tensor] = {}
    meter = _Meter(reuse)
    leading: object = None
    led_level: float | None = None
    skipped_level: float | None = None

    def run(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        nonlocal meter, leading, led_level, skipped_level
        if not call.conditions or reuse.has_ended(call.level):
            return network(x, timesteps, call)
        keys = [(condition, call.kind) for condition in call.conditions]
        inputs = x.chunk(len(keys))
        own = None
        if reuse.may_begin(call.level) and not call.kind:
            if call.level != led_level and leading not in call.conditions:
                leading, meter = call.conditions[0], _Meter(reuse)
            led_level = call.level
            own = call.conditions.index(leading) if leading in call.conditions else None
        is_kept = all(key in kept and kept[key].shape == part.shape for key, part in zip(keys, inputs, strict=True))
        if own is not None:
            skipped_level = call.level if meter.says_reuse(inputs[own], call.level, is_kept) else None
        if is_kept and call.level == skipped_level:
            return x + torch.cat([kept[key] for key in keys])
        output = network(x, timesteps, call)
        outputs = output.chunk(len(keys))
        if own is not None:
            meter.note(inputs[own], outputs[own])
        kept.update({key: said - part for key, said, part in zip(keys, outputs, inputs, strict=True)})
        return output

    return run


def reuse_guesses(denoise: Denoiser, reuse: Reuse) -> Denoiser:
    """The denoiser with what it takes off its input, guidance and all, used again (LazyCache)."""
    kept: tuple[Tensor, ...] = ()  # of the guess, then of the negative's where that was asked for
    meter = _Meter(reuse)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        nonlocal kept
        level = float(sigma)
        is_kept = len(kept) > needs_plain and kept[0].shape == x.shape
        if reuse.may_begin(level) and not reuse.has_ended(level) and meter.says_reuse(x, level, is_kept):
            return x + kept[0], x + kept[-1]
        guesses = both_guesses(denoise, x, sigma) if needs_plain else (denoise(x, sigma),)
        if not reuse.has_ended(level):
            meter.note(x, guesses[0])
            kept = tuple(guess - x for guess in guesses)
        return guesses[0], guesses[-1]

    return AskedFor(ask)
