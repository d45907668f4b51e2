"""Layers of a picture, and the picture that they make together.

A layer is an image with a place on a canvas. Colours and alphas are kept apart ("straight") in float32; alphas here are
1 where something is opaque.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from heddle.numerics.batches import masks_of
from heddle.numerics.blend_modes import blend_colours
from heddle.numerics.image_batches import with_channels
from heddle.numerics.resize import fill_size, resize

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Layer:
    """An image, and where and how it lies on a canvas.

    image: [B, H, W, C], 0..1; a fourth channel is its alpha. mask: [1 or B, h, w] of any size, stretched over it; what
        it leaves out is transparent.
    x, y: of the upper left corner before it is turned, in canvas pixels.
    width, height: on the canvas, in its pixels; 0 for one keeps the aspect, for both the image's own size.
    opacity: 0..1. blend_mode: one of `blend_modes.MODES`.
    rotation: in degrees, clockwise, around its middle. flip_h, flip_v: mirrored before that, left to right and top to
        bottom.
    z_index: those with more lie further up; of equal ones, those that were added later.
    only: it shows on this picture of a batch alone, counted from 0; None = on all.
    """

    image: Tensor
    mask: Tensor | None = None
    name: str = ""
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    opacity: float = 1.0
    blend_mode: str = "normal"
    rotation: float = 0.0
    z_index: int = 0
    flip_h: bool = False
    flip_v: bool = False
    only: int | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height on the canvas."""
        own_height, own_width = self.image.shape[1:3]
        if self.width and self.height:
            return self.width, self.height
        if not self.width and not self.height:
            return own_width, own_height
        return fill_size(int(self.width), int(self.height), own_width, own_height)

    @property
    def pictures(self) -> int:
        """How many different ones it has."""
        return max(len(self.image), 1 if self.mask is None else len(masks_of(self.mask)))


@dataclass(frozen=True, eq=False)
class Layers:
    """What flows along LAYERS wires: layers in the order in which they were added.

    canvas: width and height of the picture that they make; None leaves that to the first of them.
    """

    layers: tuple[Layer, ...] = field(default=())
    canvas: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture; without a canvas as far as the first layer reaches."""
        if self.canvas is not None or not self.layers:
            return self.canvas or (1, 1)
        first = self.layers[0]
        width, height = first.size
        return max(1, math.ceil(first.x + width)), max(1, math.ceil(first.y + height))


@dataclass(frozen=True, eq=False)
class _Piece:
    """What a layer puts onto a part of the canvas: colours [h, w, 3] and alpha [h, w, 1] from (left, top) on."""

    colour: Tensor
    alpha: Tensor
    left: int
    top: int


def compose(
    layers: Sequence[Layer],
    width: int,
    height: int,
    background: tuple[float, float, float, float] = (0, 0, 0, 0),
    tell: Tell = lambda done, total: None,
) -> tuple[Tensor, Tensor]:
    """The picture that layers make on a canvas.

    A colour is co = (1 - ab) as cs + as ab B(cb, cs) + (1 - as) ab cb, over the alpha ao = as + ab - as ab: what lies
    below shows through a source of alpha as, and the blend B counts where both are.

    Source: W3C Compositing and Blending Level 1, section 5 (source over) with section 10.

    Args:
        background: red, green, blue and opacity of what lies below all layers.
        tell: told how many layers of how many pictures are done.
    Returns: colours [B, height, width, 3], 0 where nothing is, and alphas [B, height, width]. A layer with fewer
        pictures than another begins again from its first.
    """
    shown = sorted(layers, key=lambda layer: layer.z_index)
    count = max((layer.pictures if layer.only is None else layer.only + 1 for layer in shown), default=1)
    red_green_blue, opacity = torch.tensor(background[:3]), background[3]
    colours = (red_green_blue if opacity else torch.zeros(3)).repeat(count, height, width, 1)
    alphas = torch.full((count, height, width, 1), float(opacity))
    for number, layer in enumerate(shown):
        own, piece = layer.pictures, None
        for at in range(count) if layer.only is None else (layer.only,):
            if own > 1 or piece is None:
                piece = _place(layer, at % own, width, height)
            if piece is not None:
                _lay(piece, layer, colours[at], alphas[at])
            tell(number * count + at + 1, len(shown) * count)
    return colours, alphas[..., 0]


def _lay(piece: _Piece, layer: Layer, colours: Tensor, alphas: Tensor) -> None:
    """Put a piece onto [H, W, 3] and [H, W, 1], which are changed."""
    tall, wide = piece.alpha.shape[:2]
    there = (slice(piece.top, piece.top + tall), slice(piece.left, piece.left + wide))
    below, below_alpha = colours[there], alphas[there]
    alpha = piece.alpha * layer.opacity
    whole = alpha + below_alpha - alpha * below_alpha
    blended = blend_colours(below, piece.colour, layer.blend_mode)
    mixed = (1 - below_alpha) * alpha * piece.colour + alpha * below_alpha * blended + (1 - alpha) * below_alpha * below
    # What is not covered stays to the bit, also under numbers that are none.
    below.copy_(torch.where(alpha > 0, mixed / whole.where(whole > 0, 1.0), below))
    below_alpha.copy_(torch.where(alpha > 0, whole, below_alpha))


def _place(layer: Layer, at: int, width: int, height: int) -> _Piece | None:
    """One picture of a layer on a canvas; None if nothing of it lies there."""
    planes = _planes(layer, at)  # [1, 4, H, W], straight
    if layer.flip_h or layer.flip_v:
        planes = planes.flip([axis for axis, flips in ((-1, layer.flip_h), (-2, layer.flip_v)) if flips])
    wide, tall = layer.size
    # What becomes smaller is averaged; what becomes larger is read between its pixels, where the canvas has some.
    small = (min(planes.shape[-2], max(1, round(tall))), min(planes.shape[-1], max(1, round(wide))))
    if planes.shape[-2:] != small:
        shrunk = functional.interpolate(_weighted(planes), size=small, mode="bilinear", antialias=True)
        planes = _straight(shrunk, is_opaque=bool((planes[:, 3] == 1).all()))
    if planes.shape[-2:] == (tall, wide):
        quarters, rest = divmod(layer.rotation, 90)
        turned = torch.rot90(planes, -int(quarters) % 4, (-2, -1))
        left = layer.x + (wide - turned.shape[-1]) / 2
        top = layer.y + (tall - turned.shape[-2]) / 2
        if rest == 0 and left == int(left) and top == int(top):
            return _cut(turned, int(left), int(top), width, height)
    return _sample(planes, layer, width, height)


def _planes(layer: Layer, at: int) -> Tensor:
    image = with_channels(layer.image[at % len(layer.image)][None], 4)[..., :4].movedim(-1, 1).to("cpu", torch.float32)
    if layer.mask is None:
        return image
    masks = masks_of(layer.mask)
    mask = masks[at % len(masks)][None, None].to(image)
    height, width = image.shape[-2:]
    mask = mask if mask.shape[-2:] == image.shape[-2:] else resize(mask, width, height, "bilinear")
    return torch.cat([image[:, :3], image[:, 3:] * mask.clamp(0, 1)], dim=1)


def _weighted(planes: Tensor) -> Tensor:
    """Colours times alpha, so that what is transparent lends no colour to its neighbours."""
    colour, alpha = planes[:, :3], planes[:, 3:]
    return torch.cat([torch.where(alpha > 0, colour * alpha, 0.0), alpha], dim=1)


def _straight(planes: Tensor, *, is_opaque: bool) -> Tensor:
    if is_opaque:  # what rounding took off the sum of its weights is put back
        return torch.cat([planes[:, :3], torch.ones_like(planes[:, 3:])], dim=1)
    colour, alpha = planes[:, :3], planes[:, 3:]
    return torch.cat([torch.where(alpha > 0, colour / alpha.where(alpha > 0, 1.0), 0.0), alpha], dim=1)


def _cut(planes: Tensor, left: int, top: int, width: int, height: int) -> _Piece | None:
    """What of planes [1, 4, h, w] that begin at (left, top) lies on the canvas."""
    first_row, first_column = max(0, -top), max(0, -left)
    part = planes[0, :, first_row : max(0, height - top), first_column : max(0, width - left)].movedim(0, -1)
    if part.numel() == 0:
        return None
    return _Piece(part[..., :3], part[..., 3:], left + first_column, top + first_row)


def _sample(planes: Tensor, layer: Layer, width: int, height: int) -> _Piece | None:
    """Read planes [1, 4, h, w] where the canvas has pixels, between the nearest four. Borders are a pixel soft."""
    wide, tall = layer.size
    middle_x, middle_y = layer.x + wide / 2, layer.y + tall / 2
    angle = math.radians(layer.rotation % 360)
    cos, sin = math.cos(angle), math.sin(angle)
    reach_x, reach_y = (abs(cos) * wide + abs(sin) * tall) / 2, (abs(sin) * wide + abs(cos) * tall) / 2
    left, right = max(0, math.floor(middle_x - reach_x) - 1), min(width, math.ceil(middle_x + reach_x) + 1)
    top, bottom = max(0, math.floor(middle_y - reach_y) - 1), min(height, math.ceil(middle_y + reach_y) + 1)
    if left >= right or top >= bottom:
        return None
    right_of = torch.arange(left, right, dtype=torch.float64)[None, :] + 0.5 - middle_x
    below = torch.arange(top, bottom, dtype=torch.float64)[:, None] + 0.5 - middle_y
    # Turned back: where on the layer itself, from its middle.
    u, v = cos * right_of + sin * below, cos * below - sin * right_of
    covered = ((wide / 2 - u.abs() + 0.5).clamp(0, 1) * (tall / 2 - v.abs() + 0.5).clamp(0, 1)).float()
    grid = torch.stack([2 * u / wide, 2 * v / tall], dim=-1).float()[None]
    read = functional.grid_sample(_weighted(planes), grid, "bilinear", "border", align_corners=False)
    straight = _straight(read, is_opaque=bool((planes[:, 3] == 1).all()))[0].movedim(0, -1)
    return _Piece(straight[..., :3], straight[..., 3:] * covered[..., None], left, top)
