"""The wire to a worker, from the front desk's side."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
from typing import Any

from execution.protocol import Wire, open_wire, pack
from server.transport import PipeTransport


def leave_a_child_behind(wire: Wire) -> None:
    """Say something, and end; a program that was started meanwhile has our end of the wire, too."""
    handle = wire._socket.fileno()
    os.set_inheritable(handle, True)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[handle])
    wire.send_bytes(pack({"type": "log", "text": "x" * 1_000_000}))


def talk_nonsense(wire: Wire) -> None:
    wire.send_bytes(pack({"type": "log"}))
    wire.send_bytes(b"nonsense")
    wire.recv_bytes()


def starts(target: Any) -> Any:
    def start() -> Any:
        ours, theirs = open_wire()
        process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    return start


async def test_a_worker_that_left_a_child_behind_is_heard_to_its_end_and_missed() -> None:
    heard: list[Any] = []
    transport = PipeTransport(starts(leave_a_child_behind))
    await transport.start(lambda message, blob: heard.append(message))
    async with asyncio.timeout(20):
        assert (await transport.ended()).words == "ended with exit code 0"
    assert [len(message["text"]) for message in heard] == [1_000_000]


async def test_a_worker_that_sends_something_unreadable_is_ended_with_a_word() -> None:
    heard: list[Any] = []
    transport = PipeTransport(starts(talk_nonsense))

    def take(message: dict[str, Any], blob: bytes | None) -> None:
        heard.append(message)
        raise RuntimeError("and what fails over one message keeps none back")

    await transport.start(take)
    assert "something unreadable" in (await transport.ended()).words
    assert heard == [{"type": "log"}]
