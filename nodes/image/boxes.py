"""Boxes shown on images."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import More, Wire, node
from heddle.numerics.batches import images_of
from heddle.numerics.box_drawing import draw_boxes, empty_board
from heddle.numerics.boxes import entries_by_image
from heddle.wires import Image


@node("DrawBBoxes", category="image/detection", name="Draw BBoxes", outputs=("out_image",), search=("bounding box",))
def draw(
    bboxes: Annotated[
        Any,
        Wire("BOUNDING_BOX", tip="The boxes, such as a detector finds them; their labels and scores are written on."),
        More({"default": {"x": 0, "y": 0, "width": 512, "height": 512}, "socketless": True, "forceInput": True}),
    ],
    *,
    image: Annotated[
        Image | None,
        Wire("IMAGE", tip="What they are drawn on; a black image that all of them fit on if nothing is linked."),
    ] = None,
) -> Image:
    """Draw boxes on images, one colour for each label. A single list of boxes is drawn on all images of a batch."""
    entries = entries_by_image(bboxes)
    return draw_boxes(empty_board(entries) if image is None else images_of(image), entries)
