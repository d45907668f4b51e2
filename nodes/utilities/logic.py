"""True and false, and what is chosen by them."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Flag, Wire, node
from heddle.graph.declare_dynamic import Growing, Shared

CATEGORY = "utilities/logic"

Values = Annotated[dict[str, Any], Growing("value", Annotated[Any, Wire("*")], high=10)]
Branch = Shared("switch", lazy=True)


def _is_true(value: Any) -> bool:
    """What Python takes for true. Pictures and other values that are neither are there, which is true."""
    try:
        return bool(value)
    except (RuntimeError, ValueError):  # a tensor of several numbers
        return True


def _branch(switch: Any, on_false: Any = None, on_true: Any = None) -> list[str]:
    """The input that is wanted and not there yet."""
    name, there = ("on_true", on_true) if _is_true(switch) else ("on_false", on_false)
    return [] if there is not None else [name]


@node(
    "ComfySwitchNode", category=CATEGORY, name="If/Else Switch", outputs=("output",), experimental=True,
    ask_lazy=_branch, search=("condition", "choose", "branch"),
)  # fmt: skip
def switch(
    switch: Annotated[bool, Flag(tip="Which of the two is handed on.")],
    on_false: Annotated[Any, Shared("switch", tip="Handed on if the switch is off.", lazy=True)],
    on_true: Annotated[Any, Shared("switch", tip="Handed on if the switch is on.", lazy=True)],
) -> Annotated[Any, Shared("switch")]:
    """Hand on one of two values. What makes the other one does not run."""
    return on_true if _is_true(switch) else on_false


@node("ComfyAndNode", category=CATEGORY, name="And", search=("logic", "all", "boolean"))
def all_of(values: Values) -> bool:
    """True if all values are. Numbers other than 0, and texts, lists and pictures that are not empty, count as true."""
    return all(map(_is_true, values.values()))


@node("ComfyOrNode", category=CATEGORY, name="Or", search=("logic", "any", "boolean"))
def any_of(values: Values) -> bool:
    """True if any value is. Numbers other than 0, and texts, lists and pictures that are not empty, count as true."""
    return any(map(_is_true, values.values()))


@node("ComfyNotNode", category=CATEGORY, name="Not", search=("logic", "invert", "boolean"))
def negate(value: Annotated[Any, Wire("*", tip="Any value; 0, and what is empty, counts as false.")]) -> bool:
    """False for what is true, and the other way round."""
    return not _is_true(value)
