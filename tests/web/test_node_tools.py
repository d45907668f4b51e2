"""The page's development tools are pinned, found, and see a wrong type."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.web import node_tools
from tests.web.node_tools import WEB, ToolsMissing, node, packages


def test_packages_from_npm_are_pinned_exactly_and_their_hashes_known() -> None:
    wanted = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in wanted, "the page loads nothing that npm brings"
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert lock[""]["devDependencies"] == wanted["devDependencies"]
    for name, version in wanted["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock[f"node_modules/{name}"]["version"] == version
    for place, package in lock.items():
        assert not place or package["integrity"].startswith("sha512-"), place
        assert "resolved" not in package, place


def test_the_type_checker_sees_a_wrong_type_in_a_comment(tmp_path: Path) -> None:
    (tmp_path / "tsconfig.json").write_text(json.dumps({"extends": str(WEB / "tsconfig.json"), "include": ["*.js"]}))
    (tmp_path / "good.js").write_text("/** @type {number} */\nexport const width = 3;\n")
    tsc = [node(), str(packages() / "typescript" / "bin" / "tsc"), "--project", str(tmp_path)]
    assert subprocess.run(tsc).returncode == 0
    (tmp_path / "bad.js").write_text('/** @type {number} */\nexport const width = "3";\n')
    done = subprocess.run(tsc, capture_output=True, text=True)
    assert done.returncode != 0 and "bad.js" in done.stdout


def test_an_installation_that_fails_says_why_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []

    def failing(words: list[str], *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        tried.append(words)
        return subprocess.CompletedProcess(words, 1, "", "npm error: no such host")

    monkeypatch.setattr(node_tools, "npm", failing)
    for turn in (1, 2):
        with pytest.raises(ToolsMissing, match=r"no such host[\s\S]*Next"):
            packages(tmp_path / "tools")
        assert len(tried) == turn
