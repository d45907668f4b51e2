"""Text encoders from files of their own: which they are, how they are spelt, who reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heddle.graph.errors import GraphError, WeightsError
from model_management import text_files
from model_management.families.known import FAMILIES
from model_management.text_encoding import encode_text
from model_management.text_files import find_text_encoder, open_text_encoders
from model_management.weights import Weights
from tests.heddle.networks import plain
from tests.model_management import tiny, tiny_xl

WORDS = torch.tensor([[tiny.START, 7, 3, tiny.END, 0, 0, 0, 0, 0, 0]])
CHUNK = [(token, 1.0) for token in WORDS[0].tolist()]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widths of encoders that a test can write."""
    monkeypatch.setattr(text_files, "NAMES", {64: "l", 128: "g", 192: "h"})


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoders")
    contents = {
        "l": tiny.clip_tensors(tiny.TEXT),
        "g": tiny_xl.open_clip_tensors(),
        "h": {f"cond_stage_model.model.{name}": each for name, each in tiny_xl.open_clip_tensors(192).items()},
    }
    return {name: tiny.write_checkpoint(folder / f"{name}.safetensors", each) for name, each in contents.items()}


def test_one_encoder_is_that_of_the_family_that_reads_it_alone(small, paths) -> None:
    for name, layer, with_norm in (("l", -1, True), ("g", -2, False), ("h", -2, True)):
        (encoder,) = open_text_encoders([paths[name]], "stable_diffusion", FAMILIES).encoders
        assert (encoder.part.name, encoder.last_layer, encoder.part.with_norm) == (name, layer, with_norm)
        assert encoder.part.pad == (49407 if name == "l" else 0)


def test_an_encoder_without_the_last_layer_that_nobody_reads_is_read_at_its_end(small, paths, monkeypatch) -> None:
    (whole,) = open_text_encoders([paths["h"]], "stable_diffusion", FAMILIES).encoders
    monkeypatch.setattr(text_files, "LAYERS_WITHOUT_LAST", {"h": whole.config.layers})
    (cut,) = open_text_encoders([paths["h"]], "stable_diffusion", FAMILIES).encoders
    assert (whole.last_layer, cut.last_layer) == (-2, -1)


@pytest.mark.parametrize("order", ["lg", "gl"])
def test_two_encoders_make_sdxls_in_any_order(small, paths, order: str) -> None:
    clip = open_text_encoders([paths[name] for name in order], "sdxl", FAMILIES)
    assert [each.part.name for each in clip.encoders] == ["l", "g"]
    found = encode_text(clip, {"l": [CHUNK], "g": [CHUNK]}, Weights(torch.device("cpu")))
    large = {name: each.float() for name, each in tiny_xl.open_clip_tensors().items()}
    torch.testing.assert_close(found.states[..., 64:], plain.open_clip_text(large, WORDS, 1), rtol=1e-4, atol=1e-4)


def test_transformers_layout_with_a_projection_is_projected_by_its_rows(small, tmp_path: Path) -> None:
    projection = torch.randn(24, 64).half()
    content = {**tiny.clip_tensors(tiny.TEXT), "text_projection.weight": projection}
    clip = open_text_encoders(
        [tiny.write_checkpoint(tmp_path / "l.safetensors", content)], "stable_diffusion", FAMILIES
    )
    weights = Weights(torch.device("cpu"))
    bare = {name: each for name, each in content.items() if name != "text_projection.weight"}
    without = open_text_encoders(
        [tiny.write_checkpoint(tmp_path / "b.safetensors", bare)], "stable_diffusion", FAMILIES
    )
    pooled = encode_text(without, {"l": [CHUNK]}, weights).pooled
    torch.testing.assert_close(
        encode_text(clip, {"l": [CHUNK]}, weights).pooled, pooled @ projection.float().T, rtol=1e-4, atol=1e-4
    )


def test_published_widths_are_known(tmp_path: Path) -> None:
    for width, name in ((768, "l"), (1024, "h"), (1280, "g")):
        content = {"text_model.embeddings.token_embedding.weight": torch.zeros(2, width)}
        path = tiny.write_checkpoint(tmp_path / f"{name}.safetensors", content)
        assert find_text_encoder(path)[2:] == (name, "")


def test_a_width_that_nobody_has_is_refused_by_name(tmp_path: Path) -> None:
    content = {"text_model.embeddings.token_embedding.weight": torch.zeros(2, 100)}
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", content)
    with pytest.raises(WeightsError, match=r"m\.safetensors: .* is 100 wide; .* l \(768\), h \(1024\), g \(1280\)"):
        find_text_encoder(path)


def test_a_file_with_several_encoders_or_none_is_refused(small, tmp_path: Path) -> None:
    one = tiny.clip_tensors(tiny.TEXT)
    both = {f"{part}.{name}": each.clone() for part in "ab" for name, each in one.items()}
    with pytest.raises(WeightsError, match="holds 2 text encoders"):
        find_text_encoder(tiny.write_checkpoint(tmp_path / "both.safetensors", both))
    with pytest.raises(WeightsError, match="holds no text encoder known here: it holds 1 tensors, such as x"):
        find_text_encoder(tiny.write_checkpoint(tmp_path / "none.safetensors", {"x": torch.zeros(2)}))


@pytest.mark.parametrize(
    ("names", "type", "wanted"),
    [
        ("h", "sdxl", "text encoders h, but wanted is l with g"),
        ("ll", "sdxl", "text encoders l, but wanted is l with g"),
        ("gl", "stable_diffusion", "text encoders g and l, but wanted is l or h or g"),
        ("l", "mochi", "wanted is nothing: models of this type do not run here yet"),
    ],
)
def test_encoders_that_no_family_of_the_type_reads_are_refused(
    small, paths, names: str, type: str, wanted: str
) -> None:
    with pytest.raises(GraphError, match=f"type {type}: .*{wanted}"):
        open_text_encoders([paths[name] for name in names], type, FAMILIES)
