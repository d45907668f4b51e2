"""The words of an error: values in a few letters, the names near to one that is wrong, and what clients get to read."""

from __future__ import annotations

import difflib
import heapq
import math
from collections.abc import Iterable, Sequence
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.said import listed, say
from heddle.graph.spec import InputSpec, NodeSpec

#: How many choices of a list an error quotes.
QUOTED_CHOICES = 20

#: How many letters of a text an answer carries back to the client, and how many of a name are compared with others.
CARRIED_CHARS, COMPARED_CHARS = 1000, 160

#: How many names are compared for "did you mean" in one check, and how many closely for each mistake: ten thousand
#: mistakes must not take minutes.
MOST_COMPARED, COMPARED_CLOSELY = 200_000, 20


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
    node_id: str,
    spec: NodeSpec,
    wanted: InputSpec,
    kind: str,
    found: Any,
    words: str,
    *,
    about: str = "",
    **more: Any,
) -> GraphError:
    """What is wrong with one input. `about` says more of the node's place, `more` are further facts for clients."""
    name = wanted.name[:COMPARED_CHARS]
    options = {key: each for key, each in wanted.options.items() if _is_worth_carrying(key, each)}
    return GraphError(
        say(
            "node {node} ({type}{about}), {name}: {words}",
            node=node_id,
            type=spec.id,
            about=about,
            name=name,
            words=words,
        ),
        node_id=node_id,
        class_type=spec.id,
        input_name=name,
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
    """The names near to a wrong one, in whatever case. It remembers, and grows silent once it has compared enough."""

    def __init__(self) -> None:
        self._left = MOST_COMPARED
        self._known: dict[tuple[int, str], tuple[object, list[str]]] = {}

    def to(self, name: str, names: Sequence[Any], owner: object, *, count: int = 1) -> list[str]:
        """At most `count` of the names. `owner` is the object that the names belong to, always the same for them."""
        name = name[:COMPARED_CHARS]
        key = (id(owner), name)
        if key not in self._known:
            if len(names) > self._left:
                return []
            self._left -= len(names)
            self._known[key] = (owner, _near(name.lower(), map(_plain, names), count))  # kept, so that its id is, too
        return self._known[key][1]


def _near(name: str, names: Iterable[str], count: int) -> list[str]:
    """Those of the names that are most alike; only the few that share the most pairs of letters are looked at."""
    pairs = {name[at : at + 2] for at in range(max(len(name) - 1, 1))}
    by_pairs = heapq.nlargest(COMPARED_CLOSELY, names, lambda each: sum(pair in each.lower() for pair in pairs))
    originals = {each.lower(): each for each in reversed(by_pairs)}
    return [originals[each] for each in difflib.get_close_matches(name, list(originals), n=count)]


def _plain(name: Any) -> str:
    return name[:COMPARED_CHARS] if isinstance(name, str) else short(name)


def file_name(path: str) -> str:
    """The name of a file without its folders, in small letters, whichever way the folders are written."""
    return path.replace("\\", "/").rpartition("/")[2].lower()


def quoted(names: Sequence[Any]) -> str:
    """The first names of a list, and how many more there are."""
    first = listed(map(_plain, names[:QUOTED_CHOICES]))
    if len(names) <= QUOTED_CHOICES:
        return first
    return say("{names} and {more} more", names=first, more=len(names) - QUOTED_CHOICES)
