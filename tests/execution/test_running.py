"""A worker runs graphs: results, what is kept, what fails, what stops."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Annotated, Any

import pytest

from execution import collecting
from execution.protocol import pack, unpack
from execution.worker import serve_connection
from heddle.graph.classic import spec_of_class
from heddle.graph.context import Context
from heddle.graph.declare import Number, node, spec_of
from heddle.graph.errors import ShapeError
from heddle.graph.results import Shown
from tests.execution.toys import Heard, Thing, graph, run, worker

MAKE = {"text": "a", "count": 2, "mode": "loud"}


def shown(**changes: Any) -> dict[str, Any]:
    return graph(n1=("Make", MAKE | changes), n2=("Show", {"thing": ["1", 0]}))


def test_a_graph_runs_from_its_sources_to_what_it_shows() -> None:
    heard = run(worker(), shown())
    assert heard.shown() == ["AA"]
    assert heard.kinds() == [
        "job_started", "nodes_cached", "node_started", "node_finished", "node_started", "node_finished",
        "job_explained", "job_finished",
    ]  # fmt: skip
    assert heard.end.status == "success"
    assert heard.end.executed == ("1", "2")


def test_a_second_run_finds_every_result_again_and_shows_it_again() -> None:
    made = worker()
    run(made, shown())
    heard = run(made, shown())
    assert heard.of("node_started") == []
    assert heard.of("nodes_cached")[0].nodes == ("1", "2")
    assert heard.shown() == ["AA"]


def test_a_change_runs_only_what_depends_on_it_whatever_the_ids_are() -> None:
    made = worker()
    join = {"left": ["1", 0], "right": ["2", 0]}
    first = graph(
        n1=("Make", MAKE), n2=("Make", MAKE | {"text": "b"}), n3=("Join", join), n4=("Show", {"thing": ["3", 0]})
    )
    assert run(made, first).shown() == ["AABB"]
    join = {"left": ["11", 0], "right": ["12", 0]}
    second = graph(
        n11=("Make", MAKE), n12=("Make", MAKE | {"text": "c"}), n13=("Join", join), n14=("Show", {"thing": ["13", 0]})
    )
    heard = run(made, second)
    assert [each.node_id for each in heard.of("node_started")] == ["12", "13", "14"]
    assert heard.shown() == ["AACC"]


def test_an_input_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_text("one")
    made = worker(path=tmp_path)
    prompt = graph(n1=("Read", {"name": "x.txt"}), n2=("Show", {"thing": ["1", 0]}))
    assert run(made, prompt).shown() == ["one"]
    file.write_text("two")
    assert run(made, prompt).shown() == ["two"]
    file.touch()
    assert run(made, prompt).of("node_started") == []


def test_a_failure_is_pinned_to_its_node_and_the_other_branch_still_ends() -> None:
    prompt = shown() | graph(n5=("Break", {"thing": ["1", 0]}), n6=("Show", {"thing": ["5", 0]}))
    heard = run(worker(), prompt)
    (failed,) = heard.of("node_failed")
    assert failed.node_id == "5"
    assert failed.message == "node 5 (Break): ValueError: cannot use AA"
    assert failed.inputs == {"thing": "['AA']"}
    assert any("cannot use AA" in line for line in failed.traceback)
    assert heard.shown() == ["AA"]
    assert heard.end.status == "partial"


def test_an_error_of_ours_keeps_its_words() -> None:
    @node("Picky", category="toys")
    def picky(thing: Thing) -> Thing:
        """Refuses."""
        raise ShapeError("4 channels, but 9 were wanted", wanted=9, got=4)

    prompt = graph(n1=("Make", MAKE), n2=("Picky", {"thing": ["1", 0]}), n3=("Show", {"thing": ["2", 0]}))
    heard = run(worker(spec_of(picky)), prompt)
    assert heard.of("node_failed")[0].message == "node 2 (Picky): 4 channels, but 9 were wanted"
    assert heard.end.status == "error"


def test_a_graph_that_cannot_run_ends_with_the_reasons() -> None:
    heard = run(worker(), shown(count=99))
    assert heard.kinds() == ["job_started", "job_finished"]
    assert "found 99" in heard.end.message


def test_progress_and_notes_name_their_node() -> None:
    prompt = graph(n1=("Make", MAKE), n7=("Steps", {"thing": ["1", 0], "count": 3}), n2=("Show", {"thing": ["7", 0]}))
    heard = run(worker(), prompt)
    told = [(each.node_id, each.value, each.max) for each in heard.of("node_progress")]
    assert told[0] == ("7", 1, 3)
    assert told[-1] == ("7", 3, 3)
    assert heard.of("node_note")[0].text == "took 3"


def test_an_interrupt_stops_at_the_next_step_and_keeps_what_was_finished() -> None:
    made = worker()
    prompt = graph(
        n1=("Make", MAKE), n7=("Steps", {"thing": ["1", 0], "count": 1000}), n2=("Show", {"thing": ["7", 0]})
    )
    heard = Heard()

    def emit(event: Any) -> None:
        heard.append(event)
        if event.kind == "node_progress":
            made.interrupt("job")

    made.run("job", prompt, emit)
    assert heard.end.status == "interrupted"
    assert [each.value for each in heard.of("node_progress")] == [1]
    assert heard.of("node_failed") == []
    assert run(made, prompt).of("nodes_cached")[0].nodes == ("1",)


def test_a_job_can_be_interrupted_before_it_starts() -> None:
    made = worker()
    made.expect("later")
    made.interrupt("later")
    heard = run(made, shown(), job_id="later")
    assert heard.end.status == "interrupted"
    assert heard.of("node_started") == []


class Classic:
    """A node as packs write them."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"things": ("THING",), "how": (["up", "down"], {"default": "up"})},
            "hidden": {"id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("THING", "INT")
    OUTPUT_IS_LIST = (True, False)
    FUNCTION = "work"
    CATEGORY = "packs"

    def __init__(self) -> None:
        self.calls = 0

    def work(self, things: str, how: str, id: str) -> tuple[list[str], int]:
        self.calls += 1
        return [f"{things}{how}{id}", f"{self.calls}"], self.calls


def test_a_classic_class_runs_and_a_list_calls_the_next_node_once_per_element() -> None:
    prompt = graph(
        n1=("Make", MAKE), n2=("Classic", {"things": ["1", 0], "how": "up"}), n3=("Show", {"thing": ["2", 0]})
    )
    heard = run(worker(spec_of_class("Classic", Classic)), prompt)
    assert heard.shown() == ["AAup2", "1"]


def test_shorter_lists_repeat_their_last_element() -> None:
    prompt = graph(
        n1=("Make", MAKE),
        n2=("Classic", {"things": ["1", 0], "how": "down"}),
        n3=("Join", {"left": ["2", 0], "right": ["1", 0]}),
        n4=("Show", {"thing": ["3", 0]}),
    )
    heard = run(worker(spec_of_class("Classic", Classic)), prompt)
    assert heard.shown() == ["AAdown2AA", "1AA"]


def test_a_value_in_the_cache_is_given_up_when_the_limit_is_reached() -> None:
    made = worker()
    made.house.cache.limit_bytes = 10
    run(made, shown())
    assert made.house.cache.held_bytes <= 10
    made.house.cache.limit_bytes = 0
    assert run(made, shown(text="zz")).shown() == ["ZZZZ"]
    made.free(models=True, results=True)
    assert len(made.house.cache) == 0
    assert made.house.weights.released == 1


def _serve(connection: Any) -> None:
    @node("Sleep", category="toys")
    def sleep(thing: Thing, seconds: Annotated[float, "s"] = 0.0, *, ctx: Context) -> Thing:
        """Waits."""
        for _ in range(round(seconds * 100)):
            ctx.check_cancelled()
            time.sleep(0.01)
        return thing

    def is_even(number: int) -> Any:
        return True if number % 2 == 0 else f"{number} is odd"

    @node("Strict", category="toys", check=is_even)
    def strict(number: Annotated[int, Number()]) -> Thing:
        """Takes even numbers."""
        return f"{number}"

    serve_connection(worker(spec_of(sleep), spec_of(strict)), connection, lambda: {"devices": []}, ready=lambda: None)


def _converse() -> tuple[Any, Any]:
    _TOLD.clear()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return ours, process


_TOLD: list[dict[str, Any]] = []


def _until(connection: Any, wanted: str) -> dict[str, Any]:
    """The next message or event of a kind. Events come many at a time; those behind it are for the next call."""
    while _TOLD:
        told = _TOLD.pop(0)
        if told["event"]["kind"] == wanted:
            return told
    while True:
        assert connection.poll(30), f"no {wanted} within 30 s"
        message, _ = unpack(connection.recv_bytes())
        if message["type"] == wanted:
            return message
        _TOLD.extend({**message, "event": event} for event in message.get("events", ()))
        while _TOLD:
            told = _TOLD.pop(0)
            if told["event"]["kind"] == wanted:
                return told


def test_a_worker_process_announces_itself_runs_a_job_and_ends_with_its_front_desk() -> None:
    connection, process = _converse()
    assert _until(connection, "hello")["pid"] == process.pid
    assert "Make" in _until(connection, "catalogue")["nodes"]
    _until(connection, "ready")
    connection.send_bytes(pack({"type": "run", "job_id": "one", "prompt": shown(), "extra_data": {}}))
    assert _until(connection, "node_finished")["job_id"] == "one"
    assert _until(connection, "job_finished")["event"]["status"] == "success"
    connection.close()
    process.join(10)
    assert process.exitcode == 0


def test_a_worker_answers_for_nodes_own_checks_while_it_works() -> None:
    connection, _ = _converse()
    _until(connection, "ready")
    busy = graph(n1=("Make", MAKE), n2=("Sleep", {"thing": ["1", 0], "seconds": 60}), n3=("Show", {"thing": ["2", 0]}))
    connection.send_bytes(pack({"type": "run", "job_id": "long", "prompt": busy, "extra_data": {}}))
    prompt = graph(n1=("Strict", {"number": 3}), n2=("Strict", {"number": 4}))
    prompt |= graph(n3=("Show", {"thing": ["1", 0]}), n4=("Show", {"thing": ["2", 0]}))
    connection.send_bytes(pack({"type": "validate", "id": 7, "prompt": prompt, "nodes": ["1", "2"]}))
    answer = _until(connection, "validated")
    assert answer["id"] == 7
    assert list(answer["problems"]) == ["1"] and "3 is odd" in answer["problems"]["1"]
    connection.send_bytes(pack({"type": "validate", "id": 8, "prompt": "nothing", "nodes": ["1"]}))
    assert _until(connection, "validated") == {"type": "validated", "id": 8, "problems": {}}
    connection.close()


def test_a_worker_in_the_middle_of_a_job_hears_an_interrupt_and_ends_when_the_pipe_closes() -> None:
    connection, process = _converse()
    _until(connection, "ready")
    prompt = graph(
        n1=("Make", MAKE), n2=("Sleep", {"thing": ["1", 0], "seconds": 60}), n3=("Show", {"thing": ["2", 0]})
    )
    connection.send_bytes(pack({"type": "run", "job_id": "long", "prompt": prompt, "extra_data": {}}))
    _until(connection, "node_started")
    connection.send_bytes(pack({"type": "interrupt", "job_id": "long"}))
    assert _until(connection, "job_finished")["event"]["status"] == "interrupted"
    connection.send_bytes(pack({"type": "run", "job_id": "again", "prompt": prompt, "extra_data": {}}))
    _until(connection, "node_started")
    connection.close()
    process.join(10)
    assert process.exitcode == 0


@pytest.mark.parametrize("threads", [8])
def test_jobs_may_be_expected_and_interrupted_from_many_threads(threads: int) -> None:
    made = worker()

    def work(number: int) -> None:
        made.expect(f"{number}")
        made.interrupt(f"{number}")

    started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    assert all(made.expect(f"{number}").is_set() for number in range(threads))


def test_a_shown_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    @node("Write", category="toys", effects=True)
    def write(thing: Thing, *, ctx: Context) -> Shown:
        path = ctx.folders.resolve("output", "", "a.txt")
        path.write_text(thing)
        return Shown((), {"files": [{"filename": "a.txt", "subfolder": "", "type": "output"}]})

    made = worker(spec_of(write), path=tmp_path)
    prompt = graph(n1=("Make", MAKE), n2=("Write", {"thing": ["1", 0]}))
    run(made, prompt)
    assert run(made, prompt).of("node_started") == []
    (tmp_path / "a.txt").unlink()
    assert [each.node_id for each in run(made, prompt).of("node_started")] == ["2"]
    assert (tmp_path / "a.txt").read_text() == "AA"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions differ there")
def test_a_file_that_may_not_be_read_fails_its_node_and_not_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("x")

    def refuse(*_: Any, **__: Any) -> Any:  # root, who may run the tests, reads everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    heard = run(worker(path=tmp_path), graph(n1=("Read", {"name": "secret.txt"}), n2=("Show", {"thing": ["1", 0]})))
    assert heard.end.status == "error"
    assert "node 1 (Read): PermissionError" in heard.of("node_failed")[0].message


def test_what_nodes_leave_in_circles_goes_once_they_have_computed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[weakref.ref[Any]] = []

    class Circle(set[Any]):
        """May be pointed at weakly."""

    @node("Leave", category="test")
    def leave(count: Annotated[int, Number()] = 1) -> Thing:
        circle: set[Any] = Circle()
        circle.add(lambda: circle)
        left.append(weakref.ref(circle))
        return str(count)

    def remaining(seconds: float) -> int:
        left.clear()
        monkeypatch.setattr(collecting, "LOOK_EVERY_S", seconds)
        run(worker(spec_of(leave)), graph(n1=("Leave", {"count": 1}), n2=("Show", {"thing": ["1", 0]})))
        return sum(each() is not None for each in left)

    gc.disable()
    try:
        assert (remaining(60.0), remaining(0.0)) == (1, 0)
    finally:
        gc.enable()
