"""What packs find in `comfy_api.latest` as `Input`, `InputImpl` and `Types`: Python types of values on the wires."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from nodes.closed_doors import behind

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


class _Named(StrEnum):
    """Words that codecs and containers go by."""

    @classmethod
    def as_input(cls) -> list[str]:
        """The choices of a COMBO."""
        return [each.value for each in cls]


class VideoCodec(_Named):
    """How the pictures of a video are packed."""

    AUTO = "auto"
    H264 = "h264"


class VideoContainer(_Named):
    """How a video's file is built."""

    AUTO = "auto"
    MP4 = "mp4"

    @classmethod
    def get_extension(cls, value: str | VideoContainer) -> str:
        """The ending of its files, without the dot."""
        return "mp4" if cls(value) in (cls.AUTO, cls.MP4) else ""


@dataclass
class VideoComponents:
    """A video taken apart: [frames, H, W, C] images 0..1, pictures a second, sound."""

    images: ImageInput
    frame_rate: Fraction
    audio: AudioInput | None = None
    metadata: dict[str, Any] | None = None


class VideoInput(ABC):
    """A VIDEO, wherever its pictures lie."""

    @abstractmethod
    def get_components(self) -> VideoComponents:
        """The video taken apart."""

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height, px."""
        images = self.get_components().images
        return images.shape[2], images.shape[1]

    def get_frame_rate(self) -> Fraction:
        return Fraction(self.get_components().frame_rate)

    def get_frame_count(self) -> int:
        return int(self.get_components().images.shape[0])

    def get_duration(self) -> float:
        """Seconds."""
        return float(self.get_frame_count() / self.get_frame_rate())


class VideoFromComponents(VideoInput):
    """A video that lies in memory."""

    def __init__(self, components: VideoComponents) -> None:
        self._components = components

    def get_components(self) -> VideoComponents:
        return self._components


VideoFromFile: Any = behind("comfy_api.input_impl", "VideoFromFile")


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
