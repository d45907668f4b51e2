"""Boxes set by numbers, and drawn."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Hidden, More, Number, Wire, node
from heddle.graph.results import Shown
from heddle.numerics.batches import images_of
from heddle.numerics.box_drawing import draw_boxes
from heddle.numerics.boxes import read_entries
from heddle.numerics.image_batches import with_channels
from heddle.numerics.resize import resize
from heddle.wires import Image
from nodes.image.files import PASSING_LEVEL, write_images
from nodes.metadata import texts_for

_Corner = Annotated[int, Number(default=0, low=0, high=16384, tip="Of the upper left corner, in pixels.")]
_Length = Annotated[int, Number(default=512, low=1, high=16384, tip="In pixels.")]
_Side = Annotated[int, Number(default=1024, low=64, high=16384, step=16, tip="Of what the boxes lie on, in pixels.")]
_KEYS = ("x", "y", "width", "height")


@node("PrimitiveBoundingBox", category="utilities/primitive", name="Bounding Box", search=("rectangle", "region"))
def give_box(
    x: _Corner, y: _Corner, width: _Length, height: _Length
) -> Annotated[dict[str, int], Wire("BOUNDING_BOX")]:
    """A box, for any number of inputs."""
    return {"x": x, "y": y, "width": width, "height": height}


@node(
    "CreateBoundingBoxes",
    category="utilities",
    name="Create Bounding Boxes",
    outputs=("preview", "bboxes", "elements"),
    effects=True,
    experimental=True,
    search=("draw rectangle", "regions", "layout"),
)
def create_boxes(
    width: _Side,
    height: _Side,
    editor_state: Annotated[
        Any, Wire("BOUNDING_BOXES", tip="The boxes: drag to draw one."), More({"default": [], "socketless": False})
    ],
    *,
    background: Annotated[Image | None, Wire("IMAGE", tip="What the boxes are shown on.")] = None,
    bboxes: Annotated[
        Any, Wire("BOUNDING_BOX,ARRAY,STRING", tip="Boxes from elsewhere, which take the place of those drawn here.")
    ] = None,
    last_incoming: Annotated[
        Any,
        Wire(
            "BOUNDING_BOXES", tip="The boxes from elsewhere that were taken over before and may have been moved here."
        ),
        More({"default": [], "socketless": True}),
    ] = None,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Annotated[Shown, Wire("IMAGE"), Wire("BOUNDING_BOX"), Wire("ARRAY")]:
    """Draw boxes by hand, such as the places of things in a picture.

    Boxes from elsewhere come first, until they were taken over and changed here. The elements are the boxes with all
    else that is written to them.
    """
    incoming = _entries(bboxes)
    drawn = _entries(editor_state)
    entries = incoming if incoming and incoming != _entries(last_incoming) else drawn
    if background is None:
        board = torch.zeros(1, height, width, 3)
    else:
        colours = with_channels(images_of(background, "background")[:1], 3)[..., :3]
        board = resize(colours.movedim(-1, 1), width, height, "area").movedim(1, -1)
    preview = draw_boxes(board, [entries])
    texts = texts_for(prompt, extra_pnginfo, ctx)
    shown = write_images(preview, "temp", f"boxes_{secrets.token_hex(4)}", texts, PASSING_LEVEL, ctx)
    plain = [{key: entry[key] for key in _KEYS} for entry in entries]
    return Shown((preview, plain, entries), shown.ui)


def _entries(value: Any) -> list[dict[str, Any]]:
    """Boxes in any form; of several images those of the first. Raises: GraphError, if something else is among them."""
    return next(iter(read_entries(value)), [])
