"""Videos and sounds in the gallery, real files: what they say of themselves, and that none holds the server up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from server import keys
from server.outputs import gallery as gallery_module
from server.outputs import probe as probe_module
from server.outputs.poster import make_poster
from server.outputs.probe import probe
from tests import media_files as made
from tests.server.front_desk import Desk
from tests.server.outputs.test_gallery import GALLERY, put

WORKFLOW = {"nodes": [], "links": [], "version": 0.4}
TEXTS = {"workflow": json.dumps(WORKFLOW), "prompt": json.dumps({"1": {"class_type": "KSampler", "inputs": {}}})}
CARRIERS = {
    "a.mp4": lambda: made.video(texts=TEXTS),
    "b.webm": lambda: made.video("webm", "libvpx-vp9", "libopus", texts=TEXTS, options=made.QUICK),
    "c.flac": lambda: made.sound("flac", "flac", texts=TEXTS),
    "d.mp3": lambda: made.sound("mp3", "libmp3lame", texts=TEXTS),
    "e.ogg": lambda: made.sound("ogg", "libopus", texts=TEXTS),
    "f.opus": lambda: made.sound("opus", "libopus", texts=TEXTS),
}


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "REFRESH_EVERY_S", 0.0)
    monkeypatch.setattr(gallery_module, "REST", 0)


async def probed(desk: Desk, count: int) -> dict[str, dict[str, Any]]:
    """All entries, when that many of them have been looked into."""
    found: dict[str, dict[str, Any]] = {}

    async def is_whole() -> bool:
        entries = (await desk.json(GALLERY))["entries"]
        found.update((each["filename"], each) for each in entries)
        return sum(each["has_workflow"] is not None for each in entries) == count

    while not await is_whole():
        await asyncio.sleep(0.02)
    return found


async def test_a_list_says_how_long_videos_and_sounds_are_and_what_can_remake_them(desk: Desk) -> None:
    output = desk.parts.folders.output
    for name, make in CARRIERS.items():
        put(output, name, make())
    put(output, "plain.wav", made.sound(seconds=1.5))
    put(output, "sound.webm", made.sound("webm", "libopus"))
    found = await probed(desk, len(CARRIERS) + 2)
    assert {name for name, each in found.items() if each["has_workflow"]} == set(CARRIERS)
    assert {name: round(each["duration_s"], 1) for name, each in found.items()} == {
        **dict.fromkeys(CARRIERS, 2.0),
        "plain.wav": 1.5,
        "sound.webm": 2.0,
    }
    assert (found["b.webm"]["width"], found["b.webm"]["height"]) == (160, 96)
    assert found["e.ogg"]["width"] is None and found["e.ogg"]["thumbnail"] is None
    for name in CARRIERS:
        told = await desk.json(f"{GALLERY}/metadata?filename={name}")
        assert told["workflow"] == WORKFLOW and told["prompt"], name
        assert told["notes"] == [] and round(told["duration_s"], 1) == 2.0
    told = await desk.json(f"{GALLERY}/metadata?filename=a.mp4")
    wanted = {"frame_rate": 10.0, "video_codec": "h264", "audio_codec": "aac", "sample_rate": 48000, "channels": 1}
    assert {name: told[name] for name in wanted} == wanted
    assert (told["width"], told["height"]) == (160, 96)


async def test_files_are_sent_in_ranges_under_their_types_and_never_as_pages(desk: Desk) -> None:
    output = desk.parts.folders.output
    data = made.video()
    put(output, "a.mp4", data)
    types = {
        "a.mp4": "video/mp4",
        "a.webm": "video/webm",
        "a.mkv": "video/x-matroska",
        "a.mov": "video/quicktime",
        "a.avi": "video/x-msvideo",
        "a.ogv": "video/ogg",
        "a.mp3": "audio/mpeg",
        "a.m4a": "audio/mp4",
        "a.wav": "audio/wav",
        "a.flac": "audio/flac",
        "a.ogg": "audio/ogg",
        "a.opus": "audio/ogg",
        "a.aac": "audio/aac",
        "a.weba": "audio/webm",
        "a.gif": "image/gif",
        "a.apng": "image/apng",
        "a.html": "application/octet-stream",
        "a.mp4.svg": "application/octet-stream",
    }
    for name, wanted in types.items():
        put(output, name, data)
        async with desk.get(f"/view?filename={name}", headers={"Range": "bytes=100-299"}) as response:
            assert (response.status, response.content_type) == (206, wanted), name
            assert response.headers["Content-Range"] == f"bytes 100-299/{len(data)}"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert await response.read() == data[100:300]
            is_passive = wanted != "application/octet-stream"
            assert response.headers["Content-Disposition"].startswith("inline" if is_passive else "attachment")
            assert ("sandbox" in response.headers.get("Content-Security-Policy", "")) is not is_passive
    async with desk.get("/view?filename=a.mp4", headers={"Range": f"bytes={len(data)}-"}) as response:
        assert response.status == 416


async def test_a_damaged_file_tells_nothing_and_the_others_do(desk: Desk, tmp_path: Path) -> None:
    output = desk.parts.folders.output
    put(output, "cut.mp4", made.video()[:3000])
    put(output, "text.mp3", b"nonsense" * 100)
    put(output, "list.mp4", f"#EXTM3U\n#EXTINF:1,\n{output / 'whole.mp4'}\n#EXT-X-ENDLIST\n".encode())
    put(output, "whole.mp4", made.video())
    put(output, "whole.wav", made.sound())
    found = await probed(desk, 5)
    lasting = {name for name, each in found.items() if each["duration_s"] is not None}
    assert lasting == {"whole.mp4", "whole.wav"}
    for name, word in (("cut.mp4", "video"), ("text.mp3", "sound"), ("list.mp4", "video")):
        told = await desk.json(f"{GALLERY}/metadata?filename={name}")
        assert told["duration_s"] is None and any(f"cannot be read as a {word}" in each for each in told["notes"])
    for name in ("cut.mp4", "list.mp4"):
        async with desk.get(f"/heddle/thumbnails/output/{name}") as response:
            assert response.status == 400 and "cannot be shown as a video" in await response.text()


async def test_a_file_that_kills_or_holds_its_reader_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader dies at one file and hangs at another: those before and behind are read."""
    trap = tmp_path / "server" / "outputs"
    trap.mkdir(parents=True)
    (trap / "probe.py").write_text(
        "import json, os, sys, time\n"
        "for path in json.loads(sys.stdin.buffer.read()):\n"
        "    if 'dies' in path: os.abort()\n"
        "    if 'hangs' in path: time.sleep(600)\n"
        "    print(json.dumps({'duration_s': 1.0}), flush=True)\n"
    )
    monkeypatch.setattr(probe_module, "HOUSE", tmp_path)
    paths = [Path(name) for name in ("a.mp4", "dies.mp4", "b.mp4", "hangs.mp4", "c.mp4", "dies.wav")]
    found = await probe(paths, patience_s=3.0)
    assert [each is not None for each in found] == [True, False, True, False, True, False]


async def test_a_thumbnail_that_was_asked_for_first_leaves_nothing_unsaid(desk: Desk) -> None:
    put(desk.parts.folders.output, "a.mp4", made.video(texts=TEXTS))
    async with desk.get("/heddle/thumbnails/output/a.mp4") as response:
        assert response.status == 200
    entry = await desk.client.app[keys.GALLERY].entry("output", "", "a.mp4")
    assert entry is not None and entry.look.has_workflow is True
    assert (entry.look.width, entry.look.height, entry.look.duration_s) == (160, 96, 2.0)


async def test_a_video_of_any_usual_codec_gives_a_picture(tmp_path: Path) -> None:
    quiet = {"x265-params": "log-level=none"}
    for i, (form, codec, options) in enumerate(
        [("mp4", "libx265", quiet), ("webm", "libvpx-vp9", made.QUICK), ("avi", "mpeg4", {}), ("matroska", "mpeg4", {})]
    ):
        path = put(tmp_path, f"{i}.bin", made.video(form, codec, None, seconds=0.5, options=options))
        poster = await make_poster(path, 64)
        assert (poster.width, poster.height) == (160, 96) and poster.picture[:4] == b"RIFF", codec
