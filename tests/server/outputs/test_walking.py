"""What a walk takes from a folder, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from server.outputs import walking
from server.outputs.walking import list_folder, seen_now
from tests.server.front_desk import folders_at


def listed(
    base: Path, known: Any = None, *, all_of: bool = False, **more: Any
) -> tuple[list[str], list[str], list[str]]:
    """Names that are new or different, that are gone, and of folders."""
    listing = list_folder(folders_at(base), "output", "", known or {}, 0, looks_at_all=all_of, **more)
    assert listing is not None
    return sorted(each.filename for each in listing.changed), sorted(listing.gone), sorted(listing.folders)


def test_links_that_lead_out_and_hidden_things_are_left_alone(tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "output", tmp_path / "elsewhere"
    for folder in (output / "real", output / ".heddle-trash", elsewhere):
        folder.mkdir(parents=True)
        (folder / "x.png").touch()
    (output / "a.png").touch()
    (output / "out.png").symlink_to(elsewhere / "x.png")
    (output / "in.png").symlink_to(output / "a.png")
    (output / "away").symlink_to(elsewhere)
    (output / "round").symlink_to(output)
    assert listed(tmp_path) == (["a.png", "in.png"], [], ["real"])
    assert listed(tmp_path, leave_out=(os.path.realpath(output / "real"),))[2] == []


def test_only_what_is_new_or_another_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "output"
    output.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (output / name).write_bytes(b"1")
    first = list_folder(folders_at(tmp_path), "output", "", {}, 0, looks_at_all=True)
    assert first is not None
    known = {each.filename: each for each in first.changed}
    looked: list[str] = []
    real = walking.seen_at
    monkeypatch.setattr(walking, "seen_at", lambda path, name: looked.append(name) or real(path, name))
    (output / "c.png").unlink()
    (output / "d.png").write_bytes(b"1")
    (output / "new").write_bytes(b"22")
    (output / "new").replace(output / "b.png")
    assert listed(tmp_path, known) == (["b.png", "d.png"], ["c.png"], []) and sorted(looked) == ["b.png", "d.png"]
    (output / "a.png").write_bytes(b"333")  # in place: seen when everything is looked at
    assert listed(tmp_path, known)[0] == ["b.png", "d.png"]
    assert listed(tmp_path, known, all_of=True)[0] == ["a.png", "b.png", "d.png"]


def test_a_folder_that_is_none_gives_none(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "file").touch()
    (tmp_path / "output" / "link").symlink_to(tmp_path)
    for subfolder in ("nothing", "file", "link"):
        assert list_folder(folders_at(tmp_path), "output", subfolder, {}, 0, looks_at_all=True) is None


def test_files_are_named_as_their_folder_names_them(tmp_path: Path) -> None:
    (tmp_path / "output" / "sub").mkdir(parents=True)
    (tmp_path / "output" / "sub" / "a.png").touch()
    named = [("output", "./sub//", "a.png"), ("output", "", "sub\\a.png"), ("output", "..", "x"), ("output", "sub", "")]
    assert [(place, below, each.filename) for place, below, each in seen_now(folders_at(tmp_path), named)] == [
        ("output", "sub", "a.png")
    ] * 2
