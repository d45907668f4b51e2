"""Files that change while their weights are lent: noticed, said, and opened anew by whoever asks again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.errors import WeightsError
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.scaled_weights import scale_unet_attention
from model_management.weights import Weights
from tests.model_management import tiny

CPU = torch.device("cpu")


def ledgers() -> list[Weights]:
    return [Weights(CPU), Weights(CPU, accelerator=PretendedAccelerator(1 << 30))]


@pytest.fixture
def path(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(checkpoint, tmp_path / "m.safetensors"))


def rename_over(path: Path) -> None:
    """As programs replace files: the new one takes the name of the old one."""
    other = tiny.write_checkpoint(path.with_suffix(".part"), shifted())
    os.utime(other, ns=(0, path.stat().st_mtime_ns + 1_000_000))  # clocks of some file systems are coarse
    other.replace(path)


def write_into(path: Path) -> None:
    """As people copy: the very same file gets other bytes."""
    other = tiny.write_checkpoint(path.with_suffix(".part"), shifted())
    with path.open("r+b") as file:
        file.write(other.read_bytes())
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def shifted() -> dict[str, torch.Tensor]:
    return {name: each + 1 if each.is_floating_point() else each for name, each in tiny.tiny_tensors().items()}


def bias_of(net: Any) -> float:
    return float(net.decoder.conv_in.bias.detach().float().mean())


CHANGES = pytest.mark.parametrize("change", [rename_over, write_into])
LEDGERS = pytest.mark.parametrize("weights", ledgers(), ids=["cpu", "pretended"])


@CHANGES
@LEDGERS
def test_a_file_that_changed_is_refused_at_the_next_hold_and_opened_anew(
    path: Path, weights: Weights, change: Callable[[Path], None]
) -> None:
    old = open_checkpoint(path, FAMILIES)
    with weights.hold(old.vae) as net:
        before = bias_of(net)
    change(path)
    said = r"m\.safetensors has changed since it was opened; run the workflow again"
    with pytest.raises(WeightsError, match=said), weights.hold(old.vae):
        pass
    assert path not in weights.resident_files
    with weights.hold(open_checkpoint(path, FAMILIES).vae) as net:
        assert bias_of(net) == pytest.approx(before + 1, abs=0.01)


@CHANGES
@LEDGERS
def test_changed_states_of_a_net_leave_with_it(path: Path, weights: Weights, change: Callable[[Path], None]) -> None:
    model = open_checkpoint(path, FAMILIES).model
    scaled = scale_unet_attention(model, "attn1", {"q": 2})
    with weights.hold(scaled), weights.hold(model):
        pass
    change(path)
    with pytest.raises(WeightsError, match="has changed"), weights.hold(scaled):
        pass
    assert path not in weights.resident_files


def test_a_net_whose_file_is_written_into_while_it_is_held_fails_at_the_end(path: Path) -> None:
    weights = Weights(CPU)
    vae = open_checkpoint(path, FAMILIES).vae
    with pytest.raises(WeightsError, match="has changed"), weights.hold(vae):
        write_into(path)


def test_a_net_whose_file_is_replaced_while_it_is_held_works_to_the_end(path: Path) -> None:
    weights = Weights(CPU)
    with weights.hold(open_checkpoint(path, FAMILIES).vae) as net:
        before = bias_of(net)
        rename_over(path)
        assert bias_of(net) == before


def test_what_somebody_still_holds_of_a_replaced_file_stays(path: Path) -> None:
    weights = Weights(CPU)
    old = open_checkpoint(path, FAMILIES)
    with weights.hold(old.vae) as net:
        before = bias_of(net)
        rename_over(path)
        with weights.hold(open_checkpoint(path, FAMILIES).vae) as new:
            assert bias_of(new) != before == bias_of(net)
        assert len(weights.residents) == 2
    with weights.hold(open_checkpoint(path, FAMILIES).model):
        assert len(weights.residents) == 2  # the old one left


def test_a_file_that_is_gone_is_lent_as_it_was(path: Path) -> None:
    weights = Weights(CPU)
    vae = open_checkpoint(path, FAMILIES).vae
    with weights.hold(vae):
        pass
    path.unlink()
    with weights.hold(vae) as net:
        assert bias_of(net) == bias_of(net)


def test_a_file_cut_short_since_it_was_loaded_is_refused_before_it_is_touched(path: Path) -> None:
    weights = Weights(CPU)
    vae = open_checkpoint(path, FAMILIES).vae
    with weights.hold(vae):
        pass
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(WeightsError, match="has changed"), weights.hold(vae):
        pass
    with pytest.raises(WeightsError, match="cut short"):
        open_checkpoint(path, FAMILIES)
