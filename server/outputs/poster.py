"""A program that shows one video as a picture: `python -m server.outputs.poster FILE SIDE_PX`.

Decoders of video are large, and a damaged file may take one down or hold it for good; so it is done in a process that
may die, and the server lives on. It writes one line of JSON, `{width, height, duration_s}` (pixels upright, seconds or
null), and behind it the bytes of a WebP picture.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.settings.options import HOUSE
from server.outputs.decoders import limit_process, open_media

PATIENCE_S = 20.0
MOST_CPU_S = 15
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Poster:
    """A frame of a video as WebP, and what the video says of itself."""

    picture: bytes
    width: int
    height: int
    duration_s: float | None


async def make_poster(path: Path, side_px: int, patience_s: float = PATIENCE_S) -> Poster:
    """One frame of a video, at most so wide and high. Raises: FileProblem, if there is none or it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.outputs.poster", str(path), str(side_px)),
        cwd=HOUSE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(patience_s):
            told, _ = await process.communicate()
    except TimeoutError:
        told = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    line, _, picture = told.partition(b"\n")
    try:
        about = json.loads(line)
        return Poster(picture, about["width"], about["height"], about["duration_s"])
    except (ValueError, LookupError, TypeError) as error:
        raise FileProblem(
            say("{file} cannot be shown as a video; download the file", file=path.name), path=path
        ) from error


def render(path: str, side_px: int) -> tuple[dict[str, Any], bytes]:
    """The line and the picture. Raises: whatever the decoder does."""
    with open_media(path) as video:
        stream = video.streams.video[0]
        stream.thread_count = 1
        frame = next(video.decode(stream))
        picture = frame.to_image()
        if turned := int(getattr(frame, "rotation", 0)):
            picture = picture.rotate(turned, expand=True)
        duration_s = None if video.duration is None else video.duration / 1_000_000
    about = {"width": picture.width, "height": picture.height, "duration_s": duration_s}
    picture.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "WEBP", quality=QUALITY)
    return about, buffer.getvalue()


def main(argv: list[str]) -> int:
    limit_process(MOST_CPU_S)
    about, picture = render(argv[0], int(argv[1]))
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + picture)
    sys.stdout.buffer.flush()
    os._exit(0)  # decoders' threads are not waited for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
