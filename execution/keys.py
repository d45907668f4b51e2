"""What makes a node's result: a key of its class and code, its values and the keys of its sources.

Equal keys mean equal results, across runs and graphs, so a result is found again whatever number its node has now.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from execution.plan import Link, PlannedNode
from heddle.graph.spec import NodeSpec

#: `(kind, name)` -> a text that changes when the file's content does.
Fingerprint = Callable[[str, str], str]

#: A text that changes when the code behind a node does.
CodeVersion = Callable[[NodeSpec], str]

_numbers = itertools.count()


def unique_token(_: object = None) -> str:
    """A text that was never given before: in a key, it makes that key one that nothing is found under."""
    return f"once {next(_numbers)}"


# A value that JSON cannot hold came from a graph that a node made: nobody can tell whether it is the same again.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=unique_token).encode


def node_keys(
    nodes: Iterable[PlannedNode],
    fingerprint: Fingerprint,
    code_version: CodeVersion,
    told: Mapping[str, str],
    keys: dict[str, str],
) -> None:
    """Add the keys of nodes, sources first, to those that are known already.

    Args:
        told: node id -> what its own fingerprint said of its inputs (`told_text`), where it has one.
    """
    for node in nodes:
        spec = node.spec
        values: Mapping[str, Any] = node.values
        if spec.file_names or node.more:
            values = {name: _with_content(node, name, value, fingerprint) for name, value in values.items()}
        own = (node.id if spec.per_node or "UNIQUE_ID" in spec.hidden.values() else None, told.get(node.id))
        links = _link_keys(node.links, keys)
        if node.raw:
            links["raw"] = _link_keys(node.raw, keys)
        keys[node.id] = _digest((spec.id, spec.python_module, code_version(spec), values, links, own))


def told_text(answer: Any) -> str:
    """What a node's own fingerprint returned, as a part of its key; NaN makes the key one of its own."""
    text = _text(answer)
    return unique_token() if "NaN" in text else text


def _link_keys(links: Mapping[str, Link], keys: Mapping[str, str]) -> dict[str, Any]:
    # A source without a key is one that waits for this very node; the run finds out and says so.
    return {name: (keys.get(link.source) or unique_token(), link.output) for name, link in links.items()}


def _with_content(node: PlannedNode, name: str, value: Any, fingerprint: Fingerprint) -> Any:
    wanted = node.input(name)
    kind = wanted.file_kind if wanted is not None else None
    if wanted is None or kind is None or not isinstance(value, str) or value in wanted.extra_choices:
        return value
    return {"file": value, "content": fingerprint(kind, value)}


def _digest(parts: tuple[Any, ...]) -> str:
    return hashlib.sha256(_text(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: Any) -> str:
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that cannot be sorted, a circle, too deep
        return unique_token()
