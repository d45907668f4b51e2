"""What a worker says, on its way to the front desk: in order, and together where that costs nobody time."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from execution.events import Event, JobFinished, NodeStarted
from execution.protocol import pack

log = logging.getLogger("heddle.worker")

#: Events that go in one message at most.
EVENTS_TOGETHER = 500

#: How long events wait for others to go with.
MOMENT_S = 0.002

#: How often the thread looks whether something has waited so long. Most of it is sent before by who says what follows.
NAP_S = 0.005

#: How long a worker that ends waits until all it said is sent.
FAREWELL_S = 2.0

#: An event of a job, or a message with bytes or without.
_Entry = tuple[str, Event] | tuple[dict[str, Any], bytes | None]


class Connection(Protocol):
    """Both ways for whole messages: a `Wire`, or what multiprocessing makes."""

    def send_bytes(self, buf: bytes, /) -> None: ...
    def recv_bytes(self) -> bytes: ...
    def close(self) -> None: ...


class Outbox:
    """Takes what is to be said, from any thread, and sends it in the order in which it came.

    What somebody waits for is sent at once by whoever says it: a message, a job's end, the first node of a job that
    comes after a silence. Other events wait a moment for those that follow, so that a thousand short nodes cost a few
    messages, and each of many short jobs one; a thread sends what nothing follows. Waking it costs more than most
    events do, so it stays awake as long as they come.
    """

    def __init__(self, connection: Connection, give_up: Callable[[], None]) -> None:
        """
        Args:
            give_up: called when nothing can be said any more: a worker that is not heard would hold its job for ever.
        """
        self._connection = connection
        self._give_up = give_up
        self._waiting: deque[_Entry] = deque()
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._is_asleep = False
        self._is_over = False
        self._job = ""  # that of the last event
        self._is_first = False  # it came after a silence, and none of its nodes has begun
        self._since = 0.0  # when the first of those that wait came, on the monotonic clock
        self._thread = threading.Thread(target=self._send_what_waits, name="worker's events", daemon=True)
        self._thread.start()

    def put(self, message: dict[str, Any], blob: bytes | None = None) -> None:
        self._waiting.append((message, blob))
        self._send_all()

    def put_event(self, job_id: str, event: Event) -> None:
        now = time.monotonic()
        if job_id != self._job:
            self._job, self._is_first = job_id, now - self._since > NAP_S
        if not self._waiting:
            self._since = now
        self._waiting.append((job_id, event))
        if isinstance(event, JobFinished) or now - self._since > MOMENT_S:
            self._send_all()
        elif self._is_first and isinstance(event, NodeStarted):
            self._is_first = False
            self._send_all()
        elif self._is_asleep:
            self._is_asleep = False
            self._wake.set()

    def close(self) -> None:
        """Send what waits and end."""
        self._is_over = True
        self._wake.set()
        self._thread.join(FAREWELL_S)

    def _send_what_waits(self) -> None:
        while not self._is_over:
            time.sleep(NAP_S)
            if self._waiting:
                if time.monotonic() - self._since >= MOMENT_S:
                    self._send_all()
                continue
            self._is_asleep = True
            if not self._waiting:  # looked at after the word that we sleep: whoever puts something in wakes us
                self._wake.wait()
            self._is_asleep = False
            self._wake.clear()
        self._send_all()

    def _send_all(self) -> None:
        try:
            with self._sending:  # who sends takes along what others have put in
                while self._waiting:
                    self._send([self._waiting.popleft() for _ in range(min(len(self._waiting), EVENTS_TOGETHER))])
        except Exception as error:
            if not isinstance(error, ConnectionError):  # that is a front desk that went away
                log.exception("this worker cannot say any more what it does, so it ends")
            self._give_up()

    def _send(self, entries: list[_Entry]) -> None:
        """Send entries, events of one job together."""
        together: list[dict[str, Any]] = []
        job_of_all = ""

        def send_together() -> None:
            if together:
                self._connection.send_bytes(pack({"type": "events", "job_id": job_of_all, "events": together}))
                together.clear()

        for about, event in entries:
            if isinstance(about, str) and isinstance(event, Event):
                if about != job_of_all:
                    send_together()
                    job_of_all = about
                picture = getattr(event, "picture", None)
                if picture is None:
                    together.append(event.as_message())
                    continue
                send_together()
                message = {"type": "event", "job_id": about, "event": event.as_message()}
                self._connection.send_bytes(pack(message, picture))
            elif isinstance(about, dict) and not isinstance(event, Event):
                send_together()
                self._connection.send_bytes(pack(about, event))
        send_together()
