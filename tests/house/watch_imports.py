"""Imports modules one after another and reports what each import did beyond defining names.

Run by test_rules.py in a fresh interpreter: `python -B watch_imports.py ROOT HEAVY MODULES`, both lists as JSON. The
heavy packages come first, since what they do at import is not ours. Prints {module: [what happened]} for those that
did something, and under "loaded" the packages that are there at the end.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import Any

DOINGS = {
    "os.mkdir": "makes a folder",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.system": "starts a process",
    "os.posix_spawn": "starts a process",
    "subprocess.Popen": "starts a process",
    "socket.connect": "opens a connection",
    "socket.bind": "listens",
    "sqlite3.connect": "opens a database",
}


def library_state() -> dict[str, Any]:
    """What of the libraries an import might have changed."""
    state: dict[str, Any] = {
        "log handlers": len(logging.getLogger().handlers),
        "log level": logging.getLogger().level,
        "warning filters": len(warnings.filters),
        "interrupt handler": signal.getsignal(signal.SIGINT),
        "threads": threading.active_count(),
        "variables": dict(os.environ),
        "working folder": os.getcwd(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch's default dtype"] = torch.get_default_dtype()
        state["torch's threads"] = torch.get_num_threads()
        state["torch's seed"] = torch.initial_seed()
        state["torch's grad mode"] = torch.is_grad_enabled()
        state["torch's CUDA"] = torch.cuda.is_initialized()
    return state


class WatchedArguments(list):
    """A command line that notices when a line of our own files reads it."""

    def __init__(self, words: list[str], root: str, happened: list[str]) -> None:
        super().__init__(words)
        self._root, self._happened = root, happened

    def _note(self) -> None:
        frame: FrameType | None = sys._getframe(2)
        if frame is not None and frame.f_code.co_filename.startswith(self._root):
            self._happened.append("reads the command line")

    def __getitem__(self, index: Any) -> Any:
        self._note()
        return super().__getitem__(index)

    def __iter__(self) -> Any:
        self._note()
        return super().__iter__()


def main(root: str, heavy: list[str], modules: list[str]) -> None:
    for name in heavy:
        importlib.import_module(name)
    happened: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in DOINGS:
            happened.append(f"{DOINGS[event]}: {arguments[:1]!r}")
        elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            happened.append(f"writes {arguments[0]!r}")

    start_thread = threading.Thread.start

    def note_thread(thread: threading.Thread) -> None:  # no audit event tells of it on Python 3.11
        happened.append(f"starts a thread: {thread.name}")
        start_thread(thread)

    sys.path.insert(0, root)
    sys.addaudithook(hook)
    setattr(threading.Thread, "start", note_thread)  # noqa: B010 - a type checker rightly dislikes the plain form
    sys.argv = WatchedArguments(["watched"], root, happened)
    report: dict[str, Any] = {}
    before = library_state()
    for name in modules:
        happened.clear()
        importlib.import_module(name)
        after = library_state()
        done = happened + [f"changes {what}" for what in after if what in before and after[what] != before[what]]
        if done:
            report[name] = done
        before = after
    report["loaded"] = sorted(name.split(".")[0] for name in sys.modules if "." not in name)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]))
