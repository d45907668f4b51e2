"""Boxes on an image, in whole pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say


@dataclass(frozen=True)
class Box:
    """What lies from `left` to just before `right`, and from `top` to just before `bottom`; it may be empty."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        return self.width <= 0 or self.height <= 0

    def grown(self, px: int) -> Box:
        """Larger by so much at each side."""
        return Box(self.left - px, self.top - px, self.right + px, self.bottom + px)

    def within(self, width: int, height: int) -> Box:
        """What of it lies on an image of this size."""
        return Box(max(0, self.left), max(0, self.top), min(width, self.right), min(height, self.bottom))

    def of(self, images: Tensor) -> Tensor:
        """A copy of what of images [B, H, W, ...] lies in it; it must lie within them."""
        return images[:, self.top : self.bottom, self.left : self.right].contiguous()


def around(boxes: Iterable[Box]) -> Box:
    """The smallest that holds all of these."""
    lefts, tops, rights, bottoms = zip(*((each.left, each.top, each.right, each.bottom) for each in boxes), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def box_of(value: Any) -> Box:
    """A box as it flows along BOUNDING_BOX wires: {"x", "y", "width", "height"}, in pixels.

    Raises: GraphError, if it is something else.
    """
    try:
        left, top, width, height = (math.floor(float(value[key])) for key in ("x", "y", "width", "height"))
    except (TypeError, KeyError, ValueError, OverflowError) as problem:
        words = (
            "a box is {value}, but numbers x, y, width and height are wanted, in pixels; look at the node that made it"
        )
        raise GraphError(
            say(words, value=str(value)),
            found=str(value)[:100],
            wanted="{x, y, width, height}",
        ) from problem
    return Box(left, top, left + width, top + height)


def boxes_by_image(value: Any) -> list[list[Box]]:
    """Boxes as detectors give them: a list of boxes for each image, one list for all images, or a single box.

    Raises: GraphError, if it is something else.
    """
    return [[box_of(each) for each in row] for row in entries_by_image(value)]


def entries_by_image(value: Any) -> list[list[Any]]:
    """The same with all that is written to each box, such as its `label` and `score`."""
    if isinstance(value, Mapping):
        return [[value]]
    entries = list(value) if isinstance(value, list | tuple) else [value]
    if entries and all(isinstance(each, Mapping) for each in entries):
        return [entries]
    return [list(each) if isinstance(each, list | tuple) else [each] for each in entries]


def read_entries(value: Any) -> list[list[dict[str, Any]]]:
    """Boxes in any form that boxes come in: one list for all images, or one for each, as {x, y, width, height, ...}.

    A box may be four numbers instead, and all of it a text, which is read as JSON. None and an empty text have none.

    Raises: GraphError, if there is something else among them.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as problem:
            words = "the boxes are a text that is no JSON ({why}); wanted is a list such as {example}"
            example = '[{"x": 0, "y": 0, "width": 64, "height": 64}]'
            raise GraphError(
                say(words, why=str(problem), example=example), input_name="bboxes", found=value[:100]
            ) from problem
    if isinstance(value, Mapping) or _is_box(value):
        value = [value]
    rows = list(value) if isinstance(value, list | tuple) else [value]
    if not rows or not isinstance(rows[0], list | tuple) or _is_box(rows[0]):
        rows = [rows]
    return [[_entry(each) for each in (row if isinstance(row, list | tuple) and not _is_box(row) else [row])]
            for row in rows]  # fmt: skip


def _is_box(value: Any) -> bool:
    """One as numbers."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, int | float) for each in value)


def _entry(value: Any) -> dict[str, Any]:
    keys = ("x", "y", "width", "height")
    entry: Any = dict(zip(keys, value, strict=False)) if _is_box(value) else value
    box_of(entry)
    return dict(entry)


def box_of_mask(mask: Tensor, over: float = 0.0) -> Box | None:
    """What lies around all cells of a mask [H, W] that are more than `over`; None if there are none."""
    rows, columns = ((mask > over).any(dim=dim).nonzero().flatten() for dim in (1, 0))
    if len(rows) == 0:
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
