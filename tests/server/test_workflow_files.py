"""Saved workflows with their versions: nothing that was saved is lost, and nothing is overwritten unseen."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

import server.kept.database
import server.user_files
from heddle.graph.errors import FileProblem
from heddle.settings.options import HOUSE
from server.kept import Changed, Expected, VersionLimits, WorkflowFiles
from server.kept.database import KeptDatabase
from server.keys import Limits
from server.user_files import UserFiles
from tests.server.fake_worker import PNG
from tests.server.front_desk import Desk, folders_at, front_desk

ANY = {"If-Match": "*"}


def at(name: str = "", more: str = "") -> URL:
    """The address of a workflow, its name as one segment."""
    return URL(f"/heddle/files/workflows/{quote(name, safe='')}{more}".removesuffix("/"), encoded=True)


def userdata(name: str, more: str = "") -> URL:
    return URL(f"/api/userdata/{quote(f'workflows/{name}', safe='')}{more}", encoded=True)


def flow(number: int, nodes: int = 2) -> bytes:
    """A workflow that differs from those of other numbers."""
    return json.dumps({"nodes": [{"id": i} for i in range(nodes)], "links": [], "extra": {"n": number}}).encode()


async def save(desk: Desk, name: str, data: bytes, headers: dict[str, str] | None = None, more: str = "") -> Any:
    async with desk.client.put(at(name, more), data=data, headers=headers) as response:
        assert response.status in (200, 201), await response.text()
        record = await response.json()
        assert response.headers["ETag"] == f'"{record["revision"]}"'
        return record


async def answer(asked: Any, status: int) -> Any:
    async with asked as response:
        text = await response.text()
        assert response.status == status, text
        return json.loads(text) if text else None


async def versions(desk: Desk, name: str) -> list[Any]:
    return (await desk.json(at(name, "/versions")))["versions"]


def folder(desk: Desk) -> Path:
    return desk.parts.folders.user / "default" / "workflows"


async def test_what_is_saved_is_a_file_that_every_front_end_finds_and_a_version(desk: Desk) -> None:
    first = await save(desk, "faces/close up.json", flow(1))
    assert first["created"] and first["path"] == "faces/close up.json" and first["size"] == len(flow(1))
    second = await save(desk, "faces/close up.json", flow(2, nodes=5), {"If-Match": f'"{first["revision"]}"'})
    assert not second["created"] and second["revision"] != first["revision"]
    assert (folder(desk) / "faces" / "close up.json").read_bytes() == flow(2, nodes=5)
    listed = await desk.json("/userdata?dir=workflows&recurse=true")
    assert listed == ["faces/close up.json"]
    assert await desk.json("/userdata?dir=.&recurse=true") == ["workflows/faces/close up.json"]
    (record,) = (await desk.json(at()))["workflows"]
    assert record["path"] == "faces/close up.json" and record["revision"] == second["revision"]
    assert record["thumbnail"] is None and abs(record["modified"] / 1000 - time.time()) < 60
    newest, oldest = await versions(desk, "faces/close up.json")
    assert (newest["nodes"], newest["is_current"], newest["revision"]) == (5, True, second["revision"])
    assert (oldest["nodes"], oldest["is_current"], oldest["size"]) == (2, False, len(flow(1)))
    async with desk.get(at("faces/close up.json", f"/versions/{oldest['id']}")) as response:
        assert await response.read() == flow(1)
        assert response.headers["ETag"] == f'"{first["revision"]}"'


async def test_a_workflow_is_read_with_its_revision_and_not_sent_twice(desk: Desk) -> None:
    saved = await save(desk, "a.json", flow(1))
    async with desk.get(at("a.json")) as response:
        assert await response.read() == flow(1) and response.content_type == "application/json"
        tag = response.headers["ETag"]
    assert tag == f'"{saved["revision"]}"'
    async with desk.get(at("a.json"), headers={"If-None-Match": tag}) as response:
        assert response.status == 304 and await response.read() == b""
    await answer(desk.get(at("b.json")), 404)


async def test_a_body_may_be_packed_and_is_held_to_its_real_size(tmp_path: Path) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with front_desk(tmp_path, limits=Limits(workflow_bytes=100_000)) as desk:
        record = await save(desk, "a.json", gzip.compress(flow(1)), headers)
        assert record["size"] == len(flow(1))
        bomb = gzip.compress(b'{"nodes": [' + b" " * 5_000_000 + b"]}")
        await answer(desk.client.put(at("b.json"), data=bomb, headers=headers), 413)
        await answer(desk.client.put(at("b.json"), data=b"no gzip at all", headers=headers), 400)
        assert [each["path"] for each in (await desk.json(at()))["workflows"]] == ["a.json"]


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": "*"}, {"If-Match": '"0123456789abcdef"'}])
async def test_who_does_not_know_what_is_there_does_not_overwrite_it(desk: Desk, headers: dict[str, str]) -> None:
    saved = await save(desk, "a.json", flow(1))
    told = await answer(desk.client.put(at("a.json"), data=flow(2), headers=headers), 409)
    assert told["error"]["type"] == "changed_meanwhile"
    assert told["current"]["revision"] == saved["revision"] and told["current"]["path"] == "a.json"
    assert (folder(desk) / "a.json").read_bytes() == flow(1)
    assert len(await versions(desk, "a.json")) == 1
    await save(desk, "a.json", flow(1), headers)  # it is there already: an answer was lost, nothing is overwritten


async def test_a_workflow_that_is_gone_is_not_brought_back_unasked(desk: Desk) -> None:
    saved = await save(desk, "a.json", flow(1))
    await answer(desk.client.delete(at("a.json")), 204)
    headers = {"If-Match": f'"{saved["revision"]}"'}
    told = await answer(desk.client.put(at("a.json"), data=flow(2), headers=headers), 409)
    assert told["current"] is None and not (folder(desk) / "a.json").exists()
    await save(desk, "a.json", flow(2))
    assert len(await versions(desk, "a.json")) == 2


async def test_what_others_wrote_with_numbers_that_json_has_no_word_for_is_read_all_the_same(desk: Desk) -> None:
    folder(desk).mkdir(parents=True)
    (folder(desk) / "a.json").write_text('{"nodes": [], "x": [NaN, -Infinity, "NaN"]}')
    assert await desk.json(at("a.json")) == {"nodes": [], "x": [None, None, "NaN"]}
    (only,) = await versions(desk, "a.json")
    assert (await desk.json(at("a.json", f"/versions/{only['id']}")))["x"] == [None, None, "NaN"]
    (folder(desk) / "a.json").write_text('{"x": NaN')
    async with desk.get(at("a.json")) as response:
        assert await response.text() == '{"x": NaN'


@pytest.mark.parametrize("way", ["userdata", "disk"])
async def test_what_others_put_there_is_noticed_and_kept(desk: Desk, way: str) -> None:
    saved = await save(desk, "a.json", flow(1))
    if way == "userdata":
        await answer(desk.post(userdata("a.json"), data=flow(9)), 200)
    else:
        (folder(desk) / "a.json").write_bytes(flow(9))
    (record,) = (await desk.json(at()))["workflows"]
    assert record["revision"] != saved["revision"]
    headers = {"If-Match": f'"{saved["revision"]}"'}
    told = await answer(desk.client.put(at("a.json"), data=flow(2), headers=headers), 409)
    assert told["current"]["revision"] == record["revision"]
    await save(desk, "a.json", flow(2), {"If-Match": f'"{record["revision"]}"'})
    kept = await versions(desk, "a.json")
    async with desk.get(at("a.json", f"/versions/{kept[1]['id']}")) as response:
        assert await response.read() == flow(9)
    assert len(kept) == 3


async def test_an_unseen_change_is_a_version_as_soon_as_versions_are_listed(desk: Desk) -> None:
    folder(desk).mkdir(parents=True)
    (folder(desk) / "broken.json").write_bytes(b'{"nodes": [')
    (only,) = await versions(desk, "broken.json")
    assert only["is_current"] and only["nodes"] is None
    assert await versions(desk, "broken.json") == [only]
    async with desk.get(at("broken.json")) as response:
        assert await response.read() == b'{"nodes": ['


async def test_the_same_content_again_is_no_new_version_and_takes_no_room(desk: Desk) -> None:
    saved = await save(desk, "a.json", flow(1))
    again = await save(desk, "a.json", flow(1), ANY)
    assert again["version"] == saved["version"]
    back = await save(desk, "a.json", flow(2), ANY)
    assert (await save(desk, "a.json", flow(1), ANY))["version"] > back["version"]
    await save(desk, "copy.json", flow(1))
    assert len(await versions(desk, "a.json")) == 3
    with sqlite3.connect(desk.parts.folders.user / "default" / ".heddle" / "kept.sqlite") as db:
        assert db.execute("SELECT count(*) FROM contents").fetchone() == (2,)
        (packed,) = db.execute("SELECT packed FROM contents WHERE revision = ?", (saved["revision"],)).fetchone()
        assert zlib.decompress(packed) == flow(1)


async def test_a_version_is_restored_as_a_new_one(desk: Desk) -> None:
    first = await save(desk, "a.json", flow(1))
    second = await save(desk, "a.json", flow(2), ANY)
    address = at("a.json", f"/versions/{first['version']}/restore")
    await answer(desk.post(address, headers={"If-Match": f'"{first["revision"]}"'}), 409)
    told = await answer(desk.post(address, headers={"If-Match": f'"{second["revision"]}"'}), 200)
    assert told["revision"] == first["revision"] and told["version"] > second["version"]
    assert (folder(desk) / "a.json").read_bytes() == flow(1)
    kept = await versions(desk, "a.json")
    assert [each["is_current"] for each in kept] == [True, False, False] and kept[0]["label"].endswith(" UTC")


async def test_a_deleted_workflow_is_listed_and_comes_back(desk: Desk) -> None:
    await save(desk, "a.json", flow(1))
    await save(desk, "kept.json", flow(5))
    (folder(desk) / "a.json").write_bytes(flow(3))
    await answer(desk.client.delete(at("a.json"), headers={"If-Match": '"other"'}), 409)
    await answer(desk.client.delete(at("a.json")), 204)
    await answer(desk.client.delete(at("a.json")), 404)
    await answer(desk.get(at("a.json")), 404)
    (gone,) = (await desk.json(f"{at()}?deleted=true"))["workflows"]
    assert gone["path"] == "a.json" and gone["versions"] == 2
    told = await desk.json(at("a.json", "/versions"))
    assert told["is_there"] is False and not any(each["is_current"] for each in told["versions"])
    await answer(desk.post(at("a.json", f"/versions/{gone['version']}/restore")), 201)
    assert (folder(desk) / "a.json").read_bytes() == flow(3)
    assert (await desk.json(f"{at()}?deleted=true"))["workflows"] == []


async def test_versions_are_forgotten_for_good_only_of_what_is_deleted(desk: Desk) -> None:
    await save(desk, "a.json", flow(1))
    await answer(desk.client.delete(at("a.json", "/versions")), 409)
    await answer(desk.client.delete(userdata("a.json")), 204)
    assert [each["path"] for each in (await desk.json(f"{at()}?deleted=true"))["workflows"]] == ["a.json"]
    await answer(desk.client.delete(at("a.json", "/versions")), 204)
    await answer(desk.client.delete(at("a.json", "/versions")), 404)
    await answer(desk.get(at("a.json", "/versions")), 404)


async def test_versions_and_thumbnail_go_along_with_another_name(desk: Desk) -> None:
    await save(desk, "a.json", flow(1))
    await save(desk, "a.json", flow(2), ANY)
    await save(desk, "taken.json", flow(7))
    await answer(desk.client.put(at("a.json", "/thumbnail"), data=PNG), 200)
    await answer(desk.post(at("a.json", "/move"), json={"to": "taken.json"}), 409)
    moved = await answer(desk.post(at("a.json", "/move"), json={"to": "deep/er/b.json"}), 200)
    assert moved["path"] == "deep/er/b.json" and not (folder(desk) / "a.json").exists()
    assert len(await versions(desk, "deep/er/b.json")) == 2
    await answer(desk.get(at("a.json", "/versions")), 404)
    await answer(desk.post(at("deep/er/b.json", "/move"), json={"to": "taken.json", "overwrite": True}), 200)
    kept = await versions(desk, "taken.json")
    assert [each["revision"] for each in kept[:1]] == [moved["revision"]] and len(kept) == 3
    async with desk.get(at("taken.json", f"/versions/{kept[2]['id']}")) as response:
        assert await response.read() == flow(7)
    (record,) = (await desk.json(at()))["workflows"]
    async with desk.get(URL(record["thumbnail"], encoded=True)) as response:
        assert await response.read() == PNG and response.content_type == "image/png"
        assert "immutable" in response.headers["Cache-Control"]


async def test_a_version_may_have_a_label(desk: Desk) -> None:
    saved = await save(desk, "a.json", flow(1), more="?label=with%20the%20hat")
    assert (await versions(desk, "a.json"))[0]["label"] == "with the hat"
    address = at("a.json", f"/versions/{saved['version']}")
    await answer(desk.client.patch(address, json={"label": "没有帽子"}), 204)
    assert (await versions(desk, "a.json"))[0]["label"] == "没有帽子"
    await answer(desk.client.patch(address, json={"label": None}), 204)
    assert (await versions(desk, "a.json"))[0]["label"] is None
    for wrong in ({}, {"label": 3}, {"label": "x" * 201}, {"label": "a\nb"}):
        await answer(desk.client.patch(address, json=wrong), 400)
    await answer(desk.client.patch(at("a.json", "/versions/999"), json={"label": "x"}), 404)
    for wrong in ("x", "-1", "1.5", "9" * 30):
        await answer(desk.get(at("a.json", f"/versions/{wrong}")), 400)


@pytest.mark.parametrize("data", [b"not a picture", b"", b"RIFFxxxxWAVE", b"<svg onload='alert(1)'/>"])
async def test_what_is_no_picture_is_no_thumbnail(desk: Desk, data: bytes) -> None:
    await save(desk, "a.json", flow(1))
    await answer(desk.client.put(at("a.json", "/thumbnail"), data=data), 400)
    await answer(desk.get(at("a.json", "/thumbnail")), 404)
    await answer(desk.client.put(at("b.json", "/thumbnail"), data=PNG), 404)


@pytest.mark.parametrize(
    "name",
    [
        "../jobs.json",
        "../../../etc/passwd.json",
        "a/../../b.json",
        "/etc/a.json",
        "C:\\a.json",
        "\\\\host\\share\\a.json",
        "a\0.json",
        "a\nb.json",
        "nul.json",
        "a.txt",
        "a",
        ".json/..",
        ".hidden.json",
        ".heddle/a.json",
        "a/.b/c.json",
        "x" * 300 + ".json",
        "a.json/",
    ],
)
async def test_no_name_leads_out_or_hides(desk: Desk, name: str) -> None:
    for asked in (
        desk.client.put(at(name), data=flow(1)),
        desk.get(at(name)),
        desk.get(at(name, "/versions")),
        desk.client.delete(at(name)),
        desk.post(at(name, "/move"), json={"to": "fine.json"}),
    ):
        async with asked as response:
            assert 400 <= response.status < 500, (name, await response.text())
    await save(desk, "source.json", flow(1))
    async with desk.post(at("source.json", "/move"), json={"to": name}) as response:
        assert 400 <= response.status < 500
    found = {path.name for path in desk.parts.folders.user.parent.rglob("*.json")}
    assert found <= {"source.json", "catalogue.json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"3",
        b"{",
        b"\xff\xfe",
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"x": ' + b"[" * 400 + b"]" * 400 + b"}",
    ],
)
async def test_what_is_no_workflow_is_not_saved(desk: Desk, body: bytes) -> None:
    told = await answer(desk.client.put(at("a.json"), data=body), 400)
    assert told["error"]["message"]
    assert (await desk.json(at()))["workflows"] == []


async def test_a_link_does_not_lead_out(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_bytes(flow(1))
    folder(desk).mkdir(parents=True)
    (folder(desk) / "way").symlink_to(outside)
    assert (await desk.json(at()))["workflows"] == []
    await answer(desk.get(at("way/secret.json")), 400)
    await answer(desk.client.put(at("way/new.json"), data=flow(1)), 400)
    assert [each.name for each in outside.iterdir()] == ["secret.json"]


async def test_of_many_writers_at_once_one_wins_and_the_others_are_told(desk: Desk) -> None:
    saved = await save(desk, "a.json", flow(0))

    async def write(number: int) -> int:
        headers = {"If-Match": f'"{saved["revision"]}"'}
        async with desk.client.put(at("a.json"), data=flow(number), headers=headers) as response:
            return response.status

    statuses = await asyncio.gather(*(write(number) for number in range(1, 13)))
    assert sorted(statuses) == [200] + [409] * 11
    winner = 1 + statuses.index(200)
    assert (folder(desk) / "a.json").read_bytes() == flow(winner)
    assert len(await versions(desk, "a.json")) == 2


async def test_what_was_said_to_be_saved_is_kept_whatever_others_write_meanwhile(desk: Desk) -> None:
    async def write(number: int) -> None:
        if number % 3 == 0:
            await answer(desk.post(userdata("a.json"), data=flow(number)), 200)
        else:
            await save(desk, "a.json", flow(number), ANY)

    await asyncio.gather(*(write(number) for number in range(1, 25)))
    found = set()
    for each in await versions(desk, "a.json"):
        async with desk.get(at("a.json", f"/versions/{each['id']}")) as response:
            found.add(json.loads(await response.read())["extra"]["n"])
    assert found >= {number for number in range(1, 25) if number % 3}


async def test_people_do_not_see_each_other(tmp_path: Path) -> None:
    async with front_desk(tmp_path, several_people=True) as desk:
        ids = [await answer(desk.post("/users", json={"username": name}), 200) for name in ("ann", "bob")]
        ann, bob = ({"comfy-user": each} for each in ids)
        await save(desk, "a.json", flow(1), ann)
        assert (await desk.json(at(), headers=bob))["workflows"] == []
        await answer(desk.get(at("a.json", "/versions"), headers=bob), 404)
        await answer(desk.get(at()), 401)
        await answer(desk.client.put(at("a.json"), data=flow(1)), 401)


async def test_what_is_kept_beside_is_not_for_those_who_write_files_by_name(desk: Desk) -> None:
    await save(desk, "a.json", flow(1))
    for name in (".heddle/kept.sqlite", "./.heddle/kept.sqlite", ".heddle/new.json", ".heddle"):
        address = URL(f"/userdata/{quote(name, safe='')}", encoded=True)
        for asked in (desk.get(address), desk.post(address, data=b"x"), desk.client.delete(address)):
            async with asked as response:
                assert response.status in (400, 404), name
        moving = URL(f"/userdata/workflows%2Fa.json/move/{quote(name, safe='')}", encoded=True)
        await answer(desk.post(moving), 400)
    assert len(await versions(desk, "a.json")) == 1


def shelf(base: Path, **limits: int) -> WorkflowFiles:
    files = UserFiles(folders_at(base), "default")
    return WorkflowFiles(files, KeptDatabase(files), VersionLimits(**limits))


def fill(workflows: WorkflowFiles, name: str, numbers: range) -> None:
    for number in numbers:
        noise = os.urandom(3000).hex()  # does not pack well
        workflows.save(name, json.dumps({"nodes": [], "n": number, "x": noise}).encode(), Expected(is_any=True))


def numbers_kept(workflows: WorkflowFiles, name: str) -> list[int]:
    ids = [each["id"] for each in workflows.versions(name)["versions"]]
    return [json.loads(workflows.version(name, each)[0])["n"] for each in ids]


def test_more_versions_than_are_wanted_go_oldest_first(tmp_path: Path) -> None:
    workflows = shelf(tmp_path, each=3)
    fill(workflows, "a.json", range(10))
    assert numbers_kept(workflows, "a.json") == [9, 8, 7]


def test_more_bytes_than_are_wanted_go_oldest_first_but_never_the_newest(tmp_path: Path) -> None:
    workflows = shelf(tmp_path, bytes=12_000)
    fill(workflows, "old.json", range(1))
    workflows.delete("old.json", Expected(is_any=True))
    fill(workflows, "a.json", range(10))
    assert numbers_kept(workflows, "a.json") == [9, 8]
    assert numbers_kept(workflows, "old.json") == [0]
    tight = shelf(tmp_path, bytes=1)
    fill(tight, "a.json", range(10, 12))
    assert numbers_kept(tight, "a.json") == [11] and numbers_kept(tight, "old.json") == [0]


def test_versions_that_are_too_old_go_but_never_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflows = shelf(tmp_path, days=30)
    month = 31 * 86_400_000_000_000
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 2 * month)
    fill(workflows, "old.json", range(3))
    workflows.delete("old.json", Expected(is_any=True))  # a file that is there would come back as a version
    fill(workflows, "a.json", range(3))
    monkeypatch.setattr(time, "time_ns", real)
    fill(workflows, "a.json", range(3, 4))
    assert numbers_kept(workflows, "a.json") == [3]
    assert numbers_kept(workflows, "old.json") == [2]


def test_a_full_disk_leaves_file_and_versions_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflows = shelf(tmp_path)
    saved = workflows.save("a.json", flow(1), Expected())

    def full(*_: Any, **__: Any) -> None:
        raise FileProblem("full") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(server.user_files, "write_whole", full)
    with pytest.raises(FileProblem):
        workflows.save("a.json", flow(2), Expected(is_any=True))
    monkeypatch.undo()
    assert [each["id"] for each in workflows.versions("a.json")["versions"]] == [saved["version"]]
    assert workflows.read("a.json")[0] == flow(1)


async def test_a_full_disk_is_said_as_such(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await save(desk, "a.json", flow(1))
    real = server.kept.database._connect

    def connect(path: Path | None) -> sqlite3.Connection:
        db = real(path)
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    monkeypatch.setattr(server.kept.database, "_connect", connect)
    large = json.dumps({"nodes": [], "x": os.urandom(60_000).hex()}).encode()
    told = await answer(desk.client.put(at("a.json"), data=large, headers=ANY), 507)
    assert told["error"]["type"] == "disk_full"
    await answer(desk.client.put("/heddle/drafts/a", data=large), 507)
    monkeypatch.undo()
    assert (folder(desk) / "a.json").read_bytes() == flow(1)
    assert len(await versions(desk, "a.json")) == 1


def test_a_damaged_database_is_kept_aside_and_the_files_stay(tmp_path: Path) -> None:
    workflows = shelf(tmp_path)
    workflows.save("a.json", flow(1), Expected())
    path = tmp_path / "user" / "default" / ".heddle" / "kept.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    assert [each["path"] for each in workflows.list()] == ["a.json"]
    assert path.with_name("kept.sqlite.damaged-1").exists()
    workflows.save("a.json", flow(2), Expected(is_any=True))
    assert len(workflows.versions("a.json")["versions"]) == 2


def test_a_name_that_is_taken_by_a_folder_is_said(tmp_path: Path) -> None:
    workflows = shelf(tmp_path)
    (tmp_path / "user" / "default" / "workflows" / "a.json").mkdir(parents=True)
    with pytest.raises(FileProblem, match="folder"):
        workflows.save("a.json", flow(1), Expected())
    assert workflows.list() == [] and workflows.deleted() == []


def test_a_change_that_is_expected_nowhere_is_refused_also_for_nothing(tmp_path: Path) -> None:
    workflows = shelf(tmp_path)
    with pytest.raises(Changed) as refused:
        workflows.save("a.json", flow(1), Expected(frozenset({"x"})))
    assert refused.value.current is None


_WRITER = """
import sys
from pathlib import Path
from server.kept import Expected
from tests.server.test_workflow_files import shelf, flow
workflows = shelf(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    workflows.save("a.json", flow(number, nodes=3000), Expected(is_any=True))
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_a_whole_file_and_whole_versions(tmp_path: Path) -> None:
    last = 0
    for round in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], cwd=HOUSE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            for _ in range(2 + round):
                last = int(child.stdout.readline())
            time.sleep(0.004 * round)
            child.send_signal(signal.SIGKILL)
        workflows = shelf(tmp_path)
        number = json.loads(workflows.read("a.json")[0])["extra"]["n"]
        assert number in range(last, last + 50)  # what was said to be saved is there, or a later one
        kept = workflows.versions("a.json")["versions"]
        assert sum(each["is_current"] for each in kept) == 1
        for each in kept:
            data, revision, _ = workflows.version("a.json", each["id"])
            assert len(json.loads(data)["nodes"]) == 3000 and revision == each["revision"]
        found = {json.loads(workflows.version("a.json", each["id"])[0])["extra"]["n"] for each in kept}
        assert set(range(1, last + 1)) <= found
        workflows.save("a.json", flow(0, nodes=3000), Expected(is_any=True))


async def test_clients_that_know_the_word_hear_which_files_were_changed(desk: Desk) -> None:
    knows, other = await desk.socket("knows", heddle_files=True), await desk.socket("other", something=True)
    await save(desk, "a.json", flow(1))
    await answer(desk.client.post(userdata("b.json"), data=flow(2)), 200)
    await answer(desk.client.post(at("a.json", "/move"), json={"to": "c.json"}), 200)
    await answer(desk.client.put(at("c.json"), data=flow(3)), 409)  # nothing has changed
    await answer(desk.client.delete(at("c.json")), 204)
    heard = [(await knows.receive_json(timeout=60))["data"] for _ in range(4)]
    assert [each["paths"] for each in heard] == [
        ["workflows/a.json"],
        ["workflows/b.json"],
        ["workflows/a.json", "workflows/c.json"],
        ["workflows/c.json"],
    ]
    assert {each["person"] for each in heard} == {"default"}
    await other.close()
    assert "heddle_files" not in [json.loads(m.data)["type"] async for m in other]
