"""What runs took is known the next time, also to another process, and no file can do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from heddle.settings.command_line import parse
from model_management.checkpoint import OpenedCheckpoint
from model_management.estimates import MOST_BYTES, MOST_NETS, MOST_SIZES, Estimates
from model_management.ledger import ledger_for
from model_management.weights import Weights
from tests.model_management.test_asked_for import CPU, opened, seen_by, share, whole_bytes

__all__ = ["opened"]


def test_a_run_is_expected_to_take_what_the_nearest_larger_one_took(tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "memory.json")
    net = estimates.of("a net")
    assert net.expected() is None is net.expected(100)
    for size, nbytes in ((100, 7000), (400, 40_000), (200, 9000), (100, 6000)):
        net.note(size, nbytes)
    assert [net.expected(size) for size in (50, 100, 101, 400, 800)] == [7000, 7000, 9000, 40_000, 80_000]
    assert net.expected() == 7000  # as the last one
    assert estimates.of("another net").expected() is None
    assert not (tmp_path / "memory.json").exists()
    estimates.save()
    again = Estimates(tmp_path / "memory.json").of("a net")
    assert [again.expected(size) for size in (50, 100, 101, 400, 800)] == [7000, 7000, 9000, 40_000, 80_000]


def test_workers_keep_what_others_learned(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memory.json"
    one, other = Estimates(path), Estimates(path)
    one.of("a").note(1, 10)
    one.save()
    other.of("a").note(2, 20)
    other.of("b").note(1, 5)
    other.save()
    third = Estimates(path)
    assert [third.of("a").expected(1), third.of("a").expected(2), third.of("b").expected(1)] == [10, 20, 5]
    written = path.stat().st_mtime_ns
    third.of("a").note(1, 10)
    third.save()
    assert path.stat().st_mtime_ns == written  # nothing is new


def test_what_was_seen_longest_ago_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    estimates = Estimates(path)
    for number in range(MOST_NETS + 5):
        estimates.of(f"net {number}").note(1, 1)
    for size in range(1, MOST_SIZES + 5):
        estimates.of("net 9").note(size, size)
    estimates.save()
    again = Estimates(path)
    assert again.of("net 4").expected() is None and again.of("net 5").expected() == 1
    assert again.of("net 9").expected(1) == 5  # the smallest that is left


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 100_000, '{"version": 2, "beside_bytes": {"a": {"1": 5}}}'),
        '{"version": 1, "beside_bytes": 7}',
        '{"version": 1, "beside_bytes": {"a": 7}}',
        *(
            json.dumps({"version": 1, "beside_bytes": {"a": {size: nbytes}}})
            for size, nbytes in [("x", 5), ("-1", 5), ("0", 5), ("²", 5), ("1", -5), ("1", True), ("1", 1e9)]
        ),
        json.dumps({"version": 1, "beside_bytes": {"a": {"1": MOST_BYTES + 1, "9" * 5000: 3}}}),
    ],
)
def test_a_damaged_file_counts_for_nothing_and_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "memory.json"
    path.write_text(text)
    estimates = Estimates(path)
    assert estimates.of("a").expected() is None
    estimates.of("a").note(3, 4)
    estimates.save()
    assert Estimates(path).of("a").expected() == 4


def test_a_file_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "memory.json").mkdir()
    estimates = Estimates(tmp_path / "memory.json")
    estimates.of("a").note(1, 2)
    estimates.save()
    assert estimates.of("a").expected() == 2


def work(weights: Weights, opened: OpenedCheckpoint, times: int) -> int:
    """Three runs. Returns: how often one had to be run again."""
    latent, time, context = seen_by(opened)
    with torch.inference_mode(), weights.hold(opened.model) as net:
        for _ in range(3):
            net(latent.repeat(1, 1, times, times), time, context)
        (streamed,) = [each for each in weights.each_resident(lambda resident: resident.streamed) if each]
        return streamed.runs_again


def is_whole(weights: Weights, opened: OpenedCheckpoint) -> bool:
    with weights.hold(opened.model):
        return weights.resident_bytes >= whole_bytes(opened)


@pytest.mark.parametrize("of_weights", [1.2, 3.0])
def test_a_model_that_was_seen_to_fit_is_there_from_the_first_step(
    opened: OpenedCheckpoint, tmp_path: Path, of_weights: float
) -> None:
    memory = parse([share(opened, of_weights)]).memory
    first, then = (ledger_for(CPU, memory, tmp_path / "memory.json") for _ in range(2))
    assert is_whole(first, opened) == (of_weights > 2)  # a quarter is left free where nothing is known
    work(first, opened, 1)
    then = ledger_for(CPU, memory, tmp_path / "memory.json")
    assert is_whole(then, opened)
    (expected,) = json.loads((tmp_path / "memory.json").read_text())["beside_bytes"].values()
    assert list(expected) == [str(4 * 8 * 8)] and 0 < next(iter(expected.values())) < whole_bytes(opened) // 5


def test_a_large_picture_that_was_seen_has_room_in_its_first_run(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    memory = parse([share(opened, 1.45)]).memory
    path = tmp_path / "memory.json"
    assert work(ledger_for(CPU, memory, path), opened, 5) > 0
    assert work(ledger_for(CPU, memory, path), opened, 5) == 0
