"""Pictures cut to whole cells of a latent."""

from __future__ import annotations

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics.inpainting import mask_like


def crop_to_cells(pixels: Tensor, cell_px: int, ctx: Context) -> Tensor:
    """The middle of [B, H, W, C] with sides that are multiples of `cell_px`; says so if anything was cut.

    Raises: ShapeError, if a side is shorter than a cell, or these are no images.
    """
    if pixels.ndim != 4:
        raise ShapeError(
            say(
                "pixels: shape {shape}, wanted is [B, H, W, C]; look at the node that made them",
                shape=list(pixels.shape),
            ),
            wanted="[B, H, W, C]",
            got=tuple(pixels.shape),
        )
    height, width = pixels.shape[1:3]
    if min(height, width) < cell_px:
        raise ShapeError(
            say(
                "an image of {width} x {height} pixels is smaller than one cell of the latent; make it "
                "at least {cell_px} x {cell_px}, for example with Upscale Image",
                width=width,
                height=height,
                cell_px=cell_px,
            ),
            wanted=f"at least {cell_px} x {cell_px}",
            got=f"{width} x {height}",
        )
    new_height, new_width = height - height % cell_px, width - width % cell_px
    if (new_height, new_width) != (height, width):
        ctx.note(
            say(
                "{width} x {height} is no multiple of {cell_px}; cut at the sides to {new_width} x {new_height}",
                width=width,
                height=height,
                cell_px=cell_px,
                new_width=new_width,
                new_height=new_height,
            )
        )
    return middle(pixels.movedim(-1, 1), new_height, new_width).movedim(1, -1)


def fit_mask_to(pixels: Tensor, mask: Tensor, whole: Tensor, ctx: Context) -> Tensor:
    """A mask of any size as [B, 1, h, w] for images that `crop_to_cells` cut to `whole`; says if it was resized."""
    (height, width), (rows, columns) = mask.shape[-2:], pixels.shape[1:3]
    if (height, width) != (rows, columns):
        ctx.note(
            say(
                "the mask of {width} x {height} is resized to the image's {columns} x {rows}",
                width=width,
                height=height,
                columns=columns,
                rows=rows,
            )
        )
    if not bool(mask.any()):
        ctx.note(say("the mask is empty, so nothing of the image is drawn anew"))
    return middle(mask_like(mask, pixels), *whole.shape[1:3])


def middle(tensor: Tensor, height: int, width: int) -> Tensor:
    """The middle of [..., H, W] of that size."""
    top, left = (tensor.shape[-2] - height) // 2, (tensor.shape[-1] - width) // 2
    return tensor[..., top : top + height, left : left + width]
