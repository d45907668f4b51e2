"""Values that an editor's script gives to a node beyond those that the node declares; the node counts on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from execution.saved.records import Record
from execution.saved.widgets import named_values


def scripted_values(record: Record, kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in a saved node behind the back of its declaration, by the names under which it is sent.

    Args:
        inputs: the values of the widgets that it declares.
    """
    find = _SCRIPTED.get(kind)
    return find(record, inputs) if find else {}


def _find_choices(record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A Custom Combo's: the choices that a person wrote, and the place of the one chosen, which comes first."""
    named, saved = named_values(record), record.get("widgets_values")
    if named:
        place, choices = named.get("index"), [each for name, each in named.items() if name.startswith("option")]
    elif isinstance(saved, list) and len(saved) > 1:
        place, choices = saved[1], saved[2:]
    else:
        return {}
    if inputs.get("choice") in choices:  # an instance of the subgraph around it may have chosen another
        place = choices.index(inputs["choice"])
    return {"index": place} | {f"option{number}": each for number, each in enumerate(choices, 1)}


def _find_loras(record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """One object for each row, between others that only draw: `{on, lora, strength}`, numbered from 1."""
    saved = record.get("widgets_values")
    values = saved if isinstance(saved, list) else named_values(record).values()
    rows = (each for each in values if isinstance(each, Mapping) and "lora" in each)
    return {f"lora_{number}": dict(each) for number, each in enumerate(rows, 1)}


_SCRIPTED: Mapping[str, Callable[[Record, Mapping[str, Any]], dict[str, Any]]] = {
    "CustomCombo": _find_choices,
    "Power Lora Loader (rgthree)": _find_loras,
}
