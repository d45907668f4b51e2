"""A front end that was built elsewhere, and what packs bring for the browser."""

from __future__ import annotations

import base64
import json
import os
import struct
import threading
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from execution.protocol import open_wire
from server import catalogue
from tests.server.fake_worker import PNG, FakeWorker, ThreadAsProcess
from tests.server.front_desk import GRAPH, Desk, folders_at, front_desk, heard_until


def put(path: Path, data: str | bytes = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


class WorkerWithPacks(FakeWorker):
    """Says in its hello, or later, where packs have their scripts."""

    def __init__(self, *words: Any, hello: dict[str, str], later: dict[str, str] | None) -> None:
        super().__init__(*words)
        self._hello, self._later = hello, later

    def _run_job(self, job: dict[str, Any]) -> None:
        for client_id in ("me", None):
            self.send({"type": "say", "event": "pack.told", "data": {"to": client_id}, "client_id": client_id})
        super()._run_job(job)

    def send(self, message: dict[str, Any], blob: bytes | None = None) -> None:
        if message["type"] == "hello":
            message = {**message, "web_directories": self._hello}
        super().send(message, blob)
        if message["type"] == "hello" and self._later is not None:
            super().send({"type": "web", "directories": self._later})


def with_packs(output: Path, hello: dict[str, str], later: dict[str, str] | None = None) -> Any:
    def start() -> Any:
        ours, theirs = open_wire()
        worker = WorkerWithPacks(theirs, str(output), hello=hello, later=later)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        return ours, ThreadAsProcess(thread, theirs)

    return start


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A front end as its build leaves it."""
    root = tmp_path / "dist"
    put(root / "index.html", "<!doctype html><script>start()</script>")
    put(root / "assets" / "index-B1u2nd3e.js", "export {}")
    put(root / "assets" / "font-ab.woff2", b"\0")
    put(root / "assets" / "film.webm", bytes(range(100)))
    put(root / "extensions" / "core" / "maskeditor.js", "export {}")
    put(root / "templates" / "index.json", "[]")
    put(root / ".env", "secret")
    (root / "link.txt").symlink_to(put(tmp_path / "secret.txt", "secret"))
    return root


@pytest_asyncio.fixture
async def served(tmp_path: Path, built: Path) -> AsyncIterator[Desk]:
    async with front_desk(tmp_path, page=built, page_is_ours=False) as desk:
        yield desk


async def test_a_built_front_end_is_served(served: Desk) -> None:
    async with served.get("/") as response:
        assert response.status == 200 and response.content_type == "text/html"
        assert "no-store" in response.headers["Cache-Control"]
        # Its own inline script must run; what may frame the page is still our business.
        assert "script-src" not in response.headers["Content-Security-Policy"]
        assert "default-src" not in response.headers["Content-Security-Policy"]
    for path, kind in (
        ("/assets/index-B1u2nd3e.js", "text/javascript"),
        ("/assets/font-ab.woff2", "font/woff2"),
        ("/templates/index.json", "application/json"),
        ("/extensions/core/maskeditor.js", "text/javascript"),
    ):
        async with served.get(path) as response:
            assert (response.status, response.content_type) == (200, kind), path
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    async with served.get("/assets/film.webm", headers={"Range": "bytes=10-19"}) as response:
        assert response.status == 206 and await response.read() == bytes(range(10, 20))


async def test_a_page_that_is_unchanged_is_not_sent_again(served: Desk) -> None:
    async with served.get("/assets/index-B1u2nd3e.js") as response:
        tag = response.headers["ETag"]
    async with served.get("/assets/index-B1u2nd3e.js", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


@pytest.mark.parametrize(
    "path",
    ["/.env", "/..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/link.txt", "/assets", "/templates/none.json"]
    + ["/docs/KSampler/en.md", "/extensions/core/..%2f..%2f..%2fsecret.txt", "/assets/..%5c..%5csecret.txt", "/a%00b"],
)
async def test_nothing_beside_the_front_end_is_served(served: Desk, path: str) -> None:
    async with served.get(path) as response:
        assert response.status == 404 and (await response.json())["error"]["message"]


async def test_what_a_front_end_asks_at_its_start_is_answered(served: Desk) -> None:
    await served.ready()
    assert await served.json("/api/extensions") == ["/extensions/core/maskeditor.js"]
    for path in ("i18n", "workflow_templates", "global_subgraphs", "node_replacements", "settings"):
        assert await served.json(f"/api/{path}") == {}
    system = (await served.json("/api/system_stats"))["system"]
    assert system["required_frontend_version"] == "1.27.10", "the oldest that was tried: those below it warn"
    features = await served.json("/api/features")
    assert features["supports_preview_metadata"] is True and features["assets"] is False
    assert features["max_upload_size"] == 100 * 2**20
    for path in ("/user.css", "/api/userdata/user.css", "/api/global_subgraphs/x", "/api/userdata?dir=workflows"):
        async with served.get(path) as response:
            assert response.status == 404, path


@pytest.mark.parametrize("how", ["in the hello", "later"])
async def test_packs_scripts_are_listed_and_served(tmp_path: Path, built: Path, how: str) -> None:
    web = tmp_path / "custom_nodes" / "pack one" / "js"
    put(web / "main.js", "export {}")
    put(web / "sub" / "more.js", "export {}")
    put(web / "style.css", "a {}")
    put(web / "docs" / "Count" / "en.md", "# Count")
    put(web / ".hidden.js", "secret")
    (web / "out.js").symlink_to(put(tmp_path / "custom_nodes" / "pack one" / "secret.py", "secret"))
    told = {"pack one": str(web), "../x": str(tmp_path), "broken": 5, "gone": str(tmp_path / "gone")}
    worker = with_packs(tmp_path / "output", *((told, None) if how == "in the hello" else ({}, told)))  # type: ignore
    async with front_desk(tmp_path, worker, page=built, page_is_ours=False) as desk:
        await desk.ready()
        listed = await desk.json("/api/extensions")
        assert {"/extensions/pack%20one/main.js", "/extensions/pack%20one/sub/more.js"} <= set(listed)
        assert "/extensions/core/maskeditor.js" in listed and not any("hidden" in path for path in listed)
        for path, kind in (
            ("main.js", "text/javascript"),
            ("style.css", "text/css"),
            ("sub/more.js", "text/javascript"),
        ):
            async with desk.get(f"/extensions/pack%20one/{path}") as response:
                assert (response.status, response.content_type) == (200, kind)
        async with desk.get("/extensions/pack%20one/docs/Count/en.md") as response:
            assert await response.text() == "# Count"
        for path in ("pack%20one/..%2fsecret.py", "pack%20one/out.js", "pack%20one/.hidden.js", "pack%20one/none.js"):
            async with desk.get(f"/extensions/{path}") as response:
                assert response.status == 404, path

    def no_worker() -> Any:
        raise OSError("not now")

    async with front_desk(tmp_path, no_worker, page=built, page_is_ours=False) as desk:
        assert "/extensions/pack%20one/main.js" in await desk.json("/extensions")  # known from the last run


async def test_a_pack_speaks_to_one_client_or_to_all(tmp_path: Path) -> None:
    async with front_desk(tmp_path, with_packs(tmp_path / "output", {})) as desk:
        mine, other = await desk.socket("me"), await desk.socket("other")
        await desk.submit(client_id="me")
        told = {"type": "pack.told", "data": {"to": None}}
        heard = await heard_until(mine, lambda m: m == told)
        assert {"type": "pack.told", "data": {"to": "me"}} in heard
        heard = await heard_until(other, lambda m: m == told)
        assert {m["type"] for m in heard} == {"status", "pack.told"} and heard.count(told) == 1
        assert {"type": "pack.told", "data": {"to": "me"}} not in heard


async def test_packs_translations_and_examples_are_found(tmp_path: Path) -> None:
    packs = tmp_path / "custom_nodes"
    put(packs / "one" / "locales" / "fr" / "main.json", '{"settings": {"a": {"name": "un"}}, "hello": "salut"}')
    put(packs / "one" / "locales" / "fr" / "nodeDefs.json", '{"Count": {"display_name": "Compter"}}')
    put(packs / "two" / "locales" / "fr" / "nodeDefs.json", '{"Other": {"display_name": "Autre"}}')
    put(packs / "two" / "locales" / "de" / "nodeDefs.json", "{broken")
    put(packs / "off.disabled" / "locales" / "it" / "main.json", '{"x": 1}')
    put(packs / "one" / "example_workflows" / "first.json", "{}")
    put(packs / "one" / "example_workflows" / "first.jpg", PNG)
    put(packs / "one" / "__init__.py", "secret")
    async with front_desk(tmp_path) as desk:
        assert await desk.json("/api/i18n") == {
            "fr": {
                "settings": {"a": {"name": "un"}},
                "hello": "salut",
                "nodeDefs": {"Count": {"display_name": "Compter"}, "Other": {"display_name": "Autre"}},
            }
        }
        assert await desk.json("/api/workflow_templates") == {"one": ["first"]}
        assert await desk.json("/api/workflow_templates/one/first.json") == {}
        async with desk.get("/api/workflow_templates/one/first.jpg") as response:
            assert response.status == 200 and response.content_type == "image/jpeg"
        for path in ("one/..%2f__init__.py", "one/none.json", "none/first.json", "..%2fcustom_nodes/one"):
            async with desk.get(f"/workflow_templates/{path}") as response:
                assert response.status == 404, path


def safetensors(metadata: dict[str, str] | None) -> bytes:
    header = json.dumps({} if metadata is None else {"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


async def test_model_files_tell_what_their_headers_and_neighbours_say(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("RGB", (1000, 10), (255, 0, 0)).save(buffer, "PNG")
    inside = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    folders = folders_at(tmp_path)
    loras = folders.models("loras")[0]
    put(loras / "sub" / "a.safetensors", safetensors({"ss_tag": "x"}))
    put(loras / "sub" / "a.preview.png", buffer.getvalue())
    put(loras / "b.safetensors", safetensors({"modelspec.thumbnail": inside}))
    put(loras / "c.safetensors", b"\xff" * 20)
    put(loras / "d.pt", b"x")
    put(loras / "e.safetensors", safetensors({"modelspec.thumbnail": "data:image/png;base64,@@"}))
    async with front_desk(tmp_path, folders=folders) as desk:
        (kind,) = [each for each in await desk.json("/experiment/models") if each["name"] == "loras"]
        assert kind["folders"][0] == str(loras)
        assert "configs" not in [each["name"] for each in await desk.json("/experiment/models")]
        files = {each["name"]: each for each in await desk.json("/api/experiment/models/loras")}
        assert files["sub/a.safetensors"]["pathIndex"] == 0 and set(files["d.pt"]) == {
            *("name", "pathIndex", "modified", "created", "size")
        }
        assert await desk.json("/view_metadata/loras?filename=sub/a.safetensors") == {"ss_tag": "x"}
        for path, status in (
            ("/view_metadata/loras?filename=d.pt", 404),
            ("/view_metadata/loras?filename=../x", 404),
            ("/view_metadata/loras", 404),
            ("/view_metadata/nothing?filename=a", 404),
            ("/view_metadata/loras?filename=c.safetensors", 400),
            ("/experiment/models/nothing", 404),
            ("/experiment/models/preview/loras/0/d.pt", 404),
            ("/experiment/models/preview/loras/0/e.safetensors", 404),
            ("/experiment/models/preview/loras/7/b.safetensors", 404),
            ("/experiment/models/preview/loras/x/b.safetensors", 404),
            ("/experiment/models/preview/loras/0/..%2fx", 404),
        ):
            async with desk.get(path) as response:
                assert response.status == status, path
        for name in ("sub/a.safetensors", "sub%2Fa.safetensors", "b.safetensors"):
            async with desk.get(f"/api/experiment/models/preview/loras/0/{name}") as response:
                assert response.status == 200 and response.content_type == "image/webp", name
                assert Image.open(BytesIO(await response.read())).width == 512


async def test_folders_and_their_files_are_told(desk: Desk) -> None:
    paths = await desk.json("/internal/folder_paths")
    assert paths["checkpoints"][0] == str(desk.parts.folders.models("checkpoints")[0])
    assert await desk.json("/internal/files/input") == []
    for age, name in enumerate(("new.png", "older.txt", "oldest.png")):
        path = put(desk.parts.folders.input / name)
        os.utime(path, (1_000_000_000 - age, 1_000_000_000 - age))
    put(desk.parts.folders.input / "sub" / "below.png")
    put(desk.parts.folders.input / ".hidden")
    assert await desk.json("/internal/files/input") == ["new.png", "older.txt", "oldest.png"]
    for place in ("user", "..", "models"):
        async with desk.get(f"/internal/files/{place}") as response:
            assert response.status in (400, 404)


async def test_object_info_is_sent_once_as_long_as_nothing_changes(desk: Desk) -> None:
    await desk.ready()
    async with desk.get("/object_info") as response:
        tag, first = response.headers["ETag"], await response.read()
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers["Content-Encoding"] == "gzip" and "no-cache" in response.headers["Cache-Control"]
    known = {"If-None-Match": tag}
    async with desk.get("/api/object_info", headers=known) as response:
        assert response.status == 304 and await response.read() == b"" and response.headers["ETag"] == tag
    async with desk.get("/object_info", headers={"Accept-Encoding": "gzip;q=0, br"}) as response:
        assert "Content-Encoding" not in response.headers and await response.read() == first
    put(desk.parts.folders.models("checkpoints")[0] / "new.safetensors")
    async with desk.get("/object_info", headers=known) as response:
        assert response.status == 200 and response.headers["ETag"] != tag
        assert "new.safetensors" in (await response.json())["Load"]["input"]["required"]["name"][0]


async def test_only_what_shows_files_is_written_anew_when_files_change(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.ready()
    await desk.json("/object_info")
    written: list[Any] = []
    to_text = catalogue.to_text
    monkeypatch.setattr(catalogue, "to_text", lambda record: written.append(record) or to_text(record))
    await desk.json("/object_info")
    assert written == []
    put(desk.parts.folders.models("checkpoints")[0] / "new.safetensors")
    await desk.json("/object_info")
    assert [record["input"]["required"]["name"][0] for record in written] == [
        desk.parts.folders.list_files("checkpoints")
    ]


async def test_a_kind_of_files_that_is_gone_leaves_the_node_in_the_catalogue(desk: Desk) -> None:
    await desk.ready()
    record = {"input": {"required": {"a": ["COMBO", {"options": {"files": "of a pack"}}]}}, "output": [], "max": 1e999}
    await desk.parts.catalogue.replace({"Odd": record})
    info = await desk.json("/object_info")
    assert info["Odd"]["input"]["required"]["a"] == [[], {}] and info["Odd"]["max"] is None


async def test_a_number_that_json_has_no_word_for_does_not_break_the_lists(desk: Desk) -> None:
    graph = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 1, "strange": float("nan")}}}
    job_id = await desk.submit(graph)
    await desk.ended(job_id)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    for path in ("/history", f"/history/{job_id}", f"/jobs/{job_id}", "/jobs", f"/heddle/jobs/{job_id}"):
        async with desk.get(path) as response:
            json.loads(await response.text(), parse_constant=refuse)
    assert (await desk.parts.store.job(job_id)).prompt["1"]["inputs"]["strange"] != 0  # type: ignore[union-attr]


async def test_pages_of_one_other_origin_may_ask_when_told_so(tmp_path: Path) -> None:
    async with front_desk(tmp_path, cors_origin="http://editor.example:3000") as desk:
        guest = {"Origin": "http://editor.example:3000", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        for path in ("/prompt", "/api/nothing", "/view?filename=none.png"):
            async with desk.get(path, headers=guest) as response:
                assert response.headers["Access-Control-Allow-Origin"] == guest["Origin"]
                assert "Origin" in response.headers.getall("Vary")
        async with desk.client.options("/prompt", headers=guest) as response:
            assert response.status == 200 and "POST" in response.headers["Access-Control-Allow-Methods"]
        picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        for page, status in (
            ("http://editor.example:3000/graph", 200),
            ("http://editor.example:3000", 200),
            ("http://editor.example:30001/", 403),
            ("http://evil.example/http://editor.example:3000/", 403),
        ):
            async with desk.get("/prompt", headers={**picture, "Referer": page}) as response:
                assert response.status == status, page
        socket = await desk.client.ws_connect("/ws", headers={"Origin": guest["Origin"]})
        await socket.close()
        async with desk.get("/prompt", headers={"Origin": "http://evil.example"}) as response:
            assert response.status == 403
        async with desk.get("/prompt", headers={**guest, "Host": "evil.example"}) as response:
            assert response.status == 403
    async with (
        front_desk(tmp_path, cors_origin="*") as desk,
        desk.get("/prompt", headers={"Origin": "http://any.example"}) as response,
    ):
        assert response.status == 200 and response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_packs_subgraphs_are_offered_with_their_workflows(tmp_path: Path) -> None:
    folder = tmp_path / "custom_nodes" / "one" / "subgraphs"
    text = json.dumps({"nodes": [], "definitions": {"subgraphs": [{"id": "a", "name": "Ünder"}]}})
    put(folder / "Blur it.json", text)
    put(folder / "broken.json", '{"definitions": ')
    put(folder / "plain.json", '{"nodes": []}')
    put(folder / "list.json", "[1]")
    put(folder / "none.json", '{"definitions": {"subgraphs": []}}')
    put(folder / ".hidden.json", text)
    put(folder / "notes.txt", text)
    (folder / "out.json").symlink_to(put(tmp_path / "secret.json", text))
    put(tmp_path / "custom_nodes" / "off.disabled" / "subgraphs" / "a.json", text)
    async with front_desk(tmp_path) as desk:
        listed = await desk.json("/api/global_subgraphs")
        record = {"source": "custom_node", "name": "Blur it", "info": {"node_pack": "custom_nodes.one"}, "data": text}
        assert list(listed.values()) == [record]
        (subgraph_id,) = listed
        assert await desk.json(f"/api/global_subgraphs/{subgraph_id}") == record
        for other in ("0", "..%2fsecret", subgraph_id.upper()):
            async with desk.get(f"/global_subgraphs/{other}") as response:
                assert response.status == 404
        put(folder / "Another.json", text)
        assert set(await desk.json("/global_subgraphs")) > {subgraph_id}


async def test_a_front_end_without_templates_shows_the_workflows_that_ship(tmp_path: Path, built: Path) -> None:
    put(tmp_path / "workflows" / "text_to_image.json", '{"nodes": [1]}')
    (built / "templates" / "index.json").unlink()
    async with front_desk(tmp_path, page=built, page_is_ours=False) as desk:
        async with desk.get("/templates/index.json") as response:
            assert response.status == 404  # it has some, and this is not among them
        (built / "templates").rmdir()
        for path in ("/templates/index.json", "/templates/index.zh-TW.json"):
            async with desk.get(path) as response:
                assert response.content_type == "application/json"
                (module,) = await response.json()
        assert [(each["name"], each["title"]) for each in module["templates"]] == [("text_to_image", "Text to image")]
        assert await desk.json("/templates/text_to_image.json") == {"nodes": [1]}
        assert await desk.json("/templates/index_logo.json") == {}
        put(tmp_path / "workflows" / "text_to_image.webp", PNG)
        async with desk.get("/templates/text_to_image-1.webp") as response:
            assert response.content_type == "image/webp" and await response.read() == PNG
        for file in (
            "text_to_image-2.webp",
            "none-1.webp",
            "..%2fsecret-1.webp",
            "text_to_image",
            "none.json",
            "..%2findex.html",
            "..%2f..%2fuser%2fcatalogue.json",
        ):
            async with desk.get(f"/templates/{file}") as response:
                assert response.status == 404, file
