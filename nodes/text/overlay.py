"""Texts laid over images."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, More, Number, Text, Wire, node
from heddle.graph.said import say
from heddle.media.colours import read_colour
from heddle.numerics.batches import images_of
from heddle.numerics.text_overlay import overlay_text
from heddle.wires import Image


@node(
    "TextOverlay",
    category="text",
    name="Draw Text Overlay",
    outputs=("images",),
    search=("caption", "label", "watermark"),
)
def draw_text(
    images: Annotated[Image, Wire("IMAGE", tip="The images that the text is laid over.")],
    text: Annotated[
        str, Text(multiline=True, tip="Long lines are broken where the image ends."), More({"default": ""})
    ],
    font_size: Annotated[
        float,
        Number(default=5.0, low=0.5, high=50.0, step=0.5, tip="Of the letters, in percent of the image's height."),
    ],
    color: Annotated[
        str,
        Wire("COLOR", tip="Of the letters, as #rrggbb, or #rrggbbaa with opacity."),
        More({"default": "#ffffff", "socketless": True}),
    ],
    position: Annotated[
        str, Choice("top", "bottom", tip="Where the text stands."), More({"default": "top", "multiselect": False})
    ],
    align: Annotated[
        str,
        Choice("left", "center", "right", tip="How its lines stand."),
        More({"default": "left", "multiselect": False}),
    ],
    outline: Annotated[
        bool,
        Flag(default=True, tip="An edge around the letters, black or white, so that they can be read on anything."),
    ],
    ctx: Context,
) -> Image:
    """Write a text over images, the same over each."""
    made = overlay_text(
        images_of(images, "images"), text, font_size, read_colour(color, "color"), position, align, outline
    )
    if made.lacking:
        words = "no font of this machine has {letters}; install one that does"
        ctx.note(say(words, letters=made.lacking))
    if made.is_cut:
        ctx.note(say("the text is longer than the image has room for; make the letters smaller"))
    return made.images
