"""Colours, brightnesses and curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from heddle.graph.declare import More, Wire, node
from heddle.graph.results import Shown
from heddle.media.colours import read_colour
from heddle.numerics.batches import images_of
from heddle.numerics.curves import CurveInput
from heddle.numerics.histograms import histograms
from heddle.wires import Image

Histogram = Annotated[list[int], Wire("HISTOGRAM")]


@node(
    "ColorToRGBInt",
    category="utilities",
    name="Color Picker",
    outputs=("rgb_int", "hex", "alpha"),
    search=("colour", "hex"),
)
def pick_colour(
    color: Annotated[
        str,
        Wire("COLOR", tip="As #rrggbb, or #rrggbbaa with opacity."),
        More({"default": "#ffffff", "socketless": True}),
    ],
) -> tuple[int, Annotated[str, Wire("COLOR")], float]:
    """A colour as one number (red x 65536 + green x 256 + blue), as a text, and how opaque it is, 0 to 1."""
    *colours, opacity = read_colour(color, "color")
    red, green, blue = (round(each * 255) for each in colours)
    return red << 16 | green << 8 | blue, f"#{red:02x}{green:02x}{blue:02x}", opacity


@node(
    "ImageHistogram",
    category="utilities",
    name="Image Histogram",
    outputs=("rgb", "luminance", "red", "green", "blue"),
    search=("levels", "brightness", "statistics"),
)
def count_levels(
    image: Annotated[Image, Wire("IMAGE", tip="The images that are counted, all together.")],
) -> tuple[Histogram, Histogram, Histogram, Histogram, Histogram]:
    """How many pixels have each of 256 brightnesses: all colours together, as the eye sees it, and of each colour."""
    found = histograms(images_of(image))
    return found["rgb"], found["luminance"], found["red"], found["green"], found["blue"]


@node("CurveEditor", category="utilities", name="Curve Editor", outputs=("curve",), search=("tone", "levels", "spline"))
def edit_curve(
    curve: Annotated[
        Mapping[str, Any],
        Wire("CURVE", tip="Click to add a point, drag to move it, click with Alt to take it away."),
        More({"default": {"points": [[0.0, 0.0], [1.0, 1.0]], "interpolation": "monotone_cubic"}, "socketless": True}),
    ],
    *,
    histogram: Annotated[list[int] | None, Wire("HISTOGRAM", tip="Shown behind the curve.")] = None,
) -> Annotated[Shown, Wire("CURVE")]:
    """A curve drawn through points, for nodes that change one value into another."""
    read = CurveInput.from_raw(curve)
    return Shown((read,), {} if histogram is None else {"histogram": list(histogram)})
