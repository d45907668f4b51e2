"""Videos, written frame by frame with their sound and what can remake them; or copied into another container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heddle.graph.errors import FileProblem, ShapeError
from heddle.graph.said import say
from heddle.media.containers import Source, reading
from heddle.media.real_time import refuse_real_time
from heddle.media.sounds import Sound, Track
from heddle.media.videos import video_stream

#: By the container, as files end: what FFmpeg calls it, the codec it gets unless another is chosen, its sound's codec.
CONTAINERS = {
    "mp4": ("mp4", "h264", "aac"),
    "mkv": ("matroska", "h264", "aac"),
    "webm": ("webm", "av1", "libopus"),
}

#: By the codec: what FFmpeg calls its encoder, the rate factor it gets unless another is chosen, and its options.
CODECS: dict[str, tuple[str, float, dict[str, str]]] = {
    "h264": ("libx264", 23, {}),
    "av1": ("libsvtav1", 30, {"preset": "6"}),
    "vp9": ("libvpx-vp9", 32, {"row-mt": "1"}),
}

#: Codecs that players know in a container; what else a file has is written anew. (An MKV holds everything.)
_FITS = {
    "mp4": {"h264", "hevc", "av1", "vp9", "mpeg4", "aac", "mp3", "opus", "ac3"},
    "webm": {"av1", "vp8", "vp9", "opus", "vorbis"},
}

# ITU-T H.273: colour primaries, transfer function, matrix; by what the values mean.
_TAGS = {"sRGB": (1, 13, 1), "HDR": (9, 18, 9), "HDR PQ": (9, 16, 9)}
_MPEG_RANGE = 1  # 16..235, as players expect


@dataclass(frozen=True)
class Writing:
    """How a video is to be written.

    Attributes:
        container: a key of `CONTAINERS`. codec: a key of `CODECS`, or "auto".
        crf: the constant rate factor, 0 is best; None: what the codec usually gets.
        bit_depth: 8 or 10. color_space: what the values mean, one of `COLOR_SPACES`.
        texts: what remakes it, by key.
    """

    container: str = "mp4"
    codec: str = "auto"
    crf: float | None = None
    bit_depth: int = 8
    color_space: str = "sRGB"
    texts: Mapping[str, str] | None = None

    def encoder(self) -> tuple[str, dict[str, str]]:
        """What FFmpeg calls the encoder, and its options."""
        codec = CONTAINERS[self.container][1] if self.codec == "auto" else self.codec
        name, crf, options = CODECS[codec]
        factor = crf if self.crf is None else self.crf
        return name, {**options, "crf": f"{factor:g}" if name == "libx264" else str(round(factor))}  # others: whole


def write_video(target: Any, frames: Iterable[NDArray[Any]], rate: Fraction, sound: Sound | None, how: Writing) -> None:
    """Encode a video.

    Args:
        target: can be written and sought in.
        frames: [H, W, 3] each, uint8 or uint16, all of one size; they are taken one by one. Most players know none
            whose sides are odd: those get one more line, like the last.
        sound: it ends with the last frame.
    Raises: ShapeError, if there is no frame, or the codec takes none of that size.
    """
    import av  # brings FFmpeg
    from av.error import FFmpegError

    coming = iter(frames)
    first = next(coming, None)
    if first is None:
        raise ShapeError(say("there are no frames to make a video of; link at least one image"), wanted="[F, H, W, 3]")
    first = _even(first)
    height, width = first.shape[:2]
    name, options = how.encoder()
    form, _, sound_codec = CONTAINERS[how.container]
    refuse_real_time()
    try:
        with av.open(target, "w", format=form, options=_mux_options(form)) as media:
            media.metadata.update(how.texts or {})
            stream: Any = media.add_stream(name, rate=rate, options=options)
            stream.width, stream.height, stream.time_base = width, height, 1 / rate
            stream.bit_rate = 0  # as many as the rate factor takes
            stream.pix_fmt = "yuv420p10le" if how.bit_depth > 8 else "yuv420p"
            _tag(stream.codec_context, how.color_space)
            track = None if sound is None else Track(media, sound_codec, sound.samples, sound.rate)
            for count, pixels in enumerate(chain([first], map(_even, coming))):
                if pixels.shape != first.shape:
                    words = "a frame of {width} x {height} px comes after others of {first_width} x {first_height} px"
                    sizes = {"width": pixels.shape[1], "height": pixels.shape[0]}
                    said = say(words, **sizes, first_width=width, first_height=height)
                    raise ShapeError(said, wanted=first.shape, got=pixels.shape)
                frame = _as_yuv(pixels, stream.pix_fmt, how.color_space)
                frame.pts, frame.time_base = count, 1 / rate
                media.mux(stream.encode(frame))
                if track is not None:
                    track.play(float((count + 1) / rate))
            media.mux(stream.encode())
            if track is not None:
                track.end()
    except FileProblem:  # of the file that the frames come from
        raise
    except (FFmpegError, ValueError) as error:  # too small, too large, a rate that it does not know
        words = "{codec} does not take {width} x {height} px at {rate:g} frames a second ({why}); choose another codec"
        why = getattr(error, "strerror", None) or str(error)
        said = say(words, codec=name, width=width, height=height, rate=float(rate), why=why)
        raise ShapeError(said, got=[height, width]) from error


def can_copy(container: str, codecs: Iterable[str | None]) -> bool:
    """Whether what is in a file already can be put into this container, so that players show it."""
    fitting = _FITS.get(container)
    return fitting is None or all(each is None or each in fitting for each in codecs)


def copy_video(source: Source, name: str, target: Any, container: str, texts: Mapping[str, str] | None) -> None:
    """Put the first video and the first sound of a file into another container, bit for bit.

    What remade the older file does not come along, unless `texts` has nothing.

    Raises: FileProblem.
    """
    import av  # brings FFmpeg

    form = CONTAINERS[container][0]
    with reading(source, name) as media, av.open(target, "w", format=form, options=_mux_options(form)) as copied:
        copied.metadata.update(media.metadata if texts is None else texts)
        streams = [video_stream(media, name), *media.streams.audio[:1]]
        places = {each.index: copied.add_stream_from_template(each) for each in streams}
        for packet in media.demux(streams):
            if packet.dts is None:  # only says that it is over
                continue
            packet.stream = places[packet.stream.index]
            copied.mux(packet)


def in_pieces(target: Any, size: int = 1 << 20) -> Iterator[bytes]:
    """What was written, from its beginning."""
    target.seek(0)
    while piece := target.read(size):
        yield piece


def _mux_options(form: str) -> dict[str, str]:
    # Else an MP4 keeps the names that FFmpeg knows, and no other.
    return {"movflags": "use_metadata_tags"} if form == "mp4" else {}


def _tag(context: Any, color_space: str) -> None:
    context.color_primaries, context.color_trc, context.colorspace = _TAGS[color_space]
    context.color_range = _MPEG_RANGE


def _as_yuv(pixels: NDArray[Any], form: str, color_space: str) -> Any:
    import av  # brings FFmpeg

    rgb = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if pixels.dtype == np.uint16 else "rgb24")
    frame = rgb.reformat(format=form, dst_colorspace=_TAGS[color_space][2], dst_color_range=_MPEG_RANGE)
    frame.color_primaries, frame.color_trc = _TAGS[color_space][:2]
    return frame


def _even(pixels: NDArray[Any]) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)
