"""Sizes of the nets, read from names and shapes in a file's header, so that any width and depth of a layout loads."""

from __future__ import annotations

import re
from itertools import count

from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.unet import Depths, UNetConfig
from heddle.networks.vae import VaeConfig
from model_management.header import Header

OPEN_CLIP_WIDTH = 1024  # of the smallest published one that diffusion networks read
HEAD_WIDTH = 64  # of attention in Stable Diffusion 2 and XL


def unet_config(header: Header, prefix: str) -> UNetConfig:
    """The UNet below `prefix`: its blocks are walked; a `op` among the input blocks ends a level.

    How attention is split into heads stands in no shape. Nets with linear projections, which came with Stable
    Diffusion 2, have heads of one width; older ones have eight of them, however wide, and so has the upscaler, which
    tells kinds of pictures apart by a number.

    Raises: WeightsError, if a tensor is missing that a size is read from.
    """
    widths: list[int] = []
    down: list[list[int]] = []
    numbers: list[list[int]] = []  # of the stages of each level
    starts_level = True
    for index in count(1):
        stage = f"{prefix}input_blocks.{index}."
        if f"{stage}0.op.weight" in header:
            starts_level = True
            continue
        if f"{stage}0.in_layers.2.weight" not in header:
            break
        if starts_level:
            widths.append(header.shape(f"{stage}0.in_layers.2.weight")[0])
            down.append([])
            numbers.append([])
            starts_level = False
        numbers[-1].append(index)
        down[-1].append(count_numbered(header, f"{stage}1.transformer_blocks."))
    up: list[list[int]] = []
    index = 0
    for level in reversed(down):
        up.insert(0, [])
        for _ in range(len(level) + 1):
            up[0].append(count_numbered(header, f"{prefix}output_blocks.{index}.1.transformer_blocks."))
            index += 1

    middle = count_numbered(header, f"{prefix}middle_block.1.transformer_blocks.")
    has_middle = f"{prefix}middle_block.0.in_layers.2.weight" in header
    transformer = _first_transformer(header, prefix)
    is_linear = len(header.shape(f"{transformer}proj_in.weight")) == 2
    is_even = all(set(above) <= set(below) and len(set(below)) == 1 for below, above in zip(down, up, strict=True))
    vector, labels = f"{prefix}label_emb.0.0.weight", f"{prefix}label_emb.weight"
    text_only = tuple(_reads_text_first(header, f"{prefix}input_blocks.", stages) for stages in numbers)
    return UNetConfig(
        widths=tuple(widths),
        blocks=tuple(len(level) for level in down),
        depths=tuple(map(_depths, down)),
        up_depths=None if is_even else tuple(map(_depths, up)),
        middle_depth=middle if has_middle else None,
        context_width=header.shape(f"{transformer}transformer_blocks.0.attn2.to_k.weight")[1],
        in_channels=header.shape(f"{prefix}input_blocks.0.0.weight")[1],
        out_channels=header.shape(f"{prefix}out.2.weight")[0] if f"{prefix}out.2.weight" in header else 4,
        time_width=header.shape(f"{prefix}time_embed.0.weight")[0],
        head_width=HEAD_WIDTH if is_linear and labels not in header else None,
        linear_projections=is_linear,
        vector_width=header.shape(vector)[1] if vector in header else 0,
        labels=header.shape(labels)[0] if labels in header else 0,
        text_only=text_only if any(text_only) else (),
    )


def _reads_text_first(header: Header, prefix: str, stages: list[int]) -> bool:
    """Whether the transformer blocks of these stages look at the text where others look at themselves.

    Seen by the width that their first attention's keys are made of; where a level is as wide as the text, it is taken
    to look at itself, as the published net does.
    """
    for stage in stages:
        block = f"{prefix}{stage}.1.transformer_blocks.0.attn1."
        if f"{block}to_k.weight" in header:
            inner, read = header.shape(f"{block}to_k.weight")
            return inner != read
    return False


def _depths(blocks: list[int]) -> Depths:
    return blocks[0] if len(set(blocks)) == 1 else tuple(blocks)


def _first_transformer(header: Header, prefix: str) -> str:
    """The prefix of some spatial transformer of the UNet, of the middle one if none is found."""
    ending = ".transformer_blocks.0.attn2.to_k.weight"
    found = (key for key in header.tensors if key.startswith(prefix) and key.endswith(ending))
    return next(found, f"{prefix}middle_block.1{ending}").removesuffix(ending.removeprefix("."))


def vae_config(header: Header, prefix: str) -> VaeConfig:
    """The autoencoder below `prefix`."""
    levels = count_numbered(header, f"{prefix}encoder.down.")
    return VaeConfig(
        widths=tuple(header.shape(f"{prefix}encoder.down.{level}.block.0.conv1.weight")[0] for level in range(levels)),
        blocks=count_numbered(header, f"{prefix}encoder.down.0.block."),
        latent_channels=header.shape(f"{prefix}decoder.conv_in.weight")[1],
        image_channels=header.shape(f"{prefix}decoder.conv_out.weight")[0],
        has_quant=any(f"{prefix}{name}.weight" in header for name in ("quant_conv", "post_quant_conv")),
        along_time=f"{prefix}decoder.mid.block_1.mix_factor" in header,
    )


def clip_text_config(header: Header, prefix: str) -> ClipTextConfig:
    """The text encoder below `prefix`, in the layout of transformers.

    Which gate its layers have stands in no shape: OpenAI's nets have the quick one and are not as wide as OpenCLIP's.
    """
    vocabulary, width = header.shape(f"{prefix}text_model.embeddings.token_embedding.weight")
    projection = f"{prefix}text_projection.weight"
    return ClipTextConfig(
        width=width,
        layers=count_numbered(header, f"{prefix}text_model.encoder.layers."),
        mlp_width=header.shape(f"{prefix}text_model.encoder.layers.0.mlp.fc1.weight")[0],
        vocabulary=vocabulary,
        positions=header.shape(f"{prefix}text_model.embeddings.position_embedding.weight")[0],
        quick_gate=width < OPEN_CLIP_WIDTH,
        projection_width=header.shape(projection)[0] if projection in header else 0,
    )


def open_clip_text_config(header: Header, prefix: str) -> ClipTextConfig:
    """The text encoder below `prefix`, in OpenCLIP's layout."""
    vocabulary, width = header.shape(f"{prefix}token_embedding.weight")
    projection = f"{prefix}text_projection"
    return ClipTextConfig(
        width=width,
        layers=count_numbered(header, f"{prefix}transformer.resblocks."),
        mlp_width=header.shape(f"{prefix}transformer.resblocks.0.mlp.c_fc.weight")[0],
        vocabulary=vocabulary,
        positions=header.shape(f"{prefix}positional_embedding")[0],
        quick_gate=False,
        projection_width=header.shape(projection)[1] if projection in header else 0,
    )


def count_numbered(header: Header, prefix: str) -> int:
    """How many numbers, from 0 on without a gap, stand behind the prefix in names."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = {int(match[1]) for match in map(pattern.match, header.tensors) if match}
    return next(number for number in count() if number not in found)
