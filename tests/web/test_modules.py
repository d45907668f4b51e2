"""Runs the tests of the page's modules in Node, and reads what `web/` names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.web.node_tools import node

HOUSE = Path(__file__).resolve().parents[2]


def test_the_modules_of_the_page_do_what_their_tests_say() -> None:
    files = sorted(str(path) for path in (HOUSE / "tests" / "web").rglob("*.test.js"))
    done = subprocess.run([node(), "--test", *files], capture_output=True, text=True, cwd=HOUSE, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    for path in (HOUSE / "web").rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""(?:src|href|url|from|import)\s*[=(]?\s*["'`(](?:https?:)?//""", text), path


def test_every_file_that_the_page_names_is_there() -> None:
    page = (HOUSE / "web" / "index.html").read_text(encoding="utf-8")
    for name in re.findall(r'(?:src|href)="/([^"]+)"', page):
        assert name.startswith("api/") or (HOUSE / "web" / name).is_file(), name  # the rest is asked of the server
    for path in (HOUSE / "web").rglob("*.js"):
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), (path, name)
