"""A1111's AND: `a cat :1.2 AND a dog` -> conditions that steer the same picture side by side, with their weights."""

from __future__ import annotations

import re
from typing import NamedTuple

_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"\s*([-+]?(?:\d+\.?|\d*\.\d+))")


class Condition(NamedTuple):
    """A text and how much its guidance counts among those of its prompt."""

    text: str
    weight: float


def split_conditions(prompt: str) -> list[Condition]:
    """The conditions of a prompt, at least one. Weights stand behind a colon at the end; without one it is 1."""
    return [_condition(part.rstrip()) for part in _AND.split(prompt)]


def _condition(part: str) -> Condition:
    text, colon, number = part.rpartition(":")
    match = _WEIGHT.fullmatch(number) if colon else None
    return Condition(text.rstrip(), float(match[1])) if match else Condition(part, 1.0)
