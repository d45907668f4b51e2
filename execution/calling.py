"""How a node is called: once per element where lists arrive, not at all where a blocker does; and what its answers
make.

Nothing here knows a job: inputs go in, answers come out, and answers become a result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from execution.cache import Result
from heddle.graph.errors import GraphError
from heddle.graph.plain import plain, plain_text
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec, OutputSpec
from heddle.graph.workflow import is_link

#: What a node returns for one call.
Answer: TypeAlias = "tuple[Any, ...] | Shown | Expanded | ExecutionBlocker"

#: `(source id, output)` -> the list of values that this output gave, and whether it is declared as a list.
Resolve = Callable[[str, int], tuple[list[Any], bool]]


@dataclass(frozen=True, slots=True)
class Call:
    """The inputs of one call by name, or the blocker that keeps it from being made."""

    inputs: Mapping[str, Any]
    index: int | None = 0
    blocker: ExecutionBlocker | None = None


def calls_of(spec: NodeSpec, inputs: Mapping[str, list[Any]], hidden: Mapping[str, Any]) -> Iterator[Call]:
    """The calls that lists of inputs ask for: the longest decides how many, shorter ones repeat their last element.

    A node that takes lists is called once with all of them. An empty list means no call at all.
    """
    if spec.takes_lists:
        blocker = next((each for values in inputs.values() for each in values if _blocks(each)), None)
        # Lists of the call's own: a node that takes the first element off must not take it off a kept result.
        given = {name: [*values] for name, values in inputs.items()}
        yield Call({**given, **{name: [value] for name, value in hidden.items()}}, None, blocker)
        return
    longest = max(map(len, inputs.values()), default=1)
    if longest > 1:
        if not all(inputs.values()):
            return
        for index in range(longest):
            chosen = {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}
            yield Call({**chosen, **hidden}, index, _blocker_in(chosen))
    elif all(inputs.values()):
        chosen = {name: values[0] for name, values in inputs.items()}
        yield Call({**chosen, **hidden}, 0, _blocker_in(chosen))


def checked_answer(spec: NodeSpec, node_id: str, answer: Any) -> Answer:
    """An answer, refused if it has no values where some are declared and nothing is shown.

    Raises: GraphError, which names the node and how many values are wanted.
    """
    if isinstance(answer, ExecutionBlocker):
        return answer
    values = answer.values if isinstance(answer, (Shown, Expanded)) else answer
    if not isinstance(values, tuple):
        values = (values,)
        answer = values if not isinstance(answer, (Shown, Expanded)) else answer
    if spec.outputs and not values and not spec.is_output and not isinstance(answer, Shown):
        raise GraphError(
            say(
                "node {node} ({type}): returned nothing; {count} values are wanted, one for each output",
                node=node_id,
                type=spec.id,
                count=len(spec.outputs),
            ),
            node_id=node_id,
            class_type=spec.id,
        )
    return answer


def merge(spec: NodeSpec, node_id: str, answers: Sequence[Answer], resolve: Resolve) -> Result:
    """The result of all calls: every output's values in a row, and what was shown, list behind list.

    A value that was not returned is None: packs leave out the last ones where nothing is linked to them.
    Raises: GraphError, if there is None in the place of a list, or something shown has no form in JSON.
    """
    declarations = _declarations(spec, answers)
    outputs: tuple[list[Any], ...] = tuple([] for _ in declarations)
    shown: dict[str, list[Any]] | None = None
    for answer in answers:
        if isinstance(answer, ExecutionBlocker):
            for slot in outputs:
                slot.append(answer)
            continue
        values = _values_of(answer)
        ui = answer.ui if isinstance(answer, (Shown, Expanded)) else None
        if ui is not None:
            shown = _join_shown(shown or {}, ui, f"node {node_id} ({spec.id})")
        for place, (slot, declared) in enumerate(zip(outputs, declarations, strict=True)):
            value = values[place] if place < len(values) else None
            if isinstance(answer, Expanded) and value is not None and is_link(value):
                given, is_list = resolve(str(value[0]), int(value[1]))
                for each in given:
                    slot.extend(
                        each if declared.is_list and not is_list and isinstance(each, (list, tuple)) else [each]
                    )
            elif not declared.is_list:
                slot.append(value)
            elif value is None and place < len(values):
                raise GraphError(
                    say(
                        "node {node} ({type}): returned None for {output}, which is declared as a list; "
                        "an empty list says that there is nothing",
                        node=node_id,
                        type=spec.id,
                        output=declared.name,
                    ),
                    node_id=node_id,
                    class_type=spec.id,
                )
            elif isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
                slot.extend(value)  # a batch of pictures, too: one by one
            else:  # also a blocker in the place of a list
                slot.append(value)
    return Result(outputs, shown)


def _declarations(spec: NodeSpec, answers: Sequence[Answer]) -> tuple[OutputSpec, ...]:
    """The declared outputs, and as many more as were given where a node may give more."""
    if spec.open_output is None:
        return spec.outputs
    given = max((len(_values_of(each)) for each in answers if not _blocks(each)), default=0)
    return spec.outputs + (spec.open_output,) * (given - len(spec.outputs))


def _values_of(answer: Any) -> tuple[Any, ...]:
    return answer.values if isinstance(answer, (Shown, Expanded)) else answer


def links_in(answers: Sequence[Answer]) -> list[tuple[str, int]]:
    """Where the values of graphs that were put in a node's place come from."""
    return [
        (str(value[0]), int(value[1]))
        for answer in answers
        if isinstance(answer, Expanded)
        for value in answer.values
        if is_link(value)
    ]


def is_outside(answer: Any) -> bool:
    """True for an answer that is still to come."""
    return type(answer) is not tuple and inspect.isawaitable(answer)


def _blocks(value: Any) -> bool:
    return isinstance(value, ExecutionBlocker)


def _blocker_in(inputs: Mapping[str, Any]) -> ExecutionBlocker | None:
    for value in inputs.values():
        if isinstance(value, ExecutionBlocker):
            return value
    return None


def _join_shown(shown: dict[str, list[Any]], more: Mapping[str, Any], place: str) -> dict[str, list[Any]]:
    """What was shown so far with what one more call shows. Clients find a list under every name."""
    joined = dict(shown)
    for name, value in more.items():
        try:
            each = plain(value)
        except (ValueError, RecursionError, TypeError) as error:
            raise GraphError(
                say(
                    "{place}: what it shows as {name!r} cannot be sent to anybody ({why})",
                    place=place,
                    name=name,
                    why=error,
                )
            ) from error
        name = plain_text(name)
        joined[name] = [*joined.get(name, ()), *(each if isinstance(each, list) else [each])]
    return joined
