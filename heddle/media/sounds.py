"""Sounds: read from the files that people have, whole or a part, and written with what can remake them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heddle.graph.errors import FileProblem, ShapeError
from heddle.graph.said import say
from heddle.media.containers import Room, Source, reading

#: By the ending of the file: what FFmpeg calls the container and the codec.
KINDS = {"flac": ("flac", "flac"), "mp3": ("mp3", "libmp3lame"), "opus": ("opus", "libopus")}

#: FFmpeg's names of the usual places of loudspeakers, by how many there are.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LOWEST_RATE = 1000  # of what is brought to another rate: below, the filter is longer than a sound
_PIECE_S = 1.0  # so much is handed to an encoder at a time


@dataclass(frozen=True)
class Sound:
    """[channels, samples] float32, -1..1 if nothing is too loud, and how many samples a second has."""

    samples: NDArray[np.float32]
    rate: int


def read_sound(source: Source, name: str, most_bytes: int | None = None) -> Sound:
    """The first sound of a file, which may be a video's.

    Args:
        name: what messages call it.
        most_bytes: as `Room`.
    Raises: FileProblem, if there is none, it is damaged or longer than memory holds.
    """
    with reading(source, name) as media:
        sound = sound_in(media, name, Room(most_bytes))
        if sound is None:
            raise FileProblem(say("{name}: there is no sound in it; choose a file that has some", name=name))
        return sound


def sound_in(
    media: Any, name: str, room: Room, *, origin_s: float | None = None, start_s: float = 0, end_s: float | None = None
) -> Sound | None:
    """The first sound of an open file; None without any.

    Args:
        origin_s: what the file calls the time from which `start_s` and `end_s` count, so that a video's sound stays
            beside its pictures: one that begins later has silence before it. None: the sound's own begin.
    """
    import av  # brings FFmpeg

    stream = next(iter(media.streams.audio), None)
    if stream is None:
        return None
    convert = av.AudioResampler(format="fltp")
    pieces: list[NDArray[np.float32]] = []
    rate, at, end = 0, None, None
    for frame in chain(media.decode(stream), [None]):
        for piece in convert.resample(frame):
            if piece is None:  # nothing is left at the end
                continue
            values: Any = piece.to_ndarray()
            rate = piece.sample_rate
            if at is None:
                begins = 0.0 if origin_s is None or piece.time is None else piece.time - origin_s
                at = round((begins - start_s) * rate)
                end = None if end_s is None else round((end_s - start_s) * rate)
                if at > 0:
                    silence = at if end is None else min(at, end)
                    room.take(silence * len(values) * 4, say("{seconds:.0f} s of sound", seconds=silence / rate), name)
                    pieces.append(np.zeros((len(values), silence), np.float32))
            part = values[:, max(-at, 0) : None if end is None else max(end - at, 0)]
            at += values.shape[1]
            if part.size:
                room.take(
                    2 * part.nbytes, say("{seconds:.0f} s of sound", seconds=at / rate), name
                )  # joined at the end
                pieces.append(np.ascontiguousarray(part))
        if at is not None and end is not None and at >= end:
            break
    if at is None:
        return None  # a sound without samples
    return Sound(np.concatenate(pieces, axis=1) if pieces else np.zeros((stream.channels, 0), np.float32), rate)


def encode_sound(
    samples: NDArray[np.float32], rate: int, kind: str, quality: str = "", texts: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a sound file.

    Args:
        samples: [channels, samples], -1..1; what is louder is cut, what is no number becomes silence.
        kind: one of `KINDS`. A rate that it does not know is changed to the next higher one that it does.
        quality: "V0" (as good as variable rates get) or the thousands of bits a second, such as "128k"; FLAC has none.
        texts: what remakes it, by key.
    Raises: ShapeError, if there is nothing to write or more channels than it holds.
    """
    import av  # brings FFmpeg

    form, codec = KINDS[kind]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as media:
        media.metadata.update(texts or {})
        track = Track(media, codec, samples, rate, quality)
        track.play()
        track.end()
    return buffer.getvalue()


class Track:
    """A sound on its way into a container.

    Args:
        media: a container of PyAV's that is written.
        codec: what FFmpeg calls the encoder.
        samples, rate, quality: as `encode_sound`.
    Raises: ShapeError.
    """

    def __init__(self, media: Any, codec: str, samples: NDArray[np.float32], rate: int, quality: str = "") -> None:
        import av  # brings FFmpeg

        channels, length = samples.shape
        most = 2 if codec == "libmp3lame" else max(_LAYOUTS)
        if not length:
            words = "the sound has no samples, so there is nothing to write; make it longer"
            raise ShapeError(say(words), wanted="[channels, samples]", got=list(samples.shape))
        if not 1 <= channels <= most:
            words = "the sound has {count} channels, but {codec} holds 1 to {most}; save it as FLAC or mix it down"
            raise ShapeError(say(words, count=channels, codec=codec, most=most), wanted=most, got=channels)
        self._media, self._samples, self._rate, self._at = media, samples, rate, 0
        self._layout = _LAYOUTS[channels]
        options = {"flags": "+qscale", "global_quality": "0"} if quality == "V0" else {}
        written_rate = rate_for(codec, rate)
        if rate < _LOWEST_RATE and written_rate != rate:
            words = "{codec} does not take {rate} samples a second; save the sound as FLAC, or make it of {low} or more"
            raise ShapeError(say(words, codec=codec, rate=rate, low=_LOWEST_RATE), wanted=_LOWEST_RATE, got=rate)
        self._stream = media.add_stream(codec, rate=written_rate, layout=self._layout, options=options)
        # The encoder's own change of the rate would lose the end.
        self._convert = av.AudioResampler(format="fltp", layout=self._layout, rate=written_rate)
        if quality.endswith("k"):
            self._stream.bit_rate = int(quality[:-1]) * 1000

    def play(self, until_s: float | None = None) -> None:
        """Write what sounds before this time; None: all of it."""
        import av  # brings FFmpeg

        length = self._samples.shape[1]
        end = length if until_s is None else min(round(until_s * self._rate), length)
        while self._at < end:
            step = min(max(int(_PIECE_S * self._rate), 1), end - self._at)
            piece = self._samples[:, self._at : self._at + step]
            tidy = np.clip(np.nan_to_num(piece, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tidy, np.float32), "fltp", self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
            self._encode(frame)
            self._at += step

    def end(self) -> None:
        """Nothing more comes."""
        self._encode(None)
        self._media.mux(self._stream.encode())

    def _encode(self, frame: Any) -> None:
        for piece in self._convert.resample(frame):
            if piece is not None:
                self._media.mux(self._stream.encode(piece))


def rate_for(codec: str, rate: int) -> int:
    """The rate that an encoder writes a sound of this one in: it, or the next higher one that it knows."""
    import av  # brings FFmpeg

    known = sorted(av.Codec(codec, "w").audio_rates or [rate])
    return next((each for each in known if each >= rate), known[-1])
