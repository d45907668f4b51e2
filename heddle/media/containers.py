"""Files of video and sound, opened for reading through PyAV: which kinds, how much of them, and what is wrong in words.

What lies in them is read in `videos.py` and `sounds.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from heddle.graph.errors import FileProblem
from heddle.graph.said import Said, say

#: What is read, by the names of FFmpeg's readers. Others, such as playlists and lists of parts, would have further
#: files opened, and other machines asked.
FORMATS = "mov,matroska,avi,mp3,wav,flac,ogg,aac,mpeg,mpegts,flv,asf,aiff"

#: Where a video or a sound lies.
Source = Path | BinaryIO


@contextmanager
def reading(source: Source, name: str) -> Iterator[Any]:
    """A container of PyAV's. What its readers and decoders raise in the block, too, becomes words.

    Args:
        name: what messages call the file.
    Raises: FileProblem, if it is missing, empty, damaged or of no kind that is read.
    """
    import av  # brings FFmpeg, which a start has no need of
    from av.error import FFmpegError

    path = source if isinstance(source, Path) else None
    _refuse_nothing(source, name, path)
    is_open = False
    try:
        place = str(source) if isinstance(source, Path) else source
        with av.open(place, options={"protocol_whitelist": "file", "format_whitelist": FORMATS}) as media:
            is_open = True
            yield media
    except (FFmpegError, ValueError, EOFError, MemoryError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        words = (
            say("{name}: the file is damaged or cut off ({why}); get it again", name=name, why=why)
            if is_open
            else say(
                "{name}: no video or sound that can be read ({why}); save it as MP4, WebM, FLAC, MP3, Ogg or WAV",
                name=name,
                why=why,
            )
        )
        raise FileProblem(words, path=path) from error


def _refuse_nothing(source: Source, name: str, path: Path | None) -> None:
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                first = file.read(1)
        except FileNotFoundError as error:
            raise FileProblem(say("{source}: no such file; choose one that exists", source=name), path=path) from error
        except OSError as error:
            words = "{source}: cannot be read ({why}); check who may read it"
            raise FileProblem(say(words, source=name, why=str(error.strerror)), path=path) from error
    else:
        source.seek(0)
        first = source.read(1)
        source.seek(0)
    if not first:
        words = "{name}: the file is empty; it was probably cut off while being saved, so get it again"
        raise FileProblem(say(words, name=name), path=path)


class Room:
    """How many bytes may be held of what a file unpacks to: a small file can hold hours.

    Args:
        most_bytes: None: three quarters of the memory that is free.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        if most_bytes is None:
            import psutil  # here, since the front desk knows the names of formats and starts fast

            most_bytes = psutil.virtual_memory().available * 3 // 4
        self._most = most_bytes
        self._taken = 0

    def take(self, count: int, so_far: Said, name: str) -> None:
        """Say that so many more bytes will be held. Raises: FileProblem, if they are too many.

        Args:
            so_far: how far the reading had come.
        """
        self._taken += count
        if self._taken > self._most:
            words = (
                "{name}: {so_far} fill the {room:,.1f} GB of memory that may be used; "
                "take a shorter part of it, such as with Trim Video, or make it smaller"
            )
            raise FileProblem(say(words, name=name, so_far=so_far, room=self._most / 1e9))
