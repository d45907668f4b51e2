"""What packs find in `comfy_execution.utils`: which call of which node runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from heddle.graph.running import call_of, call_place, current_context


class ExecutionContext(NamedTuple):
    """Where the running code stands. `list_index` is the number of the call, where a list makes several."""

    prompt_id: str
    node_id: str
    list_index: int | None


def get_executing_context() -> ExecutionContext | None:
    """Which call of which node runs; None outside of any."""
    place = call_place.get()
    return None if place is None else ExecutionContext(place.job_id, place.node_id, place.call_index)


class CurrentNodeContext:
    """Says inside its block that a node runs, for packs that call nodes themselves."""

    def __init__(self, prompt_id: str, node_id: str, list_index: int | None = None) -> None:
        self._asked = (node_id, list_index or 0, prompt_id)
        self._inside: AbstractContextManager[Any] | None = None

    def __enter__(self) -> CurrentNodeContext:
        self._inside = call_of(current_context.get(), *self._asked)
        self._inside.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._inside is not None
        self._inside.__exit__(*error)
