"""A program that says what videos and sounds are: `python -m server.outputs.probe`, a list of paths as JSON on stdin.

For each it writes a line of JSON as soon as it knows, or `null`. A damaged file may take the program down or hold it
for good; then that file tells nothing, and a new process goes on with those behind it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from heddle.settings.options import HOUSE
from server.outputs.decoders import limit_process, open_media

PATIENCE_S = 20.0  # for one file
MOST_CPU_S = 60


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video or a sound says of itself. None: it has none, or does not say.

    Attributes:
        width, height: of a frame, px, upright.
    """

    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None


async def probe(paths: Sequence[Path], patience_s: float = PATIENCE_S) -> list[Probe | None]:
    """What each of these files is; None for what cannot be read as a video or a sound."""
    found: list[Probe | None] = []
    while len(found) < len(paths):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.outputs.probe"),
            cwd=HOUSE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps([str(path) for path in paths[len(found) :]]).encode())
            process.stdin.close()
            while len(found) < len(paths):
                async with asyncio.timeout(patience_s):
                    line = await process.stdout.readline()
                if not line:
                    break
                told = json.loads(line)
                found.append(None if told is None else Probe(**told))
        except (TimeoutError, OSError):
            pass
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if len(found) < len(paths):
            found.append(None)  # the one at which it ended
    return found


def look_into(path: str) -> Probe | None:
    """What a file is. Raises: whatever its reader does."""
    with open_media(path) as media:
        video = next(iter(media.streams.video), None)
        audio = next(iter(media.streams.audio), None)
        if video is None and audio is None:
            return None
        if video is not None and audio is not None and video.disposition & video.disposition.attached_pic:
            video = None  # the cover of an album
        rate = None if video is None else video.average_rate or video.guessed_rate
        width, height = (None, None) if video is None else _upright_size(media, video)
        return Probe(
            duration_s=None if media.duration is None or media.duration < 0 else media.duration / 1_000_000,
            width=width,
            height=height,
            frame_rate=round(float(rate), 3) if rate else None,
            video_codec=None if video is None else video.codec_context.codec.canonical_name,
            audio_codec=None if audio is None else audio.codec_context.codec.canonical_name,
            sample_rate=None if audio is None else audio.codec_context.sample_rate,
            channels=None if audio is None else audio.codec_context.channels,
        )


def _upright_size(media: Any, video: Any) -> tuple[int | None, int | None]:
    """Only a frame says how it is turned."""
    video.thread_count = 1
    width, height = video.codec_context.width or None, video.codec_context.height or None
    try:
        frame = next(media.decode(video))
    except Exception:  # no decoder, or damaged: the header has told the rest
        return width, height
    return (height, width) if int(getattr(frame, "rotation", 0)) % 180 else (width, height)


def main() -> None:
    limit_process(MOST_CPU_S)
    for path in json.loads(sys.stdin.buffer.read()):
        try:
            found = look_into(path)
        except Exception:  # damaged in any way: it tells nothing
            found = None
        sys.stdout.write(json.dumps(None if found is None else asdict(found)) + "\n")
        sys.stdout.flush()
    os._exit(0)  # decoders' threads are not waited for


if __name__ == "__main__":
    main()
