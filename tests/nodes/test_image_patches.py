"""Nodes that let a model follow images, from files to sampled latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.networks.clip_vision import ClipVision, ClipVisionConfig
from heddle.networks.ops import TRAINABLE
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.ip_adapter import read_images
from model_management.vision import encode_for_vision, open_clip_vision, prepare
from model_management.weights import Weights
from nodes.loaders.ip_adapter import load_ip_adapter
from nodes.patches.images import apply_ip_adapter, reference_only
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny
from tests.model_management.tiny_ip_adapter import STATES, WHOLE, ip_adapter_tensors, written
from tests.nodes.fake_context import FakeContext

VISION = ClipVisionConfig(STATES, 2, 40, 1, patch_px=4, image_px=12, quick_gate=True, projection_width=WHOLE)
IMAGES = torch.rand(2, 16, 24, 3, generator=torch.manual_seed(1))
LAYERS = (32, 32, 32, 64)  # of the tiny checkpoint


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> FakeContext:
    base = tmp_path_factory.mktemp("base")
    folder = base / "models" / "ipadapter"
    folder.mkdir(parents=True)
    for kind in ("base", "plus"):
        written(folder / f"{kind}.bin", ip_adapter_tensors(kind, 64, LAYERS))
    torch.manual_seed(0)
    net = ClipVision(VISION, TRAINABLE)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_file({name: each.contiguous() for name, each in net.state_dict().items()}, base / "vision.safetensors")
    tiny.write_checkpoint(base / "model.safetensors")
    return FakeContext(base, Weights(torch.device("cpu")))


@pytest.fixture
def model(ctx: FakeContext) -> Model:
    return open_checkpoint(ctx.folders.base / "model.safetensors", FAMILIES).model


@pytest.fixture
def vision(ctx: FakeContext) -> Any:
    return open_clip_vision(ctx.folders.base / "vision.safetensors")


def text(seed: int) -> list[Any]:
    return [[torch.randn(1, 6, 64, generator=torch.manual_seed(seed)), {}]]


def sample(model: Model, ctx: FakeContext, cfg: float = 3.0, batch: int = 1) -> Tensor:
    latent = {"samples": torch.zeros(batch, 4, 8, 8)}
    with torch.inference_mode():
        return ksampler(model, 5, 2, cfg, "euler", "normal", text(1), text(2), latent, 1.0, ctx)["samples"]


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_a_run_follows_an_image(kind: str, model: Model, vision: Any, ctx: FakeContext) -> None:
    ctx.notes.clear()
    adapter = load_ip_adapter(f"{kind}.bin", ctx)
    assert f"{kind}.bin: " in ctx.notes[0] and "keys match" in ctx.notes[0] and "wide)" in ctx.notes[0]
    plain = sample(model, ctx)
    following = apply_ip_adapter(model, adapter, vision, IMAGES[:1], ctx=ctx)
    followed = sample(following, ctx)
    assert (followed - plain).abs().max() > 1e-2
    assert apply_ip_adapter(model, adapter, vision, IMAGES, 0.0, ctx=ctx) is model
    averse = apply_ip_adapter(model, adapter, vision, IMAGES[:1], negative_image=IMAGES[1:], ctx=ctx)
    assert (sample(averse, ctx) - followed).abs().max() > 1e-3
    torch.testing.assert_close(sample(averse, ctx, cfg=1.0), sample(following, ctx, cfg=1.0))


def test_an_image_in_two_halves_of_the_weight_is_the_whole(model: Model, vision: Any, ctx: FakeContext) -> None:
    adapter = load_ip_adapter("base.bin", ctx)
    half = apply_ip_adapter(model, adapter, vision, IMAGES[:1], 0.5, ctx=ctx)
    twice = apply_ip_adapter(half, adapter, vision, IMAGES[:1], 0.5, ctx=ctx)
    whole = apply_ip_adapter(model, adapter, vision, IMAGES[:1], 1.0, ctx=ctx)
    torch.testing.assert_close(sample(twice, ctx), sample(whole, ctx), rtol=1e-4, atol=1e-4)


def test_an_image_twice_says_what_it_says_once_and_two_differ_by_how_they_are_joined(
    model: Model, vision: Any, ctx: FakeContext
) -> None:
    adapter = load_ip_adapter("base.bin", ctx)

    def with_images(images: Tensor, combine: str) -> Tensor:
        return sample(apply_ip_adapter(model, adapter, vision, images, 1.0, combine, ctx=ctx), ctx)

    once = with_images(IMAGES[:1], "concat")
    for combine in ("concat", "average"):
        torch.testing.assert_close(with_images(IMAGES[[0, 0]], combine), once, rtol=1e-4, atol=1e-4)
    assert (with_images(IMAGES, "concat") - with_images(IMAGES, "average")).abs().max() > 1e-3


def test_no_image_is_nothing_for_the_whole_and_the_mean_colour_for_patches(vision: Any, ctx: FakeContext) -> None:
    weights: Weights = ctx.weights
    assert not read_images(load_ip_adapter("base.bin", ctx), vision, None, weights).any()
    found = read_images(load_ip_adapter("plus.bin", ctx), vision, None, weights)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).expand(1, 12, 12, 3)
    assert prepare(mean, vision.config, is_cropped=True).abs().max() < 0.01
    wanted = encode_for_vision(vision, mean, weights, is_cropped=True).penultimate_hidden_states
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)


def test_an_encoder_of_another_width_is_refused(model: Model, ctx: FakeContext, tmp_path: Path) -> None:
    config = ClipVisionConfig(STATES, 1, 8, 1, patch_px=4, image_px=12, quick_gate=True, projection_width=WHOLE + 1)
    save_file({name: each.contiguous() for name, each in ClipVision(config, TRAINABLE).state_dict().items()},
              tmp_path / "other.safetensors")  # fmt: skip
    other = open_clip_vision(tmp_path / "other.safetensors")
    adapter = load_ip_adapter("base.bin", ctx)
    with pytest.raises(
        GraphError, match=r"base\.bin wants a vision encoder \(24 wide\), but other\.safetensors gives 25"
    ):
        apply_ip_adapter(model, adapter, other, IMAGES, ctx=ctx)


@pytest.mark.parametrize("mode", ["attention", "adain", "attention and adain"])
def test_a_run_looks_at_its_reference(mode: str, model: Model, ctx: FakeContext) -> None:
    reference = {"samples": torch.randn(1, 4, 8, 8, generator=torch.manual_seed(3)) * 5}
    plain = sample(model, ctx, batch=2)
    looking = reference_only(model, reference, mode)
    found = sample(looking, ctx, batch=2)
    assert (found - plain).abs().amax((1, 2, 3)).min() > 1e-2
    assert torch.equal(sample(looking, ctx, batch=2), found)
    assert not torch.equal(sample(reference_only(model, reference, mode, seed=1), ctx, batch=2), found)
    assert reference_only(model, reference, mode, 0.0) is model
