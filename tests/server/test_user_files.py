"""What front ends keep for a person: settings, saved workflows, other files."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from server.keys import Limits
from tests.server.front_desk import Desk, front_desk


def at(name: str, more: str = "") -> URL:
    """The address of a user's file, its name as one segment."""
    return URL(f"/api/userdata/{quote(name, safe='')}{more}", encoded=True)


async def save(desk: Desk, name: str, data: bytes = b"{}", more: str = "") -> Any:
    async with desk.post(at(name, more), data=data) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def status_of(asked: Any) -> int:
    async with asked as response:
        text = await response.text()
        if response.status >= 400:
            assert json.loads(text)["error"]["message"]
        return response.status


async def _is_kept(desk: Desk) -> bool:
    """Whether the catalogue was written: nothing else comes into the user folder then."""
    return (desk.parts.folders.user / "catalogue.json").exists() and not list(desk.parts.folders.user.glob(".*.part"))


def home(desk: Desk) -> Path:
    return desk.parts.folders.user / "default"


async def test_there_is_one_person(desk: Desk) -> None:
    assert await desk.json("/api/users") == {"storage": "server", "migrated": True}
    assert await status_of(desk.post("/users", json={"username": "another"})) == 400


async def test_settings_are_kept_one_by_one_and_together(desk: Desk) -> None:
    assert await desk.json("/api/settings") == {}
    assert await desk.json("/settings/Comfy.Grid") is None
    assert await status_of(desk.post("/api/settings/Comfy.Grid", data="true")) == 200
    assert await status_of(desk.post("/settings", json={"a.b": [1, "ü"], "c": None})) == 200
    for value in ("0", '""', "null", "[]"):
        assert await status_of(desk.post("/settings/falsy", data=value)) == 200
        assert await desk.json("/settings/falsy") == json.loads(value)
    assert await desk.json("/settings/Comfy.Grid") is True
    assert await desk.json("/settings") == {"Comfy.Grid": True, "a.b": [1, "ü"], "c": None, "falsy": []}
    assert json.loads((home(desk) / "comfy.settings.json").read_text())["a.b"] == [1, "ü"]


async def test_settings_of_another_program_are_used_and_outlive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "user" / "default"
    folder.mkdir(parents=True)
    (folder / "comfy.settings.json").write_text('{"Comfy.ColorPalette": "dark"}', encoding="utf-8")
    async with front_desk(tmp_path) as desk:
        assert await desk.json("/settings/Comfy.ColorPalette") == "dark"
        await desk.post("/settings", json={"more": 1})
    async with front_desk(tmp_path) as desk:
        assert await desk.json("/settings") == {"Comfy.ColorPalette": "dark", "more": 1}


@pytest.mark.parametrize("damage", [b'{"a": 1, "b"', b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
async def test_a_damaged_settings_file_is_kept_aside(desk: Desk, damage: bytes) -> None:
    for count in (1, 2):
        home(desk).mkdir(parents=True, exist_ok=True)
        (home(desk) / "comfy.settings.json").write_bytes(damage)
        assert await desk.json("/settings") == {}
        assert (home(desk) / f"comfy.settings.json.damaged-{count}").read_bytes() == damage
    await desk.post("/settings", json={"a": 2})
    assert await desk.json("/settings") == {"a": 2}


async def test_settings_that_are_changed_at_once_are_all_kept(desk: Desk) -> None:
    await asyncio.gather(*(status_of(desk.post(f"/settings/s{i}", data=str(i))) for i in range(30)))
    assert await desk.json("/settings") == {f"s{i}": i for i in range(30)}


async def test_settings_are_no_place_for_large_things(tmp_path: Path) -> None:
    async with front_desk(tmp_path, limits=Limits(settings_bytes=1000)) as desk:
        assert await status_of(desk.post("/settings/a", data=json.dumps("x" * 2000))) == 413
        assert await status_of(desk.post("/settings/a", data=json.dumps("x" * 600))) == 200
        assert await status_of(desk.post("/settings/b", data=json.dumps("x" * 600))) == 400
        assert set(await desk.json("/settings")) == {"a"}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff"])
async def test_settings_must_be_an_object(desk: Desk, body: bytes) -> None:
    assert await status_of(desk.post("/settings", data=body)) == 400
    assert await desk.json("/settings") == {}


async def test_a_workflow_is_saved_opened_renamed_and_deleted(desk: Desk) -> None:
    name = "workflows/my first & best.json"
    assert await save(desk, name, b'{"nodes": []}') == name
    assert (home(desk) / name).read_bytes() == b'{"nodes": []}'
    async with desk.get(at(name)) as response:
        assert response.status == 200 and response.content_type == "application/json"
        assert await response.read() == b'{"nodes": []}'
    async with desk.client.head(at(name)) as response:
        assert response.status == 200 and response.headers["Content-Length"] == "13"
    other = quote("workflows/sub/second.json", safe="")
    told = None
    async with desk.post(at(name, f"/move/{other}?overwrite=false&full_info=true")) as response:
        told = await response.json()
    state = (home(desk) / "workflows" / "sub" / "second.json").stat()
    assert told["path"] == "workflows/sub/second.json" and told["size"] == 13
    assert told["modified"] == state.st_mtime_ns // 10**6 and isinstance(told["created"], int)
    assert await status_of(desk.get(at(name))) == 404
    assert await status_of(desk.client.delete(at("workflows/sub/second.json"))) == 204
    assert await status_of(desk.client.delete(at("workflows/sub/second.json"))) == 404
    assert await status_of(desk.post(at("nothing.json", "/move/there.json"))) == 404


async def test_a_percent_sign_in_a_name_stays_one(desk: Desk) -> None:
    for name in ("100%.json", "a%2Fb.json", "a+b c.json", "猫.json", "a#b?c.json"):
        assert await save(desk, name, name.encode()) == name
        assert (home(desk) / name).read_bytes() == name.encode()
        async with desk.get(at(name)) as response:
            assert await response.read() == name.encode()


async def test_a_file_that_must_not_be_overwritten_stays(desk: Desk) -> None:
    await save(desk, "a.json", b"1")
    await save(desk, "b.json", b"2")
    assert await status_of(desk.post(at("a.json", "?overwrite=false"), data=b"3")) == 409
    assert await status_of(desk.post(at("b.json", "/move/a.json?overwrite=false"))) == 409
    assert {p.name: p.read_bytes() for p in home(desk).iterdir()} == {"a.json": b"1", "b.json": b"2"}
    info = await save(desk, "a.json", b"44", "?overwrite=true&full_info=true")
    assert (info["path"], info["size"]) == ("a.json", 2)
    assert await status_of(desk.post(at("b.json", "/move/a.json"))) == 200
    assert {p.name: p.read_bytes() for p in home(desk).iterdir()} == {"a.json": b"2"}
    assert await status_of(desk.post(at("a.json", "?overwrite=perhaps"), data=b"3")) == 400


async def test_of_many_that_save_one_new_name_one_wins(desk: Desk) -> None:
    asked = (status_of(desk.post(at("new.json", "?overwrite=false"), data=str(i).encode())) for i in range(12))
    assert sorted(await asyncio.gather(*asked)) == [200] + [409] * 11
    assert [p.name for p in home(desk).iterdir()] == ["new.json"]


async def test_folders_are_listed_in_every_form(desk: Desk) -> None:
    assert await desk.json("/v2/userdata") == []  # nobody saved anything yet
    for name in ("workflows/b.json", "workflows/deep/er/c.json", "workflows/.index.json", "other.txt"):
        await save(desk, name)
    assert await desk.json("/userdata?dir=workflows") == ["b.json"]
    assert await desk.json("/userdata?dir=workflows&recurse=true") == ["b.json", "deep/er/c.json"]
    split = await desk.json("/userdata?dir=workflows&recurse=true&split=true")
    assert split == [["b.json", "b.json"], ["deep/er/c.json", "deep", "er", "c.json"]]
    full = await desk.json("/userdata?dir=workflows&recurse=true&split=true&full_info=true")
    assert [set(each) for each in full] == [{"path", "size", "modified", "created"}] * 2
    assert [each["path"] for each in full] == ["b.json", "deep/er/c.json"]
    async with desk.get(at("workflows/.index.json")) as response:
        assert response.status == 200
    assert await status_of(desk.get("/userdata?dir=missing")) == 404
    assert await status_of(desk.get("/userdata")) == 400
    listed = await desk.json("/v2/userdata?path=workflows")
    assert [(each["name"], each["path"], each["type"]) for each in listed] == [
        ("b.json", "workflows/b.json", "file"),
        ("deep", "workflows/deep", "directory"),
    ]
    assert listed[0]["size"] == 2 and listed[0]["modified"] > 1_600_000_000
    assert {each["name"] for each in await desk.json("/v2/userdata")} == {"workflows", "other.txt"}


ESCAPES = [
    "../jobs.sqlite",
    "..\\jobs.sqlite",
    "workflows/../../jobs.sqlite",
    "/etc/passwd",
    "C:\\x.json",
    "//server/share",
    "nul",
    "a\0b.json",
    "out/jobs.sqlite",
    "database",
    "..",
    "workflows/",
    "x" * 300,
]


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_name_leads_out_of_the_persons_folder(desk: Desk, name: str) -> None:
    await save(desk, "workflows/a.json", b"mine")
    (home(desk) / "out").symlink_to(desk.parts.folders.user, target_is_directory=True)
    (home(desk) / "database").symlink_to(desk.parts.folders.user / "jobs.sqlite")
    await desk.until(lambda: _is_kept(desk))
    before = sorted(p.name for p in desk.parts.folders.user.iterdir())
    for asked in (
        desk.get(at(name)),
        desk.post(at(name), data=b"theirs"),
        desk.client.delete(at(name)),
        desk.post(at("workflows/a.json", f"/move/{quote(name, safe='')}")),
        desk.post(at(name, "/move/stolen.json")),
        desk.get("/userdata", params={"dir": name}),
    ):
        # Clients fold `..` themselves (405); a folder's own name with a slash behind it may be listed.
        assert await status_of(asked) in ((200, 400, 404) if name == "workflows/" else (400, 404, 405))
    assert sorted(p.name for p in desk.parts.folders.user.iterdir()) == before
    assert (home(desk) / "workflows" / "a.json").read_bytes() == b"mine"
    assert not (home(desk) / "stolen.json").exists()
    assert "database" not in await desk.json("/userdata?dir=.&recurse=true")


async def test_a_persons_folder_may_itself_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "cloud").mkdir()
    (tmp_path / "user" / "default").symlink_to(tmp_path / "cloud", target_is_directory=True)
    async with front_desk(tmp_path) as desk:
        await save(desk, "workflows/a.json", b"1")
        assert (tmp_path / "cloud" / "workflows" / "a.json").read_bytes() == b"1"


async def test_a_file_in_the_place_of_a_folder_is_said(desk: Desk) -> None:
    await save(desk, "a", b"1")
    await save(desk, "folder/b", b"2")
    assert await status_of(desk.post(at("a/b.json"), data=b"3")) == 400
    assert await status_of(desk.post(at("folder/b", "/move/a%2Fb"))) == 400
    assert await status_of(desk.post(at("folder"), data=b"3")) == 400
    assert (home(desk) / "a").read_bytes() == b"1"


async def test_a_file_that_is_too_large_leaves_nothing_behind(tmp_path: Path) -> None:
    async with front_desk(tmp_path, limits=Limits(upload_bytes=1000)) as desk:

        async def chunks() -> Any:
            for _ in range(20):
                yield b"x" * 100

        assert await status_of(desk.post(at("a.json"), data=b"x" * 1001)) == 413
        assert await status_of(desk.post(at("a.json"), data=chunks())) == 413
        assert not home(desk).exists() or os.listdir(home(desk)) == []
        assert await save(desk, "a.json", b"x" * 1000) == "a.json"


async def test_a_full_disk_keeps_the_older_file_and_is_said_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await save(desk, "a.json", b"older")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("heddle.media.whole_files.os.fsync", full)
    for asked in (
        desk.post(at("a.json"), data=b"newer"),
        desk.post(at("b.json", "?overwrite=false"), data=b"newer"),
        desk.post("/settings", json={"a": 1}),
    ):
        async with asked as response:
            text = await response.text()
            assert response.status == 507 and str(desk.parts.folders.base) not in text
    assert {p.name: p.read_bytes() for p in home(desk).iterdir()} == {"a.json": b"older"}


async def test_a_saved_page_is_never_run_and_styles_are_served(desk: Desk) -> None:
    await save(desk, "page.html", b"<script>alert(1)</script>")
    async with desk.get(at("page.html")) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert await status_of(desk.get("/user.css")) == 404
    assert await status_of(desk.get("/user.css?optional=true")) == 204
    await save(desk, "user.css", b"a { color: red }")
    async with desk.get("/user.css") as response:
        assert response.status == 200 and response.content_type == "text/css"
