"""Context Windows in runs of tiny networks: what it leaves as it was, and what it combines with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.ops import TRAINABLE
from heddle.samplers.free_noise import shuffle_noise
from heddle.samplers.window_schedules import SCHEDULES
from model_management.checkpoint import open_checkpoint
from model_management.control_files import open_control_net
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.patches import NetworkPatch
from model_management.weights import Weights
from nodes.conditioning.control import apply
from nodes.patches.images import reference_only
from nodes.patches.unet import hyper_tile
from nodes.patches.windows import show_in_windows
from nodes.sampling.attention_guidance import perturbed_attention, self_attention
from nodes.sampling.custom import add_noise, random_noise
from nodes.sampling.ksampler import ksampler, ksampler_advanced
from nodes.sampling.reuse import easy_cache
from tests.model_management import tiny
from tests.nodes.fake_context import FakeContext

SIZE = (8, 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(7)
    net = ControlNet(ControlNetConfig(tiny.UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40)), TRAINABLE)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    control = {f"control_model.{name}": tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(control, folder / "control.safetensors")
    tiny.write_checkpoint(folder / "model.safetensors")
    return folder


@pytest.fixture
def model(folder: Path) -> Model:
    return open_checkpoint(folder / "model.safetensors", FAMILIES).model


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def text(seed: int, batch: int = 1, **more: Any) -> list[Any]:
    return [[draw(batch, 6, 64, seed=seed), more]]


def windows(model: Model, length: int = 4, overlap: int = 2, **more: Any) -> Model:
    given: dict[str, Any] = {"context_schedule": "standard_static", "context_stride": 1, "closed_loop": False} | more
    return show_in_windows(model, length, overlap, **given)


def sample(
    model: Model, ctx: Any, positive: Any = None, negative: Any = None, batch: int = 1, latent: Any = None
) -> Tensor:
    latent = latent or {"samples": torch.zeros(batch, 4, *SIZE)}
    given = (positive or text(1), negative or text(2))
    return ksampler(model, 5, 3, 3.0, "euler", "normal", *given, latent, 1.0, ctx)["samples"]


@pytest.mark.parametrize("dim", [0, 2, 3])
@pytest.mark.parametrize("freenoise", [False, True])
def test_what_fits_into_one_window_is_drawn_as_without_it_to_the_bit(
    dim: int, freenoise: bool, model: Model, ctx: FakeContext
) -> None:
    put = windows(model, 12, 4, dim=dim, freenoise=freenoise)
    assert torch.equal(sample(put, ctx, batch=3), sample(model, ctx, batch=3))


def test_pictures_of_a_batch_in_windows_are_those_of_the_whole_batch(
    folder: Path, model: Model, ctx: FakeContext
) -> None:
    """No picture looks at another, so nothing may change whatever comes along: each one's own text, mask, hint and
    reference, areas, boxes of the latent that are kept, and guidance that looks into the network."""
    net = open_control_net(folder / "control.safetensors")
    hints = torch.rand(5, 64, 96, 3, generator=torch.Generator().manual_seed(3))
    masks = torch.rand(5, 8, 12, generator=torch.Generator().manual_seed(4))
    positive, negative = apply(text(1, 5), text(2), net, hints, 0.7, 0.0, 1.0)
    positive = [*positive, *text(6, 1, mask=masks, mask_strength=0.5), *text(7, 1, area=(4, 4, 2, 4), strength=2.0)]
    latent = {"samples": draw(5, 4, *SIZE, seed=9), "noise_mask": masks[:, None]}
    model = self_attention(perturbed_attention(model, 2.0), 0.5, 2.0)
    model = reference_only(model, {"samples": draw(2, 4, *SIZE, seed=8)})
    plain = sample(model, ctx, positive, negative, latent=latent)
    for more in ({}, {"context_schedule": "looped_uniform", "closed_loop": True}, {"context_schedule": "batched"}):
        found = sample(windows(model, 2, 1, **more), ctx, positive, negative, latent=latent)
        torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(plain[0], plain[1])


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rows_and_columns_can_lie_in_windows_with_all_else(
    dim: int, schedule: str, folder: Path, model: Model, ctx: FakeContext
) -> None:
    net = open_control_net(folder / "control.safetensors")
    positive, negative = apply(text(1), text(2), net, torch.rand(1, 64, 96, 3), 0.7, 0.0, 1.0)
    positive = [*positive, *text(7, 1, area=(4, 4, 2, 4), strength=2.0)]
    model = self_attention(model, 0.5, 2.0)
    model = easy_cache(model, 0.1, 0.2, 0.9, False)
    model = hyper_tile(model, 32, 2, 0, False)
    plain = sample(model, ctx, positive, negative)
    put = windows(model, 5, 2, dim=dim, context_schedule=schedule, context_stride=2, freenoise=True)
    found = sample(put, ctx, positive, negative)
    assert found.shape == plain.shape and bool(found.isfinite().all())
    assert not torch.allclose(found, plain, atol=1e-2)
    assert torch.equal(found, sample(put, ctx, positive, negative))


def test_calls_are_as_large_as_a_window(model: Model, ctx: FakeContext) -> None:
    sizes: set[tuple[int, ...]] = set()

    def begin(network: Any, _prediction: Any, _note: Any) -> Any:
        def watched(x: Tensor, timesteps: Tensor, call: Any, /) -> Tensor:
            sizes.add(tuple(x.shape))
            return network(x, timesteps, call)

        return watched

    sample(windows(model.with_patch("watch", NetworkPatch(begin)), 2, 0, causal_window_fix=False), ctx, batch=6)
    assert sizes == {(4, 4, *SIZE)}  # both sides of two pictures


def test_a_run_in_two_parts_has_the_windows_of_the_whole(model: Model, ctx: FakeContext) -> None:
    put = windows(model, 4, 1, dim=3, context_schedule="standard_uniform")
    settings = (5, 4, 3.0, "euler", "normal", text(1), text(2))
    empty = {"samples": torch.zeros(1, 4, *SIZE)}
    whole = ksampler_advanced(put, "enable", *settings, empty, 0, 10000, "disable", ctx)["samples"]
    half = ksampler_advanced(put, "enable", *settings, empty, 0, 2, "enable", ctx)
    found = ksampler_advanced(put, "disable", *settings, half, 2, 10000, "disable", ctx)["samples"]
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-4)


def test_free_noise_shuffles_what_a_run_begins_with(model: Model, ctx: FakeContext) -> None:
    latent, sigmas = {"samples": torch.zeros(6, 4, *SIZE)}, torch.tensor([1.0, 0.0])
    plain = add_noise(model, random_noise(3), sigmas, latent)["samples"]
    put = windows(windows(model, 5, 1, freenoise=True), 2, 1, freenoise=True)  # the last one counts
    assert torch.equal(add_noise(put, random_noise(3), sigmas, latent)["samples"], shuffle_noise(plain, 3, 0, 2, 1))
    assert torch.equal(add_noise(windows(put), random_noise(3), sigmas, latent)["samples"], plain)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"length": 4, "overlap": 4}, "cannot overlap by 4"),
        ({"length": 2, "overlap": 4, "context_schedule": "batched", "freenoise": True}, "cannot overlap by 4"),
        ({"cond_retain_index_list": "0, a"}, "'0, a', but whole numbers"),
        ({"latent_retain_index_list": "0; 1"}, "'0; 1', but whole numbers"),
    ],
)
def test_what_cannot_be_is_refused_by_the_node(more: dict[str, Any], words: str, model: Model) -> None:
    with pytest.raises(GraphError, match=words):
        windows(model, **more)
    windows(model, 2, 4, context_schedule="batched")
    windows(model, cond_retain_index_list=" 0, -1 ", latent_retain_index_list="")


@pytest.mark.parametrize("freenoise", [False, True])
def test_a_dimension_that_latents_have_not_is_refused_when_the_run_begins(
    freenoise: bool, model: Model, ctx: FakeContext
) -> None:
    for dim, length in ((4, 16), (5, 16), (1, 2)):
        with pytest.raises(GraphError, match=f"dim {dim}"):
            sample(windows(model, length, 1, dim=dim, freenoise=freenoise), ctx)
