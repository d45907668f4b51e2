"""The CLIP tokenizer, on the vocabulary that comes with the environment and on a toy one."""

import gzip
import importlib.util
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from heddle.graph.errors import FileProblem
from heddle.prompts import tokenizer as module
from heddle.prompts.tokenizer import END, START, ClipTokenizer, clip_tokenizer, find_merges_file


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  PHOTO\nof a\tcat ", [320, 1125, 539, 320, 2368]),
        ("", []),
        (" \n", []),
        ("<|startoftext|> x <|endoftext|>", [START, 343, END]),
        ("(cat:1.3)", [263, 2368, 281, 272, 269, 274, 264]),
    ],
)
def test_known_texts_have_their_known_ids(text: str, ids: list[int]) -> None:
    assert clip_tokenizer().encode(text) == ids


@pytest.mark.parametrize("text", ["\0", "\u200b", "\U0001f600", "\uffff", "\U0010ffff", "\ud800", "a\udfffb"])
def test_odd_characters_have_ids_too(text: str) -> None:
    assert all(0 <= token < 49408 for token in clip_tokenizer().encode(text))


def test_ids_lead_back_to_words() -> None:
    assert clip_tokenizer().decode([320, 1125]).strip().replace("</w>", " ").split() == ["a", "photo"]


def test_one_is_shared_by_the_process_and_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clip_tokenizer() is clip_tokenizer()
    built: list[Path] = []
    original = module._from_merges
    monkeypatch.setattr(module, "_from_merges", lambda path: (built.append(path), original(path))[1])
    fresh = ClipTokenizer()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(fresh.encode, ["a cat"] * 8))
    assert results == [[320, 2368]] * 8
    assert len(built) == 1


def test_importing_reads_nothing_and_brings_no_torch() -> None:
    code = (
        "import sys, heddle.prompts.chunks, heddle.prompts.tokenizer as t; t.clip_tokenizer().encode('a');"
        "assert not {'torch', 'open_clip', 'transformers', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(FileProblem, match="pip install open_clip_torch"):
        find_merges_file()


def test_the_package_without_its_file_is_no_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_loader("open_clip", None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    with pytest.raises(FileProblem, match="open_clip_torch"):
        ClipTokenizer().encode("a")


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"title\na b\n"), gzip.compress(b"\xff" * 100)])
def test_a_damaged_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / find_merges_file().name).write_bytes(content)
    with pytest.raises(FileProblem, match="reinstall open_clip_torch"):
        ClipTokenizer(tmp_path).encode("a")


def test_a_folder_of_the_user_is_taken_instead(tmp_path: Path) -> None:
    entries = ["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({entry: i for i, entry in enumerate(entries)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    assert ClipTokenizer(tmp_path).encode("AB b") == [4, 3]


def test_a_folder_with_tokenizer_json_is_taken_as_it_is(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    toy = Tokenizer(models.WordLevel({"cat": 7, "?": 0}, unk_token="?"))
    toy.pre_tokenizer = pre_tokenizers.Whitespace()
    toy.save(str(tmp_path / "tokenizer.json"))
    assert ClipTokenizer(tmp_path).encode("cat dog") == [7, 0]
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(FileProblem, match=r"tokenizer\.json"):
        ClipTokenizer(tmp_path).encode("cat")


def test_an_empty_folder_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"vocab\.json"):
        ClipTokenizer(tmp_path).encode("cat")
