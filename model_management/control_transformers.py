"""Control nets of diffusion transformers from their files.

Layouts: diffusers' (InstantX, Shakker, alimama; also of XLabs' nets), XLabs' own for FLUX.1, Stability's for Stable
Diffusion 3.5. Sources: the headers of the published files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from heddle.adapters.transformer_names import diffusers_targets
from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.control_flux import FluxControlConfig, FluxControlNet
from heddle.networks.control_mmdit import MmditControlConfig, MmditControlNet, PictureControlNet
from heddle.networks.flux import SIDE, FluxConfig
from heddle.networks.mmdit import MmditConfig
from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals, spread, take_turns
from model_management.checkpoint import stored_net
from model_management.control import SIZES, ControlKind, ControlNet, LatentHint, PixelHint
from model_management.control_completed import completed
from model_management.control_unets import hint_layer
from model_management.diffusers_transformers import flux_fused, layer_places, sd3_fused
from model_management.family import NetPart
from model_management.handles import Model
from model_management.header import Header
from model_management.places import Place, placed
from model_management.signs import either, has, holds
from model_management.stored_net import StoredNet
from model_management.tensor_reading import open_tensors
from model_management.transformer_sizes import flux_config, mmdit_config

ROLE = "control"
FLUX, SD3 = "FLUX.1", "Stable Diffusion 3"
LATENT_CHANNELS = 16

#: What hints the union nets of InstantX and Shakker know, by the words of the node that says it. They also know blurred
#: (3), grey (5) and poor (6) pictures, for which that node has no word.
FLUX_TYPES = {"canny/lineart/anime_lineart/mlsd": 0, "tile": 1, "depth": 2, "openpose": 4}

#: Which hints Stability's nets for 3.5 know; a tensor of the file says which it is.
CANNY, DEPTH = 1, 2

_SD3_PICTURE = {
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
}
_SD3_PICTURE_BLOCK = {
    "adaLN_modulation.1": ("norm1.linear",),
    "attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "attn.proj": ("attn.to_out.0",),
    "mlp.fc1": ("ff.net.0.proj",),
    "mlp.fc2": ("ff.net.2",),
}


def is_flux_control(header: Header) -> bool:
    own_names = ("controlnet_blocks.0.weight", "double_blocks.0.img_attn.qkv.weight")
    return holds((either(has("controlnet_x_embedder.weight", "x_embedder.weight"), has(*own_names)),), header)


def is_sd3_control(header: Header) -> bool:
    return "controlnet_blocks.0.weight" in header and "pos_embed_input.proj.weight" in header


def open_flux_control(header: Header) -> ControlNet:
    """The handle of a control net of FLUX.1. Raises: WeightsError, if a tensor is missing."""
    if "controlnet_x_embedder.weight" in header:
        places = _layers_in_diffusers(header, flux_fused)
        halves = header.numbered("input_hint_block.blocks.")
        for layer in ("conv_in", "conv_out", *(f"blocks.{number}" for number in range(halves))):
            ours = hint_layer(layer, halves)
            places |= {f"{ours}.{kind}": Place(f"input_hint_block.{layer}.{kind}") for kind in ("weight", "bias")}
        net = flux_config(placed(header, places), "")
        config = _with_hint(header, net, "input_hint_block.conv_in.weight", "controlnet_x_embedder.weight")
        stored = _stored(header, FluxControlNet, config, places)
    else:
        stored = stored_net(ROLE, header, NetPart("", lambda file, prefix: _xlabs_config(file), FluxControlNet))
    config = stored.config
    kind = ControlKind(
        made_for=FLUX,
        reads=("context", "vector", "guidance"),
        misfit=_flux_misfit,
        hint=PixelHint(config.hint_channels) if config.reads_pixels else _latent_hint(header, config),
        place=_flux_in_turns if config.reads_pixels else _flux_spread,
        types=FLUX_TYPES if config.kinds else {},
    )
    return ControlNet(stored, kind)


def open_sd3_control(header: Header) -> ControlNet:
    """The handle of a control net of Stable Diffusion 3 or 3.5. Raises: WeightsError, if a tensor is missing."""
    if "context_embedder.weight" in header:
        places = _layers_in_diffusers(header, sd3_fused) | {"pos_embed": Place("pos_embed.pos_embed")}
        net = mmdit_config(placed(header, places), "")
        config = MmditControlConfig(net, header.shape("pos_embed_input.proj.weight")[1])
        stored = _stored(header, MmditControlNet, config, places)
        # InstantX's nets were trained on latents that were scaled and not shifted.
        hint = replace(_latent_hint(header, config), has_shift=False)
        kind = ControlKind(SD3, ("context", "vector"), _sd3_misfit, hint, place=_sd3_before_last)
        return ControlNet(stored, kind)
    config, place = _picture_config(header), partial(_picture_place, header)
    part = NetPart("", lambda file, prefix: config, PictureControlNet, place)
    hint = replace(_latent_hint(header, config), prepare=_preparation(header))
    kind = ControlKind(SD3, ("vector",), _sd3_misfit, hint, _sd3_spread, complete=_complete_picture)
    return ControlNet(StoredNet(ROLE, header, part, config), kind)


def _latent_hint(header: Header, config: FluxControlConfig | MmditControlConfig) -> LatentHint:
    """Raises: WeightsError, if the net looks at something else than a latent, alone or with a mask."""
    more = config.hint_channels - LATENT_CHANNELS
    if more not in (0, 1):
        raise WeightsError(
            say(
                "{file} looks at {channels} channels, but {latent_channels} of a latent, or one more for "
                "a mask, are known; choose another file",
                file=header.path.name,
                channels=config.hint_channels,
                latent_channels=LATENT_CHANNELS,
            ),
            file=header.path,
        )
    return LatentHint(has_mask=more == 1)


def _flux_misfit(config: FluxControlConfig, model: Model) -> tuple[str, object, object] | None:
    its = model.config
    # Networks that begin with FLUX.1's sizes and are told otherwise, such as Chroma, are no FluxConfig.
    if not isinstance(its, FluxConfig):
        return (say("network"), FLUX, model.family.name)
    return _sizes_misfit(config.net, its, ("width", "head_width", "context_width", "vector_width"))


def _sd3_misfit(config: MmditControlConfig, model: Model) -> tuple[str, object, object] | None:
    its = model.config
    if not isinstance(its, MmditConfig):
        return (say("network"), SD3, model.family.name)
    names = ("width", "vector_width") if config.net.context_width == 0 else ("width", "context_width", "vector_width")
    return _sizes_misfit(config.net, its, names)


def _sizes_misfit(mine: Any, its: Any, names: tuple[str, ...]) -> tuple[str, object, object] | None:
    for name in names:
        found, wanted = getattr(mine, name), getattr(its, name)
        if found != wanted:
            return (SIZES[name], found, wanted)
    return None


def _flux_spread(residuals: Residuals, config: Any) -> Residuals:
    double, single = config.double_blocks, config.single_blocks
    return Residuals(blocks=spread(residuals.blocks, double), single_blocks=spread(residuals.single_blocks, single))


def _flux_in_turns(residuals: Residuals, config: Any) -> Residuals:
    return Residuals(blocks=take_turns(residuals.blocks, config.double_blocks))


def _sd3_spread(residuals: Residuals, config: Any) -> Residuals:
    return Residuals(blocks=spread(residuals.blocks, config.blocks))


def _sd3_before_last(residuals: Residuals, config: Any) -> Residuals:
    """InstantX's nets add nothing behind the last block."""
    return Residuals(blocks=spread(residuals.blocks, config.blocks)[:-1])


def _complete_picture(net: ControlNet, model: Model) -> ControlNet:
    config, its = net.config, model.config
    assert isinstance(its, MmditConfig)
    sizes = replace(config.net, places=its.places, in_channels=its.in_channels)
    return replace(net, stored=completed(net.stored, replace(config, net=sizes), model))


def _preparation(header: Header) -> Callable[[Tensor], Tensor] | None:
    """How a net of Stability's was shown its hints; see the decision page."""
    if "control_type" not in header:
        return None
    with open_tensors(header) as tensors:
        shows = round(float(tensors.get_tensor("control_type").flatten()[0]))
    return {CANNY: _canny_as_trained, DEPTH: _depth_as_trained}.get(shows)


def _canny_as_trained(hint: Tensor) -> Tensor:
    """The VAE was given 127.5 x + 0.5 of outlines x; here it is given twice this less one."""
    return (127.5 * hint + 1.5) / 2


def _depth_as_trained(hint: Tensor) -> Tensor:
    """The nearest was black."""
    return 1 - hint


def _stored(
    header: Header, build: Callable[[Any, Ops], nn.Module], config: Any, places: Mapping[str, Place]
) -> StoredNet:
    """A net of a file in diffusers' layout."""
    part = NetPart("", lambda file, prefix: config, build, place=lambda name: places.get(name, Place(name)))
    return stored_net(ROLE, header, part)


def _layers_in_diffusers(header: Header, fused: Callable[[Header], dict[str, tuple[int, ...]]]) -> dict[str, Place]:
    """Where the layers lie that a control net shares with its kind of transformer; it ends before the last ones, whose
    halves would be swapped.
    """
    targets = (pair for pair in diffusers_targets(fused(header)) if not pair[1].is_swapped)
    return layer_places(targets, header)


def _xlabs_config(header: Header) -> FluxControlConfig:
    return _with_hint(header, flux_config(header, ""), "input_hint_block.0.weight", "pos_embed_input.weight")


def _with_hint(header: Header, net: FluxConfig, pixels: str, latents: str) -> FluxControlConfig:
    """pixels, latents: the first layer that reads hints, in files that have the one or the other."""
    modes = "controlnet_mode_embedder.weight"
    kinds = header.shape(modes)[0] if modes in header else 0
    if pixels in header:
        return FluxControlConfig(net, header.shape(pixels)[1], reads_pixels=True, kinds=kinds)
    return FluxControlConfig(net, header.shape(latents)[1] // SIDE**2, kinds=kinds)


def _picture_config(header: Header) -> MmditControlConfig:
    """Of a net of Stability's for 3.5. How many places there are is the model's to say."""
    width, hint_channels, side, _side = header.shape("pos_embed_input.proj.weight")
    mlp = _picture_place(header, "transformer_blocks.0.mlp.fc1.weight").key
    vector = _picture_place(header, "y_embedder.mlp.0.weight").key
    net = MmditConfig(
        width=width,
        mlp_width=header.shape(mlp)[0],
        second_attention=(False,) * header.numbered("transformer_blocks."),
        context_width=0,
        vector_width=header.shape(vector)[1],
        places=0,
        side=side,
    )
    return MmditControlConfig(net, hint_channels)


def _picture_place(header: Header, name: str) -> Place:
    """Where a tensor of such a net lies: by our name, or by diffusers', which Stability's own files mix."""
    module, _, kind = name.rpartition(".")
    if name in header:
        return Place(name)
    if module in _SD3_PICTURE:
        return Place(f"{_SD3_PICTURE[module]}.{kind}")
    number, _, layer = module.removeprefix("transformer_blocks.").partition(".")
    if layer in _SD3_PICTURE_BLOCK and module.startswith("transformer_blocks."):
        first, *rest = (f"transformer_blocks.{number}.{there}.{kind}" for there in _SD3_PICTURE_BLOCK[layer])
        return Place(first, rest=tuple(rest))
    return Place(name)
