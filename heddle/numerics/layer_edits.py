"""What a person has changed about layers in an editor, as it stands in a workflow.

The value of Create Layered Image's `compositor`, all of it optional:

    {"width": 1024, "height": 768,           of the canvas, in pixels
     "background": "#rrggbb",                also #rrggbbaa, a CSS name or "transparent"
     "layers": [{"index": 0, "x": 10, "opacity": 0.5, "hidden": true}, {"name": "sky", "z_index": -1}]}

An entry of `layers` is about the layer of its "index", counted from 0 in the order in which they were added, else about
all of its "name", else about that of its own place in the list. `layers` may also be a dict by index or name. An entry
may set x, y, width, height, opacity, blend_mode, rotation, z_index, flip_h and flip_v, and hide its layer by "hidden":
true or "visible": false. What is not understood is left out, since other editors keep things of their own here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heddle.graph.errors import GraphError
from heddle.media.colours import read_colour
from heddle.numerics.blend_modes import MODES
from heddle.numerics.image_layers import Layer, Layers

MOST_PX = 16384
#: From an entry's key to the least and the most that it may say.
NUMBERS = {
    "x": (-MOST_PX, MOST_PX),
    "y": (-MOST_PX, MOST_PX),
    "width": (0, MOST_PX),
    "height": (0, MOST_PX),
    "opacity": (0, 1),
    "rotation": (-360, 360),
    "z_index": (-1000, 1000),
}
FLAGS = ("flip_h", "flip_v")
NOTHING = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class EditedLayers:
    """The layers that show, and the canvas that they lie on. background: red, green, blue, opacity, 0..1 each."""

    layers: tuple[Layer, ...]
    width: int
    height: int
    background: tuple[float, float, float, float] = NOTHING


def edit_layers(layers: Layers, edits: Any) -> EditedLayers:
    """Layers with what a person has changed about them; see the form above."""
    said = edits if isinstance(edits, Mapping) else {}
    changed: list[Layer | None] = list(layers.layers)
    for key, entry in _entries(said.get("layers")):
        for at in _about(key, entry, layers.layers):
            layer = changed[at]
            if layer is not None:
                changed[at] = None if _hides(entry) else replace(layer, **_changes(entry))
    width, height = (
        own if (number := _number(said.get(side), 1, MOST_PX)) is None else int(number)
        for own, side in zip(layers.size, ("width", "height"), strict=True)
    )
    return EditedLayers(
        tuple(each for each in changed if each is not None), width, height, _background(said.get("background"))
    )


def _entries(value: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if _is_list(value) else ()
    for key, entry in pairs:
        if isinstance(entry, Mapping):
            yield key, entry


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _about(key: Any, entry: Mapping[str, Any], layers: Sequence[Layer]) -> list[int]:
    """The places of the layers that an entry is about."""
    index = _number(entry.get("index"))
    name = entry.get("name")
    if index is None and not isinstance(name, str):
        index = _number(int(key) if isinstance(key, str) and key.isdecimal() else key)
        name = key
    if index is not None:
        return [int(index)] if index == int(index) and 0 <= index < len(layers) else []
    return [at for at, layer in enumerate(layers) if layer.name and layer.name == name]


def _hides(entry: Mapping[str, Any]) -> bool:
    return entry.get("hidden") is True or entry.get("visible") is False


def _changes(entry: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for key, (least, most) in NUMBERS.items():
        number = _number(entry.get(key), least, most)
        if number is not None:
            changes[key] = number
    changes |= {key: entry[key] for key in FLAGS if isinstance(entry.get(key), bool)}
    if isinstance(mode := entry.get("blend_mode"), str) and mode in MODES:
        changes["blend_mode"] = mode
    return changes


def _number(value: Any, least: float = -math.inf, most: float = math.inf) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(max(value, least), most)


def _background(value: Any) -> tuple[float, float, float, float]:
    if not isinstance(value, str) or value.strip().lower() == "transparent":
        return NOTHING
    try:
        return read_colour(value, "compositor")
    except GraphError:
        return NOTHING
