"""Who may ask: names and origins, paths that lead out, and what the browser may do with what it gets."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from server.files import clean_filename, content_headers
from server.keys import Limits
from server.routes import upload
from tests.server.front_desk import GRAPH, Desk, front_desk


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://{own}"}, 200),
        ({"Origin": "http://{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "127.3.2.1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "192.168.1.5:8188"}, 403),
        ({"Host": "localhost:port"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "file://"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://localhost", "Host": "localhost"}, 200),
        ({"Origin": "https://localhost", "Host": "localhost"}, 200),
        ({"Origin": "http://localhost:8000", "Host": "localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
async def test_requests_of_foreign_pages_are_refused(desk: Desk, headers: dict[str, str], status: int) -> None:
    own = f"127.0.0.1:{desk.client.port}"
    headers = {name: value.replace("{own}", own) for name, value in headers.items()}
    async with desk.get("/prompt", headers=headers) as response:
        assert response.status == status
        assert "Access-Control-Allow-Origin" not in response.headers
        if status == 403:
            assert (await response.json())["error"]["type"].startswith("foreign_")


async def test_a_foreign_page_cannot_queue(desk: Desk) -> None:
    async with desk.post("/prompt", data=json.dumps({"prompt": GRAPH}), headers={"Origin": "null"}) as response:
        assert response.status == 403
    assert (await desk.json("/queue"))["queue_pending"] == []


async def test_a_server_for_others_takes_any_name_but_no_foreign_origin(tmp_path: Path) -> None:
    async with front_desk(tmp_path, private_names=None) as desk:
        for headers, status in (
            ({"Host": "studio.example:8188"}, 200),
            ({"Host": "studio.example:8188", "Origin": "http://studio.example:8188"}, 200),
            ({"Host": "studio.example", "Origin": "https://studio.example"}, 200),
            ({"Host": "studio.example:8188", "Origin": "http://evil.example"}, 403),
            ({"Host": "studio.example:8188", "Origin": "null"}, 403),
        ):
            async with desk.get("/prompt", headers=headers) as response:
                assert response.status == status, headers


ESCAPES = [
    "../secret.txt",
    "..%2fsecret.txt",
    "..\\secret.txt",
    "sub/../../secret.txt",
    "/etc/passwd",
    "//server/share/file",
    "\\\\server\\share\\file",
    "C:\\Windows\\win.ini",
    "C:win.ini",
    "file.png::$DATA",
    "file.png:stream",
    "nul\0.png",
    "link_out/secret.txt",
    "link_to_secret",
    "NUL",
    "con.png",
    ".. /secret.txt",
    "..",
    ".",
    "",
]


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_name_leads_out_of_its_folder(desk: Desk, name: str) -> None:
    output = desk.parts.folders.output
    output.mkdir(parents=True, exist_ok=True)
    (output.parent / "secret.txt").write_text("secret")
    (output / "link_out").symlink_to(output.parent, target_is_directory=True)
    (output / "link_to_secret").symlink_to(output.parent / "secret.txt")
    for params in (
        {"filename": name, "type": "output"},
        {"filename": "secret.txt", "subfolder": name, "type": "output"},
        {"filename": f"{name} [output]"},
    ):
        async with desk.get("/view", params=params) as response:
            text = await response.text()
            assert response.status in (400, 404), params
            assert text != "secret" and "Traceback" not in text


@pytest.mark.parametrize("root", ["user", "models", "", "/etc", "base"])
async def test_only_three_folders_are_shown(desk: Desk, root: str) -> None:
    async with desk.get("/view", params={"filename": "jobs.sqlite", "type": root}) as response:
        assert response.status == 400


async def test_a_path_longer_than_the_system_takes_is_refused(desk: Desk) -> None:
    async with desk.get(
        "/view", params={"filename": "a.png", "subfolder": "x" * 250 + "/" + "sub/" * 1200}
    ) as response:
        assert response.status in (400, 404)


async def test_a_pipe_in_the_output_folder_does_not_hang_the_server(desk: Desk) -> None:
    output = desk.parts.folders.output
    output.mkdir(parents=True, exist_ok=True)
    os.mkfifo(output / "pipe.png")
    async with asyncio.timeout(5), desk.get("/view?filename=pipe.png") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    "ending", ["html", "htm", "svg", "xml", "xhtml", "js", "mjs", "css", "pdf", "swf", "", "unknown"]
)
def test_active_content_is_handed_out_as_bytes_to_save(ending: str) -> None:
    headers = content_headers(f"file.{ending}")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_name_with_quotes_and_line_ends_stays_one_header() -> None:
    told = content_headers('ä"\r\nSet-Cookie: x.png')["Content-Disposition"]
    assert "\r" not in told and "\n" not in told
    assert told.endswith("filename*=UTF-8''%C3%A4%22%0D%0ASet-Cookie%3A%20x.png")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.png", "a.png"),
        ("C:\\pictures\\a.png", "a.png"),
        ("../../a.png", "a.png"),
        (".htaccess", "htaccess"),
        ("con.png", "_con.png"),
        ("LPT¹.png", "_LPT¹.png"),
        ("conin$", "_conin$"),
        ("a:b?.png", "a_b_.png"),
        ("name. .", "name"),
        ("müller 猫.png", "müller 猫.png"),
        ("x" * 300 + ".png", "x" * 196 + ".png"),
    ],
)
def test_names_of_uploads_are_cleaned(sent: str, kept: str) -> None:
    assert clean_filename(sent) == kept


@pytest.mark.parametrize(
    "path", ["/..%2fjobs.sqlite", "/%2e%2e/secret.txt", "/.git/config", "/link/secret.txt", "/a:b"]
)
async def test_the_page_serves_nothing_but_its_folder(desk: Desk, path: str, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>hello")
    (page / "link").symlink_to(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    async with desk.get("/") as response:
        assert response.status == 200 and "default-src 'self'" in response.headers["Content-Security-Policy"]
    async with desk.get(path) as response:
        assert response.status == 404


async def test_a_workflow_name_cannot_leave_its_folder(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "text_to_image.json").write_text('{"nodes": [], "version": 0.4}')
    (tmp_path / "secret.json").write_text("{}")
    (listed,) = await desk.json("/heddle/workflows")
    assert (listed["name"], listed["title"], listed["source"]) == ("text_to_image", "Text to image", "shipped")
    assert await desk.json("/heddle/workflows/text_to_image") == {"nodes": [], "version": 0.4}
    for name in ("..%2fsecret", "%2fetc%2fpasswd", "missing", "..%5csecret"):
        async with desk.get(f"/heddle/workflows/{name}") as response:
            assert response.status in (400, 404)


async def test_a_failure_of_ours_is_a_sentence_and_no_traceback(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(desk.parts.store, "queue_json", fail)
    async with desk.get("/queue") as response:
        answer = await response.json()
    assert response.status == 500 and answer["error"]["type"] == "internal_error"
    assert "ZeroDivisionError" in answer["error"]["message"] and "Traceback" not in json.dumps(answer)


async def test_a_full_disk_is_said_so(desk: Desk) -> None:
    store = desk.parts.store
    (pages,) = store._database.writing.execute("PRAGMA page_count").fetchone()
    store._database.writing.execute(f"PRAGMA max_page_count = {pages}")
    big = {**GRAPH, "3": {"class_type": "Save", "inputs": {"text": "x" * 200_000}}}
    async with desk.post("/prompt", json={"prompt": big}) as response:
        assert response.status == 507
        assert (await response.json())["error"]["type"] == "disk_full"


async def test_a_full_disk_under_an_upload_is_said_with_the_next_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload, "put_in_place", full)
    form = FormData()
    form.add_field("image", b"x", filename="a.png")
    async with desk.post("/upload/image", data=form) as response:
        assert response.status == 507
        assert "free some space" in (await response.json())["error"]["message"]
    assert list(desk.parts.folders.input.iterdir()) == []


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with front_desk(tmp_path, limits=Limits(json_bytes=1000)) as desk:
        response = await desk.post("/prompt", data=b'{"x": "' + b"y" * 2000 + b'"}')
        assert response.status == 413
        assert (await response.json())["error"]["message"]


async def test_unknown_paths_and_methods_answer_in_the_same_form(desk: Desk) -> None:
    async with desk.get("/api/nothing") as response:
        assert response.status == 404 and (await response.json())["error"]["message"]
    async with desk.client.delete("/prompt") as response:
        assert response.status == 405 and "POST" in response.headers["Allow"]
