"""The wire to a worker: a child process at the other end of a socket. The supervisor sees only `Transport`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import connection as pipes
from typing import Any, Protocol

from execution.protocol import Frames, framed, pack, unpack
from heddle.graph.said import say

log = logging.getLogger("heddle.server.transport")

Take = Callable[[dict[str, Any], bytes | None], None]
_EXIT_S = 1.0  # between a closed socket and the exit code
_SILENCE_S = 0.1  # after the last words of a dead worker


class WorkerProcess(Protocol):
    """What is asked of a child process; `multiprocessing.Process` answers all of it."""

    @property
    def pid(self) -> int | None: ...
    @property
    def exitcode(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...
    def kill(self) -> None: ...


StartWorker = Callable[[], tuple[socket.socket, WorkerProcess]]  # our end of a wire to it, and its process


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended."""

    words: str
    signal: str | None = None  # the name of the one that killed it


class Transport(Protocol):
    """Carries messages to one worker and back."""

    async def start(self, take: Take) -> None:
        """Start the worker; from now on `take` gets its messages, on the event loop, in order."""
        ...

    def send(self, message: dict[str, Any]) -> None:
        """Send soon. A worker that is gone gets nothing; `ended` tells."""
        ...

    async def ended(self) -> Ending:
        """Wait for the worker's end."""
        ...

    async def stop(self, patience_s: float) -> None:
        """Ask the worker to end, and end it when it does not."""
        ...


class PipeTransport(asyncio.Protocol):
    """A child process on this machine, at the other end of a socket. Only starting and burying it happen in threads."""

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker = start_worker
        self._take: Take = lambda message, blob: None
        self._frames = Frames()
        self._wire: asyncio.Transport | None = None
        self._process: WorkerProcess | None = None
        self._end = asyncio.Event()
        self._silence: asyncio.TimerHandle | None = None
        self._complaint = ""
        self._burial = threading.Lock()
        self._how: Ending | None = None

    async def start(self, take: Take) -> None:
        loop = asyncio.get_running_loop()
        # A worker ends with the thread that started it (execution/lifeline.py): this one lives as long as the loop.
        ours, self._process = await asyncio.to_thread(self._start_worker)
        self._take = take
        await loop.create_connection(lambda: self, sock=ours)
        if (sentinel := getattr(self._process, "sentinel", None)) is not None:
            threading.Thread(target=self._watch, args=(loop, sentinel), name="worker-watcher", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write(framed(pack(message)))

    async def ended(self) -> Ending:
        await self._end.wait()
        return await self._bury()

    async def stop(self, patience_s: float) -> None:
        if self._process is None:
            return
        self.send({"type": "stop"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._end.wait()
        await self._bury(_EXIT_S if self._end.is_set() else 0.0)

    # What the event loop tells

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        for packed in self._frames.feed(data):
            try:
                message, blob = unpack(packed)
            except ValueError as error:
                self._complaint = say(" after it sent something unreadable: {why}", why=error)
                self._cut()
                return
            try:
                self._take(message, blob)
            except Exception:  # the next message is not this one's fault
                log.exception("a message of a worker cannot be dealt with")
        if self._silence is not None:
            self._wait_for_silence()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
        # A dead worker's socket stays open when a grandchild inherited its end, so its process is watched as well.
        pipes.wait([sentinel])
        with contextlib.suppress(RuntimeError):  # our own loop is gone
            loop.call_soon_threadsafe(self._wait_for_silence)

    def _wait_for_silence(self) -> None:
        """The process is dead: what it said last is still read."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(_SILENCE_S, self._cut)

    def _cut(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    async def _bury(self, exit_s: float = _EXIT_S) -> Ending:
        how = await asyncio.to_thread(self._make_sure, exit_s)
        self._cut()
        return how

    def _make_sure(self, exit_s: float) -> Ending:
        """Have the process gone."""
        assert self._process is not None
        with self._burial:  # two threads that wait for one child would take the exit code from each other
            if self._how is None:
                self._process.join(exit_s)
                must_be_killed = self._process.is_alive()
                if must_be_killed:
                    self._process.kill()
                    self._process.join(5.0)
                how = Ending(say("was ended")) if must_be_killed else _ending(self._process.exitcode)
                self._how = replace(how, words=say("{how}{complaint}", how=how.words, complaint=self._complaint))
            return self._how


def _ending(code: int | None) -> Ending:
    if code is None:
        return Ending(say("ended"))
    if code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = say(", as systems do when memory runs out") if -code == 9 else ""
            return Ending(say("was killed by {name}{hint}", name=name, hint=hint), name)
    return Ending(say("ended with exit code {code}", code=code))
