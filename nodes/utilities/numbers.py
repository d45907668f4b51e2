"""Numbers computed, read and chosen."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Growing
from heddle.texts.expressions import compute, read_number
from heddle.texts.resolutions import size_of_ratio
from nodes.text.changing import LETTERS, SINGLE

CATEGORY = "utilities"

_RATIOS = {
    "1:1 (Square)": (1, 1),
    "2:3 (Portrait Photo)": (2, 3),
    "3:2 (Photo)": (3, 2),
    "3:4 (Portrait Standard)": (3, 4),
    "4:3 (Standard)": (4, 3),
    "9:16 (Portrait Widescreen)": (9, 16),
    "16:9 (Widescreen)": (16, 9),
    "21:9 (Ultrawide)": (21, 9),
}


@node(
    "ComfyMathExpression", category=CATEGORY, name="Math Expression", outputs=("FLOAT", "INT", "BOOL"),
    search=("math", "formula", "calculate", "add", "multiply"),
)  # fmt: skip
def calculate(
    expression: Annotated[
        str,
        Text(
            multiline=True,
            tip="Such as (a + b) * 2, max(a, b), sqrt(a), a if a > b else b. Linked values go by their letters; "
            "`values` is the list of all.",
        ),
        More({"default": "a + b"}),
    ],
    values: Annotated[dict[str, Any], Growing("value", Annotated[Any, Wire("FLOAT,INT,BOOLEAN")], names=LETTERS)],
) -> tuple[float, int, bool]:
    """Compute an expression of linked numbers: as a real number, a whole one (cut off), and as true or false (0)."""
    result = compute(expression, values)
    return float(result), int(result), bool(result)


@node("ComfyNumberConvert", category=CATEGORY, name="Convert Number", search=("int", "float", "cast", "parse"))
def convert_number(
    value: Annotated[
        Any,
        Wire("INT,FLOAT,STRING,BOOLEAN", tip="A number, a text that holds one, or true or false."),
        More({"display_name": "value"}),
    ],
) -> tuple[float, int]:
    """Turn numbers, texts that hold one, and true or false into a real and a whole number, which is cut off."""
    return read_number(value)


@node(
    "ResolutionSelector", category=CATEGORY, name="Resolution Selector", outputs=("width", "height"),
    search=("size", "aspect ratio", "megapixels"),
)  # fmt: skip
def select_size(
    aspect_ratio: Annotated[str, Choice(*_RATIOS, tip="Width to height."), SINGLE] = "1:1 (Square)",
    megapixels: Annotated[float, Number(low=0.1, high=16.0, step=0.1, tip="How many pixels, in 1024 x 1024.")] = 1.0,
    multiple: Annotated[
        int, Number(low=8, high=128, step=4, advanced=True, tip="Both sides are multiples of it, in pixels.")
    ] = 8,
) -> tuple[int, int]:
    """Work out a width and height from an aspect ratio and a number of pixels."""
    return size_of_ratio(*_RATIOS[aspect_ratio], megapixels, multiple)


@node("SeedNode", category=CATEGORY, name="Seed", outputs=("seed",), search=("random", "noise"))
def give_seed(
    seed: Annotated[
        int,
        Number(low=0, high=2**63 - 1, tip="The same seed gives the same picture."),
        More({"control_after_generate": "fixed"}),
    ],
) -> int:
    """A seed for any number of nodes, so that they change together."""
    return seed
