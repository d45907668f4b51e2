"""Nodes for Stable Diffusion 3 and FLUX.1: their prompts, guidance, references and empty latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from heddle.graph.errors import FileProblem, GraphError, WeightsError
from heddle.networks.clip_text import EncodedText
from heddle.prompts.vocabularies import PieceTokenizer
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.prompt_tokens import tokenize_for
from model_management.weights import Weights
from nodes.conditioning.references import add_reference, choose_reference_method, scale_for_kontext
from nodes.conditioning.texts import encode_prompt
from nodes.conditioning.transformer_texts import (
    encode_flux,
    encode_lumina2,
    encode_sd3,
    leave_out_guidance,
    set_guidance,
    set_t5_padding,
)
from nodes.latent.empty import make_empty_latent, make_empty_sd3_latent
from nodes.sampling.ksampler import ksampler
from tests.heddle.prompts.tables import processor, trained_pieces
from tests.model_management import tiny, tiny_transformers
from tests.nodes.fake_context import FakeContext


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OpenedCheckpoint]:
    folder = tmp_path_factory.mktemp("m")
    pieces = torch.frombuffer(bytearray(trained_pieces("unigram")), dtype=torch.uint8)
    contents = {
        "flux": tiny_transformers.flux_tensors(),
        "sd3": tiny_transformers.sd3_tensors("l", "g"),
        "lumina2": {**tiny_transformers.lumina_tensors(), "text_encoders.spiece_model": pieces},
        "bare": tiny_transformers.sd3_tensors(),
    }
    return {
        name: open_checkpoint(tiny.write_checkpoint(folder / f"{name}.safetensors", each), FAMILIES)
        for name, each in contents.items()
    }


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    tiny_transformers.write_t5_table(tmp_path / "models" / "tokenizers")
    return FakeContext(tmp_path, weights=Weights(torch.device("cpu")))


def test_each_encoder_of_flux_reads_its_own_text(opened, ctx) -> None:
    clip = opened["flux"].clip
    ((states, more),) = encode_flux(clip, "a cat", "a dog", 2.5, ctx)
    ((other_t5, same_l),) = encode_flux(clip, "a cat", "a bird", 2.5, ctx)
    ((same_t5, other_l),) = encode_flux(clip, "a bird", "a dog", 2.5, ctx)
    assert states.shape == (1, 256, 48) and more["guidance"] == 2.5
    assert torch.equal(states, same_t5) and not torch.equal(states, other_t5)
    assert torch.equal(more["pooled_output"], same_l["pooled_output"])
    assert not torch.equal(more["pooled_output"], other_l["pooled_output"])


def test_one_prompt_is_read_by_all_encoders(opened, ctx) -> None:
    ((states, more),) = encode_prompt("a cat", opened["flux"].clip, ctx)
    ((wanted, wanted_more),) = encode_flux(opened["flux"].clip, "a cat", "a cat", 3.5, ctx)
    assert torch.equal(states, wanted)
    assert torch.equal(more["pooled_output"], wanted_more["pooled_output"])


def test_a_text_beyond_256_tokens_makes_t5s_row_longer(opened, ctx) -> None:
    ((states, _more),) = encode_flux(opened["flux"].clip, "", "a" * 300, 3.5, ctx)
    assert states.shape == (1, 301, 48)


@pytest.mark.parametrize(("padding", "length", "wanted"), [(0, 0, 4), (1, 0, 5), (2, 5, 6), (1, 7, 7), (0, 300, 300)])
def test_t5s_row_is_padded_as_far_as_is_said(opened, ctx, padding: int, length: int, wanted: int) -> None:
    clip = opened["flux"].clip
    said = set_t5_padding(clip, padding, length)
    row = [token.token for token in tokenize_for(said, "cat", (), ctx.folders.models("tokenizers")).chunks["t5xxl"][0]]
    assert len(row) == wanted and row[3] == 1 and not any(row[4:])
    ((states, _more),) = encode_prompt("(cat:1.5)", said, ctx)
    assert states.shape == (1, wanted, 48)
    ((usual, same),) = encode_prompt("cat", clip, ctx)
    assert usual.shape == (1, 256, 48) and torch.equal(
        same["pooled_output"], encode_prompt("cat", said, ctx)[0][1]["pooled_output"]
    )


def test_without_a_tokenizer_the_file_that_is_wanted_is_named(opened, tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path, weights=Weights(torch.device("cpu")))
    with pytest.raises(FileProblem, match=r"tokenizer of T5 .* put tokenizer\.json .*tokenizers/t5"):
        encode_flux(opened["flux"].clip, "a", "a", 3.5, ctx)


@pytest.mark.parametrize(
    ("clip_l", "clip_g", "padding", "wanted"),
    [
        ("", "", "empty_prompt", {"l": 77, "g": 77}),
        ("", "", "none", {}),
        ("", "x " * 90, "none", {"l": 154, "g": 154}),  # what stands beside a text is filled up
        ("x", "", "none", {"l": 77, "g": 77}),
    ],
)
def test_an_empty_text_of_sd3_is_nothing_or_an_empty_prompt(opened, ctx, clip_l, clip_g, padding, wanted) -> None:
    heard: dict[str, int] = {}

    def listen(texts: Mapping[str, EncodedText]) -> EncodedText:
        heard.update({name: text.states.shape[1] for name, text in texts.items()})
        return EncodedText(torch.zeros(1, 1, 4), torch.zeros(1, 4))

    encode_sd3(replace(opened["sd3"].clip, join=listen), clip_l, clip_g, "", padding, ctx)
    assert heard == wanted


@pytest.mark.parametrize(
    ("system_prompt", "begins", "ends"),
    [
        ("superior", "You are an assistant designed to generate superior images with", "prompts or user prompts."),
        ("alignment", "You are an assistant designed to generate high-quality images with", "on textual prompts."),
    ],
)
def test_lumina_reads_published_words_before_the_prompt_by_the_checkpoints_own_table(
    system_prompt: str, begins: str, ends: str, opened, ctx, monkeypatch
) -> None:
    read: list[str] = []
    encode_pieces = PieceTokenizer.encode

    def encode(self: PieceTokenizer, text: str, /) -> list[int]:
        read.append(text)
        return encode_pieces(self, text)

    monkeypatch.setattr(PieceTokenizer, "encode", encode)
    clip = opened["lumina2"].clip
    ((states, _more),) = encode_lumina2(system_prompt, "a cat", clip, ctx)
    (text,) = read
    assert text.startswith(begins) and text.endswith(f"{ends} <Prompt Start> a cat")
    tokens = processor(trained_pieces("unigram")).EncodeAsIds(text)
    assert states.shape == (1, 1 + len(tokens), 48)  # one stands before the text
    ((wanted, _more),) = encode_prompt(text, clip, ctx)
    torch.testing.assert_close(states, wanted)


def test_a_checkpoint_without_encoders_says_so(opened, ctx) -> None:
    with pytest.raises(WeightsError, match=r"does not hold the text encoders .*; load them with TripleCLIPLoader"):
        encode_prompt("a cat", opened["bare"].clip, ctx)


def test_texts_of_one_family_are_not_for_another(opened, ctx) -> None:
    with pytest.raises(GraphError, match=r"clip: the encoders l and t5xxl of FLUX\.1 are wanted, found l and g"):
        encode_flux(opened["sd3"].clip, "", "", 3.5, ctx)


@pytest.mark.parametrize(("chosen", "kept"), [("index", "index"), ("uxo/uno", "uxo"), ("uso", "uxo")])
def test_how_references_are_placed_is_put_into_a_copy(chosen: str, kept: str) -> None:
    text = [[torch.zeros(1, 2, 4), {"guidance": 2.0}]]
    placed = choose_reference_method(text, chosen)
    assert placed[0][1] == {"guidance": 2.0, "reference_latents_method": kept}
    assert text[0][1] == {"guidance": 2.0}


def test_guidance_and_references_are_put_into_copies() -> None:
    text = [[torch.zeros(1, 4, 8), {"pooled_output": torch.zeros(1, 2)}]]
    assert set_guidance(text, 4.0)[0][1]["guidance"] == 4.0
    assert leave_out_guidance(set_guidance(text, 4.0))[0][1]["guidance"] is None
    first, second = torch.zeros(1, 16, 2, 2), torch.ones(1, 16, 4, 2)
    once = add_reference(text, latent={"samples": first})
    twice = add_reference(once, latent={"samples": second})
    assert twice[0][1]["reference_latents"] == [first, second]
    assert once[0][1]["reference_latents"] == [first]
    assert add_reference(text) is text
    assert set(text[0][1]) == {"pooled_output"}


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((64, 64), (1024, 1024)), ((48, 64), (880, 1184)), ((10, 90), (672, 1568)), ((9, 2), (1568, 672))],
)
def test_a_picture_for_kontext_takes_the_trained_size_nearest_to_its_shape(size, wanted) -> None:
    image = torch.rand(1, *size, 3)
    assert scale_for_kontext(image).shape == (1, *wanted, 3)


def test_an_empty_latent_of_sixteen_channels() -> None:
    ctx = FakeContext()
    assert torch.equal(make_empty_sd3_latent(512, 256, 2, ctx=ctx)["samples"], torch.zeros(2, 16, 32, 64))
    assert make_empty_sd3_latent(517, 258, ctx=ctx)["samples"].shape == (1, 16, 32, 64)
    assert "517 x 258" in ctx.notes[0]


@pytest.mark.parametrize("name", ["flux", "sd3", "lumina2"])
def test_a_run_from_an_empty_latent_of_either_kind_gives_the_same(name: str, opened, ctx) -> None:
    model = opened[name].model
    width = model.config.context_width
    text = [[torch.randn(1, 6, width), {"pooled_output": torch.randn(1, model.config.vector_width)}]]
    found = [
        ksampler(model, 7, 2, 1.0, "euler", "simple", text, text, make(64, 48, ctx=ctx), 1.0, ctx)["samples"]
        for make in (make_empty_sd3_latent, make_empty_latent)
    ]
    assert found[0].shape == (1, 16, 6, 8)
    assert found[0].isfinite().all()
    torch.testing.assert_close(found[0], found[1])
