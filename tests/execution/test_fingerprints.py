"""What tells that a file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from execution.fingerprints import Fingerprints
from heddle.settings.folders import Folders
from heddle.settings.options import Settings


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders.from_settings(Settings(base_directory=tmp_path))
    made.input.mkdir(parents=True)
    return made


def test_an_input_counts_with_its_content_and_a_file_that_is_gone_is_missing(folders: Folders) -> None:
    fingerprints = Fingerprints(folders)
    first, second = folders.input / "first.png", folders.input / "second.png"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    before = fingerprints.of("input", "first.png")
    assert before == fingerprints.of("input", "second.png")
    first.write_bytes(b"other")
    assert fingerprints.of("input", "first.png") != before
    first.unlink()
    assert fingerprints.of("input", "first.png") == "missing"


def test_whether_a_file_is_there_is_told_without_reading_it(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(folders)
    (folders.input / "video.mp4").write_bytes(b"long")
    monkeypatch.setattr(Path, "open", None)
    assert fingerprints.is_there("input", "video.mp4")
    assert not fingerprints.is_there("input", "none.mp4")
    assert not fingerprints.is_there("input", os.path.join("..", "video.mp4"))
