"""The words of an error: values in a few letters, the names near to one that is wrong, and what clients get to read."""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Hashable, Sequence
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.spec import InputSpec, NodeSpec

#: How many choices of a list an error quotes.
QUOTED_CHOICES = 20

#: How many letters of a value an error quotes, and how many of a text an answer carries back to the client.
SHORT_CHARS, CARRIED_CHARS = 80, 1000

#: How many names are compared for "did you mean" in one check; ten thousand mistakes must not take minutes.
MOST_COMPARED = 20_000

#: Python refuses to write out whole numbers of more digits, so those are described.
MOST_BITS = 14_000


def short(value: Any) -> str:
    """A value in at most 80 letters, however large or deep it is."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return f"a whole number of some {int(value.bit_length() * math.log10(2))} digits"
    text = _Shortened.repr(value)
    return text if len(text) <= SHORT_CHARS else f"{text[: SHORT_CHARS - 3]}..."


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return "a huge number" if x.bit_length() > MOST_BITS else repr(x)

    def repr_str(self, x: str, level: int) -> str:
        return repr(x[: 2 * SHORT_CHARS])


_Shortened = _Repr()
_Shortened.maxother = 2 * SHORT_CHARS


def carried(value: Any) -> Any:
    """A value as an answer in JSON may carry it: itself if it is small and every client can read it, else in words."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 1024 else short(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= CARRIED_CHARS else f"{value[: CARRIED_CHARS - 3]}..."
    if isinstance(value, (list, tuple)) and len(value) <= QUOTED_CHOICES and all(map(_is_scalar, value)):
        return [carried(each) for each in value]
    return short(value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def input_problem(
    node_id: str, spec: NodeSpec, wanted: InputSpec, kind: str, found: Any, words: str, **more: Any
) -> GraphError:
    """What is wrong with one input. `more` are further facts for clients."""
    options = {key: each for key, each in wanted.options.items() if _is_worth_carrying(key, each)}
    return GraphError(
        f"node {node_id} ({spec.id}), {wanted.name}: {words}",
        node_id=node_id,
        class_type=spec.id,
        input_name=wanted.name,
        found=found,
        wanted=[wanted.type, options],
        kind=kind,
        more=more,
    )


def _is_worth_carrying(key: str, option: Any) -> bool:
    """False for what only menus show, for numbers that JSON has not, and for lists that would fill the answer."""
    if key == "tooltip" or (isinstance(option, float) and not math.isfinite(option)):
        return False
    return not isinstance(option, (list, tuple)) or len(option) <= QUOTED_CHOICES


class Nearest:
    """The names near to a wrong one. It remembers, and grows silent once it has compared enough."""

    def __init__(self) -> None:
        self._left = MOST_COMPARED
        self._known: dict[Hashable, list[str]] = {}

    def to(self, name: str, names: Sequence[Any], place: Hashable, *, count: int = 1) -> list[str]:
        """At most `count` of the names. `place` stands for the list that they come from."""
        name = name[: 2 * SHORT_CHARS]
        key = (place, name, count)
        if key not in self._known:
            if len(names) > self._left:
                return []
            self._left -= len(names)
            self._known[key] = difflib.get_close_matches(name, [str(each)[:200] for each in names], n=count)
        return self._known[key]


def quoted(names: Sequence[Any]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - QUOTED_CHOICES} more" if len(names) > QUOTED_CHOICES else ""
    return ", ".join(str(each) if isinstance(each, str) else short(each) for each in names[:QUOTED_CHOICES]) + more
