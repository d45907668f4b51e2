import errno
import multiprocessing
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.graph.errors import FileProblem
from heddle.media import whole_files
from heddle.media.output_names import OutputName, fill_pattern, plan_name
from heddle.settings.folders import Folders
from heddle.settings.options import Settings

NOW = datetime(2026, 3, 7, 9, 5, 2)


def plan(base: Path, prefix: str) -> OutputName:
    folders = Folders.from_settings(Settings(base_directory=base))
    return plan_name(folders, "output", prefix, width=640, height=480, now=NOW)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("%width%x%height%", "640x480"),
        ("%year%-%month%-%day% %hour%.%minute%.%second%", "2026-03-07 09.05.02"),
        ("%date:yyyy-MM-dd_hh-mm-ss%", "2026-03-07_09-05-02"),
        ("%date:yy-M-d h-m-s%", "26-3-7 9-5-2"),
        ("%date:yyyyMMddhhmmss%", "20260307090502"),
        ("100% of %KSampler.seed% and %width%", "100% of %KSampler.seed% and 640"),
        ("%unknown%", "%unknown%"),
        ("%", "%"),
    ],
)
def test_patterns_are_filled_in_and_strangers_stand(text: str, filled: str):
    assert fill_pattern(text, width=640, height=480, now=NOW) == filled


@pytest.mark.parametrize(
    ("prefix", "subfolder", "stem"),
    [
        ("ComfyUI", "", "ComfyUI"),
        ("a/b/c", "a/b", "c"),
        ("a\\b", "a", "b"),
        ("%date:yyyy/MM%/x", "2026/03", "x"),
        ("shots/", "shots", ""),
        ("a//./b", "a", "b"),
        ('what? <*>:|"', "", "what_ ______"),
        ("%date:hh:mm%", "", "09_05"),
        ("con/nul.x/aux", "con_/nul_.x", "aux"),
        ("dir. /x", "dir", "x"),
        ("日本/bücher", "日本", "bücher"),
        ("🦊/صورة", "🦊", "صورة"),
        ("a\x00b/c\n\x85d", "a_b", "c__d"),
        ("gpj.\u202egnp", "", "gpj._gnp"),
    ],
)
def test_a_prefix_becomes_a_folder_and_a_beginning(tmp_path: Path, prefix: str, subfolder: str, stem: str):
    name = plan(tmp_path, prefix)
    assert (name.subfolder, name.stem) == (subfolder, stem)
    assert name.folder == (tmp_path / "output" / subfolder if subfolder else tmp_path / "output")


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "..", "/etc/x", "\\\\host\\x", "C:\\x", "C:/x", "a/.. /x"])
def test_a_prefix_that_leads_out_is_refused(tmp_path: Path, prefix: str):
    with pytest.raises(FileProblem, match="filename_prefix"):
        plan(tmp_path, prefix)


def test_a_link_that_leads_out_is_refused(tmp_path: Path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output/way").symlink_to("/tmp")
    with pytest.raises(FileProblem, match="link"):
        plan(tmp_path, "way/x")


@given(
    st.lists(
        st.sampled_from(["..", ".", "/", "\\", "a", "~", ":", "C", " ", "\0", "%date:/%", "\ud800"])
        | st.text(max_size=5)
    )
)
def test_no_prefix_leads_out_of_the_output_folder(pieces: list[str]):
    base = Path("/no/such/base")
    try:
        name = plan(base, "".join(pieces))
    except FileProblem:
        return
    path = next(name._candidates(".png", 0))
    assert Path(os.path.normpath(path)).is_relative_to(base / "output")
    assert path.parent == name.folder and len(path.name.encode()) <= 255


def test_numbers_go_on_after_the_highest(tmp_path: Path):
    name = plan(tmp_path, "s/img")
    assert [name.save(b"1").name, name.save(b"2").name] == ["img_00001_.png", "img_00002_.png"]
    for other in ("img_00041_.webp", "imgs_00099_.png", "img_00077x.png", "xximg_00088_.png", "img_.png"):
        (name.folder / other).touch()
    assert name.save(b"3").name == "img_00042_.png"
    assert (name.folder / "img_00001_.png").read_bytes() == b"1"


def test_the_place_in_a_batch_can_stand_in_the_name(tmp_path: Path):
    name = plan(tmp_path, "img_%batch_num%")
    assert [name.save(b"", batch_number=n).name for n in (0, 1)] == ["img_0_00001_.png", "img_1_00001_.png"]


def test_a_very_long_prefix_is_cut_at_a_whole_letter(tmp_path: Path):
    path = plan(tmp_path, "ü" * 300).save(b"x")
    assert path.name.startswith("üüü") and len(path.name.encode()) <= 255


def test_a_very_long_folder_and_emoji_that_are_cut_stay_whole(tmp_path: Path):
    path = plan(tmp_path, f"{'ü' * 300}/{'🦊' * 100}").save(b"x")
    assert path.read_bytes() == b"x"
    assert set(path.parent.name) == {"ü"} and path.name.startswith("🦊") and "\ufffd" not in path.name


def _save_some(base: Path, mark: bytes, count: int) -> list[str]:
    return [plan(base, "img").save(mark).name for _ in range(count)]


def test_several_workers_never_take_the_same_name(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        taken = pool.starmap(_save_some, [(tmp_path, bytes([n]), 20) for n in range(3)])
    names = [name for each in taken for name in each]
    assert len(set(names)) == 60
    assert sorted(os.listdir(tmp_path / "output")) == sorted(names)
    for n, mine in enumerate(taken):
        assert all((tmp_path / "output" / name).read_bytes() == bytes([n]) for name in mine)


def test_a_disk_without_links_is_numbered_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    name = plan(tmp_path, "img")
    monkeypatch.setattr(OutputName, "_last_number", lambda *_: 0)  # as if another worker had just been quicker
    assert [name.save(b"1").name, name.save(b"2").name] == ["img_00001_.png", "img_00002_.png"]
    assert (name.folder / "img_00001_.png").read_bytes() == b"1"
    assert len(os.listdir(name.folder)) == 2


@pytest.mark.parametrize("links", [True, False])
def test_a_full_disk_leaves_no_name_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", full if links else refuse)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileProblem, match="disk is full"):
        plan(tmp_path, "img").save(b"x")
    assert os.listdir(tmp_path / "output") == []


def test_names_run_out_only_with_a_word(tmp_path: Path):
    (tmp_path / "a").touch()
    with pytest.raises(FileProblem, match="choose another name"):
        whole_files.write_new([tmp_path / "a"], b"x")
    assert os.listdir(tmp_path) == ["a"]
