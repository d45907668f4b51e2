"""Pictures made larger, mended or filled in by a net, in tiles that the memory has room for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from heddle.graph.errors import GraphError, OutOfMemory
from heddle.graph.said import say
from heddle.numerics.image_batches import with_channels
from heddle.numerics.resize import resize_images
from heddle.numerics.tiles import all_tiles, blend_tiles, even_tile
from model_management.allocator import give_back
from model_management.devices import free_memory
from model_management.finiteness import refuse_broken_weights
from model_management.running_out import as_out_of_memory
from model_management.upscale_models import UpscaleModel, UpscalerConfig
from model_management.weights import Weights

TILE_PX = 512
LEAST_TILE_PX = 64
OVERLAP_PX = 32
#: For nets that look further than most: attention over windows, or over the whole.
WIDE_OVERLAP_PX = 64
#: Tiles begin at multiples: nets that look at a picture window by window have windows of 8 or 16 pixels, and those
#: that need the wide overlap may have them on smaller scales as well, down to an eighth.
WINDOW_PX, WIDE_WINDOW_PX = 16, 64
#: Of an overlap, what does not count at a tile's edge: there a net sees nothing on one side.
SPARE = 0.25

#: Numbers in memory at once for each pixel of a tile, over the scale: as measured on tiles of 128 and 256 pixels, a
#: little more. Nets that were not measured count as the transformers do.
NUMBERS_PER_PX = {"ESRGAN": 950, "SPAN": 420, "DAT": 1400, "HAT": 2900}
OTHER_NUMBERS_PER_PX = 1700
_SHARE_OF_MEMORY = 0.75

#: Told how many tiles are done of how many; may raise.
OnPart: TypeAlias = Callable[[int, int], None]
#: Told what a person should know.
Note: TypeAlias = Callable[[str], None]


def upscale(
    model: UpscaleModel,
    images: Tensor,
    weights: Weights,
    on_part: OnPart,
    note: Note,
    check: Callable[[], None],
) -> Tensor:
    """Images as a net makes them larger or mends them.

    A tile fades into its neighbours over the middle half of the 32 pixels or more that they share. Memory that runs
    out halves the tiles.

    Args:
        images: [B, H, W, C], 0..1. An alpha that the net does not know is resized by itself.
        check: asked between the layers of the net; may raise.
    Returns: [B, H * scale, W * scale, C'], 0..1, float32 on the CPU.
    Raises: GraphError, if the net fills in; OutOfMemory, if not even small tiles fit.
    """
    if model.config.takes_mask:
        words = "{file} is a net that fills in what a mask hides; use it with {node}"
        file = model.stored.header.path.name
        raise GraphError(say(words, file=file, node="Fill In (using Model)"), input_name="upscale_model")
    channels, scale = model.config.input_channels, model.config.scale
    colours = images[..., :3] if channels < 4 else images
    alpha = images[..., 3:] if images.shape[-1] == 4 and channels < 4 else None
    if channels == 1:  # each colour is a picture of its own
        planes = colours.movedim(-1, 1).flatten(0, 1)[:, None]
    else:
        planes = with_channels(colours, channels)[..., :channels].movedim(-1, 1)
    made = _run_exactly_if_needed(model, planes, None, weights, on_part, note, check)
    if channels == 1:
        made = made[:, 0].unflatten(0, (len(images), -1))
    made = made.movedim(1, -1)
    if alpha is not None:
        larger = resize_images(alpha, images.shape[2] * scale, images.shape[1] * scale, "bicubic").clamp(0, 1)
        made = torch.cat([with_channels(made, 3), larger], dim=-1)
    return made.contiguous()


def fill_in(
    model: UpscaleModel,
    images: Tensor,
    masks: Tensor,
    weights: Weights,
    on_part: OnPart,
    note: Note,
    check: Callable[[], None],
) -> Tensor:
    """Images with what a mask hides filled in by a net. The rest comes back to the bit.

    Args:
        images: [B, H, W, C], 0..1; further channels than the net's stay. masks: [B or 1, H, W]; more than .5 is hidden.
    Returns: [B, H, W, C], float32.
    Raises: GraphError, if the net takes no mask; OutOfMemory.
    """
    if not model.config.takes_mask:
        words = "{file} is an upscaler or restorer and fills nothing in; use it with {node}"
        file = model.stored.header.path.name
        raise GraphError(
            say(words, file=file, node="Upscale Image (using Model)"),
            input_name="upscale_model",
        )
    hidden = (masks > 0.5).to(images)[:, None]
    hidden = hidden.expand(len(images), -1, -1, -1) if len(hidden) == 1 else hidden[: len(images)]
    planes = with_channels(images, 3)[..., :3].movedim(-1, 1)
    made = _run_exactly_if_needed(model, planes, hidden, weights, on_part, note, check).movedim(1, -1)
    kept = images[..., :3] if images.shape[-1] >= 3 else made.new_tensor(images.expand(*images.shape[:-1], 3))
    filled = torch.where(hidden.movedim(1, -1) > 0, made, kept)
    return torch.cat([filled, images[..., 3:]], dim=-1)


def _run_exactly_if_needed(
    model: UpscaleModel,
    planes: Tensor,
    masks: Tensor | None,
    weights: Weights,
    on_part: OnPart,
    note: Note,
    check: Callable[[], None],
) -> Tensor:
    """What the net gives; where that is not finite in half precision, what it gives in float32."""
    planes = planes.nan_to_num(0.0).clamp(0, 1)
    is_half = weights.device.type == "cuda" and model.config.has_half
    run = partial(_run, planes=planes, masks=masks, weights=weights, on_part=on_part, note=note, check=check)
    made = run(model.computing_in(torch.float16 if is_half else torch.float32))
    if is_half and not bool(made.isfinite().all()):
        note(say("in half precision the net gave numbers that are not finite; it runs again"))
        made = run(model.computing_in(torch.float32))
    if not bool(made.isfinite().all()):
        refuse_broken_weights([model.stored])
        note(say("the net gave numbers that are not finite, though its weights are; they are 0"))
        made = made.nan_to_num(0.0, 0.0, 0.0)
    return made


def _run(
    model: UpscaleModel,
    planes: Tensor,
    masks: Tensor | None,
    weights: Weights,
    on_part: OnPart,
    note: Note,
    check: Callable[[], None],
) -> Tensor:
    """[B, C, H, W] to [B, C', H * scale, W * scale], float32 on the CPU."""
    config, (height, width) = model.config, planes.shape[-2:]
    tile_px = _first_tile(model, height, width, weights)
    needed = _working_bytes(config, *_tile_sides(config, height, width, tile_px), weights.compute_dtype(model.stored))
    with weights.hold(model, needed, lambda done, size: check()) as net, _asked_between_layers(net, check):
        made: list[Tensor] = []
        while len(made) < len(planes):
            picture, mask = (None if each is None else each[len(made) : len(made) + 1] for each in (planes, masks))
            assert picture is not None
            trouble: OutOfMemory | None = None
            try:
                progress = _Progress(on_part, len(made), len(planes))
                made.append(_run_tiled(net, config, picture, mask, tile_px, progress))
            except (RuntimeError, MemoryError, OutOfMemory) as error:
                trouble = as_out_of_memory(error)
                if trouble is None:
                    raise
                trouble = trouble.with_traceback(None)  # whose frames hold on to the memory
            if trouble is not None:
                tile_px = min(tile_px, max(height, width)) // 2
                if tile_px < max(LEAST_TILE_PX, config.least_px) or config.tiling == "INTERNAL":
                    raise trouble
                give_back()
                words = "the memory has no room for the picture at once; it is made in tiles of {px} pixels"
                note(say(words, px=tile_px))
    if not made:
        return planes.new_zeros(0, config.output_channels, height * config.scale, width * config.scale)
    return torch.cat(made)


class _Progress:
    """Of one picture among several."""

    def __init__(self, on_part: OnPart, pictures_done: int, pictures: int) -> None:
        self._on_part, self._pictures_done, self._pictures = on_part, pictures_done, pictures
        self._tiles = 0

    def tile_is_done(self, tiles: int) -> None:
        self._tiles += 1
        self._on_part(self._pictures_done * tiles + self._tiles, self._pictures * tiles)


def _run_tiled(
    net: Any, config: UpscalerConfig, picture: Tensor, mask: Tensor | None, tile_px: int, progress: _Progress
) -> Tensor:
    height, width = picture.shape[-2:]
    sides, step = _tile_sides(config, height, width, tile_px), _step(config, tile_px)
    overlap = _overlap(config)
    count = len(all_tiles(height, width, sides, overlap, step))
    like = next(net.parameters())

    def make(rows: slice, columns: slice) -> Tensor:
        # Some nets take tensors for what lies row by row.
        given = [each[:, :, rows, columns].to(like).contiguous() for each in (picture, mask) if each is not None]
        made = net(*given).float().cpu()
        progress.tile_is_done(count)
        return made

    if count == 1:
        return make(slice(0, height), slice(0, width))
    return blend_tiles(height, width, sides, overlap, make, config.scale, SPARE, step)


def _overlap(config: UpscalerConfig) -> int:
    return OVERLAP_PX if config.tiling == "SUPPORTED" else WIDE_OVERLAP_PX


def _step(config: UpscalerConfig, tile_px: int) -> int:
    windows = WINDOW_PX if config.tiling == "SUPPORTED" else min(WIDE_WINDOW_PX, tile_px // 4)
    return math.lcm(windows, config.step_px)


def _tile_sides(config: UpscalerConfig, height: int, width: int, tile_px: int) -> tuple[int, int]:
    """Height and width of tiles: as few as there must be, and no larger than that needs."""
    if config.tiling == "INTERNAL":
        return height, width
    overlap = min(_overlap(config), tile_px // 4)
    rows, columns = (even_tile(size, tile_px, overlap, _step(config, tile_px)) for size in (height, width))
    return rows, columns


def _first_tile(model: UpscaleModel, height: int, width: int, weights: Weights) -> int:
    """The side of the largest tiles, of those that are halves of TILE_PX, for which there seems to be room.

    A graphics card without room says so in the end; a computer grinds to a halt instead.
    """
    config, dtype = model.config, weights.compute_dtype(model.stored)
    room, tile_px = _room(model, weights), TILE_PX
    while (
        tile_px > LEAST_TILE_PX and _working_bytes(config, *_tile_sides(config, height, width, tile_px), dtype) > room
    ):
        tile_px //= 2
    return tile_px


def _room(model: UpscaleModel, weights: Weights) -> float:
    """How much memory running a net may take beside its weights, in bytes.

    What other nets take of it that nobody holds counts as free: they leave, or tiles would depend on what ran before.
    """
    accelerator = weights.accelerator
    limit = weights.limit_bytes if accelerator is None else accelerator.total_bytes()
    if limit is None:
        is_cpu = weights.device.type == "cpu"  # other devices that nobody counts say themselves when they are full
        return free_memory() * _SHARE_OF_MEMORY if is_cpu else math.inf
    nets = weights.each_resident(lambda each: (each.device_bytes, each.holders))
    staying = sum(size for size, holders in nets if holders)
    if accelerator is not None:
        staying += max(0, accelerator.used_bytes() - sum(size for size, _ in nets))
    own = model.stored.numel * weights.compute_dtype(model.stored).itemsize
    room = float(limit - staying - own)
    return room * _SHARE_OF_MEMORY if accelerator is not None else min(room, free_memory() * _SHARE_OF_MEMORY)


def _working_bytes(config: UpscalerConfig, height: int, width: int, dtype: torch.dtype) -> int:
    """About how much memory a tile takes."""
    numbers = NUMBERS_PER_PX.get(config.architecture, OTHER_NUMBERS_PER_PX) * config.scale
    return height * width * numbers * dtype.itemsize


@contextmanager
def _asked_between_layers(net: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Lets a person stop within a tile, which on a CPU may take minutes."""
    leaves = [module for module in net.modules() if next(module.children(), None) is None]
    hooks = [module.register_forward_pre_hook(lambda module, given: check()) for module in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
