"""What a worker says arrives whole and in order, however it is put together on the way."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from execution import outbox as outbox_module
from execution.events import Event, JobFinished, JobStarted, NodeFinished, NodePreview, NodeStarted
from execution.outbox import NAP_S, Outbox
from execution.protocol import unpack


def fail() -> None:
    raise AssertionError("nothing was wrong")


class Pipe:
    """Keeps what is sent; `gate` holds it up."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], bytes | None]] = []
        self.gate = threading.Event()
        self.arrived = threading.Semaphore(0)

    def send_bytes(self, buf: bytes, /) -> None:
        self.gate.wait(10)
        self.sent.append(unpack(buf))
        self.arrived.release()

    def recv_bytes(self) -> bytes:
        raise EOFError

    def close(self) -> None: ...


def test_events_messages_and_pictures_keep_their_order() -> None:
    pipe = Pipe()
    pipe.gate.set()
    outbox = Outbox(pipe, fail)
    said: list[Any] = []
    for number in range(300):
        event: Event = NodeStarted(str(number)) if number % 50 else NodePreview(str(number), "png", b"picture")
        job = "a" if number < 150 else "b"
        outbox.put_event(job, event)
        said.append((job, event.kind, event.node_id))
        if number % 70 == 0:
            outbox.put({"type": "say", "event": str(number)})
            said.append(str(number))
    outbox.close()
    heard: list[Any] = []
    for message, blob in pipe.sent:
        if message["type"] == "say":
            heard.append(message["event"])
            continue
        events = message["events"] if "events" in message else [message["event"]]
        heard += [(message["job_id"], event["kind"], event["node_id"]) for event in events]
        assert blob == (b"picture" if events[0]["kind"] == "node_preview" else None)
    assert heard == said


def test_what_comes_while_the_pipe_is_full_goes_together() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe, fail)
    other = threading.Thread(target=outbox.put, args=({"type": "say"},))
    other.start()  # held up in the pipe
    for number in range(200):
        outbox.put_event("a", NodeFinished(str(number)))
    pipe.gate.set()
    other.join()
    outbox.put_event("a", JobFinished())
    outbox.close()
    events = [event for message, _ in pipe.sent[1:] for event in message["events"]]
    assert len(events) == 201 and events[-1]["kind"] == "job_finished"
    assert len(pipe.sent) <= 3


def test_nothing_waits_for_more_to_come() -> None:
    pipe = Pipe()
    pipe.gate.set()
    outbox = Outbox(pipe, fail)
    for number in range(50):
        outbox.put_event("a", NodeFinished(str(number)))
        assert pipe.arrived.acquire(timeout=10)  # each arrives although nothing follows it
    outbox.close()


def test_the_first_node_of_a_job_and_the_jobs_end_are_told_at_once_with_what_came_before() -> None:
    pipe = Pipe()
    pipe.gate.set()
    outbox = Outbox(pipe, fail)
    for job in "ab":
        time.sleep(3 * NAP_S)
        said: list[Event] = [JobStarted(), NodeStarted("1")]
        for event in said:
            outbox.put_event(job, event)
        assert pipe.sent[-1][0]["events"][-1]["kind"] == "node_started"
        for event in (NodeFinished("1"), NodeStarted("2"), JobFinished()):
            outbox.put_event(job, event)
        assert pipe.sent[-1][0]["events"][-1]["kind"] == "job_finished"
    outbox.close()


def test_each_of_many_short_jobs_costs_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOMENT_S", 60.0)
    monkeypatch.setattr(outbox_module, "NAP_S", 0.5)
    pipe = Pipe()
    pipe.gate.set()
    outbox = Outbox(pipe, fail)
    for number in range(20):
        for event in (JobStarted(), NodeStarted("1"), NodeFinished("1"), JobFinished()):
            outbox.put_event(str(number), event)
    outbox.close()
    assert len(pipe.sent) == 21  # the first comes after a silence, and its first node is told at once
    assert [len(message["events"]) for message, _ in pipe.sent] == [2, 2, *[4] * 19]


@pytest.mark.parametrize("said", [{"a": object()}, {"a": 10**5000}, {"a": "b"}])
def test_a_worker_that_cannot_be_heard_any_more_gives_up(said: dict[str, Any]) -> None:
    class Closed(Pipe):
        def send_bytes(self, buf: bytes, /) -> None:
            raise OSError(9, "Bad file descriptor")

    given_up = threading.Event()
    outbox = Outbox(Closed(), given_up.set)
    outbox.put(said)
    assert given_up.wait(10)
