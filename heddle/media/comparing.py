"""Whether two pictures, videos or sounds show the same, and how far they are apart if not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.carriers import read_carried
from heddle.media.pictures import read_picture
from heddle.media.values import in_depth

Verdict = Literal["equal", "close", "different"]

#: Up to here two files are close: hardly anyone tells them apart. Of the whole range, 0 to 1.
CLOSE_MEAN, CLOSE_LARGEST = 1 / 255, 64 / 255

_KINDS = {
    **dict.fromkeys(("PNG", "WebP", "AVIF", "HEIF", "JPEG", "TIFF", "GIF"), "picture"),
    **dict.fromkeys(("MP4", "MOV", "Matroska"), "video"),
    **dict.fromkeys(("FLAC", "Ogg", "MP3"), "sound"),
}
# A playlist, whatever its name says, would have other files opened, and other machines asked.
_OPENING = {"protocol_whitelist": "file", "format_whitelist": "mov,matroska,mp3,flac,ogg"}


@dataclass(frozen=True)
class Comparison:
    """How two files compare.

    Attributes:
        largest, mean: differences of single values, 0..1 of the whole range; 1 where they cannot be laid on each other.
        words: the same for people.
    """

    verdict: Verdict
    largest: float
    mean: float
    words: str


def kind_of(path: Path) -> str:
    """ "picture", "video" or "sound", by the content of the file; "" for anything else. Raises: FileProblem."""
    return _KINDS.get(read_carried(path).kind, "")


def compare(one: Path, other: Path) -> Comparison:
    """Hold two files of one kind against each other, whatever else they carry.

    Raises: FileProblem, if one cannot be read.
    """
    kind = kind_of(one)
    pieces = [_PIECES[kind](path) for path in (one, other)]
    largest = total = 0.0
    count = 0
    is_equal = True
    while True:
        left, right = next(pieces[0], None), next(pieces[1], None)
        if left is None or right is None:
            break
        if left.shape != right.shape:
            return _apart(f"the one is {_size(left, kind)}, the other {_size(right, kind)}")
        is_equal = is_equal and left.dtype == right.dtype and bool(np.array_equal(left, right))
        if not is_equal:
            apart = np.abs(_unit(left) - _unit(right))
            largest = max(largest, float(apart.max(initial=0)))
            total += float(apart.sum(dtype=np.float64))
        count += left.size
    if left is not None or right is not None:
        return _apart("one of them is longer")
    if not count:
        return _apart("neither holds anything to compare")
    if is_equal:
        return Comparison("equal", 0.0, 0.0, f"every {_VALUES[kind]} is the same")
    mean = total / max(1, count)
    words = f"the largest difference is {largest * 255:.3g} of 255, the mean {mean * 255:.3g} of 255"
    return Comparison("close" if mean <= CLOSE_MEAN and largest <= CLOSE_LARGEST else "different", largest, mean, words)


def _apart(words: str) -> Comparison:
    return Comparison("different", 1.0, 1.0, words)


def _size(values: NDArray[Any], kind: str) -> str:
    if kind == "sound":
        return f"{values.shape[0]} channels with {values.shape[1]} samples"
    alpha = ", with alpha" if values.shape[2] == 4 else ""
    return f"{values.shape[1]} x {values.shape[0]} pixels{alpha}"


def _unit(values: NDArray[Any]) -> NDArray[np.float64]:
    """0..1, or sound from -1 to 1 halved."""
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind == "i":
        return values.astype(np.float64) / (2.0 * -float(np.iinfo(values.dtype).min))
    return in_depth(values, np.float32).astype(np.float64)


def _picture(path: Path) -> Iterator[NDArray[Any]]:
    picture = read_picture(path)
    for index, frame in enumerate(picture.frames):
        alpha = None if picture.alpha is None else picture.alpha[index][:, :, None]
        yield frame if alpha is None else np.concatenate([frame, alpha], axis=2)


def _video(path: Path) -> Iterator[NDArray[Any]]:
    for frame in _decoded(path, "video"):
        yield frame.to_ndarray(format="rgb24")
    yield from _sound(path)


def _sound(path: Path) -> Iterator[NDArray[Any]]:
    """All samples [channels, samples]; nothing, if there is no sound."""
    pieces = [np.atleast_2d(frame.to_ndarray()) for frame in _decoded(path, "audio")]
    if pieces:
        yield np.concatenate(pieces, axis=1)


def _decoded(path: Path, kind: Literal["video", "audio"]) -> Iterator[Any]:
    import av  # heavy, and most comparisons are of pictures

    try:
        with av.open(str(path), options=dict(_OPENING)) as container:
            streams = container.streams.video if kind == "video" else container.streams.audio
            if streams:
                yield from container.decode(streams[0])
    except (av.FFmpegError, OSError, ValueError) as error:
        words = "{name}: cannot be decoded ({why}); get it again"
        raise FileProblem(say(words, name=path.name, why=error), path=path) from error


_PIECES = {"picture": _picture, "video": _video, "sound": _sound}
_VALUES = {"picture": "pixel", "video": "pixel and every sample of its sound", "sound": "sample"}
