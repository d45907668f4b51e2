"""Folders of pictures and texts that models are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from heddle.graph.errors import Cancelled, FileProblem, GraphError, ShapeError
from heddle.graph.results import Shown
from heddle.media import pictures
from heddle.media.carriers import read_carried
from heddle.media.datasets import state_of
from nodes.image.datasets import (
    load_folder,
    load_folder_with_texts,
    save_folder,
    save_folder_with_texts,
    shuffle,
    shuffle_with_texts,
)
from tests.nodes.fake_context import FakeContext


def put(path: Path, shade: int, text: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(path)
    if text is not None:
        path.with_suffix(".txt").write_text(text, encoding="utf-8")


def shades(images: list[Tensor]) -> list[int]:
    return [round(float(image[0, 0, 0, 0]) * 255) for image in images]


def flat(*values: float) -> list[Tensor]:
    return [torch.full((1, 3, 4, 3), value) for value in values]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_read_by_name_and_its_folders_as_often_as_they_say(tmp_path: Path) -> None:
    put(tmp_path / "input/cats/b.png", 20, "two ")
    put(tmp_path / "input/cats/a.JPG.webp", 10)
    put(tmp_path / "input/cats/3_toms/c.png", 30, "\ufeffthree\n")
    put(tmp_path / "input/cats/plain/d.png", 40)
    (tmp_path / "input/cats/notes.md").write_text("no picture")
    (tmp_path / "input/cats/.hidden.png").write_bytes(b"")
    ctx = FakeContext(tmp_path)
    images, texts = load_folder_with_texts("cats", ctx)
    assert shades(images)[1:] == [20, 30, 30, 30, 40] and len(images) == 6
    assert texts == ["", "two", "three", "three", "three", ""]
    assert images[2] is images[3], "a picture that counts often is in memory once"
    assert ctx.steps[-1] == (6, 6)
    assert [each.shape for each in load_folder("cats", ctx)] == [each.shape for each in images]


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    (tmp_path / "input/a").mkdir(parents=True)
    frames = [Image.new("RGB", (4, 3), (shade, 0, 0)) for shade in (0, 255)]
    frames[0].save(tmp_path / "input/a/it.gif", save_all=True, append_images=frames[1:])
    assert shades(load_folder("a", FakeContext(tmp_path))) == [0]


@pytest.mark.parametrize("name", ["../output", "/etc", "gone", "", "a/../..", "file.png"])
def test_no_folder_outside_and_none_that_is_not_there_is_read(name: str, tmp_path: Path) -> None:
    put(tmp_path / "input/file.png", 1)
    put(tmp_path / "output/b.png", 1)
    with pytest.raises(FileProblem):
        load_folder(name, FakeContext(tmp_path))


def test_a_folder_behind_a_link_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/a.png", 1)
    put(tmp_path / "input/own/b.png", 2)
    (tmp_path / "input/out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "input/own/in").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "input/own/c.png").symlink_to(tmp_path / "elsewhere/a.png")
    with pytest.raises(FileProblem):
        load_folder("out", FakeContext(tmp_path))
    assert shades(load_folder("own", FakeContext(tmp_path))) == [2]
    assert FakeContext(tmp_path).folders.list_files("input_folders") == ["own"]


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "input/empty").mkdir(parents=True)
    with pytest.raises(FileProblem, match="no picture in it"):
        load_folder("empty", FakeContext(tmp_path))
    put(tmp_path / "input/many/999999_a/a.png", 1)
    with pytest.raises(FileProblem, match=r"more than 100000 pictures"):
        load_folder("many", FakeContext(tmp_path))
    put(tmp_path / "input/odd/a.png", 1)
    (tmp_path / "input/odd/a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileProblem, match=r"a\.txt: no text in UTF-8"):
        load_folder_with_texts("odd", FakeContext(tmp_path))
    (tmp_path / "input/odd/a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FileProblem, match=r"a\.png"):
        load_folder("odd", FakeContext(tmp_path))


def test_a_changed_picture_or_text_is_another_state(tmp_path: Path) -> None:
    put(tmp_path / "a/b/c.png", 1, "one")
    states = [state_of(tmp_path / "a")]
    (tmp_path / "a/b/c.txt").write_text("longer")
    states.append(state_of(tmp_path / "a"))
    put(tmp_path / "a/b/d.png", 1)
    states.append(state_of(tmp_path / "a"))
    assert len(set(states)) == 3 and state_of(tmp_path / "a") == states[2]


def save(ctx: FakeContext, images: list[Tensor], mode: str, texts: list[str] | None = None, **more: Any) -> Any:
    name, prefix = more.pop("name", "set/one"), more.pop("prefix", "it")
    return save_folder_with_texts(images, [name], [prefix], [mode], texts=texts, ctx=ctx, **more)


def test_images_and_texts_are_written_side_by_side_with_what_made_them(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    result = save(ctx, flat(0.2, 0.4), "overwrite", ["a cat", "ein Hünd"], prompt=[{"1": {}}], extra_pnginfo=[None])
    folder = tmp_path / "output/set/one"
    assert names_in(folder) == ["it_00000.png", "it_00000.txt", "it_00001.png", "it_00001.txt"]
    assert (folder / "it_00001.txt").read_text("utf-8") == "ein Hünd"
    assert read_carried(folder / "it_00000.png").values == {"prompt": {"1": {}}}
    assert isinstance(result, Shown)
    assert result.ui["images"][1] == {"filename": "it_00001.png", "subfolder": "set/one", "type": "output"}


def test_writing_goes_on_behind_the_last_or_begins_again(tmp_path: Path) -> None:
    ctx, folder = FakeContext(tmp_path), tmp_path / "output/set/one"
    save(ctx, flat(0.2, 0.4, 0.6), "overwrite")
    save(ctx, flat(0.8), "increment", ["text"])
    assert names_in(folder) == ["it_00000.png", "it_00001.png", "it_00002.png", "it_00003.png", "it_00003.txt"]
    save(ctx, flat(1.0), "overwrite")
    (folder / "it_00003.txt").unlink()
    folder.rename(tmp_path / "input")
    (tmp_path / "in2").mkdir()
    (tmp_path / "input").rename(tmp_path / "in2" / "set")
    (tmp_path / "in2").rename(tmp_path / "input")
    assert shades(load_folder("set", FakeContext(tmp_path))) == [255, 102, 153, 204]


def test_a_batch_is_its_images_and_one_text_is_for_all(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    save(ctx, [torch.cat(flat(0.2, 0.4))], "overwrite", ["both"])
    assert len(names_in(tmp_path / "output/set/one")) == 4
    save_folder(flat(0.5), ["two"], ["it"], ["overwrite"], ctx=ctx)
    assert names_in(tmp_path / "output/two") == ["it_00000.png"]


@pytest.mark.parametrize("more", [{"name": "../x"}, {"name": "/x"}, {"prefix": "../../x"}, {"prefix": "a\x00"}])
def test_nothing_is_written_outside_of_the_output_folder(more: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FileProblem):
        save(FakeContext(tmp_path), flat(0.5), "overwrite", **more)
    assert list(tmp_path.rglob("*.png")) == []


def test_texts_that_do_not_go_with_the_images_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="3 images, but 2 texts"):
        save(FakeContext(tmp_path), flat(0.1, 0.2, 0.3), "overwrite", ["a", "b"])
    with pytest.raises(GraphError, match="3 images, but 2 texts"):
        shuffle_with_texts(flat(0.1, 0.2, 0.3), ["a", "b"], [1])
    assert not (tmp_path / "output").exists()


def test_a_person_can_stop_while_a_folder_is_read(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / f"input/a/{number}.png", number)
    with pytest.raises(Cancelled):
        load_folder("a", FakeContext(tmp_path, cancel_after=2))


def test_shuffling_follows_the_seed_and_keeps_pairs_together() -> None:
    values = [number / 255 for number in range(20)]
    images, texts = shuffle_with_texts(flat(*values), [str(number) for number in range(20)], [7])
    assert [str(shade) for shade in shades(images)] == texts and sorted(texts, key=int) != texts
    assert shades(shuffle([torch.cat(flat(*values))], [7])) == shades(images)
    assert shades(shuffle(flat(*values), [2**64 - 1])) != shades(images)
    assert shuffle([], [1]) == []


def test_of_an_animation_the_first_frame_is_read_however_many_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.new("RGB", (10, 10), (shade, 0, 0)) for shade in range(0, 200, 20)]
    (tmp_path / "input/cats").mkdir(parents=True)
    frames[0].save(tmp_path / "input/cats/a.png", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(pictures, "MAX_PIXELS", 250)  # all frames together would be refused
    assert shades(load_folder("cats", FakeContext(tmp_path))) == [0]


def test_many_are_written_in_their_order(tmp_path: Path) -> None:
    images = [torch.rand(1, 150 - 10 * number, 200, 3) for number in range(9)]
    for number, image in enumerate(images):
        image[0, 0, 0, 0] = number / 255
    save_folder_with_texts(
        images,
        *(["set"], ["a"], ["overwrite"]),
        texts=[str(number) for number in range(9)],
        ctx=FakeContext(tmp_path),
    )
    for path in (tmp_path / "output/set").glob("*.png"):
        number = int(path.with_suffix(".txt").read_text())
        with Image.open(path) as picture:
            assert picture.size == (200, 150 - 10 * number)
            assert np.asarray(picture)[0, 0, 0] == number


def test_a_bad_image_among_many_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="cannot be written"):
        save_folder(
            [*flat(0.1, 0.2), torch.zeros(1, 3, 4, 2)], ["set"], ["a"], ["overwrite"], ctx=FakeContext(tmp_path)
        )
    assert not (tmp_path / "output").exists()
