"""Comparing what was computed with what must come out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.golden.notation import read_slice
from tests.golden.sets import Case, GoldenSet


class NotCovered(Exception):
    """Nothing implements this yet."""


@dataclass(frozen=True)
class Check:
    """One result that must agree: |got - want| <= atol + rtol * |want|, or equality for what is no tensor."""

    name: str
    got: Any
    want: Any
    rtol: float = 0.0
    atol: float = 0.0

    def complaint(self) -> str | None:
        """What is wrong, with the largest difference, or None."""
        if not isinstance(self.got, Tensor) or not isinstance(self.want, Tensor):
            return (
                None if self.got == self.want else f"{self.name}: {_short(self.got)}, but {_short(self.want)} is wanted"
            )
        if self.got.shape != self.want.shape:
            return f"{self.name}: shape {list(self.got.shape)}, but {list(self.want.shape)} is wanted"
        if self.want.numel() == 0:
            return None
        got, want = self.got.detach().to("cpu", torch.float64), self.want.to(torch.float64)
        difference = (got - want).abs()
        difference[got == want] = 0  # infinities that agree
        if bool((difference <= self.atol + self.rtol * want.abs()).all()):
            return None
        worst = float(difference.nan_to_num(math.inf).max())
        return f"{self.name}: largest difference {worst:.3g}, allowed are {self.atol:.3g} + {self.rtol:.3g} * |value|"


def tensor_checks(
    case: Case, golden: GoldenSet, name: str, got: Tensor, *, rtol: float, atol: float, relative_to_max: bool = False
) -> Iterator[Check]:
    """The checks of one output: its stored part, and what is known of the whole tensor where only a part is stored.

    Args:
        relative_to_max: atol is meant for numbers up to 1, and grows with the tensor's largest.
    """
    stats = case.values.get(f"{name}_stats")
    if stats:
        if relative_to_max:
            atol *= max(1.0, stats["absmax"])
        yield Check(f"{name}'s shape", list(got.shape), stats["shape"])
        for word, value in (("mean", got.mean()), ("std", got.std()), ("absmax", got.abs().max())):
            if word in stats and got.numel() > 1:
                yield Check(f"{name}'s {word}", value, torch.tensor(stats[word]), rtol, atol)
    want = golden.tensors()[case.tensors[name]]
    if relative_to_max and not stats:
        atol *= max(1.0, float(want.abs().max()))
    part = case.values.get(f"{name}_slice")
    yield Check(name, cut(got, part) if part else got, want, rtol, atol)


def cut(tensor: Tensor, words: str) -> Tensor:
    """What of a tensor is stored: `[:, 0:8]`, or several such parts side by side, `[:, 0:8] and [:, 16:24] joined`."""
    return torch.cat([tensor[read_slice(part)] for part in re.findall(r"\[[^]]*\]", words)], dim=-1)


def tolerance(golden: GoldenSet, word: str, mark: str, default: float) -> float:
    """A number out of the set's tolerances, which are sentences: the one that follows `mark` in `word`'s."""
    found = re.search(rf"{re.escape(mark)}\s*([\d.]+(?:e[+-]?\d+)?)", golden.tolerance.get(word, ""))
    return float(found[1]) if found else default


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
