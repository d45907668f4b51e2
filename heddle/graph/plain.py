"""Values of packs' declarations as plain JSON, so that one odd value cannot break the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from heddle.graph.quoting import MOST_BITS

#: Options nested deeper than this lead in a circle.
MAX_DEPTH = 32

#: Stands for "leave it out": functions and other things that say nothing outside of Python.
_NOTHING = object()


def plain(value: Any) -> Any:
    """The value as JSON knows it.

    Texts of other classes lose their class, so that an any-type's `!=` bothers nobody; sets are sorted; paths become
    texts, enum members their values, numpy's numbers Python's. Numbers that are not finite, or that Python does not
    write out, become None, and so does what has no form in JSON; in a mapping their keys are left out.
    Raises: ValueError, for a value that holds itself.
    """
    made = _plain(value, 0)
    return None if made is _NOTHING else made


def plain_text(value: Any) -> str:
    """A text of whatever class as a plain one; anything else as it prints."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def plain_options(options: Mapping[Any, Any]) -> dict[str, Any]:
    """The options of an input; those that cannot be said in JSON are left out."""
    return _plain_mapping(options, 0)


def is_listing(value: Any) -> bool:
    """True for what stands for a list of choices: lists, tuples, sets, dictionary views, ranges, arrays."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping, type))


def _plain(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"options are nested more than {MAX_DEPTH} deep; does one hold itself?")
    if isinstance(value, Enum):
        return _plain(value.value, depth + 1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= MOST_BITS else _NOTHING
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _NOTHING
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, (set, frozenset)):
        return sorted((_or_none(_plain(each, depth + 1)) for each in value), key=str)
    if callable(item := getattr(value, "tolist", None)):  # numpy's and torch's numbers and arrays
        return _plain(item(), depth + 1)
    if isinstance(value, bytes) or callable(value):
        return _NOTHING
    if is_listing(value):
        return [_or_none(_plain(each, depth + 1)) for each in value]
    return str(value)


def _plain_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    made = {plain_text(key): _plain(each, depth + 1) for key, each in value.items()}
    return {key: each for key, each in made.items() if each is not _NOTHING}


def _or_none(value: Any) -> Any:
    return None if value is _NOTHING else value
