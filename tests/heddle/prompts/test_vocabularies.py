"""Tokenizers from tables that come with models."""

import json
from pathlib import Path

import pytest

from heddle.graph.errors import FileProblem
from heddle.prompts.gguf_table import read_gguf_tokenizer
from heddle.prompts.piece_model import PieceModel
from heddle.prompts.vocabularies import (
    QWEN_2_5,
    T5,
    BytePairs,
    PieceTokenizer,
    Vocabulary,
    find_tokenizer,
    read_tokenizer_folder,
)
from tests.heddle.prompts.tables import (
    SENTENCES,
    gguf_pieces,
    merges_in,
    parts_of,
    processor,
    tokens_in,
    trained_byte_pairs,
    trained_pieces,
    write_gguf,
)

assert QWEN_2_5.bytes is not None
PAIRS = BytePairs(QWEN_2_5.bytes.words, {"<|end|>": 1000})


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.model"])
def test_a_folder_with_a_piece_model_is_read(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5" / name).write_bytes(trained_pieces(kind))
    found = find_tokenizer(T5, [tmp_path / "elsewhere", tmp_path])
    expected = processor(trained_pieces(kind))
    assert [found.encode(text) for text in SENTENCES] == [expected.EncodeAsIds(text) for text in SENTENCES]


def test_a_folder_with_a_table_is_read_without_what_is_put_around_texts(tmp_path: Path) -> None:
    table = trained_byte_pairs(tmp_path / "kept")
    wanted = table.encode("a photo of a cat").ids
    table.enable_padding(length=50)
    table.enable_truncation(2)
    table.save(str(tmp_path / "tokenizer.json"))
    found = read_tokenizer_folder(tmp_path)
    assert found is not None and found.encode("a photo of a cat") == wanted


def test_entries_and_merges_are_read_where_the_model_says_how(tmp_path: Path) -> None:
    table = trained_byte_pairs(tmp_path)
    assert read_tokenizer_folder(tmp_path) is None
    found = read_tokenizer_folder(tmp_path, PAIRS)
    assert found is not None
    for text in ("a photo of a cat", "the old river, naïve 猫"):
        assert found.encode(text) == table.encode(text).ids
    assert found.encode("cat<|end|>cat") == [*table.encode("cat").ids, 1000, *table.encode("cat").ids]
    assert found.encode("12") == [*table.encode("1").ids, *table.encode("2").ids]  # digits stand alone


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_piece_model_made_of_its_parts_is_the_same(kind: str) -> None:
    # The way with characters is left to the identity here, so the texts are such as it leaves alone.
    rebuilt = PieceModel(parts_of(trained_pieces(kind)), merges_pairs=kind == "bpe", joins_blanks=kind != "bpe")
    made, expected = PieceTokenizer(rebuilt.serialized(), "made"), processor(trained_pieces(kind))
    for text in ("a photo of a cat", "the  old   river", " ", "", "bridge bridge,bridge", "x" * 300):
        assert made.encode(text) == expected.EncodeAsIds(text)


@pytest.mark.parametrize(("kind", "name"), [("unigram", "t5"), ("bpe", "llama")])
def test_a_gguf_file_brings_its_pieces_along(tmp_path: Path, kind: str, name: str) -> None:
    path = write_gguf(tmp_path / "m.gguf", gguf_pieces(name, trained_pieces(kind), add_space_prefix=True))
    found, expected = read_gguf_tokenizer(path), processor(trained_pieces(kind))
    assert found is not None
    for text in ("a photo of a cat", "the  old   river", " ", "under seven bridges"):
        assert found.encode(text) == expected.EncodeAsIds(text)


def test_a_gguf_file_brings_its_merges_along(tmp_path: Path) -> None:
    table = trained_byte_pairs(tmp_path)
    entries = {"model": "gpt2", "pre": "qwen2", "tokens": tokens_in(tmp_path), "merges": merges_in(tmp_path)}
    path = write_gguf(tmp_path / "m.gguf", {f"tokenizer.ggml.{name}": value for name, value in entries.items()})
    found = read_gguf_tokenizer(path, PAIRS)
    assert found is not None and found.encode("the old river") == table.encode("the old river").ids
    with pytest.raises(FileProblem, match=r"m\.gguf has a tokenizer of the kind 'gpt2'"):
        read_gguf_tokenizer(path)


def test_a_gguf_file_without_a_tokenizer_has_none(tmp_path: Path) -> None:
    assert read_gguf_tokenizer(write_gguf(tmp_path / "m.gguf", {"general.architecture": "flux"})) is None


def test_a_damaged_gguf_file_is_named(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "m.gguf", gguf_pieces("t5", trained_pieces("unigram"))).read_bytes()
    path = tmp_path / "bad.gguf"
    for content in (b"", b"GGUF", b"GGML" + whole[4:], whole[:100], whole[:-1], whole[:16] + b"\xff" * 8 + whole[24:]):
        path.write_bytes(content)
        with pytest.raises(FileProblem, match=r"bad\.gguf"):
            read_gguf_tokenizer(path)
    for place in range(24, len(whole), 7):  # any byte: a tokenizer or words, never another error
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        try:
            read_gguf_tokenizer(path)
        except FileProblem as problem:
            assert "bad.gguf" in problem.message
    del whole
    entries = gguf_pieces("t5", trained_pieces("unigram"))
    entries["tokenizer.ggml.scores"] = [0.0]
    with pytest.raises(FileProblem, match="its tokenizer is damaged"):
        read_gguf_tokenizer(write_gguf(path, entries))


def test_the_users_folder_comes_before_what_lies_in_the_model(tmp_path: Path) -> None:
    stored = PieceTokenizer(trained_pieces("bpe"), "stored")
    assert find_tokenizer(T5, [tmp_path], stored=lambda: stored) is stored
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5" / "spiece.model").write_bytes(trained_pieces("unigram"))
    assert find_tokenizer(T5, [tmp_path], stored=lambda: stored) is not stored


@pytest.mark.parametrize(("vocabulary", "files"), [(T5, "spiece.model"), (QWEN_2_5, "vocab.json with merges.txt")])
def test_a_table_that_is_missing_is_asked_for_by_its_files(tmp_path: Path, vocabulary: Vocabulary, files: str) -> None:
    with pytest.raises(FileProblem, match=rf"tokenizer\.json \(or {files}\)") as missing:
        find_tokenizer(vocabulary, [tmp_path])
    assert str(tmp_path / vocabulary.folder) in missing.value.message
    with pytest.raises(FileProblem, match=r"models/tokenizers/"):
        find_tokenizer(vocabulary, [])


@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.json"])
def test_a_damaged_table_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5" / name).write_bytes(b"nothing of the kind")
    with pytest.raises(FileProblem, match=name.replace(".", r"\.")):
        find_tokenizer(T5, [tmp_path]).encode("a")


def test_half_a_character_breaks_no_tokenizer(tmp_path: Path) -> None:
    trained_byte_pairs(tmp_path)
    found = read_tokenizer_folder(tmp_path, PAIRS)
    assert found is not None
    for tokenizer in (found, PieceTokenizer(trained_pieces("bpe"), "made")):
        assert tokenizer.encode("a \ud83d b")


def test_a_table_of_another_kind_of_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps(["a"]))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    found = read_tokenizer_folder(tmp_path, PAIRS)
    assert found is not None
    with pytest.raises(FileProblem, match="no tokenizer"):
        found.encode("a")
