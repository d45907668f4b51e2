"""A failure in words: what a node raised, where, and with which inputs. Nothing here trusts a pack's own classes."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from itertools import islice
from typing import Any

from execution.events import NodeFailed
from execution.plan import PlannedNode
from heddle.graph.errors import HeddleError
from heddle.graph.said import facts_of

#: Longest text of an input value that a failure reports.
SHOWN_VALUE_CHARS = 200

#: How deep such a text looks into lists: some hold themselves.
SHOWN_DEPTH = 4

#: Longest words of an error, and longest line of its traceback.
MESSAGE_CHARS = 20_000


def failure_of(node: PlannedNode, error: BaseException, inputs: Mapping[str, Any]) -> NodeFailed:
    """The event that tells of a node's failure."""
    message = in_words(error)
    place = f"node {node.id} ({node.spec.id})"
    if not message.startswith(place):
        message = f"{place}: {message}"
    return NodeFailed(
        node_id=node.id,
        class_type=node.spec.id,
        message=message,
        exception_type=type(error).__qualname__,
        traceback=tuple(map(_cut, traceback.format_exception(error))),
        inputs={name: _shown(value) for name, value in inputs.items()},
        said=facts_of(error.message) if isinstance(error, HeddleError) else None,
    )


def in_words(error: BaseException) -> str:
    """What an error says, with its kind where that is not ours."""
    if isinstance(error, HeddleError):
        return str(error.message)
    try:
        text = str(error)
    except Exception:  # a pack's own class of error
        text = "it has no words"
    return f"{type(error).__name__}: {_cut(text)}" if text else type(error).__name__


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARS else f"{text[:MESSAGE_CHARS]} ... ({len(text)} characters)"


def _shown(value: Any, depth: int = 0) -> str:
    """A value in a few words; a tensor by its shape, since printing one can take seconds."""
    try:
        shape = getattr(value, "shape", None)
        if shape is not None:
            return f"{type(value).__name__}{list(shape)}"
        if depth == SHOWN_DEPTH and isinstance(value, (list, tuple, Mapping)):
            return "..."
        if isinstance(value, (list, tuple)):
            head = ", ".join(_shown(each, depth + 1) for each in value[:3])
            return f"[{head}{', ...' if len(value) > 3 else ''}]"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key}: {_shown(value[key], depth + 1)}" for key in islice(value, 5)) + "}"
        return repr(value)[:SHOWN_VALUE_CHARS]
    except Exception:  # a pack's own class: a report of one failure must not become another
        return type(value).__name__
