"""Results on disk do not outlive the code that made them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from execution.code_versions import CodeVersions
from heddle.graph.spec import NodeSpec


def version(room: Path, module: str = "nodes.image", surroundings: str = "cpu") -> str:
    return CodeVersions([room], surroundings).of(NodeSpec("Any", python_module=module))


def test_a_change_of_the_houses_code_or_its_surroundings_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = version(tmp_path)
    assert version(tmp_path) == first
    assert version(tmp_path, surroundings="cuda") != first
    (tmp_path / "a.py").write_text("22")
    assert version(tmp_path) != first


def test_a_packs_own_files_count_for_its_own_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room, pack = tmp_path / "room", tmp_path / "pack"
    for folder in (room, pack / "inner"):
        folder.mkdir(parents=True)
    (pack / "__init__.py").write_text("")
    (pack / "inner" / "work.py").write_text("1")
    module = ModuleType("custom_nodes.some_pack")
    module.__file__ = str(pack / "__init__.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    first, built_in = version(room, module.__name__), version(room)
    (pack / "inner" / "work.py").write_text("22")
    assert version(room, module.__name__) != first
    assert version(room) == built_in
