"""Sentences for people that remember what they were made of, so that a page can say them in its own language.

To everything else they are plain English texts: logs, programs and clients of the known interface read them as such.
Other languages have each sentence by its English words, in `web/locales/said.*.json`; a test names what they lack.

    raise WeightsError(say("{file} holds {count:,} tensors; choose another", file=path.name, count=count), file=path)
    ctx.note(say("the mask is empty, so nothing is drawn anew"))
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from string import Formatter
from typing import Any

_LONGEST = 500  # letters of a value in a sentence

#: What stands between several things in one text.
BETWEEN = AND, OR, COMMA, SEMICOLON = " and ", " or ", ", ", "; "


class Said(str):
    """A sentence. `facts` are its words and its values, `{words, values}`; a value may be such facts itself.

    Of several things in one text `words` are what stands between them, and `values` a list.
    """

    facts: dict[str, Any]

    def __str__(self) -> Said:
        return self  # `str(error)` is what it was raised with, and remembers


def say(words: str, /, **values: Any) -> Said:
    """A sentence of English with values put in.

    Args:
        words: with `{value}` where values go, each of which may have the signs that `str.format` knows.
        values: texts, numbers, other sentences, errors (what they say); anything else is put in as its text.
    """
    short = {key: _cut(str(value) if isinstance(value, BaseException) else value) for key, value in values.items()}
    said = Said(words.format(**short))
    signs = {name: (sign, kind) for _, name, sign, kind in Formatter().parse(words) if name is not None}
    said.facts = {
        "words": words,
        "values": {key: _told(value, *signs.get(key, ("", None))) for key, value in short.items()},
    }
    return said


def all_of(items: Iterable[Any]) -> Said:
    """Several things in one text: "a and b"."""
    return _joined(AND, items)


def one_of(items: Iterable[Any]) -> Said:
    """Several things of which one is meant: "a or b"."""
    return _joined(OR, items)


def listed(items: Iterable[Any]) -> Said:
    """Several things in a row: "a, b"."""
    return _joined(COMMA, items)


def each_of(sentences: Iterable[Any]) -> Said:
    """Several sentences, one after the other."""
    return _joined(SEMICOLON, sentences)


def facts_of(text: Any) -> dict[str, Any] | None:
    """What a sentence was made of; None of a text that does not remember it."""
    return text.facts if isinstance(text, Said) else None


def said_in(text: Any) -> dict[str, Any]:
    """The same as answers carry it among further facts: `{"said": facts}`, or nothing."""
    facts = facts_of(text)
    return {} if facts is None else {"said": facts}


def _joined(between: str, items: Iterable[Any]) -> Said:
    texts = list(items)
    said = Said(between.join(map(str, texts)))
    said.facts = {"words": between, "values": [_told(each, None, None) for each in texts]}
    return said


def _cut(value: Any) -> Any:
    if isinstance(value, Said) or not isinstance(value, str) or len(value) <= _LONGEST:
        return value
    return f"{value[: _LONGEST - 3]}..."


def _told(value: Any, sign: str | None, conversion: str | None) -> Any:
    """A value as JSON has it, and as it stands in the sentence; texts go without the quotes of `repr`."""
    if isinstance(value, Said):
        return value.facts
    if sign:
        return format(repr(value) if conversion == "r" else value, sign)
    if isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return repr(value) if conversion == "r" else str(value)
