"""How much a watching client is told, and how far a job is said to be."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import WSMsgType

from server.messages import ExecutionError, ExecutionSuccess, NodeText, Progress, ProgressState, TextMessage
from server.translate import EVERY_MS, JobTeller
from tests.server.front_desk import Desk, is_over

JOB = "0a0b0c0d-0000-4000-8000-000000000000"


def chain(length: int) -> dict[str, Any]:
    return {
        str(i): {"class_type": "Step", "inputs": {"count": [str(i - 1), 0]} if i else {}} for i in range(length)
    } | {"save": {"class_type": "Save", "inputs": {"count": [str(length - 1), 0]}}}


def played(prompt: dict[str, Any], ms_per_node: int, steps: int = 0) -> list[Any]:
    """What is told, and when, of a run of all nodes, one after another."""
    teller = JobTeller(JOB, prompt, ["save"])
    now, told = 1_000, []
    for event in ({"kind": "job_started"}, {"kind": "nodes_cached", "nodes": []}):
        told += teller.tell(event, None, now)
    for node in prompt:
        events: list[dict[str, Any]] = [{"kind": "node_started", "node_id": node}]
        events += [{"kind": "node_progress", "node_id": node, "value": i + 1, "max": steps} for i in range(steps)]
        for event in [*events, {"kind": "node_finished", "node_id": node, "output": None}]:
            told += [(now, message) for message in teller.tell(event, None, now)]
        now += ms_per_node
    return [*told, *((now, m) for m in teller.tell({"kind": "job_finished", "status": "success"}, None, now))]


def bytes_of(told: list[Any]) -> int:
    messages = [each[1] if isinstance(each, tuple) else each for each in told]
    return sum(len(message.encode()) for message in messages)


@pytest.mark.parametrize(("ms_per_node", "steps"), [(0, 3), (1, 3), (500, 0)])
def test_a_chain_of_a_hundred_nodes_is_told_in_less_than_100_kb_and_grows_with_its_length(
    ms_per_node: int, steps: int
) -> None:
    hundred, thousand = (bytes_of(played(chain(length), ms_per_node, steps)) for length in (100, 1_000))
    assert hundred <= 100_000
    assert thousand <= 11 * hundred


async def test_a_client_that_watches_a_chain_gets_as_many_bytes_as_it_has_nodes(desk: Desk) -> None:
    heard: dict[int, int] = {}
    for length in (100, 1_000):
        socket = await desk.socket(f"watcher {length}")
        await desk.submit(chain(length), client_id=f"watcher {length}")
        heard[length] = 0
        nodes: set[str] = set()
        while True:
            message = await socket.receive(timeout=60)
            assert message.type is WSMsgType.TEXT
            heard[length] += len(message.data)
            told = message.json()
            if told["type"] == "progress_state":
                nodes |= {node for node, state in told["data"]["nodes"].items() if state["state"] == "finished"}
            if is_over(told):
                break
        assert nodes == {*chain(length)}  # of each it was said that it is finished
        await socket.close()
    assert heard[100] <= 100_000 and heard[1_000] <= 11 * heard[100]


def test_progress_is_told_at_most_ten_times_a_second_and_the_last_one_always() -> None:
    teller = JobTeller(JOB, {"1": {"class_type": "Count", "inputs": {}}}, ["1"])
    teller.tell({"kind": "node_started", "node_id": "1"}, None, 0)
    told: list[tuple[int, Any]] = []
    for ms in range(1_000):
        event = {"kind": "node_progress", "node_id": "1", "value": ms, "max": 1_000}
        told += [(ms, message) for message in teller.tell(event, None, ms)]
    for kind in (Progress, ProgressState):
        times = [ms for ms, message in told if isinstance(message, kind)]
        assert 9 <= len(times) <= 10 and all(b - a >= EVERY_MS for a, b in pairwise(times))
    assert teller.holds_back
    (last,) = [m for m in teller.tell({"kind": "node_finished", "node_id": "1"}, None, 999) if isinstance(m, Progress)]
    assert last.value == 999


async def test_progress_that_was_held_back_is_told_when_no_more_comes(desk: Desk) -> None:
    socket = await desk.socket("me")
    graph = {
        "1": {"class_type": "Count", "inputs": {"steps": 5}},
        "2": {"class_type": "Deaf", "inputs": {"pause_s": 0.4}},
        "3": {"class_type": "Save", "inputs": {}},
    }
    await desk.submit(graph, client_id="me")
    running: list[str] = []
    while True:
        told = (await socket.receive(timeout=60)).data
        if isinstance(told, bytes):
            continue
        if '"3"' in told and "executing" in told:
            break
        running += ["2"] if "progress_state" in told and '"node_id":"2"' in told else []
    assert running  # while the second node runs, and not only when it ends


def test_only_what_changed_is_told_again() -> None:
    states = [each[1] for each in played(chain(50), 1_000) if isinstance(each, tuple)]
    states = [set(message.nodes) for message in states if isinstance(message, ProgressState)]
    assert max(len(nodes) for nodes in states) <= 2


def test_percent_rises_never_falls_and_is_100_only_at_the_end() -> None:
    prompt = chain(3) | {"not asked for": {"class_type": "Save", "inputs": {}}}
    teller = JobTeller(JOB, prompt, ["save"])
    seen = []

    def tell(kind: str, at_ms: int, **more: Any) -> None:
        teller.tell({"kind": kind, **more}, None, at_ms)
        seen.append(teller.percent)

    tell("job_started", 0)
    tell("nodes_cached", 0, nodes=["0"])
    assert teller.percent == 25 and teller.seconds_left(5_000) is None
    tell("node_started", 0, node_id="1")
    tell("node_progress", 1_000, node_id="1", value=1, max=2)
    assert teller.percent == 37.5
    tell("node_finished", 2_000, node_id="1")
    assert teller.percent == 50 and teller.seconds_left(2_000) == pytest.approx(4)
    for i in range(20):  # a node that unfolds into many
        tell("node_started", 2_000, node_id=f"2.{i}", parent_id="2", display_id="2", real_id="2")
    for i in range(20):
        tell("node_finished", 2_000, node_id=f"2.{i}")
    tell("node_started", 3_000, node_id="2")
    tell("node_finished", 3_000, node_id="2")
    tell("node_started", 3_000, node_id="save")
    tell("node_finished", 3_000, node_id="save")
    assert teller.percent == 99.9
    tell("job_finished", 4_000, status="success")
    assert teller.percent == 100 and seen == sorted(seen) and teller.seconds_left(4_000) == 0


def test_nodes_of_a_graph_that_unfolded_are_shown_at_the_node_that_they_stand_for() -> None:
    teller = JobTeller(JOB, {"2": {"class_type": "Loop", "inputs": {}}}, ["2"])
    event = {"kind": "node_started", "node_id": "2.0.1", "display_id": "2", "parent_id": "2", "real_id": "2.0"}
    state, executing = teller.tell(event, None, 0)
    assert isinstance(state, TextMessage) and isinstance(executing, TextMessage)
    told = state.data()["nodes"]["2.0.1"]
    assert (told["display_node_id"], told["parent_node_id"], told["real_node_id"]) == ("2", "2", "2.0")
    assert executing.data() == {"node": "2.0.1", "display_node": "2", "prompt_id": JOB}


def test_what_is_wrong_inside_a_graph_that_unfolded_is_told_of_a_node_that_clients_know() -> None:
    teller = JobTeller(JOB, {"2": {"class_type": "Loop", "inputs": {}}}, ["2"])
    inner = {"node_id": "2.0.1", "display_id": "2", "parent_id": "2", "real_id": "2"}
    teller.tell({"kind": "node_started", **inner}, None, 0)
    for kind in ("node_note", "node_text"):
        (line,) = teller.tell({"kind": kind, "node_id": "2.0.1", "text": "rounded"}, None, 0)
        assert isinstance(line, NodeText) and (line.node_id, line.text) == ("2", "rounded")
    failed = {"kind": "node_failed", "node_id": "2.0.1", "class_type": "Inner", "message": "node 2.0.1 (Inner): no"}
    teller.tell(failed, None, 0)
    (*_, told) = teller.tell({"kind": "job_finished", "status": "error"}, None, 0)
    assert isinstance(told, ExecutionError)
    assert (told.node_id, told.node_type, told.exception_message) == ("2", "Loop", "node 2.0.1 (Inner): no")


def test_a_node_that_was_kept_from_running_is_told_as_an_error_of_it_and_ends_nothing() -> None:
    prompt = {"1": {"class_type": "Find", "inputs": {}}, "2": {"class_type": "Cut", "inputs": {}}}
    teller = JobTeller(JOB, prompt, ["2"])
    teller.tell({"kind": "node_finished", "node_id": "1"}, None, 0)
    teller.tell({"kind": "node_started", "node_id": "2"}, None, 0)
    blocked = {"kind": "node_blocked", "node_id": "2", "class_type": "Cut", "message": "no face"}
    (told,) = teller.tell(blocked, None, 0)
    assert isinstance(told, ExecutionError) and told.type == "execution_error"
    assert (told.prompt_id, told.node_id, told.node_type, told.executed) == (JOB, "2", "Cut", ["1"])
    assert (told.exception_message, told.exception_type) == ("Execution Blocked: no face", "ExecutionBlocked")
    assert teller.running_node == "2"  # other elements of its list may still run
    teller.tell({"kind": "node_finished", "node_id": "2"}, None, 0)
    (*_, last) = teller.tell({"kind": "job_finished", "status": "success"}, None, 0)
    assert isinstance(last, ExecutionSuccess)
    assert teller.failure is None and [kind for kind, _ in teller.history] == ["execution_success"]


def test_a_job_whose_other_branch_failed_ends_with_that_failure_and_not_with_what_was_blocked() -> None:
    teller = JobTeller(JOB, {"2": {"class_type": "Cut", "inputs": {}}}, ["2"])
    teller.tell({"kind": "node_blocked", "node_id": "2", "class_type": "Cut", "message": ""}, None, 0)
    teller.tell({"kind": "node_failed", "node_id": "3", "class_type": "Glue", "message": "broke"}, None, 0)
    (*_, last) = teller.tell({"kind": "job_finished", "status": "partial"}, None, 0)
    assert isinstance(last, ExecutionError) and (last.node_id, last.exception_message) == ("3", "broke")
    assert [data["node_id"] for kind, data in teller.history if kind == "execution_error"] == ["3"]


async def test_a_job_that_runs_says_how_far_it_is(desk: Desk) -> None:
    graph = {
        "1": {"class_type": "Count", "inputs": {"steps": 10, "pause_s": 0.05}},
        "2": {"class_type": "Save", "inputs": {}},
    }
    graph["2"]["inputs"] = {"count": ["1", 0]}
    job_id = await desk.submit(graph)
    seen: list[float] = []
    while (far := desk.parts.supervisor.progress_of(job_id)) is not None or not seen:
        seen += [far[0]] if far is not None and far[0] not in seen else []
        await asyncio.sleep(0.01)
    assert seen == sorted(seen) and len(seen) > 5 and 0 < seen[-2] < 100
    await desk.ended(job_id)
    job = await desk.parts.store.job(job_id)
    assert job is not None and job.progress == 100


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        ("node 9 (Cut): ValueError: too thin", "ValueError", "too thin"),
        ("node 9 (Cut): Outer", "Outer", "Outer"),
        ("node 9 (Cut): Inner: why", "Outer.Inner", "why"),
        ("node 9 (Cut), image: 4 channels", "ShapeError", "node 9 (Cut), image: 4 channels"),
        ("the worker ended", "", "the worker ended"),
    ],
)
def test_an_errors_words_leave_out_what_stands_beside_them(message: str, kind: str, words: str) -> None:
    teller = JobTeller("job", {"9": {"class_type": "Cut", "inputs": {}}})
    failed = {"kind": "node_failed", "node_id": "9", "class_type": "Cut", "message": message, "exception_type": kind}
    teller.tell(failed, None, 0)
    (*_, last) = teller.tell({"kind": "job_finished", "status": "error"}, None, 1)
    assert isinstance(last, ExecutionError)
    assert (last.exception_message, last.exception_type, last.node_type) == (words, kind, "Cut")


def test_an_error_that_tells_what_its_words_were_made_of_passes_it_on_and_others_have_no_such_field() -> None:
    said = {"words": "{found} channels", "values": {"found": 4}}
    for more in ({"said": said}, {}):
        teller = JobTeller("job", {"9": {"class_type": "Cut", "inputs": {}}})
        teller.tell({"kind": "node_failed", "node_id": "9", "class_type": "Cut", "message": "no", **more}, None, 0)
        (*_, last) = teller.tell({"kind": "job_finished", "status": "error"}, None, 1)
        assert isinstance(last, ExecutionError)
        assert last.data().get("extra_info") == ({"said": said} if more else None)
