"""Why a node ran: what made its result this time against what made it last time."""

from __future__ import annotations

import reprlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from execution.plan import Link, PlannedNode
from heddle.graph.quoting import MOST_BITS

#: How a node came to its result: it `ran`; the result was kept in `memory` or on `disk`; an earlier try of the job
#: had `finished` it; a value `blocked` it; it `failed`; it was `skipped`, since nothing needed it.
How = Literal["ran", "memory", "disk", "finished", "blocked", "failed", "skipped"]

#: Nodes whose last run is remembered, in one worker.
REMEMBERED = 20_000

#: Of two long texts that differ, the characters that are shown before and after the first difference.
SHOWN_BEFORE = 12
SHOWN_AFTER = 24

#: Values are remembered to this depth.
DEPTH = 20


@dataclass(frozen=True, slots=True)
class _Made:
    key: str
    values: Mapping[str, Any]
    links: Mapping[str, Link]
    source_keys: Mapping[str, str]
    told: str | None


class LastTime:
    """Remembers, by node id and class, what made each node's last result."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str], _Made] = OrderedDict()

    def remember(self, node: PlannedNode, keys: Mapping[str, str], told: str | None) -> None:
        at = (node.id, node.spec.id)
        links = {**node.links, **node.raw} if node.raw else node.links
        source_keys = {name: keys.get(link.source, "") for name, link in links.items()}
        self._made[at] = _Made(keys[node.id], _plainly(node.values), links, source_keys, told)
        self._made.move_to_end(at)
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)

    def why(self, node: PlannedNode, keys: Mapping[str, str], told: str | None) -> list[str]:
        """What differs from the last time this node ran, one line for each input."""
        made = self._made.get((node.id, node.spec.id))
        if made is None:
            return ["it did not run before"]
        if made.key == keys[node.id]:
            return ["nothing changed, but its result was not kept"]
        lines = []
        for name in dict.fromkeys((*node.values, *node.links, *node.raw, *made.values, *made.links)):
            line = _difference(name, node, made, keys)
            if line:
                lines.append(line)
        if told != made.told:
            lines.append("it says itself that what it reads has changed")
        return lines or ["a file that it reads or its code has changed"]


def _difference(name: str, node: PlannedNode, made: _Made, keys: Mapping[str, str]) -> str | None:
    link, before = node.links.get(name) or node.raw.get(name), made.links.get(name)
    if link is not None and before is not None:
        if (link.source, link.output) != (before.source, before.output):
            return f"{name}: comes from node {link.source}, output {link.output} (was {before.source}, {before.output})"
        changed = keys.get(link.source, "") != made.source_keys.get(name)
        return f"{name}: node {link.source} gives something else" if changed else None
    if link is None and before is None and name in node.values and name in made.values:
        now, was = _plain(node.values[name]), made.values[name]
        # Texts are compared, since 1, 1.0 and True are equal and not the same.
        return None if repr(now) == repr(was) else f"{name}: {_changed(now, was)}"
    now, was = _shown(name, node.values, link), _shown(name, made.values, before)
    return None if now == was else f"{name}: {now} (was {was})"


def _shown(name: str, values: Mapping[str, Any], link: Link | None) -> str:
    if link is not None:
        return f"node {link.source}, output {link.output}"
    return reprlib.repr(_plain(values[name])) if name in values else "not set"


def _changed(now: Any, was: Any) -> str:
    """Both values in a few words; of two long texts the places where they begin to differ."""
    shown, before = reprlib.repr(now), reprlib.repr(was)
    if shown != before:
        return f"{shown} (was {before})"
    long, longer = repr(now), repr(was)
    same = next((place for place, (a, b) in enumerate(zip(long, longer, strict=False)) if a != b), 0)
    first = max(0, same - SHOWN_BEFORE)
    return f"...{long[first : same + SHOWN_AFTER]}... (was ...{longer[first : same + SHOWN_AFTER]}...)"


@dataclass(frozen=True, slots=True)
class _Odd:
    """Stands for a value that JSON does not know, which is not kept here: it may be large."""

    kind: str


def _plainly(values: Mapping[str, Any]) -> Mapping[str, Any]:
    for value in values.values():
        if type(value) not in _SCALARS and not (type(value) is int and value.bit_length() < MOST_BITS):
            return {name: _plain(value) for name, value in values.items()}
    return values


def _plain(value: Any, depth: int = 0) -> Any:
    """The value, with a word in the place of whatever JSON does not know."""
    if type(value) in _SCALARS:
        return value
    if type(value) is int:
        return value if value.bit_length() < MOST_BITS else _Odd("a huge number")
    if depth < DEPTH and type(value) in (list, tuple):
        return [_plain(each, depth + 1) for each in value]
    if depth < DEPTH and type(value) is dict:
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    return _Odd(type(value).__name__)


_SCALARS = frozenset({str, float, bool, type(None)})
