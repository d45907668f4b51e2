"""Why a node ran: what made its result this time against what made it last time."""

from __future__ import annotations

import reprlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from execution.plan import Link, PlannedNode

#: How a node came to its result: it `ran`; the result was kept in `memory` or on `disk`; an earlier try of the job
#: had `finished` it; a value `blocked` it; it `failed`; it was `skipped`, since nothing needed it.
How = Literal["ran", "memory", "disk", "finished", "blocked", "failed", "skipped"]

#: Nodes whose last run is remembered, in one worker.
REMEMBERED = 20_000


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
        source_keys = {name: keys.get(link.source, "") for name, link in node.links.items()}
        self._made[at] = _Made(keys[node.id], node.values, node.links, source_keys, told)
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
        for name in dict.fromkeys((*node.values, *node.links, *made.values, *made.links)):
            line = _difference(name, node, made, keys)
            if line:
                lines.append(line)
        if told != made.told:
            lines.append("it says itself that what it reads has changed")
        return lines or ["a file that it reads or its code has changed"]


def _difference(name: str, node: PlannedNode, made: _Made, keys: Mapping[str, str]) -> str | None:
    link, before = node.links.get(name), made.links.get(name)
    if link is not None and before is not None:
        if (link.source, link.output) != (before.source, before.output):
            return f"{name}: comes from node {link.source}, output {link.output} (was {before.source}, {before.output})"
        changed = keys.get(link.source, "") != made.source_keys.get(name)
        return f"{name}: node {link.source} gives something else" if changed else None
    now, was = _shown(name, node.values, link), _shown(name, made.values, before)
    return None if now == was else f"{name}: {now} (was {was})"


def _shown(name: str, values: Mapping[str, Any], link: Link | None) -> str:
    if link is not None:
        return f"node {link.source}, output {link.output}"
    return reprlib.repr(values[name]) if name in values else "not set"
