"""Values as errors quote them: in a few letters, however large, deep or odd they are."""

from __future__ import annotations

import math
import reprlib
from typing import Any

from heddle.graph.said import say

SHORT_CHARS = 80

#: Python refuses to write out whole numbers of more than 4300 digits, so those are described.
MOST_BITS = 14_000


def short(value: Any) -> str:
    """A value in at most 80 letters, however large or deep it is."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return say("a whole number of some {digits} digits", digits=int(value.bit_length() * math.log10(2)))
    text = _Shortened.repr(value)
    return text if len(text) <= SHORT_CHARS else f"{text[: SHORT_CHARS - 3]}..."


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return "a huge number" if x.bit_length() > MOST_BITS else repr(x)

    def repr_str(self, x: str, level: int) -> str:
        return repr(x[: 2 * SHORT_CHARS])


_Shortened = _Repr()
_Shortened.maxother = 2 * SHORT_CHARS
