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

_ONCE = "once "

#: An answer that is nested deeper than this may hold itself: nobody can tell whether it is the same again.
MOST_DEPTH = 50


def unique_token() -> str:
    """A text that was never given before: in a key, it makes that key one that nothing is found under."""
    return f"{_ONCE}{next(_numbers)}"


def is_once(key: str) -> bool:
    """True for a key that no later job can have: what lies under it is of no use once its job has ended."""
    return key.startswith(_ONCE)


def _in_json(value: Any) -> Any:
    """A value that JSON does not know. Besides bytes they come from graphs that nodes make: who knows if they are the
    same again?
    """
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_in_json).encode


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
        raw = _link_keys(node.raw, keys) if node.raw else None
        text = _text((spec.id, spec.python_module, code_version(spec), values, links, raw, own))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        # Most texts hold no such token at all; a value that a person typed may look like one.
        happens_once = _ONCE in text and (
            is_once(text)
            or (own[1] is not None and is_once(own[1]))
            or any(is_once(key) for each in (links, raw or {}) for key, _ in each.values())
        )
        keys[node.id] = f"{_ONCE}{digest}" if happens_once else digest


def told_text(answer: Any) -> str:
    """What a node's own fingerprint returned, as a part of its key; NaN makes the key one of its own."""
    return unique_token() if _holds_nan(answer) else f"told {_text(answer)}"


def _holds_nan(value: Any, depth: int = 0) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return depth > MOST_DEPTH or any(_holds_nan(each, depth + 1) for each in value)
    return isinstance(value, float) and value != value


def _link_keys(links: Mapping[str, Link], keys: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    # A source without a key is one that waits for this very node; the run finds out and says so.
    return {name: (keys.get(link.source) or unique_token(), link.output) for name, link in links.items()}


def _with_content(node: PlannedNode, name: str, value: Any, fingerprint: Fingerprint) -> Any:
    wanted = node.input(name)
    kind = wanted.file_kind if wanted is not None else None
    if wanted is None or kind is None:
        return value
    if isinstance(value, (list, tuple)):  # several files of one choice
        return [_with_content(node, name, each, fingerprint) for each in value]
    if not isinstance(value, str) or value in wanted.extra_choices:
        return value
    return {"file": value, "content": fingerprint(kind, value)}


def _text(value: Any) -> str:
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that cannot be sorted, a circle, too deep
        return unique_token()
