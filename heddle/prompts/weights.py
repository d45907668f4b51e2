"""The weight grammar of prompts: `(red:1.3) apple` -> pieces of text with their weights.

- `(x)` multiplies the weight around it by 1.1; `(x:w)` sets it to w, whatever is around.
- Brackets and braces mean nothing. `\\(` and `\\)` are literal parentheses.
- A parenthesis that is never closed is text, but one that ends with the text's last `)` still counts as a group: that
  is how the node engines of this ecosystem read `(a (b)`, and a seed is worth only what its prompt's reading is.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

_ESCAPES = {"\\)": "\0\1", "\\(": "\0\2"}
_FACTOR = 1.1


class Segment(NamedTuple):
    """A piece of text under one weight, escapes undone."""

    text: str
    weight: float


def parse_weights(text: str) -> list[Segment]:
    """Text with its weights, in reading order. Takes time in proportion to the text, however deep it is nested."""
    text = _hidden(text)
    opening, closing = _groups(text)
    colon_before, parenthesis_before = _last_before(text, ":"), _last_before(text, "()")
    segments: list[Segment] = []
    ranges = [(0, len(text), 1.0)]  # a stack rather than recursion: ten thousand open parentheses are only text
    while ranges:
        start, end, weight = ranges.pop()
        if start >= end:
            continue
        if text[start] == "(":
            close = closing.get(start, end)
            stop = close + 1 if close < end else end
        else:
            following = bisect_left(opening, start)
            stop = min(opening[following], end) if following < len(opening) else end
        ranges.append((stop, end, weight))
        if not (text[start] == "(" and stop - start >= 2 and text[stop - 1] == ")"):
            segments.append(Segment(_restored(text[start:stop]), weight))
            continue
        inner_end, inner_weight = stop - 1, weight * _FACTOR
        colon = colon_before[inner_end]
        # Asked before the number is read, since what holds a parenthesis is none, and may be long.
        if colon > start + 1 and parenthesis_before[inner_end] < colon:
            number = _number(text[colon + 1 : inner_end])
            if number is not None:
                inner_end, inner_weight = colon, number
        ranges.append((start + 1, inner_end, inner_weight))
    return segments


def _groups(text: str) -> tuple[list[int], dict[int, int]]:
    """Where groups open, and where each of them closes, if it does.

    Where more was closed than opened, parentheses are text until as many were opened again.
    """
    opening: list[int] = []
    closing: dict[int, int] = {}
    pending: list[int] = []
    surplus = 0  # closed, but never opened
    for i, character in enumerate(text):
        if character == "(":
            if surplus:
                surplus -= 1
            else:
                opening.append(i)
                pending.append(i)
        elif character == ")":
            if pending:
                closing[pending.pop()] = i
            else:
                surplus += 1
    return opening, closing


def _last_before(text: str, characters: str) -> list[int]:
    """For each position 0..len(text) where one of the characters last stood before it, or -1."""
    seen = [-1]
    for i, character in enumerate(text):
        seen.append(i if character in characters else seen[-1])
    return seen


def unescape(text: str) -> str:
    """`\\(` and `\\)` as the parentheses they stand for."""
    return _restored(_hidden(text))


def _hidden(text: str) -> str:
    """Escaped parentheses replaced by what the grammar does not see."""
    for escape, stand_in in _ESCAPES.items():
        text = text.replace(escape, stand_in)
    return text


def _restored(text: str) -> str:
    for escape, stand_in in _ESCAPES.items():
        text = text.replace(stand_in, escape[1])
    return text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None  # "(type:nan)" is a word, and no picture survives such a weight
