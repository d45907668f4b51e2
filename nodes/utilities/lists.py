"""Lists of values, and choices that people write themselves."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, Wire, node
from heddle.graph.declare_dynamic import Growing, Shared
from nodes.text.changing import SINGLE


@node(
    "CreateList", category="utilities", name="Create List", outputs=("list",), takes_lists=True,
    search=("batch", "combine", "join"),
)  # fmt: skip
def make_list(
    inputs: Annotated[dict[str, Any], Growing("input", Annotated[Any, Shared("type")], high=10)],
) -> Annotated[Any, Shared("type", many=True)]:
    """Put values together into a list, for which the nodes behind it run once each. Lists are put behind each other."""
    return ([value for values in inputs.values() for value in values],)


def _check(choice: Any) -> bool:
    """The choices are on the node of the person who wrote them; here every text is one."""
    return True


@node(
    "CustomCombo",
    category="utilities",
    name="Custom Combo",
    outputs=("STRING", "INDEX"),
    experimental=True,
    check=_check,
)
def choose(
    choice: Annotated[str, Choice(tip="One of the lines that are written below it."), SINGLE],
    **others: Annotated[Any, Wire("*")],
) -> tuple[str, int]:
    """Choose one of several lines that you write on the node, as a text and as its number, from 0 on."""
    place = others.get("index")
    return choice, int(place) if isinstance(place, (int, float)) else 0
