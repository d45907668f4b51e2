"""A tokenizer among a text encoder's weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from heddle.graph.errors import FileProblem
from model_management.header import read_header
from model_management.stored_vocabulary import places_around, stored_tokenizer
from tests.heddle.prompts.tables import processor, trained_pieces


def write(path: Path, model: bytes) -> Path:
    save_file({"t5.spiece_model": torch.frombuffer(bytearray(model), dtype=torch.uint8), "w": torch.ones(2)}, path)
    return path


def test_a_piece_model_among_the_weights_is_found(tmp_path: Path) -> None:
    header = read_header(write(tmp_path / "m.safetensors", trained_pieces("unigram")))
    found = stored_tokenizer(header, "t5.")
    assert found is not None
    assert found.encode("a photo of a cat") == processor(trained_pieces("unigram")).EncodeAsIds("a photo of a cat")
    assert stored_tokenizer(header) is None


def test_what_is_no_piece_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"t5\.spiece_model of m\.safetensors"):
        stored_tokenizer(read_header(write(tmp_path / "m.safetensors", b"nothing")), "t5.")


def test_places_around_a_prefix_end_with_the_whole_file() -> None:
    assert list(places_around("text_encoders.gemma2_2b.")) == ["text_encoders.", ""]
    assert list(places_around("")) == []
