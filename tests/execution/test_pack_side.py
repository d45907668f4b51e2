"""What packs say and ask in a worker, on a pipe whose other end is the test."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import pytest

from execution.events import JobFinished, NodeFinished
from execution.pack_side import CatalogueChanges, PackSide, PackVoice, RunningJob
from execution.protocol import pack, unpack
from execution.worker import serve_connection
from heddle.graph.context import Context
from heddle.graph.declare import Wire, node, spec_of
from heddle.graph.running import current_context, worker_side
from heddle.graph.spec import NodeSpec
from tests.execution.toys import graph, registry, worker

Thing = Annotated[str, Wire("THING")]


@node("Later", category="toys")
def later() -> Thing:
    """A node that comes late."""
    return "later"


class Talk:
    """A node that waits until the test lets it go, with a word at both ends."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def spec(self) -> NodeSpec:
        @node("Talk", category="toys", effects=True)
        def talk(thing: Thing, *, ctx: Context) -> None:
            """Says something before and after."""
            side, client = worker_side(), getattr(current_context.get(), "client_id", None)
            side.send("first", {"of": client}, client)
            self.begun.set()
            assert self.go_on.wait(60)
            assert side.progress is not None
            for value in range(100):
                side.progress("other", value, 99, None)
            side.progress(None, 3, 4, None)
            side.send(3, {"node_id": "2", "text": "a line"}, client)
            side.send(3, {"node_id": "2", "text": "to another"}, "somebody else")
            side.send("last", {1: (2, {3})}, None)

        return spec_of(talk)


class Line:
    """The worker's end of a pipe. It never breaks: a worker whose pipe breaks takes its whole process along."""

    def __init__(self) -> None:
        self.down: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.up: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def send_bytes(self, buf: bytes, /) -> None:
        self.up.put(buf)

    def recv_bytes(self) -> bytes:
        return self.down.get()

    def close(self) -> None:
        """Stays open."""


class Served:
    """A worker on a thread, and what it says."""

    def __init__(self, talk: Talk, packs: PackSide) -> None:
        self.made = worker(talk.spec())
        self.made.packs = packs
        self.line = Line()
        work = (self.made, self.line, lambda: {"devices": []})
        self._thread = threading.Thread(target=serve_connection, args=work, kwargs={"ready": lambda: None})
        self._thread.start()

    def send(self, **message: Any) -> None:
        self.line.down.put(pack(message))

    def until(self, kind: str) -> list[dict[str, Any]]:
        """All messages up to one of this type, events of jobs apart."""
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1].get("type", heard[-1].get("kind")) != kind:
            message, _ = unpack(self.line.up.get(timeout=30))
            heard += message["events"] if message["type"] == "events" else [message]
        return heard

    def stop(self) -> None:
        self.send(type="stop")
        self._thread.join(30)


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def kinds() -> dict[str, Any]:
    return {"voices": {"folders": ["/v"], "extensions": []}}


@pytest.fixture
def served(talk: Talk, kinds: dict[str, Any]) -> Iterator[Served]:
    held: set[str] = set()

    def read_again() -> None:
        served.made.registry.add(spec_of(later))
        kinds["late"] = {"folders": ["/l"], "extensions": []}
        held.add("big.safetensors")

    side = PackSide(
        hello=lambda: {"packs": ["one"], "web_directories": {"one": "/w"}},
        tell=lambda: [{"type": "folders", "kinds": dict(kinds)}],
        read_again=read_again,
        on_prompt=lambda body: {**body, "seen": True} if "prompt" in body else body["gone"],
        holding=lambda: held,
    )
    served = Served(talk, side)
    yield served
    talk.go_on.set()
    served.stop()


JOB = {
    "type": "run",
    "job_id": "j",
    "prompt": graph(n1=("Make", {"text": "a", "count": 1, "mode": "plain"}), n2=("Talk", {"thing": ["1", 0]})),
    "extra_data": {"client_id": "c"},
}


def test_a_worker_tells_of_its_packs_before_its_nodes(served: Served) -> None:
    hello, folders, catalogue, _ = served.until("ready")
    assert (hello["type"], hello["packs"], hello["web_directories"]) == ("hello", ["one"], {"one": "/w"})
    assert folders["kinds"]["voices"]["folders"] == ["/v"]
    assert "Talk" in catalogue["nodes"]


def test_what_a_pack_sends_comes_in_order_with_the_events_of_the_job(served: Served, talk: Talk) -> None:
    served.until("ready")
    talk.go_on.set()
    served.send(**JOB)
    heard = served.until("job_finished")
    told = [(each.get("kind") or each.get("event"), each.get("node_id")) for each in heard]
    first, last = told.index(("first", None)), told.index(("last", None))
    assert told.index(("node_started", "2")) < first < told.index(("node_note", "2")) < last
    assert last < told.index(("node_finished", "2"))
    said = {each["event"]: each for each in heard if each.get("type") == "say"}
    assert said["first"] == {"type": "say", "event": "first", "data": {"of": "c"}, "client_id": "c"}
    assert said["last"]["data"] == {"1": [2, [3]]}
    assert (said[3]["data"], said[3]["client_id"]) == ({"node_id": "2", "text": "to another"}, "somebody else")
    assert ("node_progress", "2") in told, "what names no node is of the one that began last"
    values = [each["value"] for each in heard if each.get("kind") == "node_progress" and each["node_id"] == "other"]
    assert values[0] == 0 and values[-1] == 99 and len(values) < 50, "often, but not every time; the last for certain"


def test_lists_are_read_again_beside_a_running_job(served: Served, talk: Talk) -> None:
    served.until("ready")
    served.send(**JOB)
    assert talk.begun.wait(30)
    served.send(type="refresh")
    *_, folders, changes = served.until("catalogue_changes")
    assert sorted(folders["kinds"]) == ["late", "voices"]
    assert list(changes["nodes"]) == ["Later"] and changes["removed"] == []
    served.send(type="refresh")
    assert served.until("catalogue_changes")[-1]["nodes"] == {}, "nothing has changed since"
    talk.go_on.set()
    served.until("job_finished")
    assert served.until("holding")[-1]["models"] == ["big.safetensors"]


def test_a_request_is_shown_to_packs_and_one_that_they_cannot_take_goes_on(served: Served) -> None:
    served.until("ready")
    served.send(type="prompt", id=1, body={"prompt": {}})
    assert served.until("prompted")[-1] == {"type": "prompted", "id": 1, "body": {"prompt": {}, "seen": True}}
    served.send(type="prompt", id=2, body={})
    assert served.until("prompted")[-1] == {"type": "prompted", "id": 2}


def test_a_pack_stops_the_running_job(served: Served, talk: Talk) -> None:
    served.until("ready")
    served.send(**JOB)
    assert talk.begun.wait(30)
    worker_side().stop()
    assert served.made.running is not None and served.made.running.stop.is_set()
    talk.go_on.set()
    assert served.until("job_finished")[-1]["status"] == "interrupted"
    worker_side().stop()  # nothing runs, and nothing fails


def test_nothing_is_heard_once_the_worker_has_ended(talk: Talk) -> None:
    before = worker_side()
    served = Served(talk, PackSide())
    served.until("ready")
    assert worker_side() is not before
    served.stop()
    assert (worker_side().send, worker_side().stop) == (before.send, before.stop)


def test_a_frame_keeps_its_bytes_and_what_is_none_is_dropped() -> None:
    sent: list[Any] = []
    voice = PackVoice(lambda message, blob=None: sent.append((message, blob)), lambda: None)
    voice.send(77, b"abc", None)
    voice.send(1, bytearray(b"\0\0\0\1\xff\xd8"), "c")
    voice.send(77, "no bytes", None)
    voice.send(3, None, None)
    loop: list[Any] = []
    loop.append(loop)
    voice.send("odd", loop, None)
    voice.send("nan", [float("nan")], None)
    assert [(message["event"], blob) for message, blob in sent] == [
        (77, b"abc"),
        (1, b"\0\0\0\1\xff\xd8"),
        ("nan", None),
    ]


def test_a_message_is_as_it_was_when_it_was_sent() -> None:
    sent: list[Any] = []
    voice = PackVoice(lambda message, blob=None: sent.append(message), lambda: None)
    data = {"step": [1]}
    voice.send("mine", data, None)
    data["step"].append(2)
    assert sent[0]["data"] == {"step": [1]}


def test_progress_that_was_held_back_is_told_before_the_end() -> None:
    told: list[Any] = []
    job = RunningJob("j", None, {}, {}, threading.Event(), told.append)
    for value in (1, 2, 3):
        job.progress("x", value, 9)
    job.emit(NodeFinished("1"))
    job.emit(JobFinished())
    assert [getattr(each, "value", None) or each.kind for each in told] == [1, "node_finished", 3, "job_finished"]


def test_nodes_that_are_gone_are_told_once() -> None:
    known = registry()
    changes = CatalogueChanges(known)
    assert "Make" in changes.whole()
    known.remove("Make")
    assert changes.since() == {"nodes": {}, "removed": ["Make"]}
    assert changes.since() == {"nodes": {}, "removed": []}


def test_a_node_that_was_read_again_and_reads_the_same_is_not_told() -> None:
    known = registry()
    changes = CatalogueChanges(known)
    changes.whole()
    known.add(replace(known["Make"]))
    assert changes.since()["nodes"] == {}
    known.add(replace(known["Make"], display_name="Another"))
    assert list(changes.since()["nodes"]) == ["Make"]
