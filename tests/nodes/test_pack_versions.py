from pathlib import Path

import pytest

from nodes import door
from nodes.pack_versions import UNKNOWN, PackVersions, version_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_pack_says_its_version_in_its_project_file_or_by_its_commit(tmp_path: Path) -> None:
    assert version_of(tmp_path) == UNKNOWN
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert version_of(tmp_path) == UNKNOWN
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert version_of(tmp_path) == COMMIT[:12]
    (git / "refs" / "heads" / "main").write_text(COMMIT[::-1] + "\n")
    assert version_of(tmp_path) == COMMIT[::-1][:12]
    (git / "HEAD").write_text(COMMIT + "\n")
    assert version_of(tmp_path) == COMMIT[:12]
    (tmp_path / "pyproject.toml").write_text("[project]\nversion = '1.2.3'\n")
    assert version_of(tmp_path) == "1.2.3"


@pytest.mark.parametrize("odd", ["no [toml", "project = 3", "[project]\nversion = 3", "[tool.ruff]\n"])
def test_an_odd_project_file_says_nothing(tmp_path: Path, odd: str) -> None:
    (tmp_path / "pyproject.toml").write_text(odd)
    assert version_of(tmp_path) == UNKNOWN


def test_a_node_belongs_to_the_pack_that_its_module_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nversion = '1.2.3'\n")
    monkeypatch.setitem(door.LOADED_MODULE_DIRS, "fine.pack", str(tmp_path))
    versions = PackVersions()
    assert versions.of_module("custom_nodes.fine.pack.inner") == ("fine.pack", "1.2.3")
    assert versions.of_module("custom_nodes.fine.pack") == ("fine.pack", "1.2.3")
    assert versions.of_module("custom_nodes.strange") == ("strange", UNKNOWN)
    assert versions.of_module("nodes.image.files") is None
