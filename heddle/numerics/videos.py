"""Videos as values: in memory or in a file, taken apart into images and sound, cut, and written.

The names are those by which packs know them. Frames of a file are read one by one where that is enough. torch is
imported where images are made: packs name these classes at their top, which must cost nothing.
"""

from __future__ import annotations

import io
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from heddle.graph.errors import FileProblem, ShapeError
from heddle.graph.running import current_context
from heddle.graph.said import say
from heddle.media.containers import Room, Source, reading
from heddle.media.pictures import remaking_texts, to_bytes
from heddle.media.sounds import Sound, sound_in
from heddle.media.values import in_depth
from heddle.media.video_writing import CONTAINERS, Writing, can_copy, copy_video, in_pieces, write_video
from heddle.media.videos import (
    VideoFacts,
    frame_times,
    frames_in,
    is_within,
    origin_of,
    read_facts,
    read_length,
    video_stream,
)
from heddle.media.whole_files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

_HELD_BYTES = 64 << 20  # of a video on its way into a file; more of it lies on disk meanwhile


#: Is told how many frames are done, of about how many.
OnFrame = Callable[[int, int], None]


def _unwatched(done: int, total: int) -> None:
    """Nobody watches."""


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
    AV1 = "av1"
    VP9 = "vp9"


class VideoContainer(_Named):
    """How a video's file is built."""

    AUTO = "auto"
    MP4 = "mp4"
    MKV = "mkv"
    WEBM = "webm"

    @classmethod
    def get_extension(cls, value: str | VideoContainer) -> str:
        """The ending of its files, without the dot."""
        return "mp4" if cls(value) is cls.AUTO else cls(value).value


@dataclass
class VideoComponents:
    """A video taken apart: [frames, H, W, C] images 0..1, pictures a second, sound.

    `bit_depth` (8 or 10) and `color_space` ("sRGB", "HDR" or "HDR PQ") say how it was, or is to be, packed.
    """

    images: Tensor
    frame_rate: Fraction
    audio: Mapping[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    bit_depth: int = 8
    color_space: str = "sRGB"


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

    def get_container_format(self) -> str:
        """What FFmpeg calls the container that it lies in, or would be written in."""
        return CONTAINERS["mp4"][0]

    def get_stream_source(self) -> str | io.BytesIO:
        """A path, or a stream, that a player can read."""
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def save_to(
        self,
        path: str | Path | BinaryIO,
        format: str = VideoContainer.AUTO,
        codec: str = VideoCodec.AUTO,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write it into a file, whole or not at all, over an older one; or into a stream.

        Args:
            metadata: what it carries, by key; values become JSON.
        Raises: FileProblem, ShapeError.
        """
        texts = None if metadata is None else remaking_texts(None, metadata)
        how = Writing(VideoContainer.get_extension(format), VideoCodec(codec).value, texts=texts)
        if isinstance(path, str | Path):
            write_whole(Path(path), pieces_of(self, how))
        else:
            self.write(path, how)

    def write(self, target: Any, how: Writing, *, is_anew: bool = False, on_frame: OnFrame = _unwatched) -> None:
        """Write it. The sound ends with the last frame.

        Args:
            target: a stream that can be sought in.
            is_anew: whether it is encoded also where a copy would do.
            on_frame: is told how many frames are written, of how many; what it raises ends the writing.
        """
        parts = self.get_components()
        frames = _counted(frames_of(parts.images, how.bit_depth), len(parts.images), on_frame)
        write_video(target, frames, Fraction(parts.frame_rate), sound_of(parts), how)

    def as_trimmed(
        self, start_time: float = 0.0, duration: float = 0.0, strict_duration: bool = False
    ) -> VideoInput | None:
        """A part of it, a VIDEO again; None, if nothing lies there.

        Args:
            start_time: seconds; below 0: counted from the end. duration: 0 = up to the end.
            strict_duration: whether a part that is shorter than asked for is none.
        """
        total = self.get_duration()
        start = max(start_time + total, 0.0) if start_time < 0 else start_time
        near = float(1 / self.get_frame_rate()) / 2
        if start >= total or (strict_duration and start + duration > total + near):
            return None
        return self._part(start, None if duration <= 0 else duration)

    def _part(self, start_s: float, duration_s: float | None) -> VideoInput | None:
        parts = self.get_components()
        rate, count = Fraction(parts.frame_rate), parts.images.shape[0]
        end_s = None if duration_s is None else start_s + duration_s
        numbers = [number for number in range(count) if is_within(float(number / rate), start_s, end_s)]
        if not numbers:
            return None
        audio = parts.audio
        if audio is not None:
            first = round(start_s * audio["sample_rate"])
            last = None if end_s is None else round(end_s * audio["sample_rate"])
            audio = {**audio, "waveform": audio["waveform"][..., first:last]}
        images = parts.images[numbers[0] : numbers[-1] + 1]
        return VideoFromComponents(replace(parts, images=images, audio=audio))


class VideoFromComponents(VideoInput):
    """A video that lies in memory."""

    def __init__(self, components: VideoComponents) -> None:
        self._components = components

    def get_components(self) -> VideoComponents:
        return self._components


class VideoFromFile(VideoInput):
    """A video that lies in a file, or in the bytes of one. It is read when something of it is asked for.

    Args:
        start_time, duration: the part that is meant, in seconds; a duration of 0 reaches to the end.
        name: what messages call it.
    """

    def __init__(
        self, file: str | Path | BinaryIO, *, start_time: float = 0.0, duration: float = 0.0, name: str = ""
    ) -> None:
        self._source: Source = Path(file) if isinstance(file, str) else file
        self._start_s, self._duration_s = start_time, duration
        self._name = name or (self._source.name if isinstance(self._source, Path) else "the video")

    @cached_property
    def facts(self) -> VideoFacts:
        """What the whole file is. Raises: FileProblem, if there is no video in it."""
        return read_facts(self._source, self._name)

    @cached_property
    def _length(self) -> tuple[int, float]:
        """How many frames the whole file has, and how many seconds."""
        return read_length(self._source, self._name)

    @property
    def _end_s(self) -> float | None:
        return self._start_s + self._duration_s if self._duration_s > 0 else None

    @property
    def _is_whole(self) -> bool:
        return self._start_s <= 0 and self._end_s is None

    def get_stream_source(self) -> str | io.BytesIO:
        if not self._is_whole:
            return super().get_stream_source()
        if isinstance(self._source, Path):
            return str(self._source)
        self._source.seek(0)
        return io.BytesIO(self._source.read())

    def get_components(self) -> VideoComponents:
        """Raises: FileProblem, if it cannot be read, nothing lies in the part, or memory does not hold it."""
        import torch

        room, frames = Room(), []
        running = current_context.get()
        with reading(self._source, self._name) as media:
            metadata = dict(media.metadata)
            for pixels in frames_in(media, self._name, self._start_s, self._end_s):
                # As they are, and then as float32: both are there until all have been turned.
                room.take(pixels.nbytes + pixels.size * 4, say("{count:,} frames", count=len(frames) + 1), self._name)
                frames.append(pixels)
                if running is not None:
                    running.check_cancelled()
        if not frames:
            words = "{name}: there is no frame in the part that is asked for; choose another start time"
            raise FileProblem(say(words, name=self._name))
        images = torch.empty(len(frames), *frames[0].shape)
        for number in range(len(frames)):
            images[number] = torch.from_numpy(in_depth(frames[number], np.float32))
            frames[number] = None
        sound = self._sound(room)
        audio = None
        if sound is not None:
            audio = {"waveform": torch.from_numpy(sound.samples)[None], "sample_rate": sound.rate}
        return VideoComponents(
            images, self.facts.frame_rate, audio, metadata, self.facts.bit_depth, self.facts.color_space
        )

    def _sound(self, room: Room) -> Sound | None:
        with reading(self._source, self._name) as media:
            origin = origin_of(video_stream(media, self._name))
            return sound_in(media, self._name, room, origin_s=origin, start_s=self._start_s, end_s=self._end_s)

    def get_dimensions(self) -> tuple[int, int]:
        return self.facts.width, self.facts.height

    def get_frame_rate(self) -> Fraction:
        return self.facts.frame_rate

    def get_frame_count(self) -> int:
        if self._is_whole:
            return self._length[0]
        times = frame_times(self._source, self._name)
        return sum(is_within(time, self._start_s, self._end_s) for time in times)

    def get_duration(self) -> float:
        left = max(self._length[1] - self._start_s, 0.0)
        return min(left, self._duration_s) if self._duration_s > 0 else left

    def get_container_format(self) -> str:
        return self.facts.container

    def write(self, target: Any, how: Writing, *, is_anew: bool = False, on_frame: OnFrame = _unwatched) -> None:
        facts = self.facts
        fits = how.codec in ("auto", facts.codec) and can_copy(how.container, (facts.codec, facts.sound_codec))
        if self._is_whole and fits and not is_anew:
            copy_video(self._source, self._name, target, how.container, how.texts)
            return
        sound = self._sound(Room())
        with reading(self._source, self._name) as media:
            frames = frames_in(media, self._name, self._start_s, self._end_s)
            total = max(round(self.get_duration() * facts.frame_rate), 1)
            write_video(target, _counted(frames, total, on_frame), facts.frame_rate, sound, how)

    def _part(self, start_s: float, duration_s: float | None) -> VideoInput | None:
        length = duration_s or 0.0
        if self._duration_s > 0:
            left = self._duration_s - start_s
            length = min(length, left) if length else left
        return VideoFromFile(self._source, start_time=self._start_s + start_s, duration=length, name=self._name)


def frames_of(images: Tensor, bit_depth: int) -> Iterator[Any]:
    """The frames of [F, H, W, 1 | 3 | 4], one by one as a video has them: [H, W, 3] uint8, or uint16 for more bits.

    An alpha is left out. What is no number is black.

    Raises: ShapeError.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.numel():
        words = "images of shape {shape} make no video; [frames, height, width, 1, 3 or 4] is wanted"
        raise ShapeError(say(words, shape=list(images.shape)), wanted="[F, H, W, 3]", got=list(images.shape))
    for image in images:
        colours = image[..., :3].detach().float().cpu().expand(-1, -1, 3).numpy()
        yield in_depth(colours, np.uint16) if bit_depth > 8 else to_bytes(colours)


def pieces_of(
    video: VideoInput,
    how: Writing,
    folder: Path | None = None,
    *,
    is_anew: bool = False,
    on_frame: OnFrame = _unwatched,
) -> Iterator[bytes]:
    """The bytes of a file of a video, made when the first is asked for.

    Args:
        folder: for what is only passing. is_anew, on_frame: as `VideoInput.write`.
    """
    with tempfile.SpooledTemporaryFile(_HELD_BYTES, dir=None if folder is None else str(folder)) as target:
        video.write(target, how, is_anew=is_anew, on_frame=on_frame)
        yield from in_pieces(target)


def _counted(frames: Iterator[Any], total: int, on_frame: OnFrame) -> Iterator[Any]:
    for number, frame in enumerate(frames, start=1):
        yield frame
        on_frame(number, max(total, number))


def sound_of(parts: VideoComponents) -> Sound | None:
    """The first sound of the batch, as long as the pictures are shown; None without any."""
    from heddle.numerics.sounds import parts_of  # brings torch

    if parts.audio is None:
        return None
    waveform, rate = parts_of(parts.audio)
    length = -(-len(parts.images) * rate // Fraction(parts.frame_rate))
    samples = waveform[0, :, :length].detach().cpu().numpy()
    return Sound(samples, rate) if samples.size else None
