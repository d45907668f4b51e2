"""Sentences for people that remember what they were made of, so that a page can say them in its own language.

To everything else they are plain English texts: logs, programs and clients of the known interface read them as such.
"""

from __future__ import annotations

from typing import Any

_LONGEST = 160  # letters of a value in a sentence


class Said(str):
    """A sentence. `facts` are its name and its values, `{name, values}`; a value may be such facts itself."""

    facts: dict[str, Any]


def say(name: str, words: str, /, **values: Any) -> Said:
    """A sentence of English with values put in.

    Args:
        name: what other languages know the sentence by, such as "lora-gone": once it is there it stays.
        words: with `{value}` where values go, each of which may have the signs that `str.format` knows.
        values: texts, numbers, or sentences.
    """
    short = {key: _cut(value) for key, value in values.items()}
    said = Said(words.format(**short))
    said.facts = {"name": name, "values": {key: facts_of(value) or value for key, value in short.items()}}
    return said


def facts_of(text: Any) -> dict[str, Any] | None:
    """What a sentence was made of; None of a text that does not remember it."""
    return text.facts if isinstance(text, Said) else None


def said_in(text: Any) -> dict[str, Any]:
    """The same as answers carry it among further facts: `{"said": facts}`, or nothing."""
    facts = facts_of(text)
    return {} if facts is None else {"said": facts}


def _cut(value: Any) -> Any:
    if isinstance(value, Said) or not isinstance(value, str) or len(value) <= _LONGEST:
        return value
    return f"{value[: _LONGEST - 3]}..."
