"""Masks made soft, for pictures that change more in one place than in another."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Number, node
from heddle.numerics.soft_masks import SIDES, soften
from heddle.wires import Mask
from nodes.image.masks import CATEGORY, AnyMask


@node("HeddleSoftMask", category=CATEGORY, name="Soften Mask", search=("blur mask", "feather", "differential", "soft"))
def soften_mask(
    mask: AnyMask,
    grow: Annotated[
        int, Number(low=-4096, high=4096, tip="The white reaches further by so many pixels; less far below 0.")
    ] = 0,
    fade: Annotated[int, Number(low=0, high=4096, tip="From white to black over so many pixels; 0 is hard.")] = 32,
    side: Annotated[
        str, Choice(*SIDES, tip="Where the fading lies: outside of the white, on both sides of its border, or inside.")
    ] = "outside",
) -> Mask:
    """Let masks fade evenly around their white: the border of what Differential Diffusion changes less and less.

    Further away they are white and black exactly. At the sides of the picture nothing fades. What is above 0.5 counts
    as white, so hard masks are wanted.
    """
    return soften(mask, grow, fade, side)
