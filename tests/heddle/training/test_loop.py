"""The training loop: it learns, its rates rise and fall, its files are whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from heddle.graph.errors import Cancelled, FileProblem
from heddle.training.loop import Plan, train, write_checkpoint
from heddle.training.losses import noise_loss, reconstruction_loss, seeded_chance


def fit(checkpoint: Path, plan: Plan, stop_at: int | None = None) -> tuple[dict[str, Tensor], list[float]]:
    """Fit a line to y = 3 x - 1 from noisy points."""
    line = nn.Linear(1, 1)
    nn.init.zeros_(line.weight)
    nn.init.zeros_(line.bias)
    done: list[int] = []

    def loss_of(step: int) -> Tensor:
        x = torch.randn(32, 1, generator=seeded_chance(1, step))
        return (line(x) - (3 * x - 1)).square().mean()

    trained = train(
        dict(line.named_parameters()),
        loss_of,
        plan,
        checkpoint,
        on_progress=lambda progress: done.append(progress.step),
        should_stop=lambda: bool(done) and done[-1] == stop_at,
    )
    return trained.average, trained.losses


def test_it_finds_the_line(tmp_path: Path) -> None:
    average, losses = fit(tmp_path / "line.pt", Plan(steps=300, learning_rate=0.1, warmup_steps=5, average_decay=0.9))
    assert average["weight"].item() == pytest.approx(3, abs=0.02)
    assert average["bias"].item() == pytest.approx(-1, abs=0.02)
    assert len(losses) == 300
    assert losses[-1] < 1e-3 < losses[0]


def test_a_stop_keeps_everything_and_the_rest_is_as_if_there_had_been_none(tmp_path: Path) -> None:
    plan = Plan(steps=40, learning_rate=0.05, warmup_steps=5)
    whole = fit(tmp_path / "whole.pt", plan)
    for stop_at in (7, 33):
        with pytest.raises(Cancelled):
            fit(tmp_path / "parts.pt", plan, stop_at)
    parts = fit(tmp_path / "parts.pt", plan)
    assert parts[1] == whole[1]
    assert all(torch.equal(parts[0][name], whole[0][name]) for name in whole[0])


def test_steps_that_are_put_together_move_once_by_their_mean() -> None:
    point = nn.Parameter(torch.zeros(1))
    seen: list[float] = []

    def loss_of(step: int) -> Tensor:
        seen.append(point.item())
        return (point - step).square().sum() / 2  # its gradient is the way from the step's number

    train(
        {"point": point},
        loss_of,
        Plan(5, 1.0, warmup_steps=0, fall_share=0.0, clip_norm=float("inf")),
        make_optimizer=lambda tensors, plan: torch.optim.SGD(tensors, lr=plan.learning_rate),
        accumulate=2,
    )
    assert seen == [0, 0, 0.5, 0.5, 2.5] and point.item() == 4  # the last step stands alone


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    plan = Plan(steps=10, learning_rate=0.05)
    first = fit(tmp_path / "line.pt", plan)
    written = (tmp_path / "line.pt").stat().st_mtime_ns
    assert fit(tmp_path / "line.pt", plan) == first
    assert (tmp_path / "line.pt").stat().st_mtime_ns == written


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(steps=1000, learning_rate=1.0, warmup_steps=100, fall_share=0.3)
    rates = [plan.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99:700] == [1.0] * 601
    assert all(after < before for before, after in pairwise(rates[701:]))
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_more_steps_change_nothing_before_the_fall() -> None:
    short, long = Plan(steps=1000, learning_rate=1.0), Plan(steps=2000, learning_rate=1.0)
    assert [short.rate(step) for step in range(650)] == [long.rate(step) for step in range(650)]


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.pt"
    write_checkpoint(path, {"step": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(FileProblem, match="No space left"):
        write_checkpoint(path, {"step": 2})
    monkeypatch.undo()
    assert torch.load(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_steps_chance_depends_on_seed_and_step_alone() -> None:
    draws = {
        (seed, step): torch.rand(1, generator=seeded_chance(seed, step)).item() for seed in (1, 2) for step in (0, 1)
    }
    assert len(set(draws.values())) == 4
    assert torch.rand(1, generator=seeded_chance(2, 1)).item() == draws[2, 1]


def test_low_noise_counts_less_and_high_noise_more() -> None:
    said, noise = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    losses = [noise_loss(said, noise, torch.tensor([sigma])).item() for sigma in (0.1, 0.75, 10.0)]
    assert losses == pytest.approx([0.05 * 1.01**0.75, 1.5625**0.75, 101**0.75])


def test_a_wrong_colour_costs_more_than_a_wrong_lightness() -> None:
    pixels = torch.zeros(1, 3, 4, 4)
    lighter = torch.full_like(pixels, 0.2)
    redder = pixels + torch.tensor([0.4, 0.0, 0.2])[None, :, None, None]
    assert lighter.sum() == pytest.approx(redder.sum().item())
    assert reconstruction_loss(redder, pixels) > reconstruction_loss(lighter, pixels)
