"""The wire to a worker: a child process at the other end of a pipe. The supervisor sees only `Transport`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import connection as pipes
from typing import Any, Protocol

from execution.protocol import pack, unpack

log = logging.getLogger("heddle.server.transport")

Take = Callable[[dict[str, Any], bytes | None], None]
_EXIT_S = 1.0  # between a closed pipe and the exit code
MESSAGES_AHEAD = 512  # read from a pipe and not yet handled; then the worker has to wait


class WorkerProcess(Protocol):
    """What is asked of a child process; `multiprocessing.Process` answers all of it."""

    @property
    def pid(self) -> int | None: ...
    @property
    def exitcode(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...
    def kill(self) -> None: ...


class WorkerPipe(Protocol):
    """One end of `multiprocessing.Pipe()`."""

    def send_bytes(self, buf: bytes) -> None: ...
    def recv_bytes(self) -> bytes: ...
    def close(self) -> None: ...


StartWorker = Callable[[], tuple[WorkerPipe, WorkerProcess]]


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


class PipeTransport:
    """A child process on this machine. Reading and writing happen in threads: either may wait for the other side."""

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker = start_worker
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(MESSAGES_AHEAD)
        self._end = asyncio.Event()
        self._pipe: WorkerPipe | None = None
        self._process: WorkerProcess | None = None
        self._complaint = ""
        self._burial = threading.Lock()
        self._how: Ending | None = None

    async def start(self, take: Take) -> None:
        loop = asyncio.get_running_loop()
        # The loop's own threads live as long as it does: a worker ends with the thread that started it (`lifeline.py`).
        self._pipe, self._process = await asyncio.to_thread(self._start_worker)
        threading.Thread(target=self._read, args=(loop, take), name="worker-reader", daemon=True).start()
        threading.Thread(target=self._write, name="worker-writer", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        self._outgoing.put(pack(message))

    async def ended(self) -> Ending:
        await self._end.wait()
        return await asyncio.to_thread(self._bury)

    async def stop(self, patience_s: float) -> None:
        if self._process is None:
            return
        self.send({"type": "stop"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._end.wait()
        await asyncio.to_thread(self._bury, _EXIT_S if self._end.is_set() else 0.0)

    def _read(self, loop: asyncio.AbstractEventLoop, take: Take) -> None:
        assert self._pipe is not None
        # A dead worker's pipe stays open when a grandchild inherited its end, so its process is watched as well.
        sentinel: Any = getattr(self._process, "sentinel", None)
        pipe: Any = self._pipe

        arrived: deque[tuple[dict[str, Any], bytes | None]] = deque()
        on_its_way = threading.Event()  # the loop is woken once for all that came until it looks

        def hand_over() -> None:
            on_its_way.clear()
            while arrived:
                self._room.release()
                try:
                    take(*arrived.popleft())
                except Exception:  # the next message is not this one's fault
                    log.exception("a message of a worker cannot be dealt with")

        try:
            while True:
                if sentinel is not None and pipe not in pipes.wait([pipe, sentinel]):
                    break
                message, blob = unpack(self._pipe.recv_bytes())
                self._room.acquire()
                arrived.append((message, blob))
                if not on_its_way.is_set():
                    on_its_way.set()
                    loop.call_soon_threadsafe(hand_over)
        except ValueError as error:
            self._complaint = f" after it sent something unreadable: {error}"
        except (EOFError, OSError, RuntimeError, TypeError):
            # The other side, or our own loop, is gone. TypeError is how a pipe says that it was closed meanwhile.
            pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._end.set)

    def _write(self) -> None:
        assert self._pipe is not None
        with contextlib.suppress(OSError, ValueError, TypeError):
            while (data := self._outgoing.get()) is not None:
                self._pipe.send_bytes(data)

    def _bury(self, exit_s: float = _EXIT_S) -> Ending:
        """Make sure that the process is gone and nothing of it stays open."""
        assert self._process is not None and self._pipe is not None
        with self._burial:  # two threads that wait for one child would take the exit code from each other
            if self._how is None:
                self._process.join(exit_s)
                must_be_killed = self._process.is_alive()
                if must_be_killed:
                    self._process.kill()
                    self._process.join(5.0)
                self._outgoing.put(None)
                with contextlib.suppress(OSError):
                    self._pipe.close()
                how = Ending("was ended") if must_be_killed else _ending(self._process.exitcode)
                self._how = replace(how, words=how.words + self._complaint)
            return self._how


def _ending(code: int | None) -> Ending:
    if code is None:
        return Ending("ended")
    if code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = ", as systems do when memory runs out" if -code == 9 else ""
            return Ending(f"was killed by {name}{hint}", name)
    return Ending(f"ended with exit code {code}")
