"""Real videos, sounds and moving pictures, short and small, made when a test needs them; each can carry texts."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

RATE = 48_000
FRAMES_S = 10
QUICK = {"cpu-used": "8", "deadline": "realtime"}  # of VP9


def video(
    form: str = "mp4",
    codec: str = "libx264",
    sound: str | None = "aac",
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (160, 96),
    texts: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A video whose colour goes from red to blue, with a tone of 440 Hz, as a container `form` has it."""
    import av

    buffer = io.BytesIO()
    more = {"movflags": "use_metadata_tags"} if form in ("mp4", "mov") else {}
    with av.open(buffer, "w", format=form, options=more) as file:
        file.metadata.update(texts or {})
        picture: Any = file.add_stream(codec, rate=FRAMES_S, options=dict(options or {}))
        picture.width, picture.height = size
        picture.pix_fmt = "yuv420p"
        tone: Any = _tone(file, sound) if sound else None
        count = round(seconds * FRAMES_S)
        for i in range(count):
            colour = (255 - 255 * i // count, 0, 255 * i // count)
            file.mux(picture.encode(av.VideoFrame.from_image(Image.new("RGB", size, colour))))
        file.mux(picture.encode())
        if tone is not None:
            _play(file, tone, seconds)
    return buffer.getvalue()


def sound(
    form: str = "wav", codec: str = "pcm_s16le", *, seconds: float = 2.0, texts: Mapping[str, str] | None = None
) -> bytes:
    """A tone of 440 Hz."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as file:
        file.metadata.update(texts or {})
        tone = _tone(file, codec)
        _play(file, tone, seconds)
    return buffer.getvalue()


def moving(form: str, size: tuple[int, int] = (96, 64), frames: int = 4) -> bytes:
    """A picture that moves, `GIF`, `PNG` or `WEBP`: from red to blue, a second each round."""
    pictures = [Image.new("RGB", size, (255 - 255 * i // frames, 0, 255 * i // frames)) for i in range(frames)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, form, save_all=True, append_images=pictures[1:], duration=1000 // frames, loop=0)
    return buffer.getvalue()


def _tone(file: Any, codec: str) -> Any:
    stream = file.add_stream(codec, rate=RATE)
    stream.layout = "mono"
    return stream


def _play(file: Any, stream: Any, seconds: float) -> None:
    import av

    form = {"flac": "s16", "pcm_s16le": "s16", "libopus": "s16", "libmp3lame": "s16p"}.get(
        stream.codec_context.name, "fltp"
    )
    step = 960
    for start in range(0, round(seconds * RATE), step):
        wave = 0.2 * np.sin(2 * np.pi * 440 * np.arange(start, start + step) / RATE)
        data = wave.astype(np.float32)[None] if form == "fltp" else (wave * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(data, form, "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())
