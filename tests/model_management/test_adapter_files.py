"""Adapters from their files into nets that are held."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.flux import Flux
from heddle.networks.ops import TRAINABLE
from heddle.samplers.conditions import Call
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network
from model_management.conditioning import conditions_for
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.family import RunFacts
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.tiny_transformers import FLUX, NET, drawn

CPU = torch.device("cpu")
LAYER = "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
FLAT = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
TEXT_LAYER = "text_model.encoder.layers.1.mlp.fc1.weight"
TEXT_FLAT = "lora_te_text_model_encoder_layers_1_mlp_fc1"


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def pair(layer: str, out: int, into: int, seed: int = 0) -> dict[str, Tensor]:
    return {
        f"{layer}.lora_up.weight": randn(seed, out, 2),
        f"{layer}.lora_down.weight": randn(seed + 1, 2, into),
        f"{layer}.alpha": torch.tensor(1.0),
    }


UNET_PART = pair(FLAT, 32, 32)
TEXT_PART = pair(TEXT_FLAT, 80, 64, seed=10)


def delta(tensors: dict[str, Tensor], layer: str) -> Tensor:
    return tensors[f"{layer}.lora_up.weight"] @ tensors[f"{layer}.lora_down.weight"] / 2


@pytest.fixture
def opened(checkpoint: Path) -> OpenedCheckpoint:
    return open_checkpoint(checkpoint, FAMILIES)


def write(folder: Path, tensors: dict[str, Tensor], name: str = "style.safetensors") -> Path:
    save_file(tensors, folder / name)
    return folder / name


def state(net: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_an_adapter_changes_what_it_names_and_shares_the_rest(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    file = open_adapter(write(tmp_path, UNET_PART | TEXT_PART))
    model, clip, report = put_adapter(file, opened.model, opened.clip, 0.5, 2.0)
    assert model is not None and clip is not None
    assert str(report) == "style.safetensors: 6 of 6 keys match"
    weights = Weights(CPU)
    with weights.hold(opened.model) as plain, weights.hold(model) as changed:
        assert changed is not plain
        was, now = dict(plain.named_parameters()), dict(changed.named_parameters())
        torch.testing.assert_close(now[LAYER], was[LAYER] + 0.5 * delta(UNET_PART, FLAT))
        assert all(now[name] is was[name] for name in was if name != LAYER)
        assert [size for _file, _role, size in weights.residents] == [4 * opened.model.stored.numel, 4 * 32 * 32]
    with weights.hold(opened.clip.encoders[0]) as plain, weights.hold(clip.encoders[0]) as changed:
        was, now = state(plain), state(changed)
        torch.testing.assert_close(now[TEXT_LAYER], was[TEXT_LAYER] + 2 * delta(TEXT_PART, TEXT_FLAT))


def test_what_was_put_in_can_be_taken_out_exactly(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    weights = Weights(CPU)
    with weights.hold(opened.model) as net:
        before = state(net)
    file = open_adapter(write(tmp_path, UNET_PART))
    model, _clip, _report = put_adapter(file, opened.model, None)
    assert model is not None
    with weights.hold(model):
        pass
    with weights.hold(model.without_patch("style.safetensors")) as net:
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert model.without_patch("style.safetensors") == opened.model


def test_several_adapters_come_one_after_the_other(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    first = open_adapter(write(tmp_path, UNET_PART, "a.safetensors"))
    other_weight = {f"unet.{LAYER.removesuffix('weight')}set_weight": randn(5, 32, 32)}
    second = open_adapter(write(tmp_path, other_weight, "b.safetensors"))
    one, _, _ = put_adapter(second, put_adapter(first, opened.model, None).model, None)
    other, _, _ = put_adapter(first, put_adapter(second, opened.model, None).model, None)
    assert one is not None and other is not None
    weights = Weights(CPU)
    with weights.hold(one) as net:
        torch.testing.assert_close(net.state_dict()[LAYER], randn(5, 32, 32))
    with weights.hold(other) as net:
        torch.testing.assert_close(net.state_dict()[LAYER], randn(5, 32, 32) + delta(UNET_PART, FLAT))


def test_equal_changes_are_worked_out_once(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    path = write(tmp_path, UNET_PART)
    weights = Weights(CPU)
    one, other = (put_adapter(open_adapter(path), opened.model, None, 0.5).model for _ in range(2))
    third = put_adapter(open_adapter(path), opened.model, None, 0.6).model
    assert one is not None and other is not None and third is not None
    with weights.hold(one) as net, weights.hold(other) as again, weights.hold(third) as different:
        assert net is again is not different


def test_a_try_of_another_strength_lets_the_last_one_go(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    file = open_adapter(write(tmp_path, UNET_PART))
    weights = Weights(CPU)
    for strength in (0.1, 0.2, 0.3):
        model = put_adapter(file, opened.model, None, strength).model
        assert model is not None
        with weights.hold(model):
            pass
    assert len(weights.residents) == 2
    assert weights.release_all() == 4 * (opened.model.stored.numel + 32 * 32)
    assert not weights.residents


def test_the_unchanged_net_stays_as_long_as_its_weights_are_lent(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    model = put_adapter(open_adapter(write(tmp_path, UNET_PART)), opened.model, None).model
    assert model is not None
    weights = Weights(CPU)
    with weights.hold(model):
        assert weights.release_all() == 0
        assert len(weights.residents) == 2


def test_without_room_for_both_the_changed_net_stands_alone(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    model = put_adapter(open_adapter(write(tmp_path, UNET_PART)), opened.model, None).model
    assert model is not None
    whole = 4 * opened.model.stored.numel
    with Weights(CPU).hold(model) as net:
        want = state(net)
    weights = Weights(CPU, limit_bytes=whole)
    with weights.hold(opened.model):
        pass
    with weights.hold(model) as net:
        assert weights.resident_bytes == whole
        assert all(torch.equal(tensor, want[name]) for name, tensor in net.state_dict().items())


def test_a_half_precision_net_is_changed_in_single_precision(
    opened: OpenedCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = put_adapter(open_adapter(write(tmp_path, UNET_PART)), opened.model, None, 1e-4).model
    assert model is not None
    weights = Weights(CPU)
    monkeypatch.setattr(weights, "compute_dtype", lambda stored: torch.float16)
    with weights.hold(opened.model) as plain, weights.hold(model) as net:
        changed = net.state_dict()[LAYER]
        want = (plain.state_dict()[LAYER].float() + 1e-4 * delta(UNET_PART, FLAT)).half()
    assert changed.dtype is torch.float16 and torch.equal(changed, want)


def test_a_report_names_what_has_no_place(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    strange = {"lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha": torch.tensor(1.0), "emb.vector": randn(1, 3)}
    report = put_adapter(open_adapter(write(tmp_path, UNET_PART | strange)), opened.model, opened.clip).report
    assert (report.matched, sorted(report.unmatched)) == (3, sorted(strange))
    assert "3 of 5 keys match; not: " in str(report)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (pair("lora_unet_no_such_layer", 4, 4), "fits nothing of this model"),
        ({"model.weight": randn(0, 2, 2)}, "fits nothing of this model"),
        (pair(FLAT, 32, 40), "does not fit this model, whose .* has shape \\[32, 32\\]"),
        (TEXT_PART | pair(FLAT, 320, 32), "does not fit this model"),
        (UNET_PART | {f"{FLAT}.lora_down.weight": randn(0, 3, 32)}, "does not fit this model"),
        ({f"{FLAT}.lora_up.weight": randn(0, 32, 2)}, "LoRA is incomplete: up is there, down is missing"),
        (UNET_PART | {f"{FLAT}.lora_A.weight": randn(0, 2, 32)}, "say the same of one layer"),
        (UNET_PART | pair(f"unet.{LAYER.removesuffix('.weight')}", 32, 32), "both mean"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    opened: OpenedCheckpoint, tmp_path: Path, tensors: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as refused:
        put_adapter(open_adapter(write(tmp_path, tensors)), opened.model, opened.clip)
    assert "style.safetensors" in str(refused.value)


def test_numbers_that_are_none_are_refused_and_nothing_stays(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    broken = UNET_PART | {f"{FLAT}.lora_up.weight": torch.full((32, 2), torch.nan)}
    model = put_adapter(open_adapter(write(tmp_path, broken)), opened.model, None).model
    assert model is not None
    weights = Weights(CPU)
    message = f"style.safetensors: {FLAT} holds numbers that are not finite"
    with pytest.raises(WeightsError, match=message), weights.hold(model):
        pass
    assert [size for _file, _role, size in weights.residents] == [4 * opened.model.stored.numel]
    assert weights.release_all() == 4 * opened.model.stored.numel


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, UNET_PART)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match="cut short"):
        open_adapter(path)


def test_a_file_of_torch_save_is_read_too(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    torch.save(UNET_PART, tmp_path / "style.pt")
    model = put_adapter(open_adapter(tmp_path / "style.pt"), opened.model, None).model
    assert model is not None
    with Weights(CPU).hold(opened.model) as plain, Weights(CPU).hold(model) as net:
        want = plain.state_dict()[LAYER] + delta(UNET_PART, FLAT)
        torch.testing.assert_close(net.state_dict()[LAYER], want)


def test_the_changed_net_computes_with_its_weights(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    """A net whose file was changed beforehand says the same."""
    tensors = tiny.tiny_tensors(torch.float32)
    key = tiny.PREFIXES["unet"] + LAYER
    plain = open_checkpoint(tiny.write_checkpoint(tmp_path / "plain.safetensors", tensors), FAMILIES)
    beforehand = tensors | {key: tensors[key] + delta(UNET_PART, FLAT)}
    other = open_checkpoint(tiny.write_checkpoint(tmp_path / "other.safetensors", beforehand), FAMILIES)
    model = put_adapter(open_adapter(write(tmp_path, UNET_PART)), plain.model, None).model
    assert model is not None
    given = randn(0, 1, 4, 8, 8), torch.tensor([500.0]), randn(1, 1, 7, 64)
    with torch.inference_mode(), Weights(CPU).hold(model) as net, Weights(CPU).hold(other.model) as wanted:
        torch.testing.assert_close(net(*given), wanted(*given))
    assert set(load_file(tmp_path / "style.safetensors")) == set(UNET_PART)


@pytest.mark.parametrize("is_said", [True, False])
def test_an_adapter_that_shows_flux_a_picture_widens_its_first_layer(tmp_path: Path, is_said: bool) -> None:
    """As Black Forest Labs publish them (bare names, biases of B, norms whole), and where the file says the shape."""
    save_file(drawn(Flux(FLUX, TRAINABLE), NET), tmp_path / "flux.safetensors")
    model = open_network(tmp_path / "flux.safetensors", FAMILIES)
    norm = "single_blocks.0.norm.key_norm.scale"
    tensors = {
        "img_in.lora_A.weight": randn(1, 2, 128),
        "img_in.lora_B.weight": randn(2, 64, 2),
        "img_in.lora_B.bias": randn(3, 64),
        norm: randn(4, 32),
    }
    if is_said:
        tensors["img_in.reshape_weight"] = torch.tensor([64, 128])
    wide, _, report = put_adapter(open_adapter(write(tmp_path, tensors)), model, None, 0.5)
    assert wide is not None and report.unmatched == ()
    assert (wide.config.in_channels, wide.without_patch("style.safetensors").config.in_channels) == (32, 16)
    weights = Weights(CPU)
    with weights.hold(model) as plain, weights.hold(wide) as net:
        wanted = torch.cat([plain.img_in.weight, torch.zeros(64, 64)], dim=1)
        wanted = wanted + 0.5 * tensors["img_in.lora_B.weight"] @ tensors["img_in.lora_A.weight"]
        torch.testing.assert_close(net.img_in.weight, wanted)
        torch.testing.assert_close(net.img_in.bias, plain.img_in.bias + 0.5 * tensors["img_in.lora_B.bias"])
        assert torch.equal(net.get_parameter(norm), tensors[norm])
    picture = randn(5, 1, 16, 8, 8)
    text, pooled = randn(6, 1, 3, FLUX.context_width), randn(7, 1, FLUX.vector_width)
    blank = torch.zeros(1, 16, 8, 8)

    def guess(**more: Tensor) -> Tensor:
        entry = [text, {"pooled_output": pooled, **more}]
        (one,) = conditions_for(wide, [entry], RunFacts((1, 16, 8, 8), blank, blank), "positive")
        with weights.hold(wide) as net, torch.no_grad():
            return denoiser_for(wide, net)(blank + 1, torch.tensor(0.5), Call(one.inputs))

    assert (guess(concat_latent_image=picture) - guess()).abs().max() > 1e-3
