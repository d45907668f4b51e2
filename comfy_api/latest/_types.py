"""What packs find in `comfy_api.latest` as `Input`, `InputImpl` and `Types`: Python types of values on the wires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from heddle.numerics.videos import (
    VideoCodec,
    VideoComponents,
    VideoContainer,
    VideoFromComponents,
    VideoFromFile,
    VideoInput,
)

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # names of types must not cost the import of torch

ImageInput: TypeAlias = Tensor
MaskInput: TypeAlias = Tensor


class LatentInput(TypedDict, total=False):
    """A LATENT, see the table of wires."""

    samples: Tensor
    noise_mask: Tensor | None
    batch_index: list[int] | None


class AudioInput(TypedDict):
    """Sound: [B, channels, samples] and how many samples a second has."""

    waveform: Tensor
    sample_rate: int


class Input:
    """What nodes are given."""

    Image = ImageInput
    Audio = AudioInput
    Mask = MaskInput
    Latent = LatentInput
    Video = VideoInput


class InputImpl:
    """What nodes make."""

    VideoFromComponents = VideoFromComponents
    VideoFromFile = VideoFromFile


class Types:
    """What videos are made of."""

    VideoCodec = VideoCodec
    VideoContainer = VideoContainer
    VideoComponents = VideoComponents
