"""Previews while sampling: pictures of the guess, seldom enough, and never at the result's cost."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from heddle.graph.errors import Cancelled
from heddle.numerics.latent_rgb import LatentColours
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights
from nodes.sampling import watching
from nodes.sampling.ksampler import ksampler
from nodes.sampling.watching import BETWEEN_S, LARGEST_SHARE, StepWatch
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def clean(batch: int = 1) -> Tensor:
    return torch.randn(batch, 4, 6, 8, generator=torch.Generator().manual_seed(3))


def sample(opened: OpenedCheckpoint, ctx: FakeContext, steps: int = 6) -> Tensor:
    chance = torch.Generator().manual_seed(1)
    positive, negative = (torch.randn(1, 77, 64, generator=chance) for _ in range(2))
    empty = {"samples": torch.zeros(2, 4, 6, 8)}
    texts = [[positive, {}]], [[negative, {}]]
    with torch.inference_mode():
        latent = ksampler(opened.model, 7, steps, 2.0, "euler_ancestral", "normal", *texts, empty, 1.0, ctx)
    return latent["samples"]


def test_pictures_come_while_sampling_and_the_latent_is_the_same_to_the_bit(
    opened: OpenedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BETWEEN_S", 0.0)
    monkeypatch.setattr(watching, "LARGEST_SHARE", float("inf"))
    shown = FakeContext(weights=Weights(torch.device("cpu")), preview_px=40)
    without = FakeContext(weights=Weights(torch.device("cpu")))
    assert torch.equal(sample(opened, shown), sample(opened, without))
    assert len(shown.previews) == 5 and without.previews == []  # the last step's guess is the result
    assert shown.steps == without.steps == [(step, 6) for step in range(1, 7)]
    for picture, form in shown.previews:
        assert form == "jpeg"
        with Image.open(io.BytesIO(picture)) as read:
            assert (read.format, read.size) == ("JPEG", (40, 30))


def test_nobody_wanting_previews_costs_no_colours(opened: OpenedCheckpoint) -> None:
    weights = Weights(torch.device("cpu"))
    sample(opened, FakeContext(weights=weights))
    assert [role for _file, role, _bytes in weights.residents] == ["network"]


def test_previews_come_no_more_often_than_they_should(opened: OpenedCheckpoint, weights: Weights, clock: Clock) -> None:
    ctx = FakeContext(weights=weights, preview_px=40)
    watch = StepWatch(ctx, opened.model, 1000, clock)
    for step in range(100):
        clock.now += BETWEEN_S / 3.5
        watch(step, clean(), clean())
    assert len(ctx.previews) == 25
    assert len(ctx.steps) == 100


def test_steps_that_are_long_are_each_shown_but_the_last(
    opened: OpenedCheckpoint, weights: Weights, clock: Clock
) -> None:
    ctx = FakeContext(weights=weights, preview_px=40)
    watch = StepWatch(ctx, opened.model, 5, clock)
    for step in range(5):
        clock.now += 1.0
        watch(step, clean(), clean())
    assert len(ctx.previews) == 4


@pytest.mark.parametrize("cost_s", [0.05, 0.5])
def test_dear_previews_come_seldom_enough_to_take_a_small_share_of_the_time(
    opened: OpenedCheckpoint, weights: Weights, clock: Clock, monkeypatch: pytest.MonkeyPatch, cost_s: float
) -> None:
    encode = watching.encode_jpeg

    def slow(pixels: Any) -> bytes:
        clock.now += cost_s
        return encode(pixels)

    monkeypatch.setattr(watching, "encode_jpeg", slow)
    ctx = FakeContext(weights=weights, preview_px=40)
    watch = StepWatch(ctx, opened.model, 10_000, clock)
    began = clock.now
    for step in range(3000):
        clock.now += 0.1
        watch(step, clean(), clean())
    assert watch.spent_s == pytest.approx(len(ctx.previews) * cost_s)
    share = watch.spent_s / (clock.now - began)
    assert 0.9 * LARGEST_SHARE < share <= LARGEST_SHARE


def test_waiting_for_a_device_that_is_behind_is_no_cost_of_previews(
    opened: OpenedCheckpoint, weights: Weights, clock: Clock
) -> None:
    class Behind(Tensor):
        """A guess whose copy to the CPU takes half a second."""

        def to(self, *where: Any, **how: Any) -> Tensor:
            clock.now += 0.5
            return self.as_subclass(Tensor).to(*where, **how)

    ctx = FakeContext(weights=weights, preview_px=40)
    watch = StepWatch(ctx, opened.model, 100, clock)
    for step in range(10):
        clock.now += 0.01
        watch(step, clean(), clean().as_subclass(Behind))
    assert ctx.previews == []  # it is too soon
    for step in range(10, 30):
        clock.now += BETWEEN_S
        watch(step, clean(), clean().as_subclass(Behind))
    assert len(ctx.previews) == 20 and watch.spent_s == 0.0


def test_a_preview_that_fails_is_said_once_and_the_run_goes_on_without(
    opened: OpenedCheckpoint, weights: Weights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(pixels: Any) -> bytes:
        raise OSError("no room for a picture")

    monkeypatch.setattr(watching, "BETWEEN_S", 0.0)
    monkeypatch.setattr(watching, "LARGEST_SHARE", float("inf"))
    monkeypatch.setattr(watching, "encode_jpeg", broken)
    ctx = FakeContext(weights=weights, preview_px=40)
    with caplog.at_level(logging.WARNING):
        found = sample(opened, ctx)
    assert found.isfinite().all() and ctx.previews == [] and len(ctx.steps) == 6
    (line,) = [each.getMessage() for each in caplog.records]
    assert "node 7" in line and "no more previews" in line and "no room for a picture" in line


def test_who_cancels_is_heard_also_inside_a_preview(
    opened: OpenedCheckpoint, weights: Weights, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: FakeContext, picture: bytes, form: str) -> None:
        raise Cancelled()

    monkeypatch.setattr(FakeContext, "preview", stop)
    watch = StepWatch(FakeContext(weights=weights, preview_px=40), opened.model, 9, clock)
    clock.now += 1.0
    with pytest.raises(Cancelled):
        watch(0, clean(), clean())


def test_a_model_whose_colours_nobody_knows_is_sampled_without_previews(
    opened: OpenedCheckpoint, weights: Weights, clock: Clock
) -> None:
    family = replace(opened.model.family, latent=replace(opened.model.latent, colours=None))
    ctx = FakeContext(weights=weights, preview_px=40)
    watch = StepWatch(ctx, replace(opened.model, family=family, vae=None), 9, clock)
    for step in range(8):
        clock.now += 1.0
        watch(step, clean(), clean())
    assert ctx.previews == [] and len(ctx.steps) == 8


def test_the_first_of_a_batch_is_shown(opened: OpenedCheckpoint, weights: Weights, clock: Clock) -> None:
    def first_shown(guess: Tensor) -> bytes:
        ctx = FakeContext(weights=weights, preview_px=40)
        watch = StepWatch(ctx, colourful(opened.model), 9, clock)
        clock.now += 1.0
        watch(0, guess, guess)
        return ctx.previews[0][0]

    batch = clean(3)
    assert first_shown(batch) == first_shown(batch[:1]) != first_shown(batch[1:])


def colourful(model: Model) -> Model:
    """The model with colours that need no autoencoder."""
    colours = LatentColours(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)))
    return replace(model, vae=None, family=replace(model.family, latent=replace(model.latent, colours=colours)))
