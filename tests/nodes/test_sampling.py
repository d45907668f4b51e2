"""The sampling nodes with a network: parts that fit together, and what a latent keeps through them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise import StartNoise, initial_noise
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights
from nodes.conditioning.places import set_area, set_mask
from nodes.latent.masking import set_noise_mask
from nodes.sampling.custom import add_noise, no_noise, random_noise, sample_custom, sample_custom_advanced
from nodes.sampling.guidance import differential_diffusion, rescale
from nodes.sampling.guiders import basic_guider, cfg_guider, dual_model_guider, override
from nodes.sampling.ksampler import ksampler, ksampler_advanced
from nodes.sampling.model_sampling import (
    continuous_edm,
    continuous_v,
    discrete,
    shift_aura_flow,
    shift_flux,
    shift_sd3,
)
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

EULER = SAMPLERS["euler"]
EMPTY = {"samples": torch.zeros(1, 4, 6, 8)}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "other.safetensors", 1), FAMILIES)


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def text(seed: int, tokens: int = 77) -> list[Any]:
    return [[torch.randn(1, tokens, 64, generator=torch.Generator().manual_seed(seed)), {}]]


def sigmas(model: Model, steps: int = 4) -> Tensor:
    return SCHEDULERS["normal"](model.predicts.schedule, steps)


def sample(model: Model, ctx: Any, positive: list[Any], latent: dict[str, Any] = EMPTY, cfg: float = 3.0):
    return ksampler(model, 7, 4, cfg, "euler", "normal", positive, text(2), latent, 1.0, ctx)["samples"]


def test_parts_put_together_give_what_the_one_node_gives(opened: OpenedCheckpoint, ctx: Any) -> None:
    model, latent = opened.model, {**EMPTY, "batch_index": [3], "mine": "kept"}
    whole = ksampler(model, 7, 4, 3.0, "euler", "normal", text(1), text(2), latent, 1.0, ctx)
    parts = (EULER, sigmas(model), latent, ctx)
    by_hand, guess = sample_custom_advanced(random_noise(7), cfg_guider(model, text(1), text(2), 3.0), *parts)
    custom, _ = sample_custom(model, True, 7, 3.0, text(1), text(2), *parts)
    assert torch.equal(by_hand["samples"], whole["samples"])
    assert torch.equal(custom["samples"], whole["samples"])
    torch.testing.assert_close(guess["samples"], whole["samples"])  # the last step goes all the way
    assert by_hand["mine"] == guess["mine"] == "kept"


def test_a_run_that_stops_early_shows_its_clean_guess_beside_the_latent(opened: OpenedCheckpoint, ctx: Any) -> None:
    levels, scale = torch.tensor([5.0, 2.0]), opened.model.latent.scale
    output, guess = sample_custom(opened.model, True, 7, 3.0, text(1), text(2), EULER, levels, EMPTY, ctx)
    clean, x = guess["samples"] * scale, initial_noise(7, (1, 4, 6, 8)) * 5
    torch.testing.assert_close(output["samples"] * scale, clean + (x - clean) * 2 / 5)


def test_two_halves_make_a_whole(opened: OpenedCheckpoint, ctx: Any) -> None:
    def part(latent: dict[str, Any], noise: str, first: int, last: int, leftover: str) -> dict[str, Any]:
        return ksampler_advanced(
            *(opened.model, noise, 7, 6, 3.0, "euler", "normal", text(1), text(2), latent, first, last, leftover, ctx)
        )

    half = part(EMPTY, "enable", 0, 3, "enable")
    whole = part(EMPTY, "enable", 0, 10000, "disable")
    rest = part(half, "disable", 3, 10000, "disable")
    torch.testing.assert_close(rest["samples"], whole["samples"], atol=1e-4, rtol=1e-4)
    assert part(EMPTY, "enable", 9, 10000, "disable") is EMPTY


def test_one_text_without_guidance(opened: OpenedCheckpoint, ctx: Any) -> None:
    parts = (EULER, sigmas(opened.model), EMPTY, ctx)
    output, _ = sample_custom_advanced(random_noise(7), basic_guider(opened.model, text(1)), *parts)
    assert torch.equal(output["samples"], sample(opened.model, ctx, text(1), cfg=1.0))


def test_a_negative_by_another_model(opened: OpenedCheckpoint, other: OpenedCheckpoint, ctx: Any) -> None:
    parts = (EULER, sigmas(opened.model), EMPTY, ctx)
    alone = dual_model_guider(opened.model, text(1), 3.0, negative=text(2))
    by_both = dual_model_guider(opened.model, text(1), 3.0, negative=text(2), model_negative=other.model)
    same, _ = sample_custom_advanced(random_noise(7), alone, *parts)
    mixed, _ = sample_custom_advanced(random_noise(7), by_both, *parts)
    assert torch.equal(same["samples"], sample(opened.model, ctx, text(1)))
    assert not torch.allclose(mixed["samples"], same["samples"], atol=1e-2)


def test_a_text_that_counts_several_times_leads_away_from_what_the_other_model_says(
    opened: OpenedCheckpoint, other: OpenedCheckpoint, ctx: Any
) -> None:
    twice = [[states, {**more, "gain": 2.0}] for states, more in text(1)]
    found, wanted = (
        sample_custom_advanced(
            random_noise(7),
            dual_model_guider(opened.model, positive, cfg, negative=text(2), model_negative=other.model),
            *(EULER, sigmas(opened.model), EMPTY, ctx),
        )[0]["samples"]
        for positive, cfg in ((twice, 1.5), (text(1), 3.0))
    )
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


def test_a_conditioning_in_a_part_of_the_picture_changes_that_part_most(opened: OpenedCheckpoint, ctx: Any) -> None:
    wide = {"samples": torch.zeros(1, 4, 8, 32)}
    base = sample(opened.model, ctx, text(1), wide)
    mask = torch.zeros(1, 64, 256)
    mask[:, :, :128] = 1
    for there in (set_area(text(5), 128, 64, 0, 0, 4.0), set_mask(text(5), mask, 4.0, "default")):
        away = (sample(opened.model, ctx, [*text(1), *there], wide) - base).abs().mean((0, 1, 2))
        assert float(away[:12].mean()) > 2 * float(away[-12:].mean())


def test_a_masked_latent_keeps_what_the_mask_leaves_out(opened: OpenedCheckpoint, ctx: Any) -> None:
    latent = {"samples": initial_noise(3, (1, 4, 6, 8)) * 0.5}
    mask = torch.zeros(48, 64)
    mask[:, 32:] = 1
    for model in (opened.model, differential_diffusion(opened.model, strength=1.0)):
        drawn = sample(model, ctx, text(1), set_noise_mask(latent, mask))
        assert torch.allclose(drawn[..., :3], latent["samples"][..., :3], atol=1e-5)
        assert not torch.allclose(drawn[..., 5:], latent["samples"][..., 5:], atol=0.1)
    assert "noise_mask" not in latent


def test_what_a_model_carries_counts_and_the_model_before_stays(opened: OpenedCheckpoint, ctx: Any) -> None:
    base = sample(opened.model, ctx, text(1))
    assert not torch.allclose(sample(rescale(opened.model, 0.7), ctx, text(1)), base, atol=1e-3)
    unguided = sample(opened.model, ctx, text(1), cfg=1.0)
    assert torch.equal(sample(override(opened.model, 1.0, 0.0, 1.0), ctx, text(1)), unguided)
    assert not torch.equal(sample(override(opened.model, 1.0, 0.0, 0.5), ctx, text(1)), unguided)
    assert torch.equal(sample(opened.model, ctx, text(1)), base)


def test_noise_is_added_as_a_run_would_begin(opened: OpenedCheckpoint) -> None:
    latent = {"samples": initial_noise(3, (1, 4, 6, 8))}
    levels = sigmas(opened.model)[1:]
    noised = add_noise(opened.model, StartNoise(9), levels, latent)["samples"]
    scale = opened.model.latent.scale
    wanted = latent["samples"] + initial_noise(9, (1, 4, 6, 8)) * float(levels[0] - levels[-1]) / scale
    torch.testing.assert_close(noised, wanted)
    torch.testing.assert_close(add_noise(opened.model, no_noise(), levels, latent), latent)
    assert add_noise(opened.model, StartNoise(9), torch.zeros(0), latent) is latent


def test_numbers_that_make_no_levels_are_refused(opened: OpenedCheckpoint, ctx: Any) -> None:
    with pytest.raises(GraphError, match=r"sigma_min is 5.0 and sigma_max 1.0"):
        continuous_edm(opened.model, "eps", 1.0, 5.0, ctx)


def test_playgrounds_way_is_edm_on_latents_of_its_own(opened: OpenedCheckpoint, ctx: Any) -> None:
    playground = continuous_edm(opened.model, "edm_playground_v2.5", 120.0, 0.002, ctx)
    as_edm = continuous_edm(opened.model, "edm", 120.0, 0.002, ctx)
    drawn = [sample(model, ctx, text(1)) for model in (playground, as_edm)]
    inward = [model.latent.inward(latent) for model, latent in zip((playground, as_edm), drawn, strict=True)]
    torch.testing.assert_close(*inward)
    assert not torch.allclose(*drawn, atol=1e-2)
    other = replace(opened.model, own_latent=replace(opened.model.latent, channels=16))
    with pytest.raises(GraphError, match="sd15's have 16 channels; choose another"):
        continuous_edm(other, "edm_playground_v2.5", 120.0, 0.002, ctx)


@pytest.mark.parametrize(("most", "base", "px"), [(100.0, 0.5, 1024), (0.0, 100.0, 16384), (1.15, 100.0, 256)])
def test_a_shift_that_leaves_no_levels_apart_is_refused_at_its_node(
    opened: OpenedCheckpoint, ctx: Any, most: float, base: float, px: int
) -> None:
    with pytest.raises(
        GraphError, match=r"max_shift: .* makes a shift of .* beyond 16 the noise levels cannot be told"
    ):
        shift_flux(opened.model, most, base, px, px, ctx)


@pytest.mark.parametrize("shift", [shift_sd3, shift_aura_flow])
def test_no_shift_is_one_and_not_zero(shift: Any, opened: OpenedCheckpoint, ctx: Any) -> None:
    with pytest.raises(GraphError, match=r"shift: 0\.0 leaves no noise level above 0; 1 is no shift"):
        shift(opened.model, 0.0, ctx)


def test_a_flow_for_noise_and_noise_for_a_flow_are_told(opened: OpenedCheckpoint, ctx: Any) -> None:
    flow = shift_sd3(opened.model, 3.0, ctx)
    (said,) = ctx.notes
    assert "sd15 is known as a model of noise levels and is now taken for one of a flow: right only if" in said
    shift_flux(flow, 1.15, 0.5, 64, 64, ctx)
    discrete(opened.model, "v_prediction", ctx=ctx)
    assert len(ctx.notes) == 1
    continuous_v(flow, "v_prediction", 500.0, 0.03, ctx)
    assert "a model of a flow and is now taken for one of noise levels" in ctx.notes[1]


@pytest.mark.parametrize("shape", [(4, 8, 8), (1, 4, 1, 8, 8), (0, 4, 8, 8), (1, 4, 0, 8)])
def test_a_latent_that_is_none_of_a_picture_is_refused(shape: tuple[int, ...], opened: Any, ctx: Any) -> None:
    with pytest.raises(ShapeError, match=r"latent_image: shape \[.*\], but sd15 wants \[B, 4, h, w\]"):
        ksampler(
            opened.model, 1, 1, 1.0, "euler", "normal", text(1), text(0), {"samples": torch.zeros(shape)}, 1.0, ctx
        )


def test_a_model_takes_on_another_meaning_of_its_output(opened: OpenedCheckpoint, ctx: Any) -> None:
    base = sample(opened.model, ctx, text(1))
    for model in (discrete(opened.model, "v_prediction", True, ctx=ctx), shift_sd3(opened.model, 3.0, ctx)):
        drawn = sample(model, ctx, text(1))
        assert drawn.isfinite().all()
        assert not torch.allclose(drawn, base, atol=1e-2)


def test_a_text_of_another_family_is_refused_by_the_nodes_too(opened: OpenedCheckpoint, ctx: Any) -> None:
    wrong = [[torch.zeros(1, 77, 768), {}]]
    with pytest.raises(ShapeError, match="768 wide"):
        sample(opened.model, ctx, wrong)
    with pytest.raises(ShapeError, match=r"positive, entry 0: shape \[77, 64\]"):
        sample(opened.model, ctx, [[torch.zeros(77, 64), {}]])
