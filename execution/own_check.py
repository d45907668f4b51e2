"""Asks a node itself whether it takes its inputs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any

from execution.plan import PlannedNode


def ask_node(node: PlannedNode, input_types: Mapping[str, str]) -> str | None:
    """What a node's own check says against its inputs; None if it takes them, or has no check that can be asked.

    It gets the inputs that it names, None for linked ones, and lists of these if it takes lists. Only True takes them;
    a text says why not, and an exception is a refusal, too. A coroutine is run to its end, so no event loop may run in
    this thread.

    Args:
        input_types: the types that arrive at linked inputs, for checks that want them.
    """
    validation = node.spec.validation
    if validation is None or validation.ask is None:
        return None
    inputs = {**node.values, **dict.fromkeys([*node.links, *node.raw])}
    named: dict[str, Any] = {name: value for name, value in inputs.items() if validation.answers_for(name)}
    named |= {
        name: node.id if kind == "UNIQUE_ID" else None
        for name, kind in node.spec.hidden.items()
        if name in validation.names
    }
    if node.spec.takes_lists:
        named = {name: [value] for name, value in named.items()}
    if validation.takes_types:
        named["input_types"] = dict(input_types)
    try:
        answer = validation.ask(**named)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_result_of(answer))
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever a pack's code raises, it could not take the graph
        return f"the node's own check of its inputs failed ({type(error).__name__}: {error})"
    if answer is True:
        return None
    if isinstance(answer, str):
        return str.__str__(answer) or _WITHOUT_REASON
    return _WITHOUT_REASON


async def _result_of(answer: Any) -> Any:
    return await answer


_WITHOUT_REASON = "the node refuses its inputs and does not say why"
