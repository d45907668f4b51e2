"""What makes two results the same, and what is not worth keeping."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from execution.cache import Result, ResultCache
from execution.disk_cache import Codec, DiskCache
from execution.keys import node_keys
from execution.plan import PlannedNode
from heddle.graph.errors import FileProblem
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.packs import ANY, pack_node, pack_worker, show
from tests.execution.toys import Heard, graph, run


def started(heard: Heard) -> list[str]:
    return [each.node_id for each in heard.of("node_started")]


VALUES = [1, 1.0, True, "1", -0.0, 0.0, 0, False, None, "", "\ud800", {"a": 1}, {"a": 1.0}, "NaN"]


def test_values_that_differ_in_kind_alone_have_results_of_their_own() -> None:
    made = pack_worker(pack_node("Say", lambda a: (ascii(a),), takes={"a": ANY}))
    for value in VALUES:
        assert run(made, graph(n1=("Say", {"a": value}), n2=show("1"))).shown() == [ascii(value)]


def test_the_order_of_a_dictionary_changes_nothing() -> None:
    made = pack_worker(pack_node("Say", lambda a: (ascii(a),), takes={"a": ANY}))
    run(made, graph(n1=("Say", {"a": {"x": 1, "y": 2}}), n2=show("1")))
    assert started(run(made, graph(n1=("Say", {"a": {"y": 2, "x": 1}}), n2=show("1")))) == []


@pytest.mark.parametrize("told", [b"digest", "NaN.png", float("inf"), {"a": [1]}, None, True])
def test_an_answer_that_is_the_same_again_keeps_the_result(told: Any) -> None:
    made = pack_worker(pack_node("Same", lambda: (1,), IS_CHANGED=lambda **_: told))
    prompt = graph(n1=("Same", {}), n2=show("1"))
    run(made, prompt)
    assert started(run(made, prompt)) == []


@pytest.mark.parametrize("told", [float("nan"), [1, float("nan")], {"a": float("nan")}, object(), {1, 2}])
def test_an_answer_that_may_be_another_one_runs_the_node_again(told: Any) -> None:
    made = pack_worker(pack_node("New", lambda: (1,), IS_CHANGED=lambda **_: told))
    prompt = graph(n1=("New", {}), n2=show("1"))
    run(made, prompt)
    assert started(run(made, prompt)) == ["1", "2"]


def test_results_that_no_later_job_can_use_do_not_stay() -> None:
    made = pack_worker(pack_node("New", lambda: ("x" * 100,), IS_CHANGED=lambda **_: float("nan")))
    make = {"text": "a", "count": 1, "mode": "plain"}
    join = {"left": ["1", 0], "right": ["2", 0]}
    prompt = graph(n1=("New", {}), n2=("Make", make), n3=("Join", join), n4=show("3"))
    for _ in range(3):
        run(made, prompt)
    assert len(made.house.cache) == 1  # Make's alone


def test_equal_nodes_behind_one_that_always_runs_still_run_once() -> None:
    calls = []
    made = pack_worker(
        pack_node("New", lambda: ("x",), IS_CHANGED=lambda **_: float("nan")),
        pack_node("Use", lambda a: (calls.append(a),), takes={"a": ANY}),
    )
    prompt = graph(n1=("New", {}), n2=("Use", {"a": ["1", 0]}), n3=("Use", {"a": ["1", 0]}), n4=show("2"), n5=show("3"))
    run(made, prompt)
    assert calls == ["x"]


def test_a_result_that_is_used_once_is_not_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pack_worker(
        pack_node("New", lambda: (1,), IS_CHANGED=lambda **_: float("nan")), pack_node("Old", lambda: (1,))
    )
    codec = Codec(lambda value: repr(value).encode(), lambda path: eval(path.read_text()), lambda value: 1)
    made.house.disk = DiskCache(tmp_path, 1 << 20, codec, 0.0)
    asked: list[str] = []

    def put(key: str, result: Result, seconds: float) -> bool:
        asked.append(key)
        return False

    monkeypatch.setattr(made.house.disk, "put", put)
    run(made, graph(n1=("New", {}), n2=("Tell", {"name": "a", "after": ["1", 0]}), n3=("Old", {}), n4=show("2"),
                    n5=show("3")))  # fmt: skip
    assert len(asked) == 1  # Old's


def test_another_workers_results_are_found_and_its_room_is_counted(tmp_path: Path) -> None:
    def read(path: Path) -> Any:
        try:
            return eval(path.read_text())
        except OSError as error:
            raise FileProblem(str(error)) from error

    codec = Codec(lambda value: repr(value).encode(), read, lambda value: 1)
    mine, other = DiskCache(tmp_path, 1 << 20, codec, 0.0), DiskCache(tmp_path, 1 << 20, codec, 0.0)
    assert "k" not in mine
    other.put("k", Result(([1],)), 60.0)
    other.flush()
    mine.look_again()
    found = mine.get("k")
    assert found is not None and found.outputs == ([1],)
    other.drop("k")
    assert mine.get("k") is None


def test_the_queue_of_a_cache_does_not_grow_with_what_left_it() -> None:
    cache = ResultCache(1 << 20, lambda _: 1)
    for number in range(20_000):
        cache.put(f"{number}", Result(()))
        cache.drop(f"{number}")
    assert len(cache._queue) < 5_000


class Toy:
    """Something whose end can be watched."""


@pytest.mark.parametrize("kind", ["Use", "Fail", "UseLater", "Inside", "Lazy"])
def test_nothing_of_a_job_stays_when_it_has_ended(kind: str) -> None:
    seen: list[Any] = []

    def make() -> Any:
        toy = Toy()
        seen.append(weakref.ref(toy))
        return (toy,)

    async def use_later(a: Any) -> Any:
        await asyncio.sleep(0)
        return ("x",)

    def inside(a: Any, id: str) -> Any:
        return {"result": ([f"{id}.u", 0],), "expand": {f"{id}.u": {"class_type": "Use", "inputs": {"a": a}}}}

    made = pack_worker(
        pack_node("MakeToy", make),
        pack_node("Use", lambda a: ("x",), takes={"a": ANY}),
        pack_node("Fail", lambda a: 1 / 0, takes={"a": ANY}),
        pack_node("UseLater", use_later, takes={"a": ANY}),
        pack_node("Inside", inside, takes={"a": ANY}, hidden={"id": "UNIQUE_ID"}),
        pack_node("Lazy", lambda a: ("x",), takes={"a": ("*", {"lazy": True})}, check_lazy_status=lambda **_: ["a"]),
    )
    made.house.cache.limit_bytes = 0
    run(made, graph(n1=("MakeToy", {}), n2=(kind, {"a": ["1", 0]}), n3=show("2")))
    gc.collect()
    assert [each() for each in seen] == [None]


def test_a_cache_of_no_size_and_a_tiny_one_change_no_result() -> None:
    prompt = graph(n1=("Count", {"value": 0}), n2=("AddMany", {"a": ["1", 0], "times": 5}), n3=show("2"), n4=show("1"))
    for limit, most in ((0, None), (3, None), (1 << 20, 1), (1 << 20, 0)):
        made = pack_worker()
        made.house.cache.limit_bytes, made.house.cache.most = limit, most
        assert sorted(run(made, prompt).shown()) == sorted(run(made, prompt).shown()) == ["0", "5"]


@pytest.mark.parametrize("value", ["a.png", ["a.png", "b.png"]])
def test_files_count_with_their_content_also_where_several_are_chosen(value: Any) -> None:
    spec = NodeSpec("Load", (InputSpec("names", "COMBO", options={"image_upload": True}),))
    made: dict[str, str] = {}
    for content in ("old", "new", "new"):
        keys: dict[str, str] = {}
        node = PlannedNode("1", spec, {"names": value}, {})
        node_keys([node], lambda kind, name, content=content: f"{name} {content}", lambda spec: "", {}, keys)
        made[keys["1"]] = content
    assert list(made.values()) == ["old", "new"]


# Why


def why(heard: Heard, node_id: str) -> Any:
    return heard.of("job_explained")[0].nodes[node_id]["why"]


def test_of_two_long_texts_the_places_are_shown_where_they_differ() -> None:
    made = pack_worker()
    for word in ("cat", "dog"):
        heard = run(made, graph(n1=("Tell", {"name": f"{'a ' * 200}{word}{' b' * 200}"}), n2=show("1")))
    (line,) = why(heard, "1")
    assert "cat" in line and "dog" in line and len(line) < 150


def test_a_value_that_is_equal_and_of_another_kind_is_said_to_differ() -> None:
    made = pack_worker(pack_node("Say", lambda a: (1,), takes={"a": ANY}))
    for value in (1, True):
        heard = run(made, graph(n1=("Say", {"a": value}), n2=show("1")))
    assert why(heard, "1") == ["a: True (was 1)"]


def test_a_link_that_is_handed_on_is_part_of_why() -> None:
    made = pack_worker()
    for name in ("a", "b"):
        heard = run(made, graph(n1=("Tell", {"name": name}), n2=("Copy", {"node_link": ["1", 0]}), n3=show("2")))
    assert why(heard, "2") == ["node_link: node 1 gives something else"]


def test_what_a_graph_brought_along_is_not_kept_to_say_why() -> None:
    seen: list[Any] = []

    def inside(id: str) -> Any:
        toy = Toy()
        seen.append(weakref.ref(toy))
        record = {"class_type": "Use", "inputs": {"a": toy, "b": 10**5000}}
        return {"result": ([f"{id}.u", 0],), "expand": {f"{id}.u": record}}

    made = pack_worker(
        pack_node("Inside", inside, hidden={"id": "UNIQUE_ID"}, NOT_IDEMPOTENT=True),
        pack_node("Use", lambda a, b: ("x",), takes={"a": ANY, "b": ANY}),
    )
    made.house.cache.limit_bytes = 0
    ends = [run(made, graph(n1=("Inside", {}), n2=show("1"))).end.status for _ in range(2)]
    gc.collect()
    assert ends == ["success"] * 2
    assert [each() for each in seen] == [None, None]
