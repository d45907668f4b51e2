"""Parts of pictures cut out around masks, to be drawn anew alone, and put back into the pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.numerics.boxes import Box, box_of_mask
from heddle.numerics.compositing import with_channels_of
from heddle.numerics.resize import fill_size, resize_images
from heddle.numerics.soft_masks import grow_softly, soften

MOST_PARTS = 64  # of one mask: each is drawn for itself, so a mask of specks would run for hours


@dataclass(frozen=True)
class CropRules:
    """How much is cut out around a mask, and to which size it is brought.

    grow_px: the mask grows by so much first. fade_px: so far around it what is drawn fades into the picture.
    context: how many times as wide and high as the faded mask the part is; context_px: and more at each side.
    width, height: of the result; 0 for one follows the part's aspect, for both keeps the part's own size.
    multiple: both sides of the result are multiples of it, made by cutting out more.
    are_parts_apart: each connected part of a mask is cut out for itself.
    """

    grow_px: int
    fade_px: int
    context: float
    context_px: int
    width: int
    height: int
    multiple: int
    are_parts_apart: bool


class Crop(NamedTuple):
    """Where one part comes from: `box` of a picture lies in `place` of what was cut out, at any scale.

    share: [height, width] of `box`: how much of what is drawn shows; 0 leaves the picture to the bit.
    """

    picture: int
    box: Box
    place: Box
    share: Tensor


class InpaintPlaces(NamedTuple):
    """The pictures [B, H, W, C], and where each part that was cut out of them belongs; all are `width` x `height`.

    It flows along a wire, as a tuple: so the cache counts the tensors that it keeps alive.
    """

    images: Tensor
    crops: tuple[Crop, ...]
    width: int
    height: int


@dataclass(frozen=True)
class CutOut:
    """Parts of pictures, one beside the other in batches.

    images: [N, h, w, C]. masks, soft_masks: [N, h, w]: what is drawn anew, hard as it was given and faded.
    empty_masks: how many masks show nothing. If all of them, the first picture is cut out whole under empty masks.
    """

    places: InpaintPlaces
    images: Tensor
    masks: Tensor
    soft_masks: Tensor
    empty_masks: int


@dataclass(frozen=True)
class _Part:
    """One part of a mask: what of it lies in a box, hard and faded, and what is cut out at least."""

    box: Box
    mask: Tensor
    soft: Tensor
    wanted: Box


def cut_out(images: Tensor, masks: Tensor, rules: CropRules) -> CutOut:
    """What lies around masks, in pieces of one size.

    Args:
        images: [B, H, W, C]. masks: [M, H, W]; a mask more than there are images is on the first image again, and so
            on; the first mask more than there are masks.
    Raises: GraphError, if a mask falls into more parts than MOST_PARTS.
    """
    found = [list(_parts_of(mask, rules)) for mask in masks]
    whose = [(number % len(images), found[number % len(found)]) for number in range(max(len(images), len(masks)))]
    parts = [(picture, part) for picture, those in whose for part in those]
    rows, columns = images.shape[1:3]
    if not parts:
        nothing, whole = images.new_zeros(rows, columns), Box(0, 0, columns, rows)
        parts = [(0, _Part(whole, nothing, nothing, whole))]
    own = max(part.wanted.width for _, part in parts), max(part.wanted.height for _, part in parts)
    keeps_size = rules.width == rules.height == 0
    width, height = own if keeps_size else fill_size(rules.width, rules.height, *own)
    width, height = (math.ceil(side / rules.multiple) * rules.multiple for side in (width, height))

    crops: list[Crop] = []
    pieces: list[tuple[Tensor, ...]] = []
    for picture, part in parts:
        size = (width, height) if keeps_size else _of_aspect(part.wanted, width, height)
        around = _around(part.wanted, *size, columns, rows)
        box = around.within(columns, rows)
        place = _place(box, around, width, height)
        mask, soft = (_moved(each, part.box, box) for each in (part.mask, part.soft))
        crops.append(Crop(picture, box, place, soft))
        sources = (box.of(images[picture, None]), mask[None, ..., None], soft[None, ..., None])
        pieces.append(tuple(_piece(each, place, width, height) for each in sources))
    cut, hard, soft = (torch.cat(each) for each in zip(*pieces, strict=True))
    places = InpaintPlaces(images, tuple(crops), width, height)
    return CutOut(places, cut, hard[..., 0], soft[..., 0], sum(not those for _, those in whose))


def stitch_back(places: InpaintPlaces, drawn: Tensor) -> Tensor:
    """The pictures with what was drawn put back; where its share is 0 they stay to the bit.

    Args:
        drawn: [N, h, w, C], one for each crop, or several times as many: then there are as many of each picture, one
            after the other for each run through the crops. Of another size it is resized. What it has no alpha for is
            opaque.
    Raises: ShapeError, if they are too few or too many.
    """
    count = len(places.crops)
    if len(drawn) == 0 or len(drawn) % count:
        words = (
            "{found} images are to be stitched, but {wanted} parts were cut out; give one for each part, or the "
            "same number of variants for each, in the order in which they were cut out"
        )
        raise ShapeError(say(words, found=len(drawn), wanted=count), wanted=count, got=len(drawn))
    drawn = with_channels_of(drawn, places.images).to(places.images)
    result = places.images.repeat(len(drawn) // count, 1, 1, 1)
    for number, image in enumerate(drawn.split(1)):
        crop = places.crops[number % count]
        picture = number // count * len(places.images) + crop.picture
        part = _scaled(crop.place, image, places).of(image)
        new = _resized(part, crop.box.width, crop.box.height)[0]
        box = crop.box
        onto = result[picture, box.top : box.bottom, box.left : box.right]
        share = crop.share[..., None].to(new)
        mixed = torch.where(share == 1, new, onto + (new - onto) * share)
        onto.copy_(torch.where(share == 0, onto, mixed))
    return result


def _parts_of(mask: Tensor, rules: CropRules) -> Iterator[_Part]:
    """The parts of a mask [H, W]: all of it, or each connected one; none if it is empty."""
    grown = grow_softly(mask, rules.grow_px)[0]
    if not bool((grown > 0).any()):
        return
    soft = torch.maximum(grown, soften(mask, rules.grow_px, rules.fade_px)[0])
    for box, there in _connected(soft) if rules.are_parts_apart else _whole(soft):
        mask, faded = (box.of(each[None])[0] * there for each in (grown, soft))
        yield _Part(box, mask, faded, _with_context(box, rules, *soft.shape))


def _whole(soft: Tensor) -> Iterator[tuple[Box, Tensor]]:
    """All of a mask [H, W] as one part: the box around it, and where in that it lies."""
    box = box_of_mask(soft)
    if box is not None:
        yield box, box.of(soft[None])[0] > 0


def _connected(soft: Tensor) -> Iterator[tuple[Box, Tensor]]:
    """The same for each part that hangs together, over corners too."""
    from scipy.ndimage import find_objects, label  # importing scipy changes the filters of warnings

    labels = np.empty(soft.shape, np.int32)
    label((soft > 0).numpy(force=True), np.ones((3, 3)), output=labels)
    count = int(labels.max())
    if count > MOST_PARTS:
        words = (
            "the mask falls into {count} parts, of which at most {most} are cut out apart; "
            "grow it so that they join, or cut them out together"
        )
        raise GraphError(say(words, count=count, most=MOST_PARTS), found=count, wanted=f"at most {MOST_PARTS}")
    for number, (rows, columns) in enumerate(find_objects(labels), start=1):
        there = torch.from_numpy(labels[rows, columns] == number).to(soft.device)
        yield Box(columns.start, rows.start, columns.stop, rows.stop), there


def _moved(mask: Tensor, box: Box, onto: Box) -> Tensor:
    """What of a mask lies in one box, in a larger one that holds it, among zeros."""
    moved = mask.new_zeros(onto.height, onto.width)
    top, left = box.top - onto.top, box.left - onto.left
    moved[top : top + box.height, left : left + box.width] = mask
    return moved


def _with_context(box: Box, rules: CropRules, rows: int, columns: int) -> Box:
    """The box with what of its surroundings lies on the picture."""
    more = [math.ceil(side * (rules.context - 1) / 2) + rules.context_px for side in (box.width, box.height)]
    larger = Box(box.left - more[0], box.top - more[1], box.right + more[0], box.bottom + more[1])
    return larger.within(columns, rows)


def _of_aspect(box: Box, width: int, height: int) -> tuple[int, int]:
    """The smallest size that holds the box and has the aspect of width x height."""
    return (
        max(box.width, math.ceil(box.height * width / height)),
        max(box.height, math.ceil(box.width * height / width)),
    )


def _around(box: Box, width: int, height: int, columns: int, rows: int) -> Box:
    """A box of this size with another in its middle, pushed onto the picture; larger than that it stands out evenly."""
    left, top = (
        (whole - length) // 2 if length >= whole else min(max((first + last - length) // 2, 0), whole - length)
        for first, last, length, whole in ((box.left, box.right, width, columns), (box.top, box.bottom, height, rows))
    )
    return Box(left, top, left + width, top + height)


def _place(box: Box, whole: Box, width: int, height: int) -> Box:
    """Where a box lies in width x height that all of `whole` is brought to, in whole pixels and at least one."""
    left, right = _line(box.left - whole.left, box.right - whole.left, width / whole.width, width)
    top, bottom = _line(box.top - whole.top, box.bottom - whole.top, height / whole.height, height)
    return Box(left, top, right, bottom)


def _scaled(place: Box, image: Tensor, places: InpaintPlaces) -> Box:
    """The place in an image that may have another size than the crops."""
    rows, columns = image.shape[1:3]
    return _place(place, Box(0, 0, places.width, places.height), columns, rows)


def _line(first: int, last: int, scale: float, length: int) -> tuple[int, int]:
    start = min(round(first * scale), length - 1)
    return start, max(start + 1, min(round(last * scale), length))


def _piece(part: Tensor, place: Box, width: int, height: int) -> Tensor:
    """[1, height, width, C] with a part in its place, and the pixels of its sides going on from there."""
    fitted = _resized(part, place.width, place.height)
    rows, columns = (
        torch.arange(length, device=part.device).clamp(first, last - 1) - first
        for length, first, last in ((height, place.top, place.bottom), (width, place.left, place.right))
    )
    return fitted[:, rows][:, :, columns]


def _resized(images: Tensor, width: int, height: int) -> Tensor:
    """Images 0..1 at another size; of this size they stay to the bit."""
    if images.shape[1:3] == (height, width):
        return images
    is_smaller = width * height < images.shape[1] * images.shape[2]
    return resize_images(images.nan_to_num(), width, height, "area" if is_smaller else "bicubic").clamp(0, 1)
