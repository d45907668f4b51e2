"""Control nets applied to conditionings, and what a run then does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.ops import TRAINABLE
from model_management.checkpoint import open_checkpoint
from model_management.control_files import open_control_net
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.conditioning.control import apply, apply_to_one, set_type
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny
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
