"""Models that look at a reference in their own layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.networks.hooks import AttentionPlace, Hooks, StagePlace
from heddle.networks.unet import UNetConfig
from heddle.samplers.conditions import Area, Call
from heddle.samplers.noise import initial_noise
from heddle.samplers.windows import Window
from model_management.checkpoint import open_checkpoint
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.patches import NetworkPatch
from model_management.reference import MODES, Reference, attentions_within, put_reference, stages_within
from model_management.weights import Weights
from tests.model_management import tiny

SIGMA = torch.tensor(2.0)
SIDES = ("positive", "negative")
LATENT = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(1))
TEXT = torch.randn(2, 6, 64, generator=torch.manual_seed(2))

SD1 = UNetConfig((320, 640, 1280, 1280), (2,) * 4, (1, 1, 1, 0), 1, 768)
XL = UNetConfig((320, 640, 1280), (2,) * 3, (0, 2, 10), 10, 2048)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tiny.write_checkpoint(tmp_path_factory.mktemp("models") / "m.safetensors")
    return open_checkpoint(path, FAMILIES).model


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


def clean(model: Model, weights: Weights, x: Tensor, call: Call | None = None) -> Tensor:
    call = call_at(float(SIGMA)) if call is None else call
    with torch.inference_mode(), weights.hold(model) as net:
        return denoiser_for(model, net)(x, SIGMA, call)


def call_at(level: float, **more: Any) -> Call:
    return Call({"context": TEXT}, SIDES, level=level, **{"areas": (None, None), "whole": (8, 8)} | more)


def noisy(model: Model, seed: int) -> Tensor:
    """What a reference with this seed is shown as at the level, for both sides."""
    x = model.latent.inward(LATENT) + initial_noise(seed, LATENT.shape) * SIGMA
    return x.expand(2, -1, -1, -1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fidelity", [0.0, 0.5])
def test_a_picture_that_is_its_own_reference_is_left_alone(
    mode: str, fidelity: float, model: Model, weights: Weights
) -> None:
    """Attention to the same tokens twice is attention to them, and their mean and spread are theirs."""
    put = put_reference(Reference(LATENT, mode, 2.0, fidelity, seed=5), model)
    torch.testing.assert_close(
        clean(put, weights, noisy(model, 5)), clean(model, weights, noisy(model, 5)), rtol=0, atol=1e-4
    )
    other = clean(put, weights, noisy(model, 6)) - clean(model, weights, noisy(model, 6))
    assert other.abs().amax((1, 2, 3)).min() > 1e-2


def test_a_network_in_half_precision_is_given_its_own_dtype(model: Model, weights: Weights) -> None:
    put = put_reference(Reference(LATENT, "attention and adain", seed=5), model)
    x, call = noisy(model, 6), call_at(float(SIGMA))
    narrow = replace(model, stored=replace(model.stored, dtype=torch.bfloat16))
    with torch.inference_mode(), weights.hold(narrow) as net:
        found = denoiser_for(put, net)(x, SIGMA, call)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, clean(put, weights, x), rtol=0.1, atol=0.1)


def test_pieces_of_a_picture_look_at_their_pieces_of_the_reference(model: Model, weights: Weights) -> None:
    put = put_reference(Reference(LATENT, seed=5), model)
    areas = Area(4, 8, 0, 0), Area(4, 8, 4, 0)
    call = call_at(float(SIGMA), areas=areas)
    whole = noisy(model, 5)[:1]
    pieces = torch.cat([whole[:, :, :4], whole[:, :, 4:]])
    torch.testing.assert_close(
        clean(put, weights, pieces, call), clean(model, weights, pieces, call), rtol=0, atol=1e-4
    )


def test_windows_of_a_picture_look_at_their_part_of_the_reference(model: Model, weights: Weights) -> None:
    put = put_reference(Reference(LATENT, seed=5), model)
    whole = noisy(model, 5)
    for window in (Window(2, (2, 3, 4, 5), 8), Window(3, (6, 7, 0, 1), 8), Window(0, (0,), 1)):
        x = window.of(whole) if window.dim else whole
        call = call_at(float(SIGMA), whole=tuple(x.shape[-2:]), window=window)
        torch.testing.assert_close(clean(put, weights, x, call), clean(model, weights, x, call), rtol=0, atol=1e-4)


@pytest.mark.parametrize("fidelity", [0.0, 0.5])
def test_attention_that_looks_nowhere_sees_no_reference(fidelity: float, model: Model, weights: Weights) -> None:
    def own_values(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor | None:
        return v if place.reads == "itself" else None

    call = call_at(float(SIGMA), hooks=Hooks(attentions=(own_values,)))
    put = put_reference(Reference(LATENT, style_fidelity=fidelity, seed=5), model)
    x = noisy(model, 6)
    torch.testing.assert_close(clean(put, weights, x, call), clean(model, weights, x, call))


@pytest.mark.parametrize("mode", MODES)
def test_full_fidelity_keeps_the_negative_from_the_reference(mode: str, model: Model, weights: Weights) -> None:
    x = noisy(model, 6)
    plain = clean(model, weights, x)
    kept = clean(put_reference(Reference(LATENT, mode, 1.0, 1.0, seed=5), model), weights, x)
    torch.testing.assert_close(kept[1], plain[1])
    mixed, none = (clean(put_reference(Reference(LATENT, mode, 1.0, f, seed=5), model), weights, x) for f in (0.5, 0))
    torch.testing.assert_close(kept[0], none[0])
    assert (mixed[1] - none[1]).abs().max() > 1e-3 and (mixed[1] - plain[1]).abs().max() > 1e-3


def test_a_reference_of_another_size_is_cut_and_resized(model: Model, weights: Weights) -> None:
    wide = torch.cat([LATENT[..., :2] * 9, LATENT, LATENT[..., :2] * 9], dim=-1)
    found, wanted = (clean(put_reference(Reference(each), model), weights, noisy(model, 6)) for each in (wide, LATENT))
    torch.testing.assert_close(found, wanted)


def test_outside_its_part_of_a_run_the_reference_is_not_run(model: Model) -> None:
    percent_to_sigma = model.predicts.schedule.percent_to_sigma
    kinds: list[str] = []

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        kinds.append(call.kind)
        return x

    (patch,) = put_reference(Reference(LATENT, start_percent=0.2, end_percent=0.6), model).patches_of(NetworkPatch)
    run = patch.begin(network, model.predicts, print)
    for percent, wanted in ((0.1, [""]), (0.3, ["reference", ""]), (0.7, [""])):
        kinds.clear()
        run(noisy(model, 0), torch.ones(2), call_at(percent_to_sigma(percent)))
        assert kinds == wanted


def test_of_two_references_each_is_run_once_and_sees_no_other(model: Model) -> None:
    calls: list[Call] = []

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        calls.append(call)
        return x

    put = put_reference(Reference(LATENT, seed=1), put_reference(Reference(LATENT), model))
    for patch in put.patches_of(NetworkPatch):
        network = patch.begin(network, model.predicts, print)
    some: Any = object()
    network(noisy(model, 0), torch.ones(2), call_at(float(SIGMA), control=some, conditions=(some,)))
    assert [call.kind for call in calls] == ["reference", "reference", ""]
    assert [(call.control, call.conditions) for call in calls] == [(None, ()), (None, ()), (some, (some,))]
    assert [(len(call.hooks.inputs), len(call.hooks.around)) for call in calls] == [(1, 0), (1, 0), (2, 2)]


def test_strength_is_a_share_of_the_attentions_the_widest_first(model: Model) -> None:
    """The tiny net: one on the way down and two on the way up 32 wide, one in the middle 64 wide."""
    assert attentions_within(model, 0.2) == {AttentionPlace("middle", 0, 0, "itself")}
    assert attentions_within(model, 0.3) == {
        AttentionPlace("middle", 0, 0, "itself"),
        AttentionPlace("input", 1, 0, "itself"),
    }
    assert len(attentions_within(model, 1.0)) == 4


def test_strength_takes_stages_from_the_middle_outwards() -> None:
    def numbers(config: UNetConfig, strength: float) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place in sorted(stages_within(config, strength), key=lambda each: each.stage):
            found.setdefault(place.side, []).append(place.stage)
        return found

    assert numbers(SD1, 1.0) == {"middle": [0], "input": [10, 11], "output": [0, 1, 2, 3]}
    assert numbers(SD1, 2.0) == {"middle": [0], "input": [5, 7, 8, 10, 11], "output": list(range(8))}
    assert numbers(SD1, 2.1) == {"middle": [0], "input": [4, 5, 7, 8, 10, 11], "output": list(range(8))}
    assert numbers(XL, 2.0) == {"middle": [0], "input": [5, 7, 8], "output": list(range(6))}
    assert stages_within(SD1, 0.1) == {StagePlace("middle", 0), StagePlace("output", 0)}
    assert stages_within(SD1, 0.0) == set()


def test_latents_and_models_of_another_kind_are_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"reference: 16 channels, but sd15 wants 4"):
        put_reference(Reference(torch.zeros(1, 16, 8, 8)), model)
    other: Any = object()
    with pytest.raises(GraphError, match=r"the network of sd15 .* has none"):
        put_reference(Reference(LATENT), replace(model, config=other))
