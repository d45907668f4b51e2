"""Guidance that looks into a network, and runs that leave out steps: the nodes with tiny networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, HeddleError
from heddle.networks.unet import UNetConfig
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise import ScaledSteps, StartNoise, step_noise
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights
from nodes.catalogue import built_in
from nodes.patches.images import reference_only
from nodes.sampling.attention_guidance import (
    normalized_attention_guidance,
    perturbed_attention,
    self_attention,
    skip_layers,
    skip_layers_of_negative,
    skip_layers_sd3,
)
from nodes.sampling.custom import add_noise, no_noise, random_noise, sample_custom_advanced
from nodes.sampling.guidance import perp_neg
from nodes.sampling.guiders import basic_guider, cfg_guider, dual_cfg_guider, perp_neg_guider
from nodes.sampling.ksampler import ksampler
from nodes.sampling.model_sampling import scale_noise
from nodes.sampling.reuse import easy_cache, lazy_cache
from tests.model_management import tiny, tiny_transformers
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

EMPTY = {"samples": torch.zeros(1, 4, 8, 12)}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OpenedCheckpoint]:
    folder = tmp_path_factory.mktemp("m")
    three_blocks = replace(tiny_transformers.FLUX, double_blocks=2, single_blocks=3)
    files = {
        "unet": write_tiny_checkpoint(folder / "unet.safetensors"),
        "flux": tiny.write_checkpoint(folder / "flux.safetensors", tiny_transformers.flux_tensors(three_blocks)),
        "sd3": tiny.write_checkpoint(folder / "sd3.safetensors", tiny_transformers.sd3_tensors("l", "g")),
    }
    return {name: open_checkpoint(path, FAMILIES) for name, path in files.items()}


@pytest.fixture
def ctx() -> Any:
    return FakeContext(weights=Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def text(model: Model, seed: int, tokens: int = 6) -> list[Any]:
    random = torch.Generator().manual_seed(seed)
    pooled = torch.randn(1, model.config.vector_width or 1, generator=random)
    return [[torch.randn(1, tokens, model.config.context_width, generator=random), {"pooled_output": pooled}]]


def sample(model: Model, ctx: Any, cfg: float = 3.0, latent: dict[str, Any] | None = None, sampler: str = "euler"):
    if latent is None:
        latent = EMPTY if isinstance(model.config, UNetConfig) else {"samples": torch.zeros(1, 16, 6, 8)}
    positive, negative = text(model, 1), text(model, 2)
    return ksampler(model, 7, 3, cfg, sampler, "simple", positive, negative, latent, 1.0, ctx)["samples"]


def levels(model: Model, steps: int = 4) -> Tensor:
    return SCHEDULERS["simple"](model.predicts.schedule, steps)


UNET_PATCHES = {
    "pag": lambda model: perturbed_attention(model, 3.0),
    "sag": lambda model: self_attention(model, 0.5, 2.0),
    "nag": lambda model: normalized_attention_guidance(model, 5.0, 0.5, 1.5),
}


@pytest.mark.parametrize("patch", UNET_PATCHES.values(), ids=UNET_PATCHES)
@pytest.mark.parametrize("cfg", [1.0, 3.0])
def test_a_patched_unet_draws_something_else_and_each_of_a_batch_as_alone(patch, cfg: float, opened, ctx) -> None:
    model = opened["unet"].model
    plain, alone = sample(model, ctx, cfg), sample(patch(model), ctx, cfg)
    assert alone.isfinite().all()
    assert (alone - plain).abs().max() > 1e-3
    two = {"samples": torch.zeros(2, 4, 8, 12), "batch_index": [3, 0]}
    torch.testing.assert_close(sample(patch(model), ctx, cfg, two)[1:], alone, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(sample(model, ctx, cfg), plain)  # nothing is left behind


def test_scales_that_add_nothing_leave_the_picture(opened, ctx) -> None:
    model = opened["unet"].model
    plain = sample(model, ctx)
    for patched in (
        perturbed_attention(model, 0.0),
        self_attention(model, 0.0, 2.0),
        normalized_attention_guidance(model, 5.0, 0.0, 1.5),
    ):
        torch.testing.assert_close(sample(patched, ctx), plain, atol=1e-4, rtol=1e-4)


def skipping(model: Model, ctx: Any, layers: str = "0", **more: Any) -> dict[str, Model]:
    return {
        "dit": skip_layers(model, layers, layers, 3.0, 0.0, 1.0, 0.5, ctx=ctx),
        "sd3": skip_layers_sd3(model, layers, 3.0, 0.0, 1.0, ctx=ctx),
        "simple": skip_layers_of_negative(model, layers, layers, 0.0, 1.0, ctx=ctx),
    }


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_a_transformer_with_skipped_layers_draws_something_else(family: str, opened, ctx) -> None:
    model = opened[family].model
    plain = sample(model, ctx)
    found = {name: sample(each, ctx) for name, each in skipping(model, ctx).items()}
    for each in (*found.values(), sample(normalized_attention_guidance(model, 5.0, 0.5, 1.5), ctx, 1.0)):
        assert each.isfinite().all()
        assert (each - plain).abs().max() > 1e-3
    assert not torch.allclose(found["dit"], found["simple"])


def test_layers_count_from_zero_and_those_beyond_the_last_are_noted(opened, ctx) -> None:
    model = opened["flux"].model
    assert skip_layers(model, " 5;7", "none", ctx=ctx) == model
    assert ctx.notes == ["flux has 2 double blocks, 0 to 1; not there: 5, 7"]
    ctx.notes.clear()
    skip_layers(opened["sd3"].model, "1", "7, 8, 9", ctx=ctx)  # which has no single blocks at all
    assert ctx.notes == []


def test_levels_outside_of_its_part_of_the_run_are_left_alone(opened, ctx) -> None:
    model = opened["flux"].model
    never = skip_layers(model, "0", "0", 3.0, 0.999, 1.0, ctx=ctx)
    torch.testing.assert_close(sample(never, ctx), sample(model, ctx))


def test_the_wrong_kind_of_network_is_refused_with_the_node_that_is_meant(opened, ctx) -> None:
    unet, flux = opened["unet"].model, opened["flux"].model
    for make in (lambda: perturbed_attention(flux, 3.0), lambda: self_attention(flux, 0.5, 2.0)):
        with pytest.raises(GraphError, match=r"flux is no UNet; .*SkipLayerGuidanceDiT"):
            make()
    for make in (lambda: skip_layers(unet, ctx=ctx), lambda: skip_layers_of_negative(unet, ctx=ctx)):
        with pytest.raises(GraphError, match="a UNet is guided by PerturbedAttentionGuidance"):
            make()
    with pytest.raises(GraphError, match="without attention in its middle"):
        perturbed_attention(replace(unet, config=replace(unet.config, middle_depth=0)), 3.0)


def guiders_of(model: Model) -> dict[str, Any]:
    one, two, three = (text(model, seed) for seed in (1, 2, 3))
    return {
        "basic": basic_guider(model, one),
        "cfg": cfg_guider(model, one, two, 3.0),
        "dual": dual_cfg_guider(model, one, three, two, 3.0, 2.0, "regular"),
        "nested": dual_cfg_guider(model, one, three, two, 3.0, 2.0, "nested"),
        "perp": perp_neg_guider(model, one, two, three, 3.0, 1.0),
    }


CHANGES = [
    *("RescaleCFG", "RenormCFG", "CFGZeroStar", "CFGNorm", "CFGOverride", "Mahiro", "TCFG", "APG", "FreSca"),
    *("PerpNeg", "TemporalScoreRescaling", "Epsilon Scaling", "EasyCache", "LazyCache"),
]


@pytest.mark.parametrize("id", CHANGES)
@pytest.mark.parametrize("sampler", ["euler", "euler_cfg_pp"])
def test_every_change_of_guidance_combines_with_those_that_look_into_the_network(id, sampler, opened, ctx) -> None:
    model = opened["unet"].model
    for patch in UNET_PATCHES.values():
        model = patch(model)
    spec = built_in()[id]
    given = {each.name: each.options["default"] for each in spec.inputs if "default" in each.options}
    given |= {each.name: text(model, 4) for each in spec.inputs if each.type == "CONDITIONING"}
    assert spec.call is not None
    (changed,) = spec.call(model=model, **given)
    assert sample(changed, ctx, sampler=sampler).isfinite().all()


@pytest.mark.parametrize("fidelity", [0.0, 0.5])
def test_self_attention_guidance_goes_with_a_reference(fidelity: float, opened, ctx) -> None:
    model, reference = opened["unet"].model, {"samples": torch.ones(1, 4, 8, 12)}
    ways = [
        reference_only(self_attention(model, 0.5, 2.0), reference, style_fidelity=fidelity),
        self_attention(reference_only(model, reference, style_fidelity=fidelity), 0.5, 2.0),
    ]
    one, other = (sample(each, ctx) for each in ways)
    assert one.isfinite().all()
    assert torch.equal(one, other)
    assert not torch.allclose(one, sample(reference_only(model, reference, style_fidelity=fidelity), ctx), atol=1e-3)


@pytest.mark.parametrize("name", ["basic", "cfg", "dual", "nested", "perp"])
def test_every_guider_takes_them(name: str, opened, ctx) -> None:
    model = opened["unet"].model
    patched = perp_neg(self_attention(perturbed_attention(model, 3.0), 0.5, 2.0), text(model, 5), 1.0)
    run = (SAMPLERS["euler"], levels(model), EMPTY, ctx)
    plain, _ = sample_custom_advanced(random_noise(7), guiders_of(model)[name], *run)
    found, _ = sample_custom_advanced(random_noise(7), guiders_of(patched)[name], *run)
    assert found["samples"].isfinite().all()
    assert not torch.allclose(found["samples"], plain["samples"], atol=1e-3)


def test_the_patch_of_perp_neg_gives_what_its_guider_gives(opened, ctx) -> None:
    model = opened["unet"].model
    run = (SAMPLERS["euler"], levels(model), EMPTY, ctx)
    guider = perp_neg_guider(model, text(model, 1), text(model, 2), text(model, 3), 3.0, 0.8)
    patched = cfg_guider(perp_neg(model, text(model, 3), 0.8), text(model, 1), text(model, 2), 3.0)
    wanted, found = (sample_custom_advanced(random_noise(7), each, *run)[0] for each in (guider, patched))
    torch.testing.assert_close(found["samples"], wanted["samples"], atol=1e-4, rtol=1e-4)


def test_attention_is_not_guided_without_a_negative(opened, ctx) -> None:
    model = normalized_attention_guidance(opened["unet"].model, 5.0, 0.5, 1.5)
    with pytest.raises(HeddleError, match="this guider has none"):
        sample_custom_advanced(
            random_noise(7), basic_guider(model, text(model, 1)), SAMPLERS["euler"], levels(model), EMPTY, ctx
        )


@pytest.mark.parametrize("cache", [easy_cache, lazy_cache])
@pytest.mark.parametrize("family", ["unet", "flux"])
def test_a_cache_leaves_out_steps_says_so_and_is_new_in_each_run(cache, family: str, opened, ctx) -> None:
    model = opened[family].model
    latent = EMPTY if family == "unet" else {"samples": torch.zeros(1, 16, 6, 8)}

    def run(model: Model) -> Tensor:
        sides = text(model, 1), text(model, 2)
        return ksampler(model, 7, 12, 3.0, "euler", "simple", *sides, latent, 1.0, ctx)["samples"]

    plain = run(model)
    torch.testing.assert_close(run(cache(model, 0.0, 0.0, 1.0, False)), plain)
    assert ctx.notes == []
    cached = cache(model, 3.0, 0.0, 1.0, True)
    found, notes = run(cached), list(ctx.notes)
    assert any("used again" in line for line in notes)
    assert not torch.equal(found, plain) and found.isfinite().all()
    ctx.notes.clear()
    assert torch.equal(run(cached), found)
    assert ctx.notes == notes


def test_scaled_noise_is_what_a_run_begins_with_and_what_its_steps_add(opened, ctx) -> None:
    model = opened["unet"].model
    twice, level = scale_noise(scale_noise(model, 5.0), 2.0), torch.tensor([3.0])
    latent = {"samples": torch.ones(1, 4, 4, 4)}
    one, two = (add_noise(each, random_noise(7), level, latent)["samples"] - 1 for each in (model, twice))
    torch.testing.assert_close(two, one * 2)
    none = add_noise(twice, no_noise(), level, latent)["samples"]
    torch.testing.assert_close(none, latent["samples"])
    torch.testing.assert_close(sample(scale_noise(model, 1.0), ctx), sample(model, ctx))
    guiders = [cfg_guider(each, text(model, 1), text(model, 2), 3.0) for each in (model, twice)]
    run = (SAMPLERS["euler_ancestral"], levels(model), EMPTY, ctx)
    wanted, _ = sample_custom_advanced(Doubled(7), guiders[0], *run)
    found, _ = sample_custom_advanced(random_noise(7), guiders[1], *run)
    torch.testing.assert_close(found["samples"], wanted["samples"])


class Doubled(StartNoise):
    """Noise that is twice as large by itself."""

    def generate_noise(self, latent: Any) -> Tensor:
        return super().generate_noise(latent) * 2

    def step_noise(self, latent: Any) -> ScaledSteps:
        return ScaledSteps(step_noise(self.seed), 2.0)
