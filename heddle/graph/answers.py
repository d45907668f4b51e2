"""What a node's function returned, in whichever of the known forms, as the executor wants it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from heddle.graph.results import ExecutionBlocker, Expanded, Shown

_PARTS = ("ui", "result", "expand")


def read_answer(answer: Any, outputs: int) -> Any:
    """A tuple, `Shown`, `Expanded` or lone `ExecutionBlocker`.

    Known are: tuples and lists of the outputs; dictionaries with `ui`, `result` and `expand`; objects with these as
    attributes (`NodeOutput`); None; and a bare value, which is taken for the one output.
    """
    if type(answer) is tuple or isinstance(answer, (Shown, Expanded, ExecutionBlocker)):
        return answer
    if isinstance(answer, Mapping) and (any(part in answer for part in _PARTS) or not (answer and outputs == 1)):
        return _join(answer.get("result"), answer.get("ui"), answer.get("expand"), outputs)
    own_words: Any = getattr(answer, "as_answer", None)
    if callable(own_words):
        result, ui, graph = cast(tuple[Any, Any, Any], own_words(outputs))
        return _join(result, ui, graph, outputs)
    if answer is None:
        return ()
    return tuple(answer) if isinstance(answer, (list, tuple)) else (answer,)


def when_ready(answer: Any, read: Callable[[Any], Any]) -> Any:
    """What `read` makes of an answer: now, or once it has been awaited."""
    # Most answers are tuples, and to ask whether one can be awaited takes longer than many a node.
    return _later(answer, read) if type(answer) is not tuple and inspect.isawaitable(answer) else read(answer)


def read_names(answer: Any) -> Sequence[str]:
    """The names that `check_lazy_status` returned."""
    if answer is None:
        return []
    return [answer] if isinstance(answer, str) else [str(name) for name in answer]


async def _later(answer: Awaitable[Any], read: Callable[[Any], Any]) -> Any:
    return read(await answer)


def _join(result: Any, ui: Any, graph: Any, outputs: int) -> Any:
    if result is None:
        values: tuple[Any, ...] = ()
    elif isinstance(result, ExecutionBlocker):
        values = (result,) * outputs
    else:
        values = tuple(result) if isinstance(result, (list, tuple)) else (result,)
    shown = ui if isinstance(ui, Mapping) else None
    if graph is not None:
        return Expanded(values, graph, shown)
    return values if shown is None else Shown(values, dict(shown))
