"""Who listens on a websocket, and what each of them gets.

Every client has an id that it keeps across reconnects. Messages about a job go to the client that queued it; while that
client is away, those that matter wait for it for some minutes. A slow client never holds up another: each connection
has its own line, pictures are left out when the line grows, and a client that does not read is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import WSCloseCode, web

from server.messages import (
    FeatureFlags,
    Logs,
    Message,
    NodeText,
    Preview,
    PreviewWithMetadata,
    Progress,
    ProgressState,
    Status,
    TextMessage,
)

# What the server can do, as `/features` and the websocket tell it; the app adds the size of uploads.
SERVER_FEATURES: dict[str, Any] = {
    "supports_preview_metadata": True,
    "supports_progress_text_metadata": True,
    "assets": False,  # no store of files by their hash: front ends then list files by name
    "node_replacements": True,
}
LONGEST_LINE = 2_000  # messages that may wait for one connection
PICTURES_IN_LINE = 16  # beyond this, previews are left out
KEPT_MESSAGES = 256  # for a client that is away
KEPT_S = 300.0
KEPT_CLIENTS = 64


class Connection:
    """One open websocket: what it announced, and the line of messages towards it."""

    def __init__(self, socket: web.WebSocketResponse, client_id: str) -> None:
        self.socket = socket
        self.client_id = client_id
        self.features: dict[str, Any] = {}
        self.wants_logs = False
        self._line: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._closing: asyncio.Task[Any] | None = None

    def send(self, message: Message) -> None:
        """Put a message into the line, in the form this client reads."""
        waiting = self._line.qsize()
        if isinstance(message, Preview | PreviewWithMetadata) and waiting > PICTURES_IN_LINE:
            return
        if waiting > LONGEST_LINE:
            if self._closing is None:
                goodbye = self.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
                self._closing = asyncio.get_running_loop().create_task(goodbye)
            return
        if isinstance(message, PreviewWithMetadata) and not self.features.get("supports_preview_metadata"):
            if not message.was_asked_for:
                return
            message = message.plain()
        elif isinstance(message, NodeText) and not self.features.get("supports_progress_text_metadata"):
            if not self.features:  # a program, which takes whatever binary frame comes for a picture
                return
            message = NodeText(message.node_id, message.text)
        self._line.put_nowait(message.encode())

    async def deliver(self) -> None:
        """Send what is in the line, until the connection ends."""
        with contextlib.suppress(ConnectionError, RuntimeError):  # the other side left while we wrote
            while True:
                data = await self._line.get() if self._line.empty() else self._line.get_nowait()
                if isinstance(data, str):
                    await self.socket.send_str(data)
                else:
                    await self.socket.send_bytes(data)


class Clients:
    """All connections of the front desk."""

    def __init__(self) -> None:
        self.features = SERVER_FEATURES
        self._connections: dict[str, list[Connection]] = {}
        self._away: dict[str, deque[tuple[float, TextMessage]]] = {}
        self.catch_up: Callable[[str], Iterable[TextMessage]] = lambda client_id: ()  # set by the supervisor

    def add(self, connection: Connection, queue_remaining: int) -> None:
        """Take in a connection; it first hears its id, then what it missed, then where its running job is."""
        connection.send(Status(queue_remaining, connection.client_id))
        missed = self._away.pop(connection.client_id, ())
        for message in (m for kept_at, m in missed if time.monotonic() - kept_at < KEPT_S):
            connection.send(message)
        for message in self.catch_up(connection.client_id):
            connection.send(message)
        self._connections.setdefault(connection.client_id, []).append(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that ended; its client's messages are kept for a while."""
        others = self._connections.get(connection.client_id, [])
        if connection in others:
            others.remove(connection)
        if not others:
            self._connections.pop(connection.client_id, None)

    def tell(self, client_id: str | None, messages: Iterable[Message]) -> None:
        """Send to one client; messages of jobs that nobody signed go to all, as clients expect."""
        if client_id is None:
            for message in messages:
                self.tell_all(message)
            return
        connections = self._connections.get(client_id)
        for message in messages:
            for connection in connections or ():
                connection.send(message)
            if not connections and isinstance(message, TextMessage):
                self._keep(client_id, message)

    def tell_all(self, message: Message) -> None:
        for connection in self._everyone():
            connection.send(message)

    def want_logs(self, client_id: str, wanted: bool) -> None:
        """Begin or stop to send log lines to a client."""
        for connection in self._connections.get(client_id, ()):
            connection.wants_logs = wanted

    def tell_log_readers(self, message: Logs) -> None:
        for connection in self._everyone():
            if connection.wants_logs:
                connection.send(message)

    def greet(self, connection: Connection, data: Any) -> None:
        """Remember what a client can read and answer with what the server can do."""
        if isinstance(data, dict):
            connection.features = data
        connection.send(FeatureFlags(self.features))

    async def close(self) -> None:
        """Say goodbye to everyone."""
        goodbyes = [c.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops") for c in self._everyone()]
        await asyncio.gather(*goodbyes, return_exceptions=True)

    def _everyone(self) -> list[Connection]:
        return [connection for connections in self._connections.values() for connection in connections]

    def _keep(self, client_id: str, message: TextMessage) -> None:
        if isinstance(message, Progress | ProgressState):
            return  # the state at the time of return says more
        now = time.monotonic()
        for other in [name for name, kept in self._away.items() if kept and now - kept[-1][0] > KEPT_S]:
            del self._away[other]
        if client_id not in self._away and len(self._away) >= KEPT_CLIENTS:
            del self._away[next(iter(self._away))]
        self._away.setdefault(client_id, deque(maxlen=KEPT_MESSAGES)).append((now, message))
