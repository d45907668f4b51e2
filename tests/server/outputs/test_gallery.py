"""The gallery's routes: what lies in the folders, found, shown, used, deleted and brought back."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from server import keys
from server.outputs import OutputIndex, trash
from server.outputs import gallery as gallery_module
from tests.server.fake_worker import PNG
from tests.server.front_desk import GRAPH, Desk, front_desk

GALLERY = "/heddle/outputs"


def picture(width: int = 6, height: int = 4, form: str = "PNG", **texts: str) -> bytes:
    told = PngInfo()
    for key, value in texts.items():
        told.add_text(key, value)
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, form, **({"pnginfo": told} if form == "PNG" else {}))
    return buffer.getvalue()


def put(folder: Path, name: str, data: bytes = PNG, *, at_s: float | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if at_s is not None:
        os.utime(path, (at_s, at_s))
    return path


async def asked(desk: Desk, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with desk.client.request(method, path, json=body) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.text())


async def names(desk: Desk, query: str = "") -> list[str]:
    page = await desk.json(f"{GALLERY}?{query}")
    return [f"{each['subfolder']}/{each['filename']}".lstrip("/") for each in page["entries"]]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are looked at for every page, and a page waits for its sizes."""
    monkeypatch.setattr(gallery_module, "REFRESH_EVERY_S", 0.0)
    monkeypatch.setattr(gallery_module, "REST", 0)
    monkeypatch.setattr(gallery_module, "LOOK_S", 10.0)
    monkeypatch.setattr(gallery_module, "FIRST_WALK_S", 10.0)


async def test_a_page_tells_what_a_gallery_shows(desk: Desk) -> None:
    output = desk.parts.folders.output
    put(output, "a.png", picture(30, 20, workflow="{}"), at_s=1_700_000_000.5)
    put(output, "clips/ä b#1.webp", picture(8, 9, "WEBP"), at_s=1_700_000_001)
    page = await desk.json(GALLERY)
    assert page["total"] == 2 and not page["scanning"] and page["next_cursor"] is None and not page["has_prev"]
    assert page["entries"][1] == {
        "filename": "a.png",
        "subfolder": "",
        "type": "output",
        "kind": "image",
        "width": 30,
        "height": 20,
        "duration_s": None,
        "bytes": (output / "a.png").stat().st_size,
        "modified_ms": 1_700_000_000_500,
        "job_id": None,
        "node_id": None,
        "has_workflow": False,
        "url": "/view?filename=a.png&subfolder=&type=output",
        "thumbnail": f"/heddle/thumbnails/output/a.png?v={1_700_000_000_500_000_000:x}",
    } | {"has_workflow": True}
    second = page["entries"][0]
    assert (second["width"], second["height"], second["has_workflow"]) == (8, 9, False)
    for address in (second["url"], second["thumbnail"]):
        async with desk.get(address) as response:
            assert response.status == 200 and response.content_type == "image/webp"
    folders = (await desk.json(f"{GALLERY}/folders"))["folders"]
    assert [(each["subfolder"], each["kinds"]) for each in folders] == [("", {"image": 1}), ("clips", {"image": 1})]


async def test_pages_are_followed_both_ways(desk: Desk) -> None:
    for i in range(5):
        put(desk.parts.folders.output, f"{i}.png", at_s=1_700_000_000 + i)
    first = await desk.json(f"{GALLERY}?limit=2")
    second = await desk.json(f"{GALLERY}?limit=2&after={first['next_cursor']}")
    third = await desk.json(f"{GALLERY}?limit=2&after={second['next_cursor']}")
    assert [[e["filename"] for e in p["entries"]] for p in (first, second, third)] == [
        ["4.png", "3.png"],
        ["2.png", "1.png"],
        ["0.png"],
    ]
    assert third["next_cursor"] is None and third["has_prev"]
    back = await desk.json(f"{GALLERY}?limit=2&before={second['prev_cursor']}")
    assert [each["filename"] for each in back["entries"]] == ["4.png", "3.png"] and not back["has_prev"]
    put(desk.parts.folders.output, "new.png", at_s=1_700_000_100)
    newer: dict[str, Any] = {}
    for _ in range(200):  # a walk goes on beside the answer
        newer = await desk.json(f"{GALLERY}?before={first['prev_cursor']}")
        if newer["entries"]:
            break
    assert [each["filename"] for each in newer["entries"]] == ["new.png"]
    nothing = await desk.json(f"{GALLERY}?before={newer['prev_cursor']}")
    assert nothing["entries"] == [] and nothing["prev_cursor"] == newer["prev_cursor"]


@pytest.mark.parametrize(
    "query",
    [
        *("type=user", "type=..", "kind=image,cats", "order=best", "limit=-1", "offset=-1", "limit=x", "deep=maybe"),
        *("after=1", "after=x.y", "after=1.2&before=1.2", f"after={'9' * 20}.1", "after=%D9%A1.1", "before=1.-2.3"),
        *("since_ms=soon", f"until_ms={2**62}", f"text={'a' * 201}"),
    ],
)
async def test_a_page_that_cannot_be_is_refused_in_words(desk: Desk, query: str) -> None:
    error = (await asked(desk, "GET", f"{GALLERY}?{query}", status=400))["error"]
    assert error["type"] == "invalid_request" and error["message"]


async def test_odd_names_and_links_show_nothing_that_is_not_a_result(desk: Desk, tmp_path: Path) -> None:
    output = desk.parts.folders.output
    secret = put(tmp_path / "elsewhere", "secret.png")
    put(output, "real/a.png")
    for name in (
        ".hidden.png",
        ".heddle-trash/1-00000000/b.png",
        ".unfinished-1",
        "con.png",
        "a:b.png",
        "back\\slash.png",
    ):
        put(output, name)
    put(output, "line\nbreak.png")
    (output / "leads out.png").symlink_to(secret)
    (output / "leads in.png").symlink_to(output / "real" / "a.png")
    (output / "round").symlink_to(output)
    (output / "away").symlink_to(tmp_path / "elsewhere")
    (output / "broken.png").symlink_to(output / "nothing")
    (output / "a folder.png").mkdir()
    os.mkfifo(output / "pipe.png")
    fd = os.open(os.fsencode(output) + b"/\xff\xfe.png", os.O_CREAT)
    os.close(fd)
    put(output, "/".join(["deep"] * 62) + "/x.png")
    for name in ("zu\u0308rich \U0001f5bc '\";--.png", "%2e%2e%2f.png", "#?&.png", "-.png"):
        put(output, name)
    found = await names(desk)
    assert sorted(found) == sorted(
        ["real/a.png", "leads in.png", "zu\u0308rich \U0001f5bc '\";--.png", "%2e%2e%2f.png", "#?&.png", "-.png"]
    )
    for each in (await desk.json(GALLERY))["entries"]:
        for address in (each["url"], each["thumbnail"]):
            async with desk.get(address) as response:
                assert response.status == 200, address


async def test_what_comes_changes_and_goes_in_the_folders_is_noticed(desk: Desk) -> None:
    output = desk.parts.folders.output
    put(output, "one/a.png", at_s=1_700_000_000)
    put(output, "one/two/b.png", at_s=1_700_000_001)
    put(output, "c.png", at_s=1_700_000_002)
    assert await names(desk) == ["c.png", "one/two/b.png", "one/a.png"]

    async def shows(wanted: list[str]) -> bool:
        return await names(desk) == wanted

    put(output, "three/four/d.png", at_s=1_700_000_003)
    await desk.until(lambda: shows(["three/four/d.png", "c.png", "one/two/b.png", "one/a.png"]))
    shutil.rmtree(output / "one")
    (output / "c.png").unlink()
    await desk.until(lambda: shows(["three/four/d.png"]))
    put(output / "three" / "four", ".new", picture(77, 5), at_s=1_700_000_004).replace(output / "three/four/d.png")

    async def is_new() -> bool:
        return [each["width"] for each in (await desk.json(GALLERY))["entries"]] == [77]

    await desk.until(is_new)
    shutil.rmtree(output)
    await desk.until(lambda: shows([]))
    put(output, "again.png")
    await desk.until(lambda: shows(["again.png"]))


async def test_a_link_that_takes_the_place_of_a_folder_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    output = desk.parts.folders.output
    put(output, "sub/a.png")
    put(tmp_path / "elsewhere", "secret.png")
    assert await names(desk) == ["sub/a.png"]
    shutil.rmtree(output / "sub")
    (output / "sub").symlink_to(tmp_path / "elsewhere")

    async def is_empty() -> bool:
        return await names(desk) == []

    await desk.until(is_empty)


async def test_a_file_that_vanishes_while_it_is_listed_is_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    output = desk.parts.folders.output
    for i in range(20):
        put(output, f"{i:02}.png")
    real = gallery_module.seen_at

    def vanishing(path: Path, filename: str) -> Any:
        if int(filename[:2]) % 2:
            Path(path).unlink(missing_ok=True)
        return real(path, filename)

    monkeypatch.setattr("server.outputs.walking.seen_at", vanishing)
    assert sorted(await names(desk, "limit=1000")) == [f"{i:02}.png" for i in range(0, 20, 2)]
    monkeypatch.setattr("server.outputs.walking.seen_at", real)
    gone = (await desk.json(GALLERY))["entries"][0]
    (output / gone["filename"]).unlink()
    for address in (gone["url"], gone["thumbnail"], f"{GALLERY}/metadata?filename={gone['filename']}"):
        assert (await asked(desk, "GET", address, status=404))["error"]["type"] == "not_found"


async def test_pictures_that_are_none_are_listed_without_a_size(desk: Desk) -> None:
    output = desk.parts.folders.output
    for name, data in (("empty.png", b""), ("text.png", b"hello"), ("cut.png", picture(50, 50)[:40]), ("x.mp4", b"1")):
        put(output, name, data)
    put(output, "post.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    page = await desk.json(GALLERY)
    assert page["total"] == 5 and {each["width"] for each in page["entries"]} == {None}
    for each in page["entries"]:
        assert (await asked(desk, "GET", each["thumbnail"], status=400))["error"]["type"] == "bad_file", each
        told = await desk.json(f"{GALLERY}/metadata?filename={each['filename']}")
        assert told["width"] is None and told["notes"]


async def test_what_a_job_wrote_is_there_at_once_with_its_job_and_words(desk: Desk) -> None:
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 1, "text": "a Red Circle", "name": "euler"}}}
    assert await names(desk) == []
    job_id = await desk.submit(graph)
    await desk.ended(job_id)

    async def is_looked_at() -> bool:
        gallery = desk.client.app[keys.GALLERY]
        found = await gallery.entry("output", "", f"{job_id}.png")
        return found is not None and found.look.width == 1

    await desk.until(is_looked_at)  # before any page shows it

    async def shown() -> Any:
        return (await desk.json(f"{GALLERY}?job_id={job_id}"))["entries"]

    (entry,) = await desk.until(shown)
    assert (entry["filename"], entry["job_id"], entry["node_id"]) == (f"{job_id}.png", job_id, "2")
    assert await names(desk, "text=red%20circle") == [f"{job_id}.png"]
    assert await names(desk, "text=euler") == []


async def test_results_of_one_workflow_are_those_of_all_its_jobs(desk: Desk) -> None:
    def of(workflow_id: str, steps: int) -> dict[str, Any]:
        graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": steps, "text": "", "name": "euler"}}}
        return {"graph": graph, "extra_data": {"extra_pnginfo": {"workflow": {"id": workflow_id}}}}

    jobs = [await desk.submit(**of(each, steps)) for steps, each in enumerate(("a", "b", "a"), 1)]
    for each in jobs:
        await desk.ended(each)

    async def shown() -> Any:
        page = await desk.json(f"{GALLERY}?workflow_id=a")
        return page if page["total"] == 2 else None

    found = [each["job_id"] for each in (await desk.until(shown))["entries"]]
    assert set(found) == {jobs[0], jobs[2]}
    assert (await desk.json(f"{GALLERY}?workflow_id=c"))["total"] == 0


async def test_jobs_from_before_the_index_are_known_by_the_history(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        job_id = await desk.submit()
        await desk.ended(job_id)
        shutil.rmtree(tmp_path / "user" / "gallery", ignore_errors=True)
    shutil.rmtree(tmp_path / "user" / "gallery", ignore_errors=True)
    async with front_desk(tmp_path) as desk:

        async def shown() -> Any:
            return (await desk.json(f"{GALLERY}?job_id={job_id}"))["entries"]

        assert [each["node_id"] for each in await desk.until(shown)] == ["2"]


async def test_the_index_outlives_the_server_and_is_held_against_the_folders(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        put(tmp_path / "output", "a.png", picture(3, 3), at_s=1_700_000_000)
        put(tmp_path / "output", "b.png", at_s=1_700_000_001)
        assert await names(desk) == ["b.png", "a.png"]
    times = (tmp_path / "output").stat()
    put(tmp_path / "output", "a.png", picture(9, 9), at_s=1_700_000_002)  # in place: the folder's time stays
    os.utime(tmp_path / "output", ns=(times.st_atime_ns, times.st_mtime_ns))
    async with front_desk(tmp_path) as desk:
        assert await names(desk) == ["a.png", "b.png"]
        assert (await desk.json(GALLERY))["entries"][0]["width"] == 9


async def test_a_damaged_index_is_made_anew_while_the_server_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    put(desk.parts.folders.output, "a.png")
    assert await names(desk) == ["a.png"]
    real, failures = OutputIndex.page, [sqlite3.DatabaseError("database disk image is malformed")]

    def page(index: OutputIndex, wish: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(index, wish)

    monkeypatch.setattr(OutputIndex, "page", page)
    put(desk.parts.folders.output, "b.png")
    assert (await asked(desk, "GET", GALLERY, status=503))["error"]["type"] == "store_busy"
    assert sorted(await names(desk)) == ["a.png", "b.png"]


async def test_times_that_no_index_counts_are_listed_all_the_same(desk: Desk) -> None:
    for name, ns in (("far.png", 15 * 10**18), ("old.png", -(10**18)), ("now.png", 17 * 10**17)):
        path = put(desk.parts.folders.output, name)
        os.utime(path, ns=(ns, ns))
    os.utime(desk.parts.folders.output, ns=(15 * 10**18, 15 * 10**18))
    assert await names(desk) == ["far.png", "now.png", "old.png"]
    first = await desk.json(f"{GALLERY}?limit=1")
    assert await names(desk, f"after={first['next_cursor']}") == ["now.png", "old.png"]
    assert await names(desk, f"before={first['prev_cursor']}") == []
    for each in (await desk.json(GALLERY))["entries"]:
        async with desk.get(each["thumbnail"]) as response:
            assert response.status == 200


async def test_what_workers_say_of_files_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    put(desk.parts.folders.output, "kept.png")
    secret = put(tmp_path / "elsewhere", "secret.png")
    gallery = desk.client.app[keys.GALLERY]
    items: list[Any] = [
        *({"filename": "../elsewhere/secret.png"}, {"filename": str(secret)}, {"filename": "\ud800.png"}, None, 3),
        *({"filename": "kept.png", "type": "user"}, {"filename": "kept.png", "type": ["output"]}, {"filename": 5}),
        *({"filename": "kept.png", "subfolder": 7}, {"filename": "a\0b", "subfolder": {"x": 1}}, "text", {}),
    ]
    gallery.take_events("job", 0, [{"kind": "node_finished", "node_id": "\ud800", "output": {"images": items}}])
    gallery.take_events("job", 0, [{"kind": "node_finished", "output": output} for output in ("x", 3, [], {"a": 1})])
    gallery.take_events("job", 0, [{"kind": "node_finished", "output": {"images": [{"filename": "kept.png"}]}}])

    async def signed() -> bool:
        return await names(desk, "job_id=job") == ["kept.png"]

    await desk.until(signed)
    assert await names(desk) == ["kept.png"]


async def test_input_and_temp_are_places_of_their_own(desk: Desk) -> None:
    put(desk.parts.folders.input, "in.png")
    put(desk.parts.folders.temp, "passing.png")
    assert (await names(desk), await names(desk, "type=input"), await names(desk, "type=temp")) == (
        [],
        ["in.png"],
        ["passing.png"],
    )


async def test_clients_that_know_the_word_hear_of_changes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "TELL_EVERY_S", 0.01)
    knows, other = await desk.socket("knows", heddle_outputs=True), await desk.socket("other", something=True)
    await desk.ended(await desk.submit(client_id="somebody"))
    while (message := await knows.receive_json(timeout=60))["type"] != "heddle_outputs":
        pass
    assert message["data"] == {"places": ["output"]}
    await other.close()
    assert "heddle_outputs" not in [json.loads(m.data)["type"] async for m in other]


async def test_who_asked_just_after_a_file_came_hears_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "TELL_EVERY_S", 0.01)
    monkeypatch.setattr(gallery_module, "REFRESH_EVERY_S", 0.5)
    knows = await desk.socket("knows", heddle_outputs=True)
    assert await names(desk) == []
    put(desk.parts.folders.output, "new/a.png")
    await names(desk)  # the folders were looked at a moment ago
    while (await knows.receive_json(timeout=60))["type"] != "heddle_outputs":
        pass
    assert await names(desk) == ["new/a.png"]


# Deleting


async def test_what_is_deleted_comes_back_from_the_trash(desk: Desk) -> None:
    output = desk.parts.folders.output
    put(output, "a.png", b"one")
    put(output, "sub/b.png", b"two")
    put(desk.parts.folders.input, "c.png", b"three")
    await names(desk)
    files = [{"filename": "a.png"}, {"filename": "b.png", "subfolder": "sub"}, {"filename": "c.png", "type": "input"}]
    told = await asked(desk, "DELETE", GALLERY, {"files": files})
    assert len(told["deleted"]) == 3 and told["failed"] == []
    assert await names(desk) == [] and not (output / "a.png").exists()
    heaps = (await desk.json(f"{GALLERY}/trash"))["heaps"]
    assert [heap["trash"] for heap in heaps] == [told["trash"]]
    assert heaps[0]["until_ms"] - heaps[0]["deleted_ms"] == 30 * 86_400_000
    assert sorted(each["filename"] for each in heaps[0]["files"]) == ["a.png", "b.png", "c.png"]
    put(output, "a.png", b"another")  # the name was taken meanwhile
    back = (await asked(desk, "POST", f"{GALLERY}/restore", {"trash": told["trash"]}))["restored"]
    assert sorted((each["was"], each["filename"]) for each in back) == [
        ("a.png", "a (1).png"),
        ("b.png", "b.png"),
        ("c.png", "c.png"),
    ]
    assert (output / "a (1).png").read_bytes() == b"one" and (output / "sub/b.png").read_bytes() == b"two"

    async def all_there() -> bool:
        return sorted(await names(desk)) == ["a (1).png", "a.png", "sub/b.png"]

    await desk.until(all_there)
    assert (await desk.json(f"{GALLERY}/trash"))["heaps"] == []
    await asked(desk, "POST", f"{GALLERY}/restore", {"trash": told["trash"]}, status=404)


async def test_deleting_for_good_leaves_nothing_and_old_trash_goes(desk: Desk) -> None:
    output = desk.parts.folders.output
    put(output, "a.png")
    put(output, "b.png")
    put(desk.parts.folders.temp, "t.png")
    told = await asked(desk, "DELETE", GALLERY, {"files": [{"filename": "a.png"}], "forever": True})
    assert told["trash"] is None and not (output / ".heddle-trash").exists()
    told = await asked(desk, "DELETE", GALLERY, {"files": [{"filename": "t.png", "type": "temp"}]})
    assert told["trash"] is None and (await desk.json(f"{GALLERY}/trash"))["heaps"] == []
    old, young = "1000-00000001", trash.new_id(int(time.time() * 1000))
    put(output, f".heddle-trash/{old}/x.png")
    put(output, f".heddle-trash/{young}/y.png")
    await names(desk)
    assert [heap["trash"] for heap in (await desk.json(f"{GALLERY}/trash"))["heaps"]] == [young]
    assert await asked(desk, "DELETE", f"{GALLERY}/trash") == {"emptied": 1}
    assert not (output / ".heddle-trash").exists() and (output / "b.png").exists()


async def test_nothing_outside_is_deleted_and_each_failure_says_why(desk: Desk, tmp_path: Path) -> None:
    output = desk.parts.folders.output
    secret = put(tmp_path / "elsewhere", "secret.png")
    kept = put(output, "kept.png")
    put(output, ".heddle-trash/1-00000000/b.png")
    (output / "out.png").symlink_to(secret)
    (output / "in.png").symlink_to(kept)
    (output / "away").symlink_to(tmp_path / "elsewhere")
    (output / "folder").mkdir()
    wanted = [
        *("../user/jobs.sqlite", str(secret), "out.png", "away/secret.png", "folder", ".", "..", "nothing.png", "\0"),
        *(".heddle-trash/1-00000000/b.png", "a" * 999, "in.png/x"),
    ]
    told = await asked(desk, "DELETE", GALLERY, {"files": [{"filename": each} for each in [*wanted, "in.png"]]})
    assert [each["filename"] for each in told["deleted"]] == ["in.png"]
    assert [each["filename"] for each in told["failed"]] == wanted
    assert all(each["reason"] for each in told["failed"]) and kept.exists() and secret.exists()


async def test_a_trash_that_leads_elsewhere_is_not_used(desk: Desk, tmp_path: Path) -> None:
    output = desk.parts.folders.output
    put(output, "a.png")
    victim = put(tmp_path / "elsewhere" / "1000-00000001", "x.png")
    (output / ".heddle-trash").symlink_to(tmp_path / "elsewhere")
    told = await asked(desk, "DELETE", GALLERY, {"files": [{"filename": "a.png"}]})
    assert told["deleted"] == [] and (output / "a.png").exists()
    assert (await desk.json(f"{GALLERY}/trash"))["heaps"] == []
    await asked(desk, "DELETE", f"{GALLERY}/trash")
    await asked(desk, "POST", f"{GALLERY}/restore", {"trash": "1000-00000001"}, status=404)
    assert victim.exists()


@pytest.mark.parametrize("name", ["..", "../..", "1-0000000", "x", "1000-00000001/..", "\u0661-00000000"])
async def test_only_names_of_heaps_lead_into_the_trash(desk: Desk, name: str) -> None:
    await asked(desk, "POST", f"{GALLERY}/restore", {"trash": name}, status=404)
    await asked(desk, "DELETE", f"{GALLERY}/trash", {"trash": name}, status=404)


# Using and reading


async def test_a_result_becomes_an_input_under_a_free_name(desk: Desk) -> None:
    put(desk.parts.folders.output, "sub/a.png", b"one")
    put(desk.parts.folders.input, "a.png", b"another")
    body = {"filename": "a.png", "subfolder": "sub", "type": "output"}
    told = await asked(desk, "POST", f"{GALLERY}/use-as-input", body)
    assert told == {"name": "a (1).png", "subfolder": "", "type": "input", "value": "a (1).png"}
    assert await asked(desk, "POST", f"{GALLERY}/use-as-input", body) == told  # the same bytes are there already
    below = await asked(desk, "POST", f"{GALLERY}/use-as-input", {**body, "folder": "from/outputs"})
    assert below["value"] == "from/outputs/a.png"
    assert (desk.parts.folders.input / "a (1).png").read_bytes() == b"one"
    assert not [each for each in desk.parts.folders.input.iterdir() if each.name.startswith(".")]
    for bad in ({"folder": "../x"}, {"filename": "../../x"}, {"type": "user"}, {"filename": "nothing"}):
        await asked(
            desk, "POST", f"{GALLERY}/use-as-input", {**body, **bad}, status=404 if "nothing" in bad.values() else 400
        )


async def test_metadata_says_what_is_in_a_file(desk: Desk) -> None:
    output = desk.parts.folders.output
    texts = {"workflow": '{"nodes": []}', "prompt": '{"1": {}}', "more": "x"}
    texts["parameters"] = "a cat\nNegative prompt: dog\nSteps: 2, Sampler: Euler, Seed: 5"
    put(output, "a.png", picture(5, 7, **texts))
    told = await desk.json(f"{GALLERY}/metadata?filename=a.png")
    assert (told["format"], told["media_type"], told["mode"], told["frames"]) == ("PNG", "image/png", "RGB", 1)
    assert (told["width"], told["height"], told["kind"], told["has_workflow"]) == (5, 7, "image", True)
    assert told["workflow"] == {"nodes": []} and told["prompt"] == {"1": {}}
    assert told["parameters"] == texts["parameters"] and told["other_texts"] == ["more"]
    assert told["infotext"]["prompt"] == "a cat" and told["infotext"]["negative"] == "dog"
    assert told["infotext"]["settings"] == {"Steps": "2", "Sampler": "Euler", "Seed": "5"}
    put(output, "turned.jpg", turned_jpeg())
    told = await desk.json(f"{GALLERY}/metadata?filename=turned.jpg")
    assert (told["width"], told["height"]) == (4, 10)
    await asked(desk, "GET", f"{GALLERY}/metadata", status=400)
    await asked(desk, "GET", f"{GALLERY}/metadata?filename=../user/jobs.sqlite", status=400)


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (10, 4)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


# Small pictures


async def test_a_thumbnail_is_made_once_and_kept_by_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    put(desk.parts.folders.output, "a.png", picture(1000, 500))
    (entry,) = (await desk.json(GALLERY))["entries"]
    thumbnails = desk.client.app[keys.GALLERY].thumbnails
    async with desk.get(entry["thumbnail"]) as response:
        body, tag = await response.read(), response.headers["ETag"]
        assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    with Image.open(io.BytesIO(body)) as small:
        assert (small.size, small.format) == ((256, 128), "WEBP")
    async with desk.get(entry["thumbnail"]) as response:
        assert await response.read() == body
    assert thumbnails.made == 1
    plain = entry["thumbnail"].partition("?")[0]
    async with desk.get(plain, headers={"If-None-Match": tag}) as response:
        assert response.status == 304 and response.headers["Cache-Control"] == "no-cache"
    async with desk.get(f"{plain}?px=512") as response:
        with Image.open(io.BytesIO(await response.read())) as small:
            assert small.size == (512, 256)
    put(desk.parts.folders.output, "a.png", picture(40, 40), at_s=1_800_000_000)
    async with desk.get(entry["thumbnail"], headers={"If-None-Match": tag}) as response:
        assert response.status == 200 and response.headers["Cache-Control"] == "no-cache"
    for path in ("output/b.png", "user/jobs.sqlite", "output/..%2fuser%2fjobs.sqlite", "output/a.png?px=9"):
        async with desk.get(f"/heddle/thumbnails/{path}") as response:
            assert response.status in (400, 404)
    put(desk.parts.folders.output, "a.txt", b"text")
    await asked(desk, "GET", "/heddle/thumbnails/output/a.txt", status=404)


async def test_nothing_is_made_for_a_client_that_has_left(desk: Desk) -> None:
    for i in range(3):
        put(desk.parts.folders.output, f"{i}.png", picture(1000, 500))
    thumbnails = desk.client.app[keys.GALLERY].thumbnails
    thumbnails._slots = asyncio.Semaphore(1)
    await thumbnails._slots.acquire()
    leaving = [asyncio.ensure_future(desk.get(f"/heddle/thumbnails/output/{i}.png")) for i in range(2)]
    staying = asyncio.ensure_future(desk.get("/heddle/thumbnails/output/2.png"))

    async def all_wait() -> bool:
        return len(thumbnails._making) == 3

    await desk.until(all_wait)
    for each in leaving:
        each.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)

    async def two_have_left() -> bool:  # and the server has seen their connections close
        return sum(not is_wanted() for all_of_one in thumbnails._waiting.values() for is_wanted in all_of_one) == 2

    await desk.until(two_have_left)
    thumbnails._slots.release()
    async with await staying as response:
        assert response.status == 200

    async def none_waits() -> bool:
        return not thumbnails._making

    await desk.until(none_waits)
    assert thumbnails.made == 1


async def test_a_folder_of_results_that_is_a_link_is_walked(tmp_path: Path) -> None:
    put(tmp_path / "large disk", "sub/a.png")
    (tmp_path / "output").symlink_to(tmp_path / "large disk")
    async with front_desk(tmp_path) as desk:
        assert await names(desk) == ["sub/a.png"]
        put(tmp_path / "large disk", "sub/b.png")

        async def is_there() -> bool:
            return sorted(await names(desk)) == ["sub/a.png", "sub/b.png"]

        await desk.until(is_there)
        told = await asked(desk, "DELETE", GALLERY, {"files": [{"filename": "a.png", "subfolder": "sub"}]})
        assert told["trash"] and (tmp_path / "large disk" / ".heddle-trash").is_dir()


async def test_a_preview_of_view_is_made_once(desk: Desk) -> None:
    put(desk.parts.folders.output, "a.png", picture(1000, 500))
    thumbnails = desk.client.app[keys.GALLERY].thumbnails
    for query in ("preview=webp;90", "preview=webp;90", "preview=jpeg", "channel=a", "channel=a", "channel=rgb"):
        async with desk.get(f"/view?filename=a.png&{query}") as response:
            assert response.status == 200
            tag = response.headers["ETag"]
    assert thumbnails.made == 4
    async with desk.get("/view?filename=a.png&channel=rgb", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_a_video_shows_its_first_frame_and_tells_its_size(desk: Desk) -> None:
    import av

    path = desk.parts.folders.output / "a.mp4"
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 160, "yuv420p"
        for _ in range(20):
            frame = av.VideoFrame.from_image(Image.new("RGB", (320, 160), "blue"))
            for packet in stream.encode(frame):
                video.mux(packet)
        for packet in stream.encode():
            video.mux(packet)
    (entry,) = (await desk.json(GALLERY))["entries"]
    assert (entry["kind"], entry["width"]) == ("video", None)
    async with desk.get(entry["thumbnail"]) as response:
        with Image.open(io.BytesIO(await response.read())) as small:
            red, _, blue = np.asarray(small.convert("RGB"))[9, 9]
            assert small.size == (256, 128) and blue > 200 > red
    (entry,) = (await desk.json(GALLERY))["entries"]
    assert (entry["width"], entry["height"], round(entry["duration_s"])) == (320, 160, 2)
    told = await desk.json(f"{GALLERY}/metadata?filename=a.mp4")
    assert (told["width"], told["format"]) == (320, "MP4")


async def test_the_gallery_ends_with_the_server_whatever_it_does(tmp_path: Path) -> None:
    for i in range(300):
        put(tmp_path / "output", f"{i % 7}/{i}.png", picture(64, 64))
    async with front_desk(tmp_path) as desk:
        asking = [asyncio.ensure_future(desk.get(f"/heddle/thumbnails/output/{i % 7}/{i}.png")) for i in range(50)]
        asking.append(asyncio.ensure_future(desk.get(GALLERY)))
        await asyncio.sleep(0.05)
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
