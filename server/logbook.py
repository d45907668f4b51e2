"""The last lines of the log and of what workers print, for consoles in the browser."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from datetime import UTC, datetime
from typing import Any

from heddle.graph.logged import facts_of_line
from server.clients import Clients
from server.messages import Logs

KEPT_LINES = 1000
DESK = "desk"  # the source of our own lines; those of workers have a worker's name

_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
# What workers log has this form; what packs print may have any, and many write the level in brackets.
_LEVEL = re.compile(r"\W{0,3}(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_TRACEBACK = "Traceback (most recent call last):"
_PACK = re.compile(r"custom_nodes[/\\]([^/\\\"']+)[/\\]")


class LogBook(logging.Handler):
    """Keeps lines and passes new ones to the clients that asked for them. Lines may come from any thread."""

    def __init__(self, clients: Clients) -> None:
        super().__init__()
        self._clients = clients
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tracing: set[str] = set()  # workers in the middle of a traceback
        self.entries: deque[dict[str, Any]] = deque(maxlen=KEPT_LINES)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def open(self) -> None:
        """Begin to listen to Heddle's loggers."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger("heddle").addHandler(self)

    def close(self) -> None:
        logging.getLogger("heddle").removeHandler(self)
        self._loop = None
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        level = _LEVELS.get(record.levelname, "info")
        at = datetime.fromtimestamp(record.created, UTC)
        self._enter(at, self.format(record), level, DESK, said=facts_of_line(record))

    def take(self, worker: str, line: str, said: dict[str, Any] | None = None) -> None:
        """A line that a worker printed; the terminal has it already. Args: said: what it was made of, if known."""
        match = _PACK.search(line)
        self._enter(datetime.now(UTC), line, self._level_of(worker, line), worker, match and match[1], said)

    def _level_of(self, worker: str, line: str) -> str:
        if line.startswith(_TRACEBACK):
            self._tracing.add(worker)
            return "error"
        if worker in self._tracing:
            if not line.startswith(" "):  # the error itself ends it
                self._tracing.discard(worker)
            return "error"
        match = _LEVEL.match(line)
        return "info" if match is None else _LEVELS[match[1]]

    def _enter(
        self,
        at: datetime,
        line: str,
        level: str,
        source: str,
        pack: str | None = None,
        said: dict[str, Any] | None = None,
    ) -> None:
        entry: dict[str, Any] = {"t": at.isoformat(), "m": f"{line}\n", "level": level, "source": source}
        if pack is not None:
            entry["pack"] = pack
        if said is not None:
            entry["said"] = said
        self.entries.append(entry)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._clients.tell_log_readers, Logs([entry]))
