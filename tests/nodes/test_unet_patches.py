"""Nodes that step into a UNet, each with a network that runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.networks.free_u import free_u as free_u_hook
from heddle.networks.hooks import Hooks, StagePlace
from heddle.samplers.conditions import Call
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.denoiser import denoiser_for, hooks_of
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights
from nodes.patches.unet import add_downscale, free_u, free_u_v2, hyper_tile, merge_tokens
from nodes.sampling.ksampler import ksampler
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import UNET, write_tiny_checkpoint


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def text(seed: int) -> list[Any]:
    return [[torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(seed)), {}]]


def sample(model: Model, ctx: Any, height: int = 16, width: int = 12, seed: int = 7) -> Tensor:
    empty = {"samples": torch.zeros(2, 4, height, width)}
    return ksampler(model, seed, 3, 3.0, "euler", "normal", text(1), text(2), empty, 1.0, ctx)["samples"]


def shrunk(
    model: Model, ctx: Any, block: int = 1, factor: float = 2.0, part: tuple[float, float] = (0, 0.5), **more: Any
):
    options = {"after_skip": True, "down": "bicubic", "up": "bicubic"} | more
    return add_downscale(model, block, factor, *part, options["after_skip"], options["down"], options["up"], ctx)


def changes(model: Model, opened: OpenedCheckpoint, ctx: Any) -> bool:
    got = sample(model, ctx)
    assert got.isfinite().all()
    assert torch.equal(got, sample(model, ctx)), "the same once more"
    return not torch.allclose(got, sample(opened.model, ctx), atol=1e-3)


def test_free_u_works_where_the_net_is_twice_and_four_times_as_wide(opened: OpenedCheckpoint, ctx: Any) -> None:
    assert changes(free_u(opened.model, 1.1, 1.5, 0.9, 0.2), opened, ctx)
    assert changes(free_u_v2(opened.model, 1.1, 1.5, 0.9, 0.2), opened, ctx)
    assert not changes(free_u(opened.model, 1.0, 1.0, 1.0, 1.0), opened, ctx)
    (change,) = hooks_of(free_u(opened.model, 1.1, 1.2, 0.9, 0.3))(Call({})).joining
    for channels, factors in ((4 * 32, (1.1, 0.9)), (2 * 32, (1.2, 0.3)), (32, None)):
        x, skip = torch.randn(1, channels, 4, 4), torch.randn(1, 8, 4, 4)
        wanted = free_u_hook({channels: factors}, by_structure=False)(PLACE, x, skip) if factors else (x, skip)
        torch.testing.assert_close(change(PLACE, x, skip), wanted)


PLACE = StagePlace("output", 0)


def test_tiles_and_merged_tokens_change_a_little_and_always_the_same(opened: OpenedCheckpoint, ctx: Any) -> None:
    assert changes(hyper_tile(opened.model, 32, 1, 0, False), opened, ctx)
    assert changes(hyper_tile(opened.model, 64, 3, 1, True), opened, ctx)
    assert not changes(hyper_tile(opened.model, 128, 2, 0, False), opened, ctx)  # one tile
    assert changes(merge_tokens(opened.model, 0.5), opened, ctx)
    assert not changes(merge_tokens(opened.model, 0.0), opened, ctx)


def test_methods_go_together(opened: OpenedCheckpoint, ctx: Any) -> None:
    model = shrunk(merge_tokens(hyper_tile(free_u(opened.model, 1.1, 1.2, 0.9, 0.2), 32, 2, 0, False), 0.3), ctx)
    assert changes(model, opened, ctx)
    assert sample(model, ctx, 15, 13).isfinite().all()


@pytest.mark.parametrize("after_skip", [True, False])
def test_deep_shrink_makes_the_inner_stages_small_in_its_part_of_the_way(
    opened: OpenedCheckpoint, ctx: Any, after_skip: bool
) -> None:
    model = shrunk(opened.model, ctx, factor=2.0, part=(0.2, 0.6), after_skip=after_skip)
    schedule = opened.model.predicts.schedule
    sizes: dict[StagePlace, tuple[int, ...]] = {}
    skips: dict[int, tuple[int, ...]] = {}

    def note(place: StagePlace, x: Tensor) -> Tensor:
        sizes[place] = tuple(x.shape[2:])
        return x

    def note_skip(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        skips[place.stage] = tuple(skip.shape[2:])
        return x, skip

    noting = Hooks(leaving=(note,), joining=(note_skip,))
    with ctx.weights.hold(model) as net:
        for percent, inner in ((0.1, (6, 5)), (0.4, (3, 3)), (0.7, (6, 5))):
            level = torch.tensor(schedule.percent_to_sigma(percent))
            call = Call({"context": torch.randn(1, 7, 64)}, level=float(level), hooks=noting)
            clean = denoiser_for(model, net)(torch.randn(1, 4, 12, 10), level, call)
            assert clean.shape == (1, 4, 12, 10)
            assert sizes[StagePlace("input", 0)] == (12, 10)
            assert sizes[StagePlace("input", 2)] == inner
            assert sizes[StagePlace("middle", 0)] == inner
            assert sizes[StagePlace("output", 3)] == (12, 10)
            whole = percent != 0.4 or after_skip
            assert skips == {0: inner, 1: inner, 2: (12, 10) if whole else (6, 5), 3: (12, 10)}


def test_a_block_that_the_net_does_not_have_shrinks_nothing_and_is_said(opened: OpenedCheckpoint, ctx: Any) -> None:
    assert not changes(shrunk(opened.model, ctx, block=9), opened, ctx)
    assert ctx.notes == ["this model has no block 9, but blocks 0 to 3: nothing is made smaller"]
    assert changes(shrunk(opened.model, ctx, block=3), opened, ctx)
    assert len(ctx.notes) == 1


def test_a_model_without_a_unet_is_refused(opened: OpenedCheckpoint, ctx: Any) -> None:
    other = replace(opened.model, config=object())
    for put in (
        lambda: free_u(other, 1, 1, 1, 1),
        lambda: hyper_tile(other, 256, 2, 0, False),
        lambda: merge_tokens(other, 0.3),
        lambda: shrunk(other, ctx),
    ):
        with pytest.raises(
            GraphError, match=r"stages of a UNet, but the network of sd15 \(tiny\.safetensors\) has none"
        ):
            put()
    assert UNET.stages_down == 4
