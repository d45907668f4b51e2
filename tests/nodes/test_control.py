"""Control nets applied to conditionings, and what a run then does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from heddle.graph.errors import GraphError
from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.control_flux import FluxControlConfig, FluxControlNet
from heddle.networks.flux import Flux
from heddle.networks.ops import TRAINABLE
from heddle.networks.vae import Autoencoder
from model_management.checkpoint import open_checkpoint, open_network, open_vae
from model_management.control_files import open_control_net
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.conditioning.control import apply, apply_for_inpainting, apply_to_one, apply_with_vae, set_type
from nodes.conditioning.texts import encode_for_controls
from nodes.loaders.control import load_control_net
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny
from tests.model_management.tiny_transformers import FLUX, NET, VAE, drawn
from tests.nodes.fake_context import FakeContext

HINT = torch.rand(1, 64, 64, 3, generator=torch.manual_seed(1))
LATENT = {"samples": torch.zeros(1, 4, 8, 8)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(7)
    net = ControlNet(ControlNetConfig(tiny.UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40)), TRAINABLE)
    control = folder / "lines.safetensors"
    save_file({f"control_model.{name}": tensor.contiguous() for name, tensor in net.state_dict().items()}, control)
    return tiny.write_checkpoint(folder / "model.safetensors"), control


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


def text(seed: int) -> list[Any]:
    return [[torch.randn(1, 6, 64, generator=torch.manual_seed(seed)), {}]]


def run(files: tuple[Path, Path], positive: Any, negative: Any, ctx: FakeContext) -> torch.Tensor:
    model = open_checkpoint(files[0], FAMILIES).model
    return ksampler(model, 5, 2, 3.0, "euler", "normal", positive, negative, LATENT, 1.0, ctx)["samples"]


def test_both_sides_get_the_same_control_so_that_they_run_together(files) -> None:
    net = open_control_net(files[1])
    first = apply(text(1), text(2), net, HINT, 0.5, 0.0, 1.0)
    ((_, one),), ((_, other),) = first
    assert one["control"] is other["control"]
    ((_, again),), ((_, too),) = apply(*first, net, HINT, 0.7, 0.1, 0.9)
    assert again["control"] is too["control"]
    assert again["control"].previous is one["control"]
    assert (again["control"].start_percent, again["control"].end_percent) == (0.1, 0.9)
    assert "control" not in text(1)[0][1]


def test_no_strength_changes_nothing() -> None:
    net: Any = object()
    positive, negative = text(1), text(2)
    assert apply(positive, negative, net, HINT, 0.0, 0.0, 1.0) == (positive, negative)
    assert apply_to_one(positive, net, HINT, 0.0) is positive


def test_a_run_follows_its_control_and_the_old_node_reaches_the_negative(files, ctx: FakeContext) -> None:
    net = open_control_net(files[1])
    plain = run(files, text(1), text(2), ctx)
    controlled = run(files, *apply(text(1), text(2), net, HINT, 1.0, 0.0, 1.0), ctx)
    by_old_node = run(files, apply_to_one(text(1), net, HINT, 1.0), text(2), ctx)
    positive_only = run(files, apply(text(1), [], net, HINT, 1.0, 0.0, 1.0)[0], text(2), ctx)
    torch.testing.assert_close(by_old_node, controlled)
    assert (controlled - plain).abs().max() > 1e-2
    assert (controlled - positive_only).abs().max() > 1e-3
    assert ctx.notes == []


def test_a_hint_of_another_size_is_told_once_a_run(files, ctx: FakeContext) -> None:
    net = open_control_net(files[1])
    run(files, *apply(text(1), text(2), net, HINT[:, :40], 1.0, 0.0, 1.0), ctx)
    (note,) = ctx.notes
    assert "64 x 40" in note and "64 x 64" in note


def test_a_type_for_a_net_that_knows_one_kind_is_told_to_change_nothing(files, ctx: FakeContext) -> None:
    net = open_control_net(files[1])
    assert set_type(net, "depth", ctx) is net
    assert "lines.safetensors" in ctx.notes[0]


def test_a_control_lora_does_what_the_control_net_does_that_it_stands_for(
    files, ctx: FakeContext, tmp_path: Path
) -> None:
    whole = {name.removeprefix("control_model."): tensor for name, tensor in load_file(files[1]).items()}
    base = tiny.part_of(tiny.tiny_tensors(), "unet")
    stored = {"lora_controlnet": torch.zeros(0)}
    for name, tensor in whole.items():
        layer, _, kind = name.rpartition(".")
        if name not in base or kind != "weight" or tensor.ndim < 2:
            stored[name] = tensor
            continue
        # All of the difference: as many numbers between the two factors as the smaller side has.
        up, size, down = torch.linalg.svd((tensor - base[name]).flatten(1), full_matrices=False)
        stored[f"{layer}.up"] = (up * size).reshape(len(tensor), -1, *(1,) * (tensor.ndim - 2)).contiguous()
        stored[f"{layer}.down"] = down.reshape(-1, *tensor.shape[1:]).contiguous()
    save_file(stored, tmp_path / "control-lora.safetensors")
    runs = (
        run(files, *apply(text(1), text(2), open_control_net(path), HINT, 1.0, 0.0, 1.0), ctx)
        for path in (files[1], tmp_path / "control-lora.safetensors")
    )
    wanted, got = runs
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network, a VAE, and a union net and an inpainting net for it."""
    folder = tmp_path_factory.mktemp("flux")
    own = replace(FLUX, double_blocks=1, single_blocks=1)
    made = {
        "network": drawn(Flux(FLUX, TRAINABLE), NET),
        "vae": drawn(Autoencoder(VAE, TRAINABLE), ""),
        "union": drawn(FluxControlNet(FluxControlConfig(own, 16, kinds=7), TRAINABLE), ""),
        "inpaint": drawn(FluxControlNet(FluxControlConfig(own, 17), TRAINABLE), ""),
    }
    for name, tensors in made.items():
        save_file(tensors, folder / f"{name}.safetensors")
    return folder


def flux_text(seed: int) -> list[Any]:
    random = torch.manual_seed(seed)
    pooled = torch.randn(1, FLUX.vector_width, generator=random)
    return [[torch.randn(1, 6, FLUX.context_width, generator=random), {"pooled_output": pooled}]]


def flux_run(folder: Path, positive: Any, ctx: FakeContext) -> torch.Tensor:
    model = open_network(folder / "network.safetensors", FAMILIES)
    latent = {"samples": torch.zeros(1, 16, 8, 8)}
    return ksampler(model, 5, 2, 1.0, "euler", "normal", positive, flux_text(2), latent, 1.0, ctx)["samples"]


def test_a_run_of_flux_follows_its_control_by_the_type_that_is_said(flux: Path, ctx: FakeContext) -> None:
    net, vae = open_control_net(flux / "union.safetensors"), open_vae(flux / "vae.safetensors")
    plain = flux_run(flux, flux_text(1), ctx)
    auto, depth, canny = (
        flux_run(flux, apply_with_vae(flux_text(1), [], each, vae, HINT, 1.0, 0.0, 1.0)[0], ctx)
        for each in (net, set_type(net, "depth", ctx), set_type(net, "canny/lineart/anime_lineart/mlsd", ctx))
    )
    for one, other in ((plain, auto), (auto, depth), (depth, canny)):
        assert (one - other).abs().max() > 1e-3
    back = set_type(set_type(net, "depth", ctx), "auto", ctx)
    assert torch.equal(flux_run(flux, apply(flux_text(1), [], back, HINT, 1.0, 0.0, 1.0, vae=vae)[0], ctx), auto)
    assert ctx.notes == []


def test_a_type_that_a_net_does_not_know_is_refused(flux: Path, ctx: FakeContext) -> None:
    net = open_control_net(flux / "union.safetensors")
    with pytest.raises(GraphError, match=r"union\.safetensors knows no hints of the type normal, only canny.*or auto"):
        set_type(net, "normal", ctx)


def test_the_mask_blackens_the_picture_and_goes_along(flux: Path, ctx: FakeContext) -> None:
    net, vae = open_control_net(flux / "inpaint.safetensors"), open_vae(flux / "vae.safetensors")
    mask = torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    one, other = apply_for_inpainting(flux_text(1), flux_text(2), net, vae, HINT, mask, 1.0, 0.0, 1.0, ctx)
    control = one[0][1]["control"]
    assert control is other[0][1]["control"]
    assert torch.equal(control.hint[:, :, :32], HINT[:, :, :32])
    assert not control.hint[:, :, 32:].any()
    assert torch.equal(control.keep[0, 0], 1 - mask[0])
    again = apply_for_inpainting(flux_text(1), [], net, vae, HINT, torch.zeros(1, 64, 64), 1.0, 0.0, 1.0, ctx)[0]
    assert (flux_run(flux, one, ctx) - flux_run(flux, again, ctx)).abs().max() > 1e-3
    assert ctx.notes == []


def test_a_net_that_looks_at_no_mask_is_shown_the_whole_picture(flux: Path, ctx: FakeContext) -> None:
    net, vae = open_control_net(flux / "union.safetensors"), open_vae(flux / "vae.safetensors")
    one, _ = apply_for_inpainting(flux_text(1), [], net, vae, HINT, torch.ones(1, 64, 64), 1.0, 0.0, 1.0, ctx)
    assert one[0][1]["control"].hint is HINT
    assert ctx.notes == ["union.safetensors looks at no mask, so the mask changes nothing"]


def test_the_loader_says_how_much_of_the_file_it_has_a_place_for(files, ctx: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "models" / "controlnet").mkdir(parents=True)
    tensors = load_file(files[1])
    save_file({**tensors, "ema.decay": torch.zeros(1)}, tmp_path / "models" / "controlnet" / "lines.safetensors")
    here = FakeContext(tmp_path)
    load_control_net("lines.safetensors", here)
    assert here.notes == [f"lines.safetensors: {len(tensors)} of {len(tensors) + 1} keys match; not: ema.decay"]


def test_a_text_for_controls_changes_what_they_say_and_nothing_else(files, ctx: FakeContext, monkeypatch) -> None:
    encoded = [[text(3)[0][0], {"pooled_output": torch.zeros(1, 64)}]]
    monkeypatch.setattr("nodes.conditioning.texts.encode_texts", lambda clip, texts, ctx: encoded)
    net = open_control_net(files[1])
    told = encode_for_controls(None, text(1), "lines", ctx)
    assert torch.equal(run(files, told, text(2), ctx), run(files, text(1), text(2), ctx))
    controlled, other = apply(told, text(2), net, HINT, 1.0, 0.0, 1.0)
    plain = apply(text(1), text(2), net, HINT, 1.0, 0.0, 1.0)
    assert (run(files, controlled, other, ctx) - run(files, *plain, ctx)).abs().max() > 1e-4
