"""The words of an error: values in a few letters, the names near to one that is wrong, and what clients get to read."""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable, Sequence
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.spec import InputSpec, NodeSpec

#: How many choices of a list an error quotes.
QUOTED_CHOICES = 20

#: How many letters of a text an answer carries back to the client, and how many of a name are compared with others.
CARRIED_CHARS, COMPARED_CHARS = 1000, 160

#: How many names are compared for "did you mean" in one check; ten thousand mistakes must not take minutes.
MOST_COMPARED = 20_000


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
        name = name[:COMPARED_CHARS]
        key = (place, name, count)
        if key not in self._known:
            if len(names) > self._left:
                return []
            self._left -= len(names)
            self._known[key] = difflib.get_close_matches(name, [_plain(each) for each in names], n=count)
        return self._known[key]


def _plain(name: Any) -> str:
    return name[:COMPARED_CHARS] if isinstance(name, str) else short(name)


def quoted(names: Sequence[Any]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - QUOTED_CHOICES} more" if len(names) > QUOTED_CHOICES else ""
    return ", ".join(map(_plain, names[:QUOTED_CHOICES])) + more
