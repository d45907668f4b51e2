"""Results on disk: found by another worker, bounded, and never trusted when damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import pytest

from execution import disk_cache
from execution.cache import Result
from execution.disk_cache import Codec, DiskCache
from execution.worker import Worker
from heddle.graph.declare import Text, node, spec_of
from heddle.graph.errors import FileProblem
from tests.execution.control import Thing, ran, specs
from tests.execution.toys import graph, run, worker


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise FileProblem(f"{path}: damaged", path=path) from error


def _to_bytes(value: Any) -> bytes | None:
    try:
        return json.dumps(value).encode()
    except TypeError:
        return None


CODEC = Codec(_to_bytes, _read, lambda value: len(repr(value)))


@node("Costly", category="control")
def costly(name: Annotated[str, Text()], *, after: Thing | None = None) -> Thing:
    """Something that is said to take long."""
    ran[name] += 1
    return f"{after or ''}{name}"


@pytest.fixture(autouse=True)
def anything_is_worth_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "DISK_BYTES_PER_S", 1e12)


def a_worker(folder: Path, limit: int = 1 << 20) -> Worker:
    counts = dict(ran)
    made = worker(*specs(), spec_of(costly))
    ran.update(counts)
    made.house.disk = DiskCache(folder, limit, CODEC, 0.0)
    return made


def chain(*names: str) -> dict[str, Any]:
    nodes: dict[str, Any] = {"0": {"class_type": "Costly", "inputs": {"name": names[0]}}}
    for number, name in enumerate(names[1:], 1):
        nodes[f"{number}"] = {"class_type": "Costly", "inputs": {"name": name, "after": [f"{number - 1}", 0]}}
    return nodes | graph(nend=("ShowAny", {"value": [f"{len(names) - 1}", 0]}))


def run_and_settle(made: Worker, prompt: Any) -> Any:
    heard = run(made, prompt)
    assert made.house.disk is not None
    made.house.disk.flush()
    return heard


def test_another_worker_goes_on_from_the_last_result_that_is_on_disk(tmp_path: Path) -> None:
    ran.clear()
    run_and_settle(a_worker(tmp_path), chain("a", "b"))
    heard = run(a_worker(tmp_path), chain("a", "b", "c"))
    assert heard.shown() == ["abc"]
    assert ran == {"a": 1, "b": 1, "c": 1}
    assert heard.of("job_explained")[0].nodes["1"] == {"how": "disk"}
    assert heard.of("job_explained")[0].nodes["0"] == {"how": "skipped"}


def test_what_shows_something_is_not_taken_from_disk(tmp_path: Path) -> None:
    ran.clear()
    run_and_settle(a_worker(tmp_path), chain("a"))
    assert run(a_worker(tmp_path), chain("a")).shown() == ["a"]


def test_a_damaged_file_is_a_result_that_is_not_there(tmp_path: Path) -> None:
    ran.clear()
    run_and_settle(a_worker(tmp_path), chain("a", "b"))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:3])
    assert run(a_worker(tmp_path), chain("a", "b")).shown() == ["ab"]
    assert ran == {"a": 2, "b": 2}


def test_a_job_without_the_cache_leaves_nothing(tmp_path: Path) -> None:
    ran.clear()
    made = a_worker(tmp_path)
    run(made, chain("a"), use_cache=False)
    assert made.house.disk is not None
    made.house.disk.flush()
    assert list(tmp_path.iterdir()) == []


def test_the_longest_unused_goes_when_the_limit_is_reached(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 300, CODEC, 0.0)
    for number, name in enumerate("abc"):
        assert cache.put(name, Result(([name * 100],)), 1.0)
        cache.flush()
        if name != "c":
            os.utime(tmp_path / f"{name}.result", (number, number))
        if name == "b":
            assert cache.get("a") is not None  # so b is the longest unused
    assert "a" in cache and "b" not in cache and "c" in cache
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 300


def test_a_second_cache_knows_what_the_first_left(tmp_path: Path) -> None:
    first = DiskCache(tmp_path, 1000, CODEC, 0.0)
    first.put("k", Result(([1],), {"text": ["x"]}), 1.0)
    first.flush()
    assert DiskCache(tmp_path, 1000, CODEC, 0.0).get("k") == Result(([1],), {"text": ["x"]})
    (tmp_path / "k.result").unlink()
    assert first.get("k") is None and "k" not in first


def test_what_cannot_be_written_down_or_is_not_worth_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path, 1000, CODEC, 0.0)
    cache.put("k", Result(([object()],)), 1.0)
    cache.flush()
    assert "k" not in cache
    assert not DiskCache(tmp_path, 1000, CODEC, 2.0).put("k", Result(([1],)), 1.0)


def test_what_many_nodes_share_counts_once(tmp_path: Path) -> None:
    made = a_worker(tmp_path)
    made.house.disk = DiskCache(tmp_path, 1 << 20, CODEC, 60.0)
    nodes: dict[str, Any] = {"n0": ("Count", {"value": 0}), "n1": ("Count", {"value": 1})}
    for number in range(2, 100):  # each fed by the two before it: millions of ways lead from the last to the first
        nodes[f"n{number}"] = ("Add", {"a": [f"{number - 1}", 0], "b": [f"{number - 2}", 0]})
    heard = run_and_settle(made, graph(**nodes, nend=("ShowAny", {"value": ["99", 0]})))
    assert heard.end.status == "success"
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_dropped_while_it_is_written_stays_away(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1000, CODEC, 0.0)
    cache.put("k", Result(([1],)), 1.0)
    cache.drop("k")
    cache.flush()
    assert cache.get("k") is None
    cache.put("k", Result(([2],)), 1.0)
    cache.flush()
    assert cache.get("k") == Result(([2],))


def test_a_file_that_a_dying_worker_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "old.part").write_bytes(b"x")
    os.utime(tmp_path / "old.part", (1, 1))
    (tmp_path / "new.part").write_bytes(b"x")
    assert "k" not in DiskCache(tmp_path, 1000, CODEC, 0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["new.part"]
