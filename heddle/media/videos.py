"""Videos, read frame by frame: what they say of themselves, their pictures upright and in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.containers import Source, reading
from heddle.media.pictures import MAX_PIXELS

#: What the values of a video mean: sRGB, hybrid log-gamma, or perceptual quantiser (ITU-R BT.2100).
COLOR_SPACES = ("sRGB", "HDR", "HDR PQ")

_SPACES = {18: "HDR", 16: "HDR PQ"}  # by the number of the transfer function, ITU-T H.273 table 3
_NEAR_S = 0.0005  # half of what a person can type: a frame that begins at 0.1 s is not before 0.1 s
_MAX_RATE = 1000  # frames a second; what claims more has a broken header


@dataclass(frozen=True)
class VideoFacts:
    """What a video is.

    Attributes:
        width, height: of a frame, px, upright.
        bit_depth: of a channel, 8 or 10; deeper ones count as 10.
        container, codec, sound_codec: as FFmpeg calls them; no codec: there is no sound.
    """

    width: int
    height: int
    frame_rate: Fraction
    bit_depth: int
    color_space: str
    container: str
    codec: str
    sound_codec: str | None


def read_facts(source: Source, name: str) -> VideoFacts:
    """What a file is; one frame of it is decoded, since only frames say how they are turned.

    Raises: FileProblem, if there is no video in it or it cannot be read.
    """
    with reading(source, name) as media:
        stream = video_stream(media, name)
        context = stream.codec_context
        frame = next(iter(media.decode(stream)), None)
        if frame is None:
            raise FileProblem(say("{name}: there is no frame in it; get it again", name=name))
        width, height = frame.width, frame.height
        if int(frame.rotation) % 180:
            width, height = height, width
        sound = next(iter(media.streams.audio), None)
        deep = frame.format.components[0].bits > 8
        rate = frame_rate_of(stream)
        facts = {
            "bit_depth": 10 if deep else 8,
            "color_space": _SPACES.get(int(frame.color_trc), "sRGB"),
            "container": media.format.name,
            "codec": context.codec.canonical_name,
            "sound_codec": sound and sound.codec_context.codec.canonical_name,
        }
    return VideoFacts(width=width, height=height, frame_rate=rate, **facts)


def read_length(source: Source, name: str) -> tuple[int, float]:
    """How many frames a video has, and for how many seconds they are shown.

    MP4 and MOV say both; of others the pieces are counted, since what they say is of all that is in them, or wrong.
    """
    with reading(source, name) as media:
        stream = video_stream(media, name)
        rate = frame_rate_of(stream)
        if "mp4" in media.format.name.split(",") and stream.frames and stream.duration:
            return stream.frames, float(stream.duration * stream.time_base)
    times = list(frame_times(source, name))
    return len(times), max(times, default=0.0) + float(1 / rate)


def video_stream(media: Any, name: str) -> Any:
    """The video of an open file. Raises: FileProblem, if there is none or its frames are too large."""
    for stream in media.streams.video:
        if stream.disposition & stream.disposition.attached_pic:  # the cover of an album
            continue
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            words = "{name}: frames of {width:,} x {height:,} px, but at most {most:,} pixels are read"
            raise FileProblem(say(words, name=name, width=width, height=height, most=MAX_PIXELS))
        stream.thread_type = "AUTO"
        return stream
    raise FileProblem(say("{name}: there is no video in it; choose a file that has some", name=name))


def frame_rate_of(stream: Any) -> Fraction:
    """Frames a second; 1 if the file does not say, or says what cannot be."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= _MAX_RATE:
            return Fraction(rate)
    return Fraction(1)


def origin_of(stream: Any) -> float:
    """What a file calls the time of its first frame, in seconds."""
    return float((stream.start_time or 0) * stream.time_base)


def frame_times(source: Source, name: str) -> Iterator[float]:
    """When each frame is shown, in seconds from the first on, in the order of the file; nothing is decoded."""
    with reading(source, name) as media:
        stream = video_stream(media, name)
        origin, rate, number = origin_of(stream), frame_rate_of(stream), 0
        for packet in media.demux(stream):
            if packet.size:  # the last one only says that it is over
                yield float(number / rate) if packet.pts is None else float(packet.pts * packet.time_base) - origin
                number += 1


def is_within(time_s: float, start_s: float, end_s: float | None) -> bool:
    """Whether a frame that is shown at this time lies in a part of a video."""
    return time_s >= start_s - _NEAR_S and (end_s is None or time_s < end_s - _NEAR_S)


def frames_in(media: Any, name: str, start_s: float = 0, end_s: float | None = None) -> Iterator[NDArray[Any]]:
    """The frames of an open file from one time up to another, upright: [H, W, 3], uint8, or uint16 of deeper ones.

    Frames of another size than the first, which some files change to on the way, are brought to its size.
    """
    stream = video_stream(media, name)
    origin, rate, number = origin_of(stream), frame_rate_of(stream), 0
    if start_s > 1:  # a decoder has to begin at a key frame
        media.seek(max(int((origin + start_s) / stream.time_base), 0), stream=stream)
    first: Any = None
    for frame in media.decode(stream):
        time_s = float(number / rate) if frame.pts is None else float(frame.pts * frame.time_base) - origin
        number += 1
        if end_s is not None and time_s >= end_s - _NEAR_S:
            return
        if not is_within(time_s, start_s, None):
            continue
        first = first or frame
        form = "rgb48le" if frame.format.components[0].bits > 8 else "rgb24"
        pixels = frame.reformat(format=form, width=first.width, height=first.height).to_ndarray()
        turns = int(frame.rotation) // 90
        yield np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
