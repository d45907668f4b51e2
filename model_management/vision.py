"""Vision encoders: their files, and pictures made ready for them and encoded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.clip_vision import ClipVision as ClipVisionNet
from heddle.networks.clip_vision import ClipVisionConfig
from model_management.checkpoint import stored_net
from model_management.family import NetPart, describe_names
from model_management.finiteness import refuse_unless_encoded
from model_management.header import Header, read_header
from model_management.net_sizes import count_numbered
from model_management.places import in_open_clip_vision
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch
from model_management.weights import Weights

#: Mean and standard deviation of red, green and blue that the nets were trained with, from their published
#: preprocessing.
CLIP_COLOURS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
SIGLIP_COLOURS = ((0.5,) * 3, (0.5,) * 3)

#: Wider nets have this many heads of whatever width; narrower ones heads of 64. So all published ones have it.
MOST_HEADS = 16
HEAD_WIDTH = 64
OPEN_AI_WIDTH = 1024  # of the widest net with OpenAI's quick gate

#: Pictures are as large as their patches; but those of SigLIP with 27 patches of 14 pixels on a side have 384 pixels.
SIZES_PX = {(27, 14): 384}


#: Where it lies: in OpenCLIP's layout in a file of its own, in an unCLIP checkpoint, in one of Stable Video Diffusion.
PREFIXES = ("visual.", "embedder.model.visual.", "conditioner.embedders.0.open_clip.model.visual.")


@dataclass(frozen=True)
class ClipVision:
    """A vision encoder. Held, it gives a `heddle.networks.clip_vision.ClipVision`."""

    stored: StoredNet
    config: ClipVisionConfig
    weight_patches: tuple[WeightPatch, ...] = ()


@dataclass(frozen=True, eq=False)
class ClipVisionOutput:
    """What flows along CLIP_VISION_OUTPUT wires; the names are those that packs read.

    last_hidden_state, penultimate_hidden_states: [B, T, width]. image_embeds: [B, D], or [B, T, width] of SigLIP.
    """

    last_hidden_state: Tensor
    penultimate_hidden_states: Tensor
    image_embeds: Tensor

    def __getitem__(self, name: str) -> Tensor:
        return getattr(self, name)


def open_clip_vision(path: Path | str) -> ClipVision:
    """The handle of a vision encoder, in the layout of transformers or of OpenCLIP, or the one in a checkpoint.

    Raises: WeightsError, if the file is missing, damaged, or no vision encoder.
    """
    header = read_header(path)
    part = next(_parts(header), None)
    if part is None:
        raise WeightsError(
            say(
                "{file} holds no vision encoder known here: "
                "vision_model.embeddings.patch_embedding.weight or visual.conv1.weight is wanted, "
                "but found were {found}; choose another file",
                file=header.path.name,
                found=describe_names(header),
            ),
            file=header.path,
        )
    stored = stored_net("vision", header, part)
    return ClipVision(stored, stored.config)


def _parts(header: Header) -> Iterator[NetPart]:
    for prefix in ("", *PREFIXES):  # engines that save checkpoints may write transformers' names behind the prefix
        if f"{prefix}vision_model.embeddings.patch_embedding.weight" in header:
            yield NetPart(prefix, clip_vision_config, ClipVisionNet)
        elif prefix and f"{prefix}conv1.weight" in header:
            yield NetPart(prefix, open_clip_vision_config, ClipVisionNet, place=in_open_clip_vision)


def clip_vision_config(header: Header, prefix: str) -> ClipVisionConfig:
    """The vision encoder below `prefix`, in the layout of transformers."""
    embeddings, layers = f"{prefix}vision_model.embeddings.", f"{prefix}vision_model.encoder.layers."
    projection = f"{prefix}visual_projection.weight"
    return _config(
        patch=header.shape(f"{embeddings}patch_embedding.weight"),
        positions=header.shape(f"{embeddings}position_embedding.weight")[0],
        layers=count_numbered(header, layers),
        mlp_width=header.shape(f"{layers}0.mlp.fc1.weight")[0],
        projection_width=header.shape(projection)[0] if projection in header else 0,
        is_siglip=f"{embeddings}class_embedding" not in header,
    )


def open_clip_vision_config(header: Header, prefix: str) -> ClipVisionConfig:
    """The vision encoder below `prefix`, in OpenCLIP's layout."""
    return _config(
        patch=header.shape(f"{prefix}conv1.weight"),
        positions=header.shape(f"{prefix}positional_embedding")[0],
        layers=count_numbered(header, f"{prefix}transformer.resblocks."),
        mlp_width=header.shape(f"{prefix}transformer.resblocks.0.mlp.c_fc.weight")[0],
        projection_width=header.shape(f"{prefix}proj")[1] if f"{prefix}proj" in header else 0,
        is_siglip=False,
    )


def _config(
    patch: tuple[int, ...], positions: int, layers: int, mlp_width: int, projection_width: int, is_siglip: bool
) -> ClipVisionConfig:
    width, _colours, patch_px, _ = patch
    side = math.isqrt(positions - (not is_siglip))
    return ClipVisionConfig(
        width=width,
        layers=layers,
        mlp_width=mlp_width,
        heads=max(1, min(width // HEAD_WIDTH, MOST_HEADS)),
        patch_px=patch_px,
        image_px=SIZES_PX.get((side, patch_px), side * patch_px),
        quick_gate=not is_siglip and width <= OPEN_AI_WIDTH,
        projection_width=projection_width,
        is_siglip=is_siglip,
    )


def encode_for_vision(
    clip_vision: ClipVision, image: Tensor, weights: Weights, *, is_cropped: bool
) -> ClipVisionOutput:
    """What a vision encoder reads off images [B, H, W, C], 0..1; see `prepare` and `encode_pixels`."""
    return encode_pixels(clip_vision, prepare(image, clip_vision.config, is_cropped=is_cropped), weights)


def encode_pixels(clip_vision: ClipVision, pixels: Tensor, weights: Weights) -> ClipVisionOutput:
    """What a vision encoder reads off pixels that `prepare` gives. On the CPU, float32.

    Raises: WeightsError or GraphError, if it is not finite.
    """
    with weights.hold(clip_vision) as net:
        encoded = net(pixels.to(next(net.parameters())))
    last, penultimate, whole = (each.float().cpu() for each in encoded)
    refuse_unless_encoded(last, clip_vision.stored, say("the image"))
    return ClipVisionOutput(last, penultimate, whole)


def prepare(image: Tensor, config: ClipVisionConfig, *, is_cropped: bool) -> Tensor:
    """Images as the net was trained on them: resized, in steps of 1/255, normalised.

    Args:
        image: [B, H, W, 3 or more], 0..1.
        is_cropped: the shorter side is brought to the net's size and the middle is taken; else the whole is stretched.
    Returns: [B, 3, image_px, image_px].
    """
    size = config.image_px
    x = image[..., :3].movedim(-1, 1).float()
    height, width = x.shape[-2:]
    if (height, width) != (size, size):
        scale = size / min(height, width)
        wanted = (round(height * scale), round(width * scale)) if is_cropped else (size, size)
        x = interpolate(x, size=wanted, mode="bicubic", antialias=True)
        top, left = (wanted[0] - size) // 2, (wanted[1] - size) // 2
        x = x[..., top : top + size, left : left + size]
    mean, std = (torch.tensor(each)[:, None, None] for each in (SIGLIP_COLOURS if config.is_siglip else CLIP_COLOURS))
    return ((x * 255).clamp(0, 255).round() / 255 - mean.to(x)) / std.to(x)
