"""Our own page's files: sent compressed, kept by browsers for good, and renewed as soon as one of them changes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from server.module_imports import static_imports
from tests.server.front_desk import Desk, front_desk

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <link rel="stylesheet" href="/style.css">
    <link rel="icon" href="/pictures/mark.svg">
    <script type="module" src="/main.js"></script>
  </head>
  <body><a href="/elsewhere">away</a><a href="https://example.org/main.js">far</a></body>
</html>
"""
FILES = {
    "index.html": INDEX,
    "style.css": "body { color: red }\n" * 50,
    "pictures/mark.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "main.js": 'import { start } from "./core/start.js";\nimport "./core/late.js";\nstart();\n',
    "core/start.js": '/** @import { None } from "./typed.js" */\nexport { start } from "../lib/deep.js";\n',
    "core/late.js": "export const late = () => import('./lazy.js');\n",
    "core/lazy.js": "export {};\n",
    "core/typed.js": "export {};\n",
    "lib/deep.js": 'import { start } from "../core/start.js";\nexport { start };\n',
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    root = tmp_path / "page"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


async def base_of(desk: Desk) -> str:
    """Where `index.html` says that its files are, as in `/web/0123456789abcdef/`."""
    async with desk.get("/") as response:
        (base,) = re.findall(r'<script type="module" src="(/web/[0-9a-f]{16}/)main.js">', await response.text())
        return base


async def test_the_page_names_its_files_at_addresses_that_browsers_keep(desk: Desk, page: Path) -> None:
    async with desk.get("/") as response:
        text = await response.text()
        assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-cache", "Accept-Encoding")
    base = await base_of(desk)
    for name in ("style.css", "pictures/mark.svg", "main.js"):
        assert f'"{base}{name}"' in text
    assert '"/elsewhere"' in text and '"https://example.org/main.js"' in text
    for name, kind in (("style.css", "text/css"), ("core/start.js", "text/javascript")):
        async with desk.get(base + name) as response:
            assert (await response.text(), response.content_type) == (FILES[name], kind)
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with desk.get(f"/{name}") as response:
            assert await response.text() == FILES[name] and response.headers["Cache-Control"] == "no-cache"


async def test_what_is_imported_statically_is_asked_for_at_once_and_nothing_else(desk: Desk, page: Path) -> None:
    async with desk.get("/") as response:
        ahead = re.findall(r'rel="modulepreload" href="/web/[0-9a-f]{16}/([^"]+)"', await response.text())
    assert ahead == ["core/start.js", "core/late.js", "lib/deep.js"]


async def test_the_import_map_is_the_only_script_inside_the_page_that_may_run(desk: Desk, page: Path) -> None:
    base = await base_of(desk)
    async with desk.get("/index.html") as response:
        (inside,) = re.findall(r'<script type="importmap">(.*?)</script>', await response.text(), re.DOTALL)
        policy = response.headers["Content-Security-Policy"]
    wanted = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{wanted}';" in policy and "unsafe" not in policy
    assert json.loads(inside) == {
        "imports": {"/core/": f"{base}core/", "/lib/": f"{base}lib/", "/main.js": f"{base}main.js"}
    }


async def test_a_browser_that_has_a_file_hears_only_that_it_is_the_same(desk: Desk, page: Path) -> None:
    base = await base_of(desk)
    for path in ("/", "/style.css", f"{base}style.css"):
        tags = set()
        for accepted in ("gzip", "identity"):
            async with desk.get(path, headers={"Accept-Encoding": accepted}) as response:
                assert response.status == 200
                tags.add(response.headers["ETag"])
        assert len(tags) == 2 and all(tag.startswith('"') for tag in tags), "two forms, two strong tags"
        for tag in tags:
            async with desk.get(path, headers={"If-None-Match": f'"other", {tag}'}) as response:
                assert response.status == 304 and await response.read() == b""
                told = {name.lower() for name in response.headers}
                assert told == {"cache-control", "vary", "etag", "date", "server"}
        async with desk.get(path, headers={"If-None-Match": '"other"'}) as response:
            assert response.status == 200


async def test_a_file_is_sent_plain_to_those_that_take_no_gzip(desk: Desk, page: Path) -> None:
    async with desk.get("/style.css", headers={"Accept-Encoding": "gzip;q=0"}) as response:
        assert "Content-Encoding" not in response.headers and await response.text() == FILES["style.css"]
    async with desk.client.head("/style.css") as response:
        assert response.status == 200 and await response.read() == b""
        assert 0 < int(response.headers["Content-Length"]) < 100, "as long as the compressed file"


async def test_a_file_is_compressed_once(desk: Desk, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[bytes] = []
    compress = gzip.compress

    def count(content: bytes, **options: int) -> bytes:
        compressed.append(content)
        return compress(content, **options)

    monkeypatch.setattr(gzip, "compress", count)
    for _ in range(3):
        base = await base_of(desk)
        for path in ("/style.css", f"{base}style.css"):
            async with desk.get(path) as response:
                assert response.status == 200
    assert len(compressed) == 2, "index.html and style.css"


async def test_a_changed_file_changes_every_address_and_the_old_ones_still_answer(desk: Desk, page: Path) -> None:
    old = await base_of(desk)
    os.utime(page / "main.js", (1_000_000_000, 1_000_000_000))
    assert await base_of(desk) == old, "what counts is the content"
    (page / "core" / "late.js").write_text("export const late = 1;\n")
    async with desk.get(f"{old}core/late.js") as response:  # changed, and nobody has asked for the page since
        assert await response.text() == "export const late = 1;\n"
        assert response.headers["Cache-Control"] == "no-cache"
    new = await base_of(desk)
    assert new != old
    for base, kept in ((old, False), (new, True), ("/web/0123456789abcdef/", False)):
        for name in ("core/late.js", "style.css"):
            async with desk.get(base + name) as response:
                assert response.status == 200 and ("immutable" in response.headers["Cache-Control"]) is kept
    (page / "core" / "late.js").write_text(FILES["core/late.js"])
    assert await base_of(desk) == old


async def test_a_page_that_was_open_before_a_restart_finds_its_files(desk: Desk, page: Path, tmp_path: Path) -> None:
    base = await base_of(desk)
    async with front_desk(tmp_path / "other", page=page) as restarted, restarted.get(f"{base}main.js") as response:
        assert response.status == 200 and "immutable" in response.headers["Cache-Control"]


async def test_nothing_outside_the_folder_is_served_below_a_version(desk: Desk, page: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    (page / "out").symlink_to(tmp_path)
    (page / ".hidden.js").write_text("secret")
    base = await base_of(desk)
    for name in (
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "link.txt",
        "out/secret.txt",
        ".hidden.js",
        "",
        "/",
        "none.js",
    ):
        async with desk.get(base + name) as response:
            assert response.status == 404, name
    async with desk.get("/") as response:
        assert "hidden" not in await response.text()


async def test_files_that_are_compressed_already_are_sent_as_they_are_and_in_parts(desk: Desk, page: Path) -> None:
    (page / "film.webm").write_bytes(bytes(range(100)))
    base = await base_of(desk)
    async with desk.get(f"{base}film.webm", headers={"Range": "bytes=10-19"}) as response:
        assert response.status == 206 and await response.read() == bytes(range(10, 20))
        assert "immutable" in response.headers["Cache-Control"] and "Content-Encoding" not in response.headers


async def test_a_front_end_that_was_built_elsewhere_may_have_such_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "dist"
    name = "web/0123456789abcdef/main.js"
    for each in (name, "main.js"):
        (root / each).parent.mkdir(parents=True, exist_ok=True)
        (root / each).write_text(each)
    (root / "index.html").write_text(INDEX)
    async with front_desk(tmp_path, page=root, page_is_ours=False) as desk:
        async with desk.get(f"/{name}") as response:
            assert await response.text() == name and "immutable" not in response.headers["Cache-Control"]
        async with desk.get("/") as response:
            assert await response.text() == INDEX


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('import a from "./a.js";', ("./a.js",)),
        ("import './a.js'", ("./a.js",)),
        ('import a, { b as c } from "./a.js"; import * as d from "./d.js"', ("./a.js",)),  # the house: one a line
        ('import {\n  one,\n  two,\n} from "./a.js";\n  import{b}from"./b.js"', ("./a.js", "./b.js")),
        ('export * from "./a.js";\nexport { x, y as z } from "/b.js";', ("./a.js", "/b.js")),
        ('import a from "./a.js" with { type: "json" };\nimport b from "./a.js"', ("./a.js",)),
        ('const page = await import("./a.js");\nimport("./b.js").then(go);', ()),
        ('/** @import { A } from "./a.js" */\n// import b from "./b.js"\n/*\nimport c from "./c.js"\n*/', ()),
        ('const text = `\nimport a from "./a.js"\n`;\nconst quoted = "\\"\\\nimport";', ()),
        ('const glob = "/*";\nimport a from "./a.js";\n// */', ("./a.js",)),
        ('export const from = "./a.js";\nexport default "./b.js";\nexport function from_() { return "./c.js"; }', ()),
        ("imported('./a.js');\nimport.meta.url;\nexports", ()),
        ("/* never closed\nimport a from './a.js'", ()),
        ("", ()),
    ],
)
def test_the_static_imports_of_a_module_are_read_and_nothing_else(source: str, names: tuple[str, ...]) -> None:
    assert static_imports(source) == names
