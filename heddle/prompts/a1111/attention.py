"""A1111's weight grammar: `a (red:1.3) [apple] BREAK tree` -> pieces of text with their weights.

- `(x)` multiplies the weight of x by 1.1, `[x]` divides it by 1.1, `(x:w)` multiplies it by w: nested ones multiply.
- A backslash before a bracket, a parenthesis or a backslash makes it text; any other backslash falls away.
- What is never closed counts to the end of the text; what was never opened is text.
- BREAK as a word of its own is a piece by itself, of weight -1, and takes the blanks around it along.

It differs from the grammar of this ecosystem's node engines (`heddle.prompts.weights`) in nearly every corner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from heddle.prompts.weights import Segment

BREAK = Segment("BREAK", -1.0)
"""What ends a chunk of tokens where it stands."""

_FACTOR = {"(": 1.1, "[": 1 / 1.1}
_OPENER = {")": "(", "]": "["}
_SIGN = re.compile(r"\\(?P<escaped>[\\()\[\]]?)|:\s*(?P<weight>[+-]?[.\d]+)\s*\)|(?P<bracket>[()\[\]])|[^\\()\[\]:]+|:")
_BREAK = re.compile(r"\bBREAK\b")


def parse_attention(text: str) -> list[Segment]:
    """Pieces with their weights in reading order, at least one; neighbours of equal weight are one piece."""
    pieces: list[Segment] = []
    spans: list[_Span] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for match in _SIGN.finditer(text):
        sign, bracket, weight = match[0], match["bracket"], match["weight"]
        if match["escaped"] is not None:
            pieces.append(Segment(match["escaped"], 1.0))
        elif bracket in opened:
            opened[bracket].append(len(pieces))
        elif weight is not None and opened["("]:
            if (factor := _number(weight)) is not None:
                spans.append(_Span(opened["("].pop(), len(pieces), factor))
            else:  # no number, so the text goes on up to the parenthesis, which closes as ever
                pieces += _broken(sign[:-1])
                spans.append(_Span(opened["("].pop(), len(pieces), _FACTOR["("]))
        elif bracket is not None and opened[_OPENER[bracket]]:
            opener = _OPENER[bracket]
            spans.append(_Span(opened[opener].pop(), len(pieces), _FACTOR[opener]))
        else:
            pieces += _broken(sign)
    for opener, starts in opened.items():
        spans += [_Span(start, len(pieces), _FACTOR[opener]) for start in starts]
    return _merged(_weighted(pieces, spans)) or [Segment("", 1.0)]


class _Span(NamedTuple):
    """Pieces from `start` up to `end` whose weight is multiplied."""

    start: int
    end: int
    factor: float


def _broken(text: str) -> Iterator[Segment]:
    """The text with a BREAK between its parts."""
    parts = _BREAK.split(text)
    for number, part in enumerate(parts):
        if number > 0:
            yield BREAK
            part = part.lstrip()
        yield Segment(part if number == len(parts) - 1 else part.rstrip(), 1.0)


def _weighted(pieces: list[Segment], spans: list[_Span]) -> list[Segment]:
    # Factors are multiplied one by one from the innermost on: in another order the last bit of a weight would differ,
    # and neighbours of equal weight would stay apart. As arrays, since a text may be nested as deep as it is long.
    weights = np.array([weight for _, weight in pieces], dtype=np.float64)
    with np.errstate(over="ignore"):
        for start, end, factor in spans:
            weights[start:end] *= factor
    return [Segment(text, weight) for (text, _), weight in zip(pieces, weights.tolist(), strict=True)]


def _merged(pieces: list[Segment]) -> list[Segment]:
    runs: list[tuple[list[str], float]] = []
    for text, weight in pieces:
        if runs and runs[-1][1] == weight:
            runs[-1][0].append(text)
        else:
            runs.append(([text], weight))
    return [Segment("".join(texts), weight) for texts, weight in runs]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:  # such as 1.2.3
        return None
    return number if math.isfinite(number) else None
