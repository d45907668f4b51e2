"""Methods that step into a UNet, put into models."""

from __future__ import annotations

import random

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.attention_tiles import attend_in_tiles
from heddle.networks.deep_shrink import deep_shrink
from heddle.networks.free_u import free_u
from heddle.networks.hooks import NO_HOOKS, Hooks
from heddle.networks.token_merging import merge_queries
from heddle.networks.unet import UNetConfig
from heddle.samplers.conditions import Call
from model_management.handles import Model
from model_management.patches import HooksPatch

PX_PER_CELL = 8  # of the autoencoders of all families that have a UNet
LEAST_TILE_PX = 32


def unet_of(model: Model, what: str) -> UNetConfig:
    """The sizes of the model's UNet.

    Raises: GraphError, if it is another kind of network; `what` is not made for that.
    """
    if not isinstance(model.config, UNetConfig):
        raise GraphError(
            say(
                "{what} steps into the stages of a UNet, but the network of {family} ({model}) has none; "
                "leave the node out, or use a model that has one",
                what=what,
                family=model.family.name,
                model=model.stored.header.path.name,
            ),
            found=model.family.name,
            wanted="a model with a UNet",
        )
    return model.config


def with_free_u(model: Model, wide: tuple[float, float], narrow: tuple[float, float], *, by_structure: bool) -> Model:
    """A copy with FreeU (`heddle.networks.free_u`).

    Args:
        wide, narrow: factors for the backbone and for the slowest changes of skips, where four times (wide) and twice
            (narrow) as many channels come up as the net has at its finest.
    """
    name = "FreeU_V2" if by_structure else "FreeU"
    finest = unet_of(model, name).widths[0]
    hooks = Hooks(joining=(free_u({4 * finest: wide, 2 * finest: narrow}, by_structure=by_structure),))
    return model.with_patch(name, HooksPatch(lambda call: hooks))


def with_tiles(model: Model, tile_px: int, sizes: int, depth: int, *, grows: bool) -> Model:
    """A copy whose self-attention runs in tiles, see `heddle.networks.attention_tiles`."""
    unet_of(model, "HyperTile")
    tile = max(LEAST_TILE_PX, tile_px) // PX_PER_CELL

    def at(call: Call) -> Hooks:
        around = attend_in_tiles(call.size, call.level, tile=tile, sizes=sizes, depth=depth, grows=grows)
        return Hooks(around=(around,))

    return model.with_patch("HyperTile", HooksPatch(at))


def with_merged_tokens(model: Model, ratio: float) -> Model:
    """A copy in which tokens that are alike ask as one, see `heddle.networks.token_merging`."""
    unet_of(model, "TomePatchModel")

    def at(call: Call) -> Hooks:
        seed = random.Random(f"{call.level}").getrandbits(63)
        return Hooks(around=(merge_queries(call.size, ratio, seed),))

    return model.with_patch("TomePatchModel", HooksPatch(at))


def with_deep_shrink(
    model: Model,
    block: int,
    factor: float,
    percents: tuple[float, float],
    *,
    after_skip: bool,
    down_method: str,
    up_method: str,
) -> Model:
    """A copy whose inner stages work on a smaller picture, see `heddle.networks.deep_shrink`.

    Args:
        percents: it does so in this part of the way, both 0..1.
    """
    unet = unet_of(model, "PatchModelAddDownscale")
    hooks = deep_shrink(
        block, unet.stages_down, factor, after_skip=after_skip, down_method=down_method, up_method=up_method
    )
    first, last = map(model.predicts.schedule.percent_to_sigma, percents)

    def at(call: Call) -> Hooks:
        return hooks if last <= call.level <= first else NO_HOOKS

    return model.with_patch("PatchModelAddDownscale", HooksPatch(at))
