"""Weights of 8 bits with and without a scale beside them, and quantised forms that are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from model_management import text_files
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import open_checkpoint, open_network, open_vae
from model_management.families.known import FAMILIES
from model_management.header import read_header
from model_management.saving import SavedPart, net_pieces
from model_management.tensor_reading import open_tensors
from model_management.text_files import open_text_encoders
from model_management.weights import Weights
from tests.model_management import tiny, tiny_transformers, tiny_xl
from tests.model_management.pickle_files import BOTH, save

CPU = torch.device("cpu")
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2


def is_scaled(name: str, tensor: Tensor) -> bool:
    return tensor.ndim == 2 and name.endswith(".weight")


def scaled(
    tensors: dict[str, Tensor], ending: str = "scale_weight", dtype: torch.dtype = E4M3
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors with all matrices in 8 bits and a scale for each, and the numbers that they stand for then."""
    written, numbers = {}, {}
    for name, tensor in tensors.items():
        if is_scaled(name, tensor):
            scale = tensor.float().abs().max() / 100
            written[name] = (tensor.float() / scale).to(dtype)
            written[f"{name.removesuffix('weight')}{ending}"] = scale.reshape(1) if len(written) % 2 else scale
            numbers[name] = written[name].float() * scale
        else:
            written[name], numbers[name] = tensor, tensor.float()
    return written, numbers


def unet_tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: each.half() for name, each in UNet(tiny.UNET, TRAINABLE).state_dict().items()}


def holds(model, wanted: dict[str, Tensor]) -> None:
    with Weights(CPU).hold(model) as net:
        found = net.state_dict()
        assert all(torch.equal(weight, wanted[name]) for name, weight in found.items())


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
def test_a_network_in_8_bits_holds_what_the_file_has(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {name: each.to(dtype) for name, each in unet_tensors().items()}
    model = open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    holds(model, {name: each.float() for name, each in tensors.items()})
    assert Weights(torch.device("cuda"), has_bfloat16=True).compute_dtype(model.stored) is torch.bfloat16


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_weights_are_multiplied_by_the_scale_beside_them(tmp_path: Path, prefix: str) -> None:
    written, wanted = scaled(unet_tensors())
    more = {"scaled_fp8": torch.empty(2, dtype=E4M3), "out.2.scale_input": torch.tensor(3.0)}
    content = {prefix + name: each for name, each in {**written, **more}.items()}
    holds(open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES), wanted)


@BOTH
def test_a_file_of_torch_save_has_its_scales_too(tmp_path: Path, is_zip: bool) -> None:
    written, wanted = scaled(unet_tensors())
    holds(open_network(save(tmp_path / "m.pt", written, is_zip), FAMILIES), wanted)


def said_in_tensors(names: list[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    text = json.dumps({"format": "float8_e4m3fn"}).encode()
    return {f"{name}.comfy_quant": torch.tensor(list(text), dtype=torch.uint8) for name in names}, {}


def said_in_metadata(names: list[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    layers = {name: {"format": "float8_e4m3fn"} for name in names}
    return {}, {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}


@pytest.mark.parametrize("said", [said_in_tensors, said_in_metadata])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_layers_whose_form_is_said_are_read_so(tmp_path: Path, said, as_bytes: bool) -> None:
    written, wanted = scaled(unet_tensors(), "weight_scale")
    names = [name.removesuffix(".weight") for name in written if is_scaled(name, written[name])]
    if as_bytes:
        written |= {f"{name}.weight": written[f"{name}.weight"].view(torch.uint8) for name in names}
    more, metadata = said(names)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", {**written, **more}, metadata)
    holds(open_network(path, FAMILIES), wanted)


def test_a_scale_for_each_row_counts_for_its_row(tmp_path: Path) -> None:
    numbers, scale = torch.ones(3, 2).to(E4M3), torch.tensor([[1.0], [2.0], [4.0]])
    for each in (scale, scale[:, 0]):
        path = tiny.write_checkpoint(tmp_path / "m.safetensors", {"a.weight": numbers, "a.weight_scale": each.clone()})
        with open_tensors(read_header(path)) as tensors:
            assert torch.equal(tensors.get_tensor("a.weight"), scale.expand(3, 2))


def test_a_t5_in_8_bits_with_scales_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "t5xxl"})
    written, wanted = scaled(tiny_transformers.t5_tensors())
    written["scaled_fp8"] = torch.empty(0, dtype=E4M3)
    path = tiny.write_checkpoint(tmp_path / "t5.safetensors", written)
    (encoder,) = open_text_encoders([path], "chroma", FAMILIES).encoders
    holds(encoder, wanted)


def test_an_encoder_by_open_clips_names_has_its_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "NAMES", {128: "g"})
    written, wanted = scaled(tiny_xl.open_clip_tensors())
    path = tiny.write_checkpoint(tmp_path / "g.safetensors", written)
    (encoder,) = open_text_encoders([path], "stable_diffusion", FAMILIES).encoders
    with Weights(CPU).hold(encoder) as net:
        found = net.text_model.encoder.layers[1].mlp.fc1.weight
        assert torch.equal(found, wanted["transformer.resblocks.1.mlp.c_fc.weight"])


def test_a_checkpoint_may_mix_forms(tmp_path: Path) -> None:
    tensors = tiny.tiny_tensors()
    unet, vae = tiny.PREFIXES["unet"], tiny.PREFIXES["vae"]
    network = {name: each for name, each in tensors.items() if name.startswith(unet)}
    written, wanted = scaled(network)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", {**tensors, **written})
    opened = open_checkpoint(path, FAMILIES)
    holds(opened.model, {name.removeprefix(unet): each for name, each in wanted.items()})
    assert open_vae(path).stored.part.prefix == vae


def test_a_scale_goes_along_with_a_tensor_that_gets_another_name(tmp_path: Path) -> None:
    content = {"x.a.weight": torch.ones(2, 2).to(E4M3), "x.a.scale_weight": torch.tensor(3.0)}
    for path in (
        tiny.write_checkpoint(tmp_path / "m.safetensors", content),
        save(tmp_path / "m.pt", content, is_zip=True),
    ):
        header = read_header(path).below("x.").renamed({"a.weight": "b.weight"})
        with open_tensors(header) as tensors:
            assert torch.equal(tensors.get_tensor("b.weight"), torch.full((2, 2), 3.0))


@pytest.mark.parametrize("dtype", [E4M3, torch.bfloat16])
def test_an_adapter_may_be_stored_in_8_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = unet_tensors()
    key = "middle_block.1.transformer_blocks.0.attn1.to_q"
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    low = {"lora_down.weight": torch.randn(2, 64).to(dtype), "lora_up.weight": torch.randn(64, 2).to(dtype)}
    style = {f"{layer}.{name}": each for name, each in low.items()}
    file = open_adapter(tiny.write_checkpoint(tmp_path / "style.safetensors", style))
    model = open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    changed = put_adapter(file, model, None).model
    assert changed is not None
    with Weights(CPU).hold(changed) as net:
        found = net.get_submodule(key).weight
    expected = tensors[f"{key}.weight"].float() + low["lora_up.weight"].float() @ low["lora_down.weight"].float()
    torch.testing.assert_close(found, expected)


def test_scaled_weights_are_saved_in_halves(tmp_path: Path) -> None:
    written, wanted = scaled(unet_tensors())
    stored = open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", written), FAMILIES).stored
    part = SavedPart(stored, (), "", stored.part.place)
    (tmp_path / "saved.safetensors").write_bytes(b"".join(net_pieces([part], {})))
    header = read_header(tmp_path / "saved.safetensors")
    assert {entry.dtype for entry in header.tensors.values()} == {"F16"}
    with open_tensors(header) as tensors:
        assert all(torch.equal(tensors.get_tensor(name), wanted[name].half()) for name in wanted)


def bytes_of(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("more", "metadata", "words"),
    [
        ({"a.weight.quant_state.bitsandbytes__nf4": bytes_of("{}")}, {}, "quantised as nf4 of bitsandbytes"),
        ({"a.SCB": torch.ones(4)}, {}, "quantised as int8 of bitsandbytes"),
        ({"a.weight_scale_2": torch.ones(())}, {}, "quantised as nvfp4"),
        ({"a.weight_scale_inv": torch.ones(1, 1)}, {}, "fp8 with a scale for each block"),
        ({"a.weight_scale": torch.ones(2, 2)}, {}, r"quantised as F8_E4M3 with scales of shape \[2, 2\]"),
        ({"a.qweight": torch.ones(4, 4, dtype=torch.int32)}, {}, "GPTQ or AWQ"),
        ({"a.wscales": torch.ones(4)}, {}, "SVDQuant"),
        ({"a.comfy_quant": bytes_of('{"format": "mxfp8"}')}, {}, r"quantised as mxfp8 \(a\)"),
        ({"a.comfy_quant": bytes_of("[]")}, {}, "a.comfy_quant, which says how weights are quantised, is no JSON"),
        ({"a.comfy_quant": bytes_of("{")}, {}, "is no JSON table"),
        ({}, {"_quantization_metadata": '{"layers": {"a": {"format": "nvfp4"}}}'}, r"quantised as nvfp4 \(a\)"),
        ({}, {"_quantization_metadata": "{}"}, "lists no layers"),
        ({}, {"_quantization_metadata": '{"layers": {"a": {"format": [1]}}}'}, r"quantised as \[1\] \(a\)"),
    ],
)
def test_a_form_that_is_not_read_is_refused_by_its_name(tmp_path: Path, more, metadata, words: str) -> None:
    content = {"a.weight": torch.ones(4, 4).to(E4M3), **more}
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", content, metadata)
    with pytest.raises(WeightsError, match=rf"m\.safetensors is .*{words}"):
        read_header(path)
