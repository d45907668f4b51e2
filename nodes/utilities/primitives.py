"""Values that a person sets, to be linked to any number of inputs."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Flag, More, Number, Text, node

CATEGORY = "utilities/primitive"

_MOST = 2**63 - 1
_TIP = "What is handed on."


@node("PrimitiveString", category=CATEGORY, name="Text", search=("string", "value"))
def give_text(value: Annotated[str, Text(tip=_TIP), More({"multiline": False})]) -> str:
    """A text of one line, for any number of inputs."""
    return value


@node("PrimitiveStringMultiline", category=CATEGORY, name="Text (Multiline)", search=("string", "value", "prompt"))
def give_long_text(value: Annotated[str, Text(multiline=True, tip=_TIP)]) -> str:
    """A text of several lines, for any number of inputs."""
    return value


@node("PrimitiveInt", category=CATEGORY, name="Int", search=("integer", "number", "value"))
def give_whole_number(
    value: Annotated[int, Number(low=-_MOST, high=_MOST, tip=_TIP), More({"control_after_generate": "fixed"})],
) -> int:
    """A whole number, for any number of inputs."""
    return value


@node("PrimitiveFloat", category=CATEGORY, name="Float", search=("decimal", "number", "value"))
def give_number(value: Annotated[float, Number(low=-_MOST, high=_MOST, step=0.1, tip=_TIP)]) -> float:
    """A number with decimals, for any number of inputs."""
    return value


@node("PrimitiveBoolean", category=CATEGORY, name="Boolean", search=("bool", "switch", "yes", "no"))
def give_truth(value: Annotated[bool, Flag(tip=_TIP)]) -> bool:
    """True or false, for any number of inputs."""
    return value
