"""A picture painted by hand."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import More, Number, Text, Wire, node
from heddle.media.colours import read_colour
from heddle.media.pictures import read_picture
from heddle.numerics.batches import images_of
from heddle.numerics.compositing import paste
from heddle.numerics.image_batches import with_channels
from heddle.numerics.resize import resize
from heddle.wires import Image, Mask


def _side() -> tuple[Number, More]:
    tip = "Of what is painted on where no image is linked, in pixels."
    return Number(default=512, low=64, high=4096, step=64, tip=tip), More({"hidden": True, "socketless": True})


@node("Painter", category="image", name="Painter", search=("draw", "brush", "sketch", "scribble"))
def paint(
    mask: Annotated[
        str,
        Text(tip="What was painted: a file in the input folder. Nothing is painted while this is empty."),
        More({"widgetType": "PAINTER", "image_upload": True, "default": "", "socketless": True, "multiline": False}),
    ],
    width: Annotated[int, *_side()],
    height: Annotated[int, *_side()],
    bg_color: Annotated[
        str,
        Wire("COLOR", tip="Of what is painted on where no image is linked, as #rrggbb."),
        More({"default": "#000000", "socketless": True}),
    ],
    *,
    image: Annotated[Image | None, Wire("IMAGE", tip="The images that are painted on, all of a batch alike.")] = None,
    ctx: Context,
) -> tuple[Image, Mask]:
    """Paint by hand on an image or on a plain colour. The mask is white where something was painted."""
    if image is None:
        base = torch.tensor(read_colour(bg_color, "bg_color")[:3]).expand(1, height, width, 3).contiguous()
    else:
        base = with_channels(images_of(image), 3)
    height, width = base.shape[1:3]
    if not mask.strip():
        return base, torch.zeros(1, height, width)
    picture = read_picture(ctx.folders.annotated(mask), name=mask, most_frames=1)
    colours, alpha = torch.from_numpy(picture.as_float()), picture.alpha_as_float()
    covered = torch.ones(colours.shape[:3]) if alpha is None else torch.from_numpy(alpha)
    painted = torch.cat([colours, covered[..., None]], dim=-1).movedim(-1, 1)
    if painted.shape[-2:] != (height, width):
        painted = resize(painted, width, height, "lanczos")
    share = painted[:, 3]
    planes = base.movedim(-1, 1)
    over = with_channels(painted[:, :3].movedim(1, -1), base.shape[-1]).movedim(-1, 1)
    return paste(planes, over, 0, 0, share).movedim(1, -1), share
