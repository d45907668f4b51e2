"""The last lines of the log and of what workers print, for consoles in the browser."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime

from server.clients import Clients
from server.messages import Logs

KEPT_LINES = 1000


class LogBook(logging.Handler):
    """Keeps lines and passes new ones to the clients that asked for them. Lines may come from any thread."""

    def __init__(self, clients: Clients) -> None:
        super().__init__()
        self._clients = clients
        self._loop: asyncio.AbstractEventLoop | None = None
        self.entries: deque[dict[str, str]] = deque(maxlen=KEPT_LINES)
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
        self._enter(datetime.fromtimestamp(record.created, UTC), self.format(record))

    def take(self, line: str) -> None:
        """A line that a worker printed; the terminal has it already."""
        self._enter(datetime.now(UTC), line)

    def _enter(self, at: datetime, line: str) -> None:
        entry = {"t": at.isoformat(), "m": f"{line}\n"}
        self.entries.append(entry)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._clients.tell_log_readers, Logs([entry]))
