"""Latents to begin from, in the shapes of single families."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Number, node
from heddle.wires import Latent
from nodes.latent.empty import empty_latent

_TIP = "Of the picture to be made, in pixels."
_BATCH_TIP = "How many pictures to make at once."
_SEARCH = ("size", "blank", "start")

Side = Annotated[int, Number(low=16, high=16384, step=16, tip=_TIP)]
LargeSide = Annotated[int, Number(low=64, high=16384, step=32, tip=_TIP)]
Batch = Annotated[int, Number(low=1, high=4096, tip=_BATCH_TIP)]


@node("EmptyFlux2LatentImage", category="model/latent/flux", name="Empty Flux 2 Latent", search=_SEARCH)
def make_for_flux2(width: Side = 1024, height: Side = 1024, batch_size: Batch = 1, *, ctx: Context) -> Latent:
    """An empty latent for FLUX.2: 128 channels, cells of 16 pixels. Sizes that are no multiple are rounded down."""
    return empty_latent(width, height, batch_size, 128, ctx, cell_px=16)


@node("EmptyHunyuanImageLatent", category="model/latent/hunyuan image", name="EmptyHunyuanImageLatent", search=_SEARCH)
def make_for_hunyuan_image(
    width: LargeSide = 2048, height: LargeSide = 2048, batch_size: Batch = 1, *, ctx: Context
) -> Latent:
    """An empty latent for HunyuanImage 2.1: 64 channels, cells of 32 pixels. Other sizes are rounded down."""
    return empty_latent(width, height, batch_size, 64, ctx, cell_px=32)


@node(
    "EmptyChromaRadianceLatentImage", category="model/latent/chroma radiance", name="EmptyChromaRadianceLatentImage",
    search=_SEARCH,
)  # fmt: skip
def make_for_chroma_radiance(width: Side = 1024, height: Side = 1024, batch_size: Batch = 1, *, ctx: Context) -> Latent:
    """An empty latent for Chroma Radiance, which works on the pixels themselves: 3 channels, a cell for each pixel."""
    return empty_latent(width, height, batch_size, 3, ctx, cell_px=1)


@node(
    "EmptyQwenImageLayeredLatentImage", category="model/latent/qwen", name="Empty Qwen Image Layered Latent",
    search=_SEARCH,
)  # fmt: skip
def make_for_qwen_layers(
    width: Side = 640,
    height: Side = 640,
    layers: Annotated[
        int, Number(low=0, high=16384, step=1, tip="How many layers the picture is taken apart into, besides itself.")
    ] = 3,
    batch_size: Batch = 1,
    *,
    ctx: Context,
) -> Latent:
    """An empty latent for Qwen-Image-Layered: 16 channels, cells of 8 pixels, the whole picture first."""
    flat = empty_latent(width, height, batch_size, 16, ctx)["samples"]
    return {"samples": flat[:, :, None].repeat(1, 1, layers + 1, 1, 1)}


@node(
    "EmptyHiDreamO1LatentImage", category="model/latent/hidream", name="Empty HiDream-O1 Latent Image", search=_SEARCH
)  # fmt: skip
def make_for_hidream_o1(
    width: Annotated[int, Number(low=64, high=4096, step=32, tip=_TIP)] = 2048,
    height: Annotated[int, Number(low=64, high=4096, step=32, tip=_TIP)] = 2048,
    batch_size: Annotated[int, Number(low=1, high=64, tip=_BATCH_TIP)] = 1,
    *,
    ctx: Context,
) -> Latent:
    """An empty latent for HiDream-O1, which works on the pixels themselves: 3 channels, a cell for each pixel."""
    return empty_latent(width, height, batch_size, 3, ctx, cell_px=1)


@node(
    "StableCascade_EmptyLatentImage", category="model/latent/stable cascade", name="StableCascade_EmptyLatentImage",
    outputs=("stage_c", "stage_b"), search=_SEARCH,
)  # fmt: skip
def make_for_cascade(
    width: Annotated[int, Number(low=256, high=16384, step=8, tip=_TIP)] = 1024,
    height: Annotated[int, Number(low=256, high=16384, step=8, tip=_TIP)] = 1024,
    compression: Annotated[
        int, Number(low=4, high=128, step=1, advanced=True, tip="Pixels of a cell of the first stage, along a side.")
    ] = 42,
    batch_size: Batch = 1,
    *,
    ctx: Context,
) -> tuple[Latent, Latent]:
    """Empty latents for both stages of Stable Cascade: C, with a few large cells, and B, with cells of 4 pixels."""
    stage_c = torch.zeros(batch_size, 16, height // compression, width // compression)
    return {"samples": stage_c}, empty_latent(width, height, batch_size, 4, ctx, cell_px=4)
