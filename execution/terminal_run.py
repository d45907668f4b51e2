"""A job of somebody at a terminal, who may stop it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from typing import Any

from execution.console import Console
from execution.events import JobFinished
from execution.worker import Worker


def run_in_terminal(
    worker: Worker, prompt: Any, extra: Mapping[str, Any], console: Console, *, use_cache: bool = True
) -> JobFinished:
    """Run a graph to its end and show how far it is; Ctrl+C stops it after a step, pressed twice at once.

    Args:
        extra: what goes into pictures besides the graph.
    """
    stop = worker.expect("run")

    def interrupt(*_: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice: do not wait for the node
        stop.set()
        print("\nstopping after this step; once more to stop at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with worker.listening(lambda message, blob=None: None):  # packs' messages are for pages, and there is none
            return worker.run("run", prompt, console.show, extra_data={"extra_pnginfo": extra}, use_cache=use_cache)
    finally:
        signal.signal(signal.SIGINT, before)
        console.close()
