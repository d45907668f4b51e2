"""What steps into a UNet while it runs: for better pictures, larger ones, faster ones."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, More, Number, node
from heddle.graph.said import say
from heddle.wires import Model
from model_management.unet_patches import unet_of, with_deep_shrink, with_free_u, with_merged_tokens, with_tiles

CATEGORY = "model/patch/unet"
METHODS = ("bicubic", "nearest-exact", "bilinear", "area", "bislerp")
ONE = More({"multiselect": False})


def _factor(default: float, tip: str) -> Number:
    return Number(default=default, low=0.0, high=10.0, step=0.01, advanced=True, tip=tip)


_B1 = "Factor on what comes up into the coarsest stages, where the net is four times as wide as at its finest."
_B2 = "The same in the stages that are twice as wide."
_S1 = "Factor on the slowest changes of what is handed across to the coarsest stages."
_S2 = "The same in the stages that are twice as wide."


@node("FreeU", category=CATEGORY, name="FreeU")
def free_u(
    model: Model,
    b1: Annotated[float, _factor(1.1, _B1)],
    b2: Annotated[float, _factor(1.2, _B2)],
    s1: Annotated[float, _factor(0.9, _S1)],
    s2: Annotated[float, _factor(0.2, _S2)],
) -> Model:
    """Let a UNet trust what it has worked out more, and what is handed across less: cleaner pictures at no cost."""
    return with_free_u(model, (b1, s1), (b2, s2), by_structure=False)


@node("FreeU_V2", category=CATEGORY, name="FreeU_V2")
def free_u_v2(
    model: Model,
    b1: Annotated[float, _factor(1.3, _B1)],
    b2: Annotated[float, _factor(1.4, _B2)],
    s1: Annotated[float, _factor(0.9, _S1)],
    s2: Annotated[float, _factor(0.2, _S2)],
) -> Model:
    """FreeU that strengthens only where the features say that something is, so that colours stay."""
    return with_free_u(model, (b1, s1), (b2, s2), by_structure=True)


@node("HyperTile", category=CATEGORY, name="HyperTile")
def hyper_tile(
    model: Model,
    tile_size: Annotated[
        int, Number(default=256, low=1, high=2048, advanced=True, tip="Side of the smallest tile in pixels, from 32.")
    ],
    swap_size: Annotated[
        int,
        Number(
            default=2, low=1, high=128, advanced=True,
            tip="Tiles change among so many sizes less one, the smallest that fit, so that seams do not show.",
        ),
    ],
    max_depth: Annotated[
        int,
        Number(
            default=0, low=0, high=10, advanced=True,
            tip="How often the picture may have been halved where attention is in tiles; 0 = only at full size.",
        ),
    ],
    scale_depth: Annotated[
        bool, Flag(default=False, advanced=True, tip="Tiles have more tokens where the picture was halved.")
    ],
) -> Model:  # fmt: skip
    """Run self-attention of large pictures in tiles: much faster, with little change."""
    return with_tiles(model, tile_size, swap_size, max_depth, grows=scale_depth)


@node("TomePatchModel", category=CATEGORY, name="TomePatchModel", search=("token merging",))
def merge_tokens(
    model: Model,
    ratio: Annotated[
        float,
        Number(
            default=0.3, low=0.0, high=1.0, step=0.01,
            tip="The share of the tokens that ask as one with another; from 0.75 on it is three quarters.",
        ),
    ],
) -> Model:  # fmt: skip
    """Let tokens that are alike ask as one in self-attention at full size: faster, with a little less detail.

    Models without attention at full size, such as those of Stable Diffusion XL, run as before.
    """
    return with_merged_tokens(model, ratio)


@node(
    "PatchModelAddDownscale",
    category=CATEGORY,
    name="PatchModelAddDownscale (Kohya Deep Shrink)",
    search=("deep shrink", "hires fix"),
)
def add_downscale(
    model: Model,
    block_number: Annotated[
        int,
        Number(
            default=3, low=1, high=32, step=1, advanced=True,
            tip="The stage of the way down after which the picture is made smaller, counted from 0.",
        ),
    ],
    downscale_factor: Annotated[
        float, Number(default=2.0, low=0.1, high=9.0, step=0.001, tip="How many times smaller, each way.")
    ],
    start_percent: Annotated[
        float, Number(default=0.0, low=0.0, high=1.0, step=0.001, advanced=True, tip="From this share of the way on.")
    ],
    end_percent: Annotated[
        float, Number(default=0.35, low=0.0, high=1.0, step=0.001, advanced=True, tip="Up to this share of the way.")
    ],
    downscale_after_skip: Annotated[
        bool, Flag(default=True, advanced=True, tip="What this stage hands across is still of full size.")
    ],
    downscale_method: Annotated[str, Choice(*METHODS, tip="How it is made smaller."), ONE],
    upscale_method: Annotated[str, Choice(*METHODS, tip="How it is brought back on the way up."), ONE],
    ctx: Context,
) -> Model:  # fmt: skip
    """Begin a picture that is larger than those of the training as a small one inside, so that nothing is doubled."""
    stages = unet_of(model, "PatchModelAddDownscale").stages_down
    if block_number >= stages:
        ctx.note(
            say(
                "this model has no block {block_number}, but blocks 0 to {last}: nothing is made smaller",
                block_number=block_number,
                last=stages - 1,
            )
        )
    return with_deep_shrink(
        model,
        block_number,
        downscale_factor,
        (start_percent, end_percent),
        after_skip=downscale_after_skip,
        down_method=downscale_method,
        up_method=upscale_method,
    )
