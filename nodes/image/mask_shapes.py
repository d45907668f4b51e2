"""Masks cut, softened, grown and put together."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Flag, More, Number, Wire, node
from heddle.graph.declare_dynamic import Growing
from heddle.numerics.batches import masks_of
from heddle.numerics.masks import OPERATIONS, combine_masks, crop_mask, feather, join_masks
from heddle.numerics.morphology import grow_masks
from heddle.wires import Mask
from nodes.image.masks import CATEGORY, AnyMask


def _place(tip: str) -> Number:
    return Number(default=0, low=0, high=16384, step=1, tip=tip)


def _length(tip: str) -> Number:
    return Number(default=512, low=1, high=16384, step=1, tip=tip)


@node("CropMask", category=CATEGORY, name="Crop Mask", search=("cut",))
def crop(
    mask: AnyMask,
    x: Annotated[int, _place("Where the part begins, in pixels from the left.")],
    y: Annotated[int, _place("Where the part begins, in pixels from the top.")],
    width: Annotated[int, _length("In pixels; less where the mask ends.")],
    height: Annotated[int, _length("In pixels; less where the mask ends.")],
) -> Mask:
    """Cut a rectangle out of masks."""
    return crop_mask(mask, x, y, width, height)


@node("FeatherMask", category=CATEGORY, name="Feather Mask", search=("soften", "fade", "edge"))
def feather_mask(
    mask: AnyMask,
    left: Annotated[int, _place("How many pixels wide the left side fades.")],
    top: Annotated[int, _place("How many pixels high the upper side fades.")],
    right: Annotated[int, _place("How many pixels wide the right side fades.")],
    bottom: Annotated[int, _place("How many pixels high the lower side fades.")],
) -> Mask:
    """Let masks fade towards their four sides, so that what is put in with them has no hard edge there."""
    return feather(mask, left, top, right, bottom)


@node("GrowMask", category=CATEGORY, name="Grow Mask", search=("expand", "dilate", "erode", "shrink"))
def grow(
    mask: AnyMask,
    expand: Annotated[
        int, Number(default=0, low=-16384, high=16384, step=1, tip="By how many pixels; less than 0 shrinks.")
    ],
    tapered_corners: Annotated[
        bool, Flag(default=True, advanced=True, tip="Corners are cut at a slant instead of staying square.")
    ],
) -> Mask:
    """Let the white of masks grow or shrink by some pixels on all sides."""
    return grow_masks(masks_of(mask), expand, is_tapered=tapered_corners)


@node("MaskComposite", category=CATEGORY, name="Combine Masks", search=("union", "intersection", "boolean"))
def composite(
    destination: Annotated[Mask, Wire("MASK", tip="The masks that the others are put onto; they give the size.")],
    source: Annotated[Mask, Wire("MASK", tip="The masks that are put on.")],
    x: Annotated[int, _place("Where the source begins, in pixels from the left.")],
    y: Annotated[int, _place("Where the source begins, in pixels from the top.")],
    operation: Annotated[
        str,
        Choice(
            *OPERATIONS,
            tip="multiply, add and subtract count with greys; and, or and xor take what is above 0.5 for white.",
        ),
        More({"multiselect": False}),
    ],
) -> Mask:
    """Put one mask onto another at a place. Of batches of different length the shorter one is repeated."""
    return combine_masks(destination, source, x, y, operation)


@node("BatchMasksNode", category=CATEGORY, name="Batch Masks", search=("combine", "list", "stack"))
def batch_masks(
    masks: Annotated[
        dict[str, Mask], Growing("mask", Mask, high=50, tip="The masks in their order; the first gives the size.")
    ],
) -> Mask:
    """Put several masks into one batch. What has another size than the first is resized, and cut at its sides."""
    return join_masks(list(masks.values()))
