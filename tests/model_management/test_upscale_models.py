"""Upscalers from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import WeightsError
from model_management.upscale_models import open_upscale_model
from model_management.weights import Weights
from tests.model_management.upscalers import SMALL, open_small, spandrels_own, weights_of

CPU = torch.device("cpu")


@pytest.mark.parametrize("architecture", [each for each in SMALL if each != "LaMa"])  # large as it is
def test_a_file_is_told_and_computes_what_spandrel_computes(architecture: str, tmp_path: Path) -> None:
    model, theirs = open_small(architecture, tmp_path), spandrels_own(weights_of(architecture))
    config = model.config
    assert (config.architecture, config.purpose) == (architecture, theirs.purpose)
    assert (config.scale, config.input_channels) == (theirs.scale, theirs.input_channels)
    picture = torch.rand(1, config.input_channels, 16, 24)
    with Weights(CPU).hold(model) as net:
        assert not net.training and not any(each.requires_grad for each in net.parameters())
        torch.testing.assert_close(net(picture), theirs(picture), atol=1e-6, rtol=0)


def in_newer_names(old: dict[str, Tensor]) -> dict[str, Tensor]:
    """An ESRGAN of two blocks by the names that its second generation of files has."""
    ends = {"model.0": "conv_first", "model.1.sub.2": "conv_body", "model.3": "conv_up1"}
    ends |= {"model.5": "conv_hr", "model.7": "conv_last"}
    new = {}
    for name, tensor in old.items():
        module, _, kind = name.rpartition(".")
        if module in ends:
            new[f"{ends[module]}.{kind}"] = tensor
        else:
            _, _, _, block, dense, conv, _ = module.split(".")
            new[f"body.{block}.{dense.lower()}.{conv}.{kind}"] = tensor
    return new


@pytest.mark.parametrize("wrap", ["bare", "params", "params_ema", "averages beside", "module.", "safetensors", "half"])
def test_every_published_way_of_writing_it_is_the_same_net(wrap: str, tmp_path: Path) -> None:
    old = weights_of("ESRGAN")
    new = in_newer_names(old)
    content: Any = {
        "bare": old,
        "params": {"params": new},
        "params_ema": {"params_ema": new},
        "averages beside": {"params": {name: tensor + 1 for name, tensor in new.items()}, "params_ema": new},
        "module.": {f"module.{name}": tensor for name, tensor in new.items()},
        "safetensors": new,
        "half": {name: tensor.half() for name, tensor in old.items()},
    }[wrap]
    path = tmp_path / ("a.safetensors" if wrap == "safetensors" else "a.pth")
    if wrap == "safetensors":
        save_file({name: tensor.contiguous() for name, tensor in content.items()}, path)
    else:
        torch.save(content, path)
    model, picture = open_upscale_model(path), torch.rand(1, 3, 9, 7)
    with Weights(CPU).hold(model) as net:
        wanted = spandrels_own(old)(picture)
        torch.testing.assert_close(net(picture), wanted, atol=1e-3 if wrap == "half" else 1e-6, rtol=0)


def test_the_ledger_counts_its_weights_and_lends_the_same_net_again(tmp_path: Path) -> None:
    model, weights = open_small("ESRGAN", tmp_path), Weights(CPU)
    with weights.hold(model) as net:
        assert weights.resident_bytes == 4 * sum(each.numel() for each in net.state_dict().values())
        with weights.hold(open_upscale_model(tmp_path / "ESRGAN.pth")) as again:
            assert again is net
    assert weights.residents == [("ESRGAN.pth", "upscaler", weights.resident_bytes)]
    assert weights.release_all() > 0 and weights.resident_bytes == 0


def test_opening_and_loading_draw_from_nobodys_chance(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    model = open_small("SwinIR", tmp_path)
    with Weights(CPU).hold(model):
        assert torch.equal(torch.get_rng_state(), before)


class Runs:
    def __reduce__(self) -> Any:
        return (open, ("/tmp/never-made", "w"))


def test_a_file_that_names_code_is_refused_without_running_it(tmp_path: Path) -> None:
    torch.save({"params": weights_of("ESRGAN"), "more": Runs()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth"):
        open_upscale_model(tmp_path / "evil.pth")


def test_what_is_no_upscaler_is_told_for_what_it_is(tmp_path: Path) -> None:
    lora = {"lora_unet_mid.lora_down.weight": torch.zeros(4, 8), "lora_unet_mid.lora_up.weight": torch.zeros(8, 4)}
    save_file(lora, tmp_path / "style.safetensors")
    with pytest.raises(WeightsError, match=r"style\.safetensors holds no upscaler .*lora_down.* choose another"):
        open_upscale_model(tmp_path / "style.safetensors")


def test_tensors_that_do_not_fit_together_are_refused_when_the_file_is_opened(tmp_path: Path) -> None:
    broken = weights_of("ESRGAN")
    broken["model.1.sub.1.RDB2.conv3.0.weight"] = torch.zeros(3, 3)
    torch.save(broken, tmp_path / "broken.pth")
    with pytest.raises(WeightsError, match=r"broken\.pth: its tensors make no net .*RDB2\.conv3"):
        open_upscale_model(tmp_path / "broken.pth")


def test_a_file_that_changed_since_is_not_used(tmp_path: Path) -> None:
    model = open_small("ESRGAN", tmp_path)
    torch.save(weights_of("Compact"), tmp_path / "ESRGAN.pth")
    with pytest.raises(WeightsError, match="has changed"), Weights(CPU).hold(model):
        pass
