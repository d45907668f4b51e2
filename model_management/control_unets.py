"""Control nets of UNets from their files: the authors' layout, that of diffusers, differences, and low-rank ones.

Sources: the headers of the published files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import count, takewhile

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.control import ControlNet as ControlNetwork
from heddle.networks.control import ControlNetConfig, px_per_cell
from heddle.networks.control_union import UnionConfig, UnionControlNet
from heddle.networks.unet import UNetConfig
from model_management.checkpoint import stored_net
from model_management.control import SIZES, ControlKind, ControlNet, PixelHint
from model_management.control_completed import DifferenceNet, completed
from model_management.diffusers_unet import names_in_diffusers
from model_management.family import NetPart
from model_management.handles import Model
from model_management.header import Header
from model_management.net_sizes import count_numbered, unet_config
from model_management.stored_net import StoredNet

ROLE = "control"

#: A tensor that only files of differences have.
DIFFERENCE = "difference"

#: A tensor that only low-rank files have.
LOW_RANK = "lora_controlnet"

#: Control nets that were trained with pooled residuals do not say so but in their published names.
POOLED = re.compile(r"_shuffle(_fp16)?$")

#: What hints a union net knows, by the words of the node that says it; nets with fewer know the first ones.
UNION_TYPES = (
    *("openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd"),
    *("normal", "segment", "tile", "repaint"),
)

#: Which UNets take a text of this width and a vector of that, as people call them.
UNETS = {
    (768, 0): "Stable Diffusion 1",
    (1024, 0): "Stable Diffusion 2",
    (2048, 2816): "Stable Diffusion XL",
    (1280, 2560): say("the refiner of Stable Diffusion XL"),
}


def has_plain_names(header: Header, prefix: str) -> bool:
    return f"{prefix}zero_convs.0.0.weight" in header


def has_diffusers_names(header: Header) -> bool:
    return "controlnet_down_blocks.0.weight" in header


def open_unet_control(header: Header, prefix: str, model: Model | None) -> ControlNet:
    """The handle of a whole control net, by the authors' names behind a prefix or by those of diffusers.

    Args:
        model: what a file of differences differs from.
    Raises: WeightsError, if a tensor is missing, or the file is one of differences and no model is given.
    """
    if has_diffusers_names(header):
        header, prefix = header.renamed(_authors_names(header)), ""
    is_union = f"{prefix}task_embedding" in header
    part = (
        NetPart(prefix, _union_config, UnionControlNet) if is_union else NetPart(prefix, control_config, ControlNetwork)
    )
    stored = stored_net(ROLE, header, part)
    if DIFFERENCE in header:
        if model is None:
            raise WeightsError(
                say(
                    "{file} holds only what is to be added to a model's weights; load it with Load "
                    "ControlNet Model (diff), which takes that model",
                    file=header.path.name,
                ),
                file=header.path,
            )
        stored = DifferenceNet(stored.role, stored.header, stored.part, stored.config, model.stored)
        stored.check_base()
    types = UNION_TYPES[: stored.config.kinds] if is_union else ()
    return ControlNet(
        stored,
        unet_kind(stored.config, {word: number for number, word in enumerate(types)}),
        is_pooled=POOLED.search(header.path.stem) is not None,
    )


@dataclass(frozen=True)
class LowRankSizes:
    """What a low-rank control net's file says of its sizes; all others are the model's.

    context_width, vector_width: as of a UNet; None where the file leaves the layer as it is that reads it.
    """

    hint_channels: int
    hint_widths: tuple[int, ...]
    context_width: int | None
    vector_width: int | None

    def whole(self, unet: UNetConfig) -> ControlNetConfig:
        return ControlNetConfig(unet, self.hint_channels, self.hint_widths)


def open_low_rank_control(header: Header) -> ControlNet:
    """The handle of a Control-LoRA: what a control net differs by from the network of a model, mostly in low rank.

    Source: the headers and description of Stability's published files.
    """
    channels, widths = hint_sizes(header, "")
    columns = {
        layer: header.shape(key)[1]
        for layer in (".attn2.to_k", "label_emb.0.0")
        for key in header.tensors
        if key.endswith(f"{layer}.down")
    }
    context_width, vector_width = columns.get(".attn2.to_k"), columns.get("label_emb.0.0")
    sizes = LowRankSizes(channels, widths, context_width, vector_width)
    kind = ControlKind(
        made_for=UNETS.get((context_width or 0, vector_width or 0), say("a UNet of its own sizes")),
        reads=("context", "vector"),
        misfit=_low_rank_misfit,
        hint=PixelHint(channels, px_per_cell(widths)),
        complete=_complete_low_rank,
    )
    return ControlNet(StoredNet(ROLE, header, NetPart("", control_config, ControlNetwork), sizes), kind)


def _low_rank_misfit(sizes: LowRankSizes, model: Model) -> tuple[str, object, object] | None:
    if not isinstance(model.config, UNetConfig):
        return not_a_unet(model)
    for what in ("context_width", "vector_width"):
        found, wanted = getattr(sizes, what), getattr(model.config, what)
        if found not in (None, wanted):
            return (SIZES[what], found, wanted)
    return None


def _complete_low_rank(net: ControlNet, model: Model) -> ControlNet:
    return replace(net, stored=completed(net.stored, net.config.whole(model.config), model))


def unet_kind(config: ControlNetConfig, types: dict[str, int]) -> ControlKind:
    widths = (config.unet.context_width, config.unet.vector_width)
    return ControlKind(
        made_for=UNETS.get(widths, say("a UNet of its own sizes")),
        reads=("context", "vector"),
        misfit=unet_misfit,
        hint=PixelHint(config.hint_channels, config.px_per_cell),
        types=types,
    )


def unet_misfit(config: ControlNetConfig, model: Model) -> tuple[str, object, object] | None:
    mine, its = config.unet, model.config
    if not isinstance(its, UNetConfig):
        return not_a_unet(model)
    for what in ("context_width", "vector_width", "widths", "blocks"):
        if getattr(mine, what) != getattr(its, what):
            return (SIZES[what], getattr(mine, what), getattr(its, what))
    if mine.in_channels != model.latent.channels:
        return (say("latent channels"), mine.in_channels, model.latent.channels)
    return None


def not_a_unet(model: Model) -> tuple[str, object, object]:
    return (say("network"), say("a UNet"), say("a transformer"))


def control_config(header: Header, prefix: str) -> ControlNetConfig:
    """The control net below `prefix`: the UNet that it copies, and the layers that read the hint."""
    channels, widths = hint_sizes(header, prefix)
    return ControlNetConfig(unet_config(header, prefix), channels, widths)


def hint_sizes(header: Header, prefix: str) -> tuple[int, tuple[int, ...]]:
    """Channels of the hint, and those between the layers that read it."""
    channels = header.shape(f"{prefix}input_hint_block.0.weight")[1]
    layers = (f"{prefix}input_hint_block.{number}.weight" for number in count(0, 2))
    *shapes, _last = [header.shape(name) for name in takewhile(header.__contains__, layers)]
    return channels, tuple(shape[0] for shape in shapes)


def _union_config(header: Header, prefix: str) -> UnionConfig:
    plain = control_config(header, prefix)
    kinds, width = header.shape(f"{prefix}task_embedding")
    told = header.shape(f"{prefix}control_add_embedding.linear_1.weight")[1]
    return UnionConfig(
        plain.unet,
        plain.hint_channels,
        plain.hint_widths,
        kinds=kinds,
        kind_width=told // kinds,
        mixer_width=width,
        mixer_layers=count_numbered(header, f"{prefix}transformer_layes."),
    )


def _authors_names(header: Header) -> dict[str, str]:
    """From the diffusers library's names to the authors'. Names that are no control net's are left out."""
    names = {theirs: ours for ours, theirs in names_in_diffusers(header).items()}
    halves = header.numbered("controlnet_cond_embedding.blocks.")
    for key in header.tensors:
        module, _, kind = key.rpartition(".")
        ours = _own_name(module, halves)
        if ours is not None:
            names[key] = f"{ours}.{kind}"
        elif key.startswith(("task_embedding", "transformer_layes.", "spatial_ch_projs.", "control_add_embedding.")):
            names[key] = key
    return names


def _own_name(module: str, halves: int) -> str | None:
    """Of the modules that the UNet does not have."""
    if module == "controlnet_mid_block":
        return "middle_block_out.0"
    if found := re.fullmatch(r"controlnet_down_blocks\.(\d+)", module):
        return f"zero_convs.{found[1]}.0"
    return hint_layer(module.removeprefix("controlnet_cond_embedding."), halves) if "cond_embedding" in module else None


def hint_layer(layer: str, halves: int) -> str | None:
    """The authors' name of a layer that reads hints in diffusers' layout, where `halves` layers stand between two."""
    numbers = {"conv_in": 0, "conv_out": 2 * (halves + 1)}
    if found := re.fullmatch(r"blocks\.(\d+)", layer):
        return f"input_hint_block.{2 * (int(found[1]) + 1)}"
    return f"input_hint_block.{numbers[layer]}" if layer in numbers else None
