"""Images to latents and back, a few at a time or in tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import psutil
import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import interpolate

from heddle.graph.errors import OutOfMemory, ShapeError
from heddle.graph.said import say
from heddle.networks.small_vae import SmallVaeConfig
from heddle.networks.vae import VaeConfig
from heddle.numerics.shared_norms import norms_as_of
from heddle.numerics.tiles import all_tiles, blend_pieces, blend_tiles
from model_management.finiteness import refuse_broken_weights
from model_management.handles import Vae
from model_management.running_out import told_as_out_of_memory
from model_management.weights import Weights

PART_BYTES = 1 << 30  # a batch is split so that running a part takes about this much
#: Where there is no room for a whole picture, tiles of these sizes are tried, sharing one part in so many.
TILES_PX = (512, 256, 128)
OVERLAP_SHARE = 8
#: Frames of a video are decoded together as far as this share of the memory goes; pieces share so many of them.
FRAMES_SHARE, SHARED_FRAMES = 0.5, 4
MOST_FRAMES = 1 << 16
#: Layers of the finest scale that are in memory at once, counted in those of the second finest scale's width.
LAYERS_AT_ONCE = 4

#: Told how much of the work is done; may raise.
OnPart: TypeAlias = Callable[[int, int], None]
#: Told what a person should know.
Note: TypeAlias = Callable[[str], None]


def ignore_part(done: int, total: int) -> None:
    """Tells nobody."""


def ignore_note(text: str) -> None:
    """Tells nobody."""


def encode_image(
    vae: Vae, image: Tensor, weights: Weights, on_part: OnPart = ignore_part, note: Note = ignore_note
) -> Tensor:
    """The latents of images: the mean of what the encoder gives, so that the same image has the same latent.

    Args:
        image: [B, H, W, 3 or more], 0..1, H and W multiples of `vae.px_per_cell`. Channels after the third are dropped.
        on_part: told how many of the batch are done; may raise.
        note: told if half precision was not enough, or the result is not finite.
    Returns: [B, C, h, w] in the VAE's units, float32 on the CPU.
    Raises: ShapeError, if H or W is no multiple of `vae.px_per_cell`.
    """
    pixels = _pixels(vae, image)
    each_bytes = working_bytes(vae.config, *pixels.shape[2:])

    def encode(net: Any) -> Tensor:
        return _by_parts(pixels, each_bytes, lambda part: _encoded(net, part, vae), on_part)

    try:
        return _exactly_if_needed(vae, weights, each_bytes, encode, note)
    except OutOfMemory as error:
        problem = error
    return _in_smaller_tiles(
        max(pixels.shape[2:]),
        lambda tile: encode_tiled(vae, image, weights, tile, tile // OVERLAP_SHARE, on_part, note),
        problem,
        note,
    )


def decode_latent(
    vae: Vae, latent: Tensor, weights: Weights, on_part: OnPart = ignore_part, note: Note = ignore_note
) -> Tensor:
    """The images of latents.

    Frames of a video, for a VAE that looks along time, are decoded together if there is room; else in pieces, as long
    as there is room for, that fade into each other.

    Args:
        latent: [B, C, h, w] in the VAE's units.
        on_part: told how many of the batch are done; may raise.
        note: told if half precision was not enough, or the result is not finite.
    Returns: [B, H, W, 3], 0..1, float32 on the CPU.
    Raises: ShapeError, if the latent has another number of channels than the VAE.
    """
    _check_latent(vae, latent)
    cell = vae.px_per_cell
    each_bytes = working_bytes(vae.config, latent.shape[2] * cell, latent.shape[3] * cell)
    frames, working = _frames_at_once(vae, weights, len(latent), each_bytes)

    def decode(net: Any) -> Tensor:
        if vae.looks_along_time:
            return _by_frames(latent, frames, SHARED_FRAMES, lambda part, _: _decoded(net, part), on_part)
        return _by_parts(latent, each_bytes, lambda part: _decoded(net, part), on_part)

    try:
        return _image(_exactly_if_needed(vae, weights, working, decode, note))
    except OutOfMemory as error:
        problem = error
    return _in_smaller_tiles(
        max(latent.shape[2:]) * cell,
        lambda tile: decode_tiled(vae, latent, weights, tile, tile // OVERLAP_SHARE, on_part, note),
        problem,
        note,
    )


def _by_parts(whole: Tensor, each_bytes: int, run: Callable[[Tensor], Tensor], on_part: OnPart) -> Tensor:
    """What is made of a batch, a few at a time; fewer, where there is no room for as many as was thought.

    Raises: OutOfMemory, if there is none for one.
    """
    made: list[Tensor] = []
    done, count = 0, max(1, PART_BYTES // each_bytes)
    while done < len(whole):
        try:
            with told_as_out_of_memory():
                made.append(run(whole[done : done + count]))
        except OutOfMemory:
            if count == 1 or len(whole) == 1:
                raise
            count = max(1, min(count, len(whole) - done) // 2)
            continue
        done += len(made[-1])
        on_part(done, len(whole))
    return torch.cat(made)


def _by_frames(
    latent: Tensor, most: int, shared: int, run: Callable[[Tensor, OnPart], Tensor], on_part: OnPart
) -> Tensor:
    """What is made of the frames of a video, in pieces of `most`; of fewer, where there is no room for as many.

    Args:
        shared: frames that neighbouring pieces have in common.
        run: told whom to tell how much of a piece is done.
    Raises: OutOfMemory, if there is no room for one frame.
    """

    def make(places: slice) -> Tensor:
        size = places.stop - places.start

        def on_piece(done: int, total: int) -> None:
            on_part(places.start * total + size * done, len(latent) * total)

        with told_as_out_of_memory():
            made = run(latent[places], on_piece)
        on_piece(1, 1)
        return made

    while True:
        try:
            return blend_pieces(len(latent), most, shared, make)
        except OutOfMemory:
            if most == 1 or len(latent) == 1:
                raise
        most = min(most, len(latent)) // 2


def _frames_at_once(vae: Vae, weights: Weights, most: int, each_bytes: int) -> tuple[int, int]:
    """How many frames of a video are decoded together, and the bytes that it takes; 1 where each is a picture.

    It follows from how much memory there is, and not from how much is free: what is decoded again is to be the same.

    Args:
        most: of them there are no more.
        each_bytes: what one takes, in float32.
    """
    if not vae.looks_along_time:
        return 1, each_bytes
    place = weights.place_of(vae.stored)
    if place.accelerator is not None:
        there = place.accelerator.total_bytes()
    else:
        there = place.limit_bytes or psutil.virtual_memory().total
    each = each_bytes * place.compute_dtype(vae.stored).itemsize // torch.float32.itemsize
    frames = max(1, min(most, int(FRAMES_SHARE * there) // each))
    return frames, frames * each


def _in_smaller_tiles(side_px: int, run: Callable[[int], Tensor], problem: OutOfMemory, note: Note) -> Tensor:
    """What is made in tiles of the first size that there is room for. Raises: OutOfMemory, if there is for none."""
    for tile in TILES_PX:
        if tile >= side_px:
            continue
        note(
            say("there is no room for the whole picture at once; it is worked out in tiles of {tile} pixels", tile=tile)
        )
        try:
            with told_as_out_of_memory():
                return run(tile)
        except OutOfMemory as error:
            problem = error
    raise problem


def encode_tiled(
    vae: Vae,
    image: Tensor,
    weights: Weights,
    tile_px: int = 512,
    overlap_px: int = 64,
    on_part: OnPart = ignore_part,
    note: Note = ignore_note,
) -> Tensor:
    """The latents of large images, worked out in overlapping squares that fade into each other, see `decode_tiled`.

    Args:
        image: as `encode_image` takes it.
        tile_px, overlap_px: side of a square and what neighbours share of it, rounded down to whole cells.
        on_part: told how many tiles are done; may raise.
    """
    pixels, cell = _pixels(vae, image), vae.px_per_cell
    height, width = pixels.shape[2] // cell, pixels.shape[3] // cell

    def encode(net: Any) -> Tensor:
        def make(picture: Tensor, rows: slice, columns: slice) -> Tensor:
            seen = picture[:, :, rows.start * cell : rows.stop * cell, columns.start * cell : columns.stop * cell]
            return _encoded(net, seen, vae)

        return tiling.run(net, pixels.split(1), net.encode, make)

    tiling = _Tiling.of(vae, tile_px, overlap_px, height, width, 1, on_part)
    return _exactly_if_needed(vae, weights, working_bytes(vae.config, tile_px, tile_px), encode, note)


def decode_tiled(
    vae: Vae,
    latent: Tensor,
    weights: Weights,
    tile_px: int = 512,
    overlap_px: int = 64,
    on_part: OnPart = ignore_part,
    note: Note = ignore_note,
    frames: int = MOST_FRAMES,
    shared_frames: int = SHARED_FRAMES,
) -> Tensor:
    """The images of large latents, worked out in overlapping squares that fade into each other.

    The squares are normed as the whole is, of which the net is first shown a small copy. What remains is that attention
    does not look beyond a square. Colours that run smoothly over 320 x 256 pixels, in squares of 128 with 32 shared,
    differ by .11 at most and .012 on average from the image that is decoded at once (by the demo model, 0..1; without
    the common norms by .27 and .046), and nowhere by a step.

    Args:
        latent: as `decode_latent` takes it.
        tile_px, overlap_px: side of a square and what neighbours share of it, rounded down to whole cells.
        on_part: told how much is done; may raise.
        frames, shared_frames: of a video, how many a tile has at most, and what pieces share, see `decode_latent`.
    """
    _check_latent(vae, latent)
    most, each_bytes = min(len(latent), frames), working_bytes(vae.config, tile_px, tile_px)
    together, working = _frames_at_once(vae, weights, most, each_bytes)

    def decode(net: Any) -> Tensor:
        def make(picture: Tensor, rows: slice, columns: slice) -> Tensor:
            return _decoded(net, picture[:, :, rows, columns])

        def decode_piece(piece: Tensor, on_piece: OnPart) -> Tensor:
            return replace(tiling, on_part=on_piece).run(net, [piece], net.decode, make)

        if vae.looks_along_time:
            return _by_frames(latent, together, shared_frames, decode_piece, on_part)
        return tiling.run(net, latent.split(1), net.decode, make)

    tiling = _Tiling.of(vae, tile_px, overlap_px, latent.shape[2], latent.shape[3], vae.px_per_cell, on_part)
    return _image(_exactly_if_needed(vae, weights, working, decode, note))


@dataclass(frozen=True)
class _Tiling:
    """How a latent of `height` x `width` cells is cut into tiles.

    scale: what one cell becomes in the result.
    """

    height: int
    width: int
    tile: int
    overlap: int
    scale: int
    on_part: OnPart

    @classmethod
    def of(
        cls, vae: Vae, tile_px: int, overlap_px: int, height: int, width: int, scale: int, on_part: OnPart
    ) -> _Tiling:
        cell = vae.px_per_cell
        return cls(height, width, max(1, tile_px // cell), overlap_px // cell, scale, on_part)

    def run(
        self,
        net: Any,
        pictures: Sequence[Tensor],
        show: Callable[[Tensor], Tensor],
        make: Callable[[Tensor, slice, slice], Tensor],
    ) -> Tensor:
        """The results of all pictures, one after the other.

        Args:
            pictures: [B, C, H, W] each, B of them worked on together.
            show: runs the net on a small copy of a picture.
            make: picture, rows and columns in cells -> what is made of that tile.
        """
        count = len(all_tiles(self.height, self.width, self.tile, self.overlap))
        done = 0
        made = []
        for picture in pictures:

            def make_one(rows: slice, columns: slice, picture: Tensor = picture) -> Tensor:
                nonlocal done
                part = make(picture, rows, columns)
                done += 1
                self.on_part(done, count * len(pictures))
                return part

            small = self._small(picture).to(next(net.parameters()))
            with norms_as_of(net, partial(show, small)) if count > 1 else nullcontext():
                made.append(blend_tiles(self.height, self.width, self.tile, self.overlap, make_one, self.scale))
        return torch.cat(made)

    def _small(self, picture: Tensor) -> Tensor:
        """The whole, as large as a tile. Its values stay as they are: means of neighbours would vary less."""
        share = min(1.0, self.tile / max(self.height, self.width))
        unit = picture.shape[2] // self.height  # pixels are to remain multiples of a cell
        size = [max(1, round(cells * share)) * unit for cells in (self.height, self.width)]
        return interpolate(picture, size=size, mode="nearest-exact")


def working_bytes(config: VaeConfig | SmallVaeConfig, height_px: int, width_px: int) -> int:
    """About how much memory it takes to encode or decode one image, beside the weights. In float32."""
    return height_px * width_px * max(config.widths[:2]) * LAYERS_AT_ONCE * torch.float32.itemsize


def _pixels(vae: Vae, image: Tensor) -> Tensor:
    """[B, 3, H, W], -1..1. Raises: ShapeError, if H or W is no multiple of the VAE's cells, or channels are missing."""
    if image.shape[-1] < vae.config.image_channels:
        raise ShapeError(
            say(
                "an image has {channels} channels, but this VAE reads {wanted}; turn it into one with "
                "colours, a mask with Convert Mask to Image",
                channels=image.shape[-1],
                wanted=vae.config.image_channels,
            ),
            wanted=vae.config.image_channels,
            got=image.shape[-1],
        )
    height, width = image.shape[1:3]
    if height % vae.px_per_cell or width % vae.px_per_cell:
        raise ShapeError(
            say(
                "an image of {width} x {height} pixels cannot be encoded: width and height are to be "
                "multiples of {cell_px}; crop or resize it first",
                width=width,
                height=height,
                cell_px=vae.px_per_cell,
            ),
            wanted=f"multiples of {vae.px_per_cell}",
            got=(height, width),
        )
    return rearrange(image[..., : vae.config.image_channels], "b h w c -> b c h w") * 2 - 1


def _check_latent(vae: Vae, latent: Tensor) -> None:
    if latent.ndim != 4 or latent.shape[1] != vae.latent_channels or 0 in latent.shape:
        raise ShapeError(
            say(
                "the latent has shape {shape}, but this VAE wants [B, {channels}, h, w]; decode it with "
                "the VAE of the model that made it",
                shape=list(latent.shape),
                channels=vae.latent_channels,
            ),
            wanted=vae.latent_channels,
            got=tuple(latent.shape),
        )


def _encoded(net: Any, pixels: Tensor, vae: Vae) -> Tensor:
    # What follows after the means are variances, where the net has any.
    return net.encode(pixels.to(next(net.parameters()))).float().cpu()[:, : vae.latent_channels]


def _decoded(net: Any, latent: Tensor) -> Tensor:
    return net.decode(latent.to(next(net.parameters()))).float().cpu()


def _image(pixels: Tensor) -> Tensor:
    return rearrange(pixels.add(1).div(2).clamp(0, 1), "b c h w -> b h w c").contiguous()


def _exactly_if_needed(vae: Vae, weights: Weights, each_bytes: int, run: Callable[[Any], Tensor], note: Note) -> Tensor:
    """What the net gives; where that is not finite in half precision, what the same net gives in float32.

    Raises: WeightsError, if that is not finite since the net's weights are not.
    """
    with weights.hold(vae, each_bytes) as net:
        made = run(net)
        is_half = next(net.parameters()).dtype.itemsize < torch.float32.itemsize
    if is_half and not bool(made.isfinite().all()):
        note(say("in half precision the VAE gave numbers that are not finite; it ran again in float32"))
        with weights.hold(replace(vae, stored=replace(vae.stored, dtype=torch.float32)), each_bytes) as net:
            made = run(net)
    if not bool(made.isfinite().all()):
        refuse_broken_weights([vae.stored])
        note(say("the VAE gave numbers that are not finite: what came in holds such numbers, or far too large ones"))
    return made
