"""Embedding files: found by name, inside their folders alone, and read in all their layouts."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from heddle.graph.errors import FileProblem
from heddle.prompts.chunks import tokenize_prompt
from heddle.prompts.embeddings import EmbeddingFinder, list_embeddings, pick_rows
from model_management.embedding_files import read_embedding_file

TWO, THREE, WIDE = torch.ones(2, 8), torch.zeros(3, 8), torch.ones(2, 16)


def find_in(folder: Path, name: str, key: str = "clip_l", width: int | None = 8):
    return EmbeddingFinder([folder], read_embedding_file, key=key, width=width)(name)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_a_name_needs_no_ending_and_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "style.pt", "sub/deep/other.safetensors", "notes.txt")
    paths = list_embeddings([tmp_path])
    assert paths["style"] == paths["style.pt"] == tmp_path / "style.pt"
    for name in ("other", "deep/other", "sub/deep/other", "sub/deep/other.safetensors"):
        assert paths[name] == tmp_path / "sub" / "deep" / "other.safetensors"
    assert "notes" not in paths


def test_the_nearer_file_the_earlier_folder_and_safetensors_come_first(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    touch(one, "sub/a.pt", "b.bin", "b.safetensors")
    touch(two, "a.pt", "b.safetensors")
    paths = list_embeddings([one, two])
    assert paths["a"] == two / "a.pt"  # named directly there, only from a subfolder in the first
    assert paths["b"] == one / "b.safetensors"


@pytest.mark.parametrize(
    "name", ["../secret", "..\\secret", "/etc/passwd", "sub/../../secret", "", ".", "a" * 5000, "nul\0l", "*", "C:\\x"]
)
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "embeddings"
    save_file({"emb_params": TWO}, tmp_path / "secret.safetensors")
    touch(folder, "sub/a.txt")
    assert find_in(folder, name) is None


def test_a_backslash_separates_folders_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    save_file({"emb_params": TWO}, tmp_path / "sub" / "a.safetensors")
    assert find_in(tmp_path, "sub\\a") is not None


@pytest.mark.parametrize(
    ("content", "key", "rows"),
    [
        ({"emb_params": TWO}, "emb_params", 2),
        ({"anything": torch.ones(8)}, "anything", 1),
        ({"clip_g": WIDE, "clip_l": TWO}, "clip_l", 2),
        ({"string_to_token": {"*": 265}, "string_to_param": {"*": THREE}, "name": "x"}, "string_to_param", 3),
        ([{"a": torch.ones(8)}, {"b": TWO, "c": torch.ones(16)}], "list", 3),
        ({"bundle_emb.word.string_to_param.*": TWO, "lora_unet.alpha": torch.tensor(1.0)}, "string_to_param", 2),
        ({"bundle_emb.word.clip_g": WIDE, "bundle_emb.word.clip_l": TWO}, "clip_l", 2),
    ],
)
def test_every_layout_gives_its_rows(content: Any, key: str, rows: int) -> None:
    picked = pick_rows(content, "clip_l", 8)
    assert picked is not None
    assert picked[0] == key
    assert [tuple(row.shape) for row in picked[1]] == [(8,)] * rows


@pytest.mark.parametrize("content", [{}, [], {"alpha": torch.tensor(1.0)}, {"weight": torch.ones(2, 2, 2)}, 5, None])
def test_a_file_without_vectors_has_none(content: Any) -> None:
    assert pick_rows(content, "clip_l", 8) is None


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    save_file({"emb_params": TWO}, tmp_path / "new.safetensors")
    torch.save({"string_to_param": {"*": THREE}}, tmp_path / "old.pt")
    new, old = find_in(tmp_path, "new"), find_in(tmp_path, "old.pt")
    assert new is not None and old is not None
    assert (new.name, new.key, len(new.rows)) == ("new", "emb_params", 2)
    assert (old.name, old.key, len(old.rows)) == ("old", "string_to_param", 3)


def test_an_embedding_of_another_model_is_refused_with_both_widths(tmp_path: Path) -> None:
    save_file({"emb_params": WIDE}, tmp_path / "wide.safetensors")
    with pytest.raises(FileProblem, match="16 numbers, but this text encoder wants 8"):
        find_in(tmp_path, "wide")
    assert find_in(tmp_path, "wide", width=None) is not None


def test_an_embedding_without_finite_numbers_is_refused(tmp_path: Path) -> None:
    save_file({"emb_params": torch.tensor([[1.0, float("nan")]])}, tmp_path / "burnt.safetensors")
    with pytest.raises(FileProblem, match=r"'burnt'.*no finite numbers"):
        find_in(tmp_path, "burnt", width=2)


@pytest.mark.parametrize("name", ["bad.safetensors", "bad.pt", "bad.bin"])
@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\x80\x05." + b"\0" * 50])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileProblem, match=r"bad\."):
        find_in(tmp_path, name)


def test_a_file_that_carries_code_does_not_run_it(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"string_to_param": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(FileProblem):
        find_in(tmp_path, "trap")
    assert not (tmp_path / "sprung").exists()


def test_files_are_read_once_and_folders_listed_at_the_first_question(tmp_path: Path) -> None:
    reads: list[Path] = []

    def read(path: Path) -> dict[str, Any]:
        reads.append(path)
        return {"emb_params": TWO}

    find = EmbeddingFinder([tmp_path], read, key="clip_l")
    touch(tmp_path, "late.pt")
    assert find("late") is find("late")
    assert len(reads) == 1


def test_a_name_that_is_not_there_is_told_with_those_near_to_it(tmp_path: Path) -> None:
    touch(tmp_path, "Moebius.pt", "styles/ink wash.safetensors", "other.bin")
    find = EmbeddingFinder([tmp_path], read_embedding_file, key="clip_l")
    assert find.near("mobius") == ["Moebius"]
    assert find.near("INKWASH") == ["ink wash"]
    assert find.near("x" * 10_000) == []
    prompt = tokenize_prompt("a embedding:mobius, embedding:zzz", Letters(), find_embedding=find)
    assert prompt.notes == ["no embedding file for 'mobius' (near to it: 'Moebius'), 'zzz': left out of the prompt"]


class Letters:
    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert find_in(tmp_path / "nowhere", "a") is None
