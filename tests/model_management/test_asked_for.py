"""What the options about memory and number formats do to the ledger: what stays where, and in which numbers."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import OutOfMemory, SettingsError
from heddle.settings.command_line import parse
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.accelerators.torch_device import accelerator_for
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.ledger import ledger_for
from model_management.number_formats import NumberFormats
from model_management.stored_weight import StoredWeight
from model_management.weight_sources import NarrowedWeight
from model_management.weights import Weights
from tests.model_management.test_streaming import checkpoint, guesses, seen_by, whole_bytes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(checkpoint(tmp_path_factory.mktemp("m") / "m.safetensors"), FAMILIES)


@pytest.fixture(scope="module")
def wanted(opened: OpenedCheckpoint) -> Tensor:
    return guesses(ledger("--pretend-device=100MB"), opened, times=1)[0]


def ledger(*words: str) -> Weights:
    return ledger_for(CPU, parse(list(words)).memory)


def pretended(weights: Weights) -> PretendedAccelerator:
    assert isinstance(weights.accelerator, PretendedAccelerator)
    return weights.accelerator


def share(opened: OpenedCheckpoint, of_weights: float) -> str:
    return f"--pretend-device={int(of_weights * whole_bytes(opened))}"


def test_a_card_is_left_what_is_to_be_left_and_takes_what_it_may(opened: OpenedCheckpoint) -> None:
    assert pretended(ledger("--pretend-device", "3GB", "--reserve-vram", "1")).size_bytes == 2 << 30
    assert pretended(ledger("--pretend-device", "3GB", "--vram-limit", "1GB")).size_bytes == 1 << 30
    with pytest.raises(SettingsError, match="--reserve-vram leaves nothing"):
        ledger("--pretend-device", "1GB", "--reserve-vram", "1")
    assert accelerator_for(CPU, limit_bytes=5) is None


@pytest.mark.parametrize("mode", ["--normalvram", "--gpu-only", "--highvram", "--lowvram", "--novram"])
def test_every_mode_gives_the_same_numbers(opened: OpenedCheckpoint, wanted: Tensor, mode: str) -> None:
    for of_weights in (3.0, 0.6):
        weights = ledger(share(opened, of_weights), mode)
        assert all(torch.equal(made, wanted) for made in guesses(weights, opened))
        assert pretended(weights).most_bytes <= pretended(weights).size_bytes


def test_modes_differ_in_what_stays(opened: OpenedCheckpoint) -> None:
    def stays(mode: str, of_weights: float) -> float:
        """During the work, as a share of the weights."""
        weights = ledger(share(opened, of_weights), mode)
        with torch.inference_mode(), weights.hold(opened.model) as net:
            first = weights.resident_bytes
            for _ in range(3):
                net(*seen_by(opened))
            return max(first, weights.resident_bytes) / whole_bytes(opened)

    assert stays("--normalvram", 3.0) >= 1
    assert stays("--lowvram", 1.4) < 0.95 < 1 <= stays("--normalvram", 1.4)
    assert stays("--novram", 3.0) < 0.5


def test_with_high_vram_no_room_is_kept_beside_a_model_that_fits(opened: OpenedCheckpoint) -> None:
    for mode, is_whole in (("--normalvram", False), ("--highvram", True), ("--gpu-only", True)):
        weights = ledger(share(opened, 1.1), mode)
        with weights.hold(opened.model):
            assert (weights.resident_bytes >= whole_bytes(opened)) == is_whole


@pytest.mark.parametrize("words", [["--disable-smart-memory"], ["--lowvram"], ["--disable-smart-memory", "--cpu"]])
def test_nothing_that_nobody_holds_stays(opened: OpenedCheckpoint, words: list[str]) -> None:
    words = words if "--cpu" in words else [*words, share(opened, 3.0)]
    weights = ledger(*words)
    with weights.hold(opened.model), weights.hold(opened.vae):
        assert len(weights.residents) == 2
    assert weights.residents == [] and weights.resident_bytes == 0
    kept = ledger(share(opened, 3.0))
    guesses(kept, opened, times=1)
    assert len(kept.residents) == 1


@pytest.mark.parametrize(
    ("words", "network", "control", "text", "vae"),
    [
        ([], torch.float32, torch.float32, torch.float32, torch.float32),
        (["--force-fp16"], torch.float16, torch.float16, torch.float16, torch.float32),
        (["--force-fp32", "--fp16-unet"], torch.float16, torch.float16, torch.float32, torch.float32),
        (["--fp64-unet", "--bf16-vae"], torch.float64, torch.float64, torch.float32, torch.bfloat16),
        (["--bf16-unet", "--fp16-text-enc"], torch.bfloat16, torch.bfloat16, torch.float16, torch.float32),
        (["--force-fp16", "--fp16-vae", "--no-half"], None, None, None, None),
        (["--force-fp16", "--fp16-vae"], torch.float16, torch.float16, torch.float16, torch.float16),
        (["--no-half-vae", "--fp8_e5m2-unet"], torch.float32, torch.float32, torch.float32, torch.float32),
    ],
)
def test_a_part_is_computed_in_what_was_asked_for(
    opened: OpenedCheckpoint, words: list[str], network: Any, control: Any, text: Any, vae: Any
) -> None:
    if network is None:
        with pytest.raises(SettingsError, match="--no-half: not allowed"):
            parse(words)
        return
    weights, stored = ledger(*words), opened.model.stored
    for role, dtype in {"network": network, "control": control, "text": text, "vae": vae}.items():
        assert weights.compute_dtype(replace(stored, role=role)) is dtype
        assert weights.compute_dtype(replace(stored, role=role, dtype=torch.float16)) is torch.float16


def test_on_a_card_a_part_is_computed_in_what_was_asked_for(opened: OpenedCheckpoint) -> None:
    memory = parse(["--force-fp32", "--bf16-vae"]).memory
    weights = Weights(torch.device("meta"), formats=NumberFormats.from_settings(memory))
    assert weights.compute_dtype(opened.model.stored) is torch.float32
    assert weights.compute_dtype(opened.vae.stored) is torch.bfloat16


@pytest.mark.parametrize(("option", "dtype"), [("e4m3fn", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)])
@pytest.mark.parametrize("place", [[], ["--pretend-device=100MB"], ["--pretend-device=3500KB"], ["--ram-limit=2MB"]])
def test_weights_in_8_bits_take_a_quarter_and_give_the_numbers_of_a_file_of_them(
    opened: OpenedCheckpoint, tmp_path: Path, option: str, dtype: torch.dtype, place: list[str]
) -> None:
    narrow = open_checkpoint(checkpoint(tmp_path / "n.safetensors", dtype), FAMILIES)
    here = [] if "--pretend" not in "".join(place) else ["--pretend-device=100MB"]
    want = guesses(ledger(*here), narrow, times=1)[0]
    weights = ledger(f"--fp8_{option}-unet", *place)
    made = guesses(weights, opened)
    assert all(torch.equal(each, want) for each in made)
    assert weights.resident_bytes <= 1.3 * opened.model.stored.numel
    text = ledger(f"--fp8_{option}-text-enc", *place)
    assert torch.equal(guesses(text, opened, times=1)[0], guesses(ledger(*here), opened, times=1)[0])


def test_main_memory_for_less_than_one_weight_is_refused_with_numbers(opened: OpenedCheckpoint) -> None:
    weights = ledger("--fp8_e5m2-unet", "--ram-limit=1MB")
    with pytest.raises(OutOfMemory, match="one use of a weight takes 1 MB, but 1 MB are free") as refused:
        guesses(weights, opened, times=1)
    assert refused.value.asked is not None and refused.value.asked > 1 << 20
    assert weights.resident_bytes == 0


def test_what_8_bits_cannot_hold_is_the_most_that_they_can(tmp_path: Path) -> None:
    weight = NarrowedWeight(
        StoredWeight.plain(torch.tensor([1e6, -1e6, 0.3])), torch.float8_e4m3fn, lambda nbytes: True
    )
    assert weight.stored().numbers().float().tolist() == [448, -448, 0.3125]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system what is mapped")
@pytest.mark.parametrize("place", [[], ["--pretend-device=100MB"], ["--pretend-device=4MB"]])
def test_files_are_mapped_unless_somebody_wants_none(tmp_path: Path, place: list[str]) -> None:
    path = checkpoint(tmp_path / "n.safetensors")
    read = open_checkpoint(path, FAMILIES)
    made = []
    for words in (place, ["--disable-mmap", *place]):
        weights = ledger(*words)
        with torch.inference_mode(), weights.hold(read.model) as net:
            made.append(net(*seen_by(read)).clone())
            assert (str(path) in Path("/proc/self/maps").read_text()) == ("--disable-mmap" not in words)
        del net, weights
        gc.collect()
    torch.testing.assert_close(*made)  # the last bits of a convolution go by where its weights lie


@pytest.mark.parametrize("device", [["--pretend-device=100MB"], []], ids=["beside a card", "on the CPU"])
def test_a_file_for_which_main_memory_has_no_room_is_mapped_all_the_same(
    opened: OpenedCheckpoint, device: list[str]
) -> None:
    whole = whole_bytes(opened)
    for limit, is_mapped in ((2 * whole, False), (whole // 2, True)):
        weights = ledger("--disable-mmap", f"--ram-limit={limit}", *device)
        guesses(weights, opened, times=1)
        ((sources,),) = [weights.each_resident(lambda resident: resident.sources.values())]
        assert {weight.is_mapped for weight in sources} == {is_mapped}
        assert weights.main_memory.used_bytes == (whole if device and not is_mapped else 0)
        weights.release_all()
        assert weights.main_memory.used_bytes == 0


def test_main_memory_is_limited_for_copies_that_a_card_reads_quicker(
    opened: OpenedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []

    def prepare(self: PretendedAccelerator, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        prepared.append(sum(tensor.nbytes for tensor in tensors))
        return tuple(tensor.clone() for tensor in tensors)

    monkeypatch.setattr(PretendedAccelerator, "prepared", prepare)
    weights = ledger("--novram", "--ram-limit=5MB", "--pretend-device=100MB")
    made = guesses(weights, opened)
    assert 4_000_000 < sum(prepared) == weights.main_memory.used_bytes <= 5 << 20
    assert torch.equal(made[0], made[-1])
    weights.release_all()
    assert weights.main_memory.used_bytes == 0


def test_a_vae_may_run_on_the_cpu_beside_a_card(opened: OpenedCheckpoint) -> None:
    latent = torch.ones(1, 4, 4, 4)
    made = []
    for words in (["--cpu-vae"], []):
        weights = ledger("--pretend-device=100MB", *words)
        with torch.inference_mode(), weights.hold(opened.vae) as net:
            made.append(net.decode(latent))
        assert (pretended(weights).brought_bytes == 0) == bool(words)
    torch.testing.assert_close(*made, rtol=0, atol=1e-5)  # the CPU has quicker ways than a card


def test_the_formats_that_were_asked_for_can_be_told() -> None:
    formats = NumberFormats(torch.float16, {"vae": torch.bfloat16}, {"network": torch.float8_e4m3fn})
    assert formats.asked == {"all": "float16", "network": "float8_e4m3fn", "vae": "bfloat16"}
    assert NumberFormats().asked == {}
