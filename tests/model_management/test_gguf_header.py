"""GGUF files: diffusion networks and text encoders in them, and what is wrong with some."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.t5 import T5
from heddle.networks.unet import UNet
from heddle.prompts import gguf_file
from model_management import text_files
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import open_network, open_vae
from model_management.families.known import FAMILIES
from model_management.header import read_header
from model_management.prompt_tokens import tokenize_for
from model_management.saving import SavedPart, net_pieces
from model_management.tensor_reading import open_tensors
from model_management.text_files import open_text_encoders
from model_management.weights import Weights
from nodes.loaders import parts
from tests.heddle.prompts.tables import gguf_pieces, trained_pieces, write_gguf
from tests.model_management import tiny, tiny_transformers
from tests.model_management.gguf_files import F32, Q8_0, as_q8_0, write_gguf_tensors
from tests.nodes.fake_context import FakeContext

CPU = torch.device("cpu")
LLAMA_NAMES = {
    "layer.0.SelfAttention.q": "attn_q",
    "layer.0.SelfAttention.k": "attn_k",
    "layer.0.SelfAttention.v": "attn_v",
    "layer.0.SelfAttention.o": "attn_o",
    "layer.0.SelfAttention.relative_attention_bias": "attn_rel_b",
    "layer.0.layer_norm": "attn_norm",
    "layer.1.DenseReluDense.wi_0": "ffn_gate",
    "layer.1.DenseReluDense.wi_1": "ffn_up",
    "layer.1.DenseReluDense.wi": "ffn_up",
    "layer.1.DenseReluDense.wo": "ffn_down",
    "layer.1.layer_norm": "ffn_norm",
}


def by_llamas_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    named = {}
    for name, tensor in tensors.items():
        if name.startswith("encoder.block."):
            number, rest = name.removeprefix("encoder.block.").split(".", 1)
            name = f"enc.blk.{number}.{LLAMA_NAMES[rest.removesuffix('.weight')]}.weight"
        known = {"shared.weight": "token_embd.weight", "encoder.final_layer_norm.weight": "enc.output_norm.weight"}
        named[known.get(name, name)] = tensor
    return named


@pytest.mark.parametrize("own_shapes", [False, True])
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_network_holds_the_numbers_that_its_blocks_stand_for(tmp_path: Path, own_shapes: bool, prefix: str) -> None:
    torch.manual_seed(0)
    tensors = {prefix + name: each.half() for name, each in UNet(tiny.UNET, TRAINABLE).state_dict().items()}
    wanted = write_gguf_tensors(tmp_path / "m.gguf", tensors, own_shapes=own_shapes)
    model = open_network(tmp_path / "m.gguf", FAMILIES)
    assert (model.family.name, model.config) == ("sd15", tiny.UNET)
    kinds = {entry.dtype for entry in model.stored.header.tensors.values()}
    assert kinds == {"Q8_0", "F16"}
    with Weights(CPU).hold(model) as net:
        for name, weight in net.state_dict().items():
            assert torch.equal(weight, wanted[prefix + name]), name


def test_flux_is_known_and_its_narrow_weights_are_computed_in_bfloat16(tmp_path: Path) -> None:
    config = replace(tiny_transformers.FLUX, context_width=4096)
    tensors = {
        name.removeprefix(tiny_transformers.NET): each
        for name, each in tiny_transformers.flux_tensors(config).items()
        if name.startswith(tiny_transformers.NET)
    }
    write_gguf_tensors(tmp_path / "flux.gguf", tensors, {"general.architecture": "flux"})
    model = open_network(tmp_path / "flux.gguf", FAMILIES)
    assert (model.family.name, model.config) == ("flux", config)
    assert model.stored.file_dtype is None
    for has_bfloat16, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        assert Weights(torch.device("cuda"), has_bfloat16=has_bfloat16).compute_dtype(model.stored) is dtype


@pytest.mark.parametrize("has_gate", [True, False])
def test_t5_by_llamas_names_is_the_same_encoder_and_brings_its_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_gate: bool
) -> None:
    config = replace(tiny_transformers.T5_TINY, width=64, mlp_width=96, inner_width=64, has_gate=has_gate)
    monkeypatch.setattr(text_files, "T5_NAMES", {64: "t5xxl"})
    tensors = tiny_transformers.drawn(T5(config, TRAINABLE), "")
    entries = gguf_pieces("t5", trained_pieces("unigram"), add_space_prefix=True)
    wanted = write_gguf_tensors(tmp_path / "t5.gguf", by_llamas_names(tensors), entries)
    clip = open_text_encoders([tmp_path / "t5.gguf"], "chroma", FAMILIES)
    (encoder,) = clip.encoders
    assert encoder.config == config
    with Weights(CPU).hold(encoder) as net:
        names = dict(zip(by_llamas_names(tensors), tensors, strict=True))
        for theirs, ours in names.items():
            assert torch.equal(net.state_dict()[ours], wanted[theirs]), ours
    tokens = tokenize_for(clip, "a photo of a cat", [], [tmp_path]).chunks["t5xxl"]
    assert len(tokens[0]) > 4


def test_a_clip_by_its_published_names_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l"})
    tensors = {name: each for name, each in tiny.clip_tensors(tiny.TEXT).items() if each.is_floating_point()}
    wanted = write_gguf_tensors(tmp_path / "l.gguf", tensors)
    (encoder,) = open_text_encoders([tmp_path / "l.gguf"], "stable_diffusion", FAMILIES).encoders
    with Weights(CPU).hold(encoder) as net:
        assert all(torch.equal(net.state_dict()[name], wanted[name]) for name in wanted)


def test_the_loaders_list_and_open_gguf_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l"})
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "t5xxl"})
    for folder in ("diffusion_models", "text_encoders"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    network = {name: each.half() for name, each in UNet(tiny.UNET, TRAINABLE).state_dict().items()}
    write_gguf_tensors(tmp_path / "models/diffusion_models/m-Q8_0.gguf", network)
    texts = tmp_path / "models/text_encoders"
    write_gguf_tensors(texts / "t5.gguf", by_llamas_names(tiny_transformers.t5_tensors()))
    tiny.write_checkpoint(texts / "l.safetensors", tiny_transformers.clip_tensors(""))
    ctx = FakeContext(tmp_path)
    assert ctx.folders.list_files("diffusion_models") == ["m-Q8_0.gguf"]
    assert "t5.gguf" in ctx.folders.list_files("text_encoders")
    assert parts.load_network("m-Q8_0.gguf", "default", ctx).family.name == "sd15"
    clip = parts.load_two_text_encoders("t5.gguf", "l.safetensors", "flux", ctx=ctx)
    assert [each.part.name for each in clip.encoders] == ["l", "t5xxl"]
    with pytest.raises(
        WeightsError, match=r"m-Q8_0\.gguf holds no VAE known here: .* a UNet of Stable Diffusion's kind"
    ):
        open_vae(tmp_path / "models/diffusion_models/m-Q8_0.gguf")


def test_an_adapter_changes_a_quantised_network(tmp_path: Path) -> None:
    network = {name: each.half() for name, each in UNet(tiny.UNET, TRAINABLE).state_dict().items()}
    wanted = write_gguf_tensors(tmp_path / "m.gguf", network)
    model = open_network(tmp_path / "m.gguf", FAMILIES)
    key = "middle_block.1.transformer_blocks.0.attn1.to_q"
    low = {"lora_down.weight": torch.randn(2, 64), "lora_up.weight": torch.randn(64, 2)}
    layer = f"lora_unet_{'mid_block.attentions.0.transformer_blocks.0.attn1.to_q'.replace('.', '_')}"
    path = tiny.write_checkpoint(
        tmp_path / "style.safetensors", {f"{layer}.{name}": each for name, each in low.items()}
    )
    changed = put_adapter(open_adapter(path), model, None, 0.5).model
    assert changed is not None
    with Weights(CPU).hold(changed) as net:
        found = net.get_submodule(key).weight
    expected = wanted[f"{key}.weight"] + 0.5 * low["lora_up.weight"] @ low["lora_down.weight"]
    torch.testing.assert_close(found, expected)


def test_a_quantised_network_is_saved_in_halves(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tensors = {name: each.half() for name, each in UNet(tiny.UNET, TRAINABLE).state_dict().items()}
    wanted = write_gguf_tensors(tmp_path / "m.gguf", tensors)
    stored = open_network(tmp_path / "m.gguf", FAMILIES).stored
    part = SavedPart(stored, (), "", stored.part.place)
    (tmp_path / "saved.safetensors").write_bytes(b"".join(net_pieces([part], {})))
    saved = load_file(tmp_path / "saved.safetensors")
    assert {each.dtype for each in saved.values()} == {torch.float16}
    assert all(torch.equal(saved[name], wanted[name].half()) for name in wanted)


ROWS = torch.linspace(-1, 1, 128).reshape(2, 64)
BLOCKS, NUMBERS = as_q8_0(ROWS)


def test_tensors_of_all_kinds_stand_side_by_side(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    tensors = {"a": (F32, (2, 3), whole.numpy().tobytes()), "b": (Q8_0, (2, 64), BLOCKS)}
    for alignment in (32, 64):
        entries = {"general.alignment": alignment, "general.name": "x"}
        header = read_header(write_gguf(tmp_path / f"{alignment}.gguf", entries, tensors=tensors))
        assert header.metadata == {"general.name": "x"}
        if alignment == 32:
            with open_tensors(header) as read:
                assert torch.equal(read.get_tensor("a"), whole.view(2, 3))
                assert torch.equal(read.get_tensor("b"), NUMBERS)
        else:
            assert all(entry.begin % 64 == 0 for entry in header.tensors.values() if entry.dtype == "F32")


@pytest.mark.parametrize(
    ("entries", "tensors", "words"),
    [
        ({}, {}, "a GGUF file without a tensor"),
        ({}, {"a": (17, (2, 256), bytes(148))}, r"quantised as IQ2_XS \(a\), which is not read here; choose another"),
        ({}, {"a": (99, (2, 256), bytes(148))}, r"quantised as number 99 \(a\)"),
        ({}, {"a": (Q8_0, (4, 16), BLOCKS)}, r"a has shape \[4, 16\], which Q8_0 cannot have"),
        ({}, {"a": (Q8_0, (2, 2**62), BLOCKS)}, "cut short"),
        ({}, {"a": (Q8_0, (200, 64), BLOCKS)}, r"cut short: it has .* bytes, but its tensors end at"),
        ({}, {"a": (Q8_0, (4, 64), BLOCKS), "b": (Q8_0, (2, 64), BLOCKS)}, "b begins at byte .* and overlaps"),
        ({}, {"a": (Q8_0, (1,) * 9, BLOCKS)}, "a has 9 sizes"),
        ({"comfy.gguf.orig_shape.a": [3, 40]}, {"a": (Q8_0, (2, 64), BLOCKS)}, r"do not make \[3, 40\]"),
        ({"comfy.gguf.orig_shape.a": [-2, -64]}, {"a": (Q8_0, (2, 64), BLOCKS)}, "the shape that it says a has"),
        ({"comfy.gguf.orig_shape.a": "wide"}, {"a": (Q8_0, (2, 64), BLOCKS)}, "the shape that it says a has"),
        ({"general.alignment": 0}, {"a": (Q8_0, (2, 64), BLOCKS)}, "its general.alignment is 0"),
    ],
)
def test_a_file_that_breaks_the_formats_rules_is_refused(tmp_path: Path, entries, tensors, words: str) -> None:
    path = write_gguf(tmp_path / "m.gguf", entries, tensors=tensors)
    with pytest.raises(WeightsError, match=rf"m\.gguf is .*{words}") as refused:
        read_header(path)
    assert refused.value.file == str(path)


def test_a_header_is_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"general.name": "x"}, tensors={"a": (Q8_0, (2, 64), BLOCKS)})
    read_header(path)
    monkeypatch.setattr(gguf_file, "LARGEST_BYTES", 60)
    with pytest.raises(WeightsError, match="a length in it is wrong"):
        read_header(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    tensors = {"aa": (Q8_0, (2, 64), BLOCKS), "bb": (Q8_0, (2, 64), BLOCKS)}
    path = write_gguf(tmp_path / "m.gguf", {}, tensors=tensors)
    path.write_bytes(path.read_bytes().replace(b"bb", b"aa", 1))
    with pytest.raises(WeightsError, match="its header names aa twice"):
        read_header(path)


def test_any_byte_of_the_header_may_be_damaged_without_another_error(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "m.gguf", {"general.name": "x"}, tensors={"a": (Q8_0, (2, 64), BLOCKS)}).read_bytes()
    path = tmp_path / "bad.gguf"
    for place in range(4, len(whole) - len(BLOCKS), 3):
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        try:
            read_header(path)
        except WeightsError as problem:
            assert "bad.gguf" in problem.message
    path.write_bytes(whole[:8] + struct.pack("<Q", 2**63) + whole[16:])
    with pytest.raises(WeightsError, match="cut short, or a length in it is wrong"):
        read_header(path)
