"""Who listens on a websocket, and what each of them gets.

Every client has an id that it keeps across reconnects. Messages about a job go to the client that queued it; while that
client is away, those that matter wait for it for some minutes. A slow client never holds up another: pictures are left
out while much of what was said is not read, and a client that does not read at all is let go.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
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
    SaidText,
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
MOST_UNREAD_BYTES = 8 << 20  # of one connection
MOST_UNREAD_FOR_PICTURES = 512 << 10  # beyond this, previews are left out
KEPT_MESSAGES = 256  # for a client that is away
KEPT_S = 300.0
KEPT_CLIENTS = 64


class Connection:
    """One open websocket: what it announced, and the way to it.

    What is said in one go leaves in one write, each message as a frame of its own: a job of a thousand nodes says a
    thousand words, and a write of each would cost more than all else that is done for it.
    """

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, client_id: str) -> None:
        self.socket = socket
        self.client_id = client_id
        self.features: dict[str, Any] = {}
        self.wants_logs = False
        self._transport = transport
        self._frames: list[bytes] = []  # said just now
        self._frames_bytes = 0
        self._closing: asyncio.Task[Any] | None = None

    def send(self, message: Message, frame: bytes | None = None) -> None:
        """Say something soon, in the form this client reads. Args: frame: a text message, framed already."""
        unread = self._transport.get_write_buffer_size() + self._frames_bytes
        if isinstance(message, Preview | PreviewWithMetadata) and unread > MOST_UNREAD_FOR_PICTURES:
            return
        if unread > MOST_UNREAD_BYTES and self._transport.get_write_buffer_size():
            if self._closing is None:
                self._closing = asyncio.get_running_loop().create_task(self._let_go())
            return
        if isinstance(message, PreviewWithMetadata) and not self.features.get("supports_preview_metadata"):
            if not message.was_asked_for:
                return
            message = message.plain()
        elif isinstance(message, NodeText) and message.said is not None and self.features.get("heddle_notes"):
            message = SaidText(message.node_id, message.text, message.prompt_id, message.said)
        elif isinstance(message, NodeText) and not self.features.get("supports_progress_text_metadata"):
            if not self.features:  # a program, which takes whatever binary frame comes for a picture
                return
            message = NodeText(message.node_id, message.text)
        if not self._frames:
            asyncio.get_running_loop().call_soon(self._write)
        frame = framed(message.encode()) if frame is None else frame
        self._frames.append(frame)
        self._frames_bytes += len(frame)

    def _write(self) -> None:
        frames = b"".join(self._frames)
        self._frames.clear()
        self._frames_bytes = 0
        if not self.socket.closed and not self._transport.is_closing():
            self._transport.write(frames)

    async def _let_go(self) -> None:
        await self.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
        self._transport.abort()  # what it has not read is not kept for it


def framed(data: str | bytes) -> bytes:
    """A message as a frame of a websocket's server: whole, neither masked nor compressed (RFC 6455, section 5.2)."""
    kind, payload = (0x81, data.encode()) if isinstance(data, str) else (0x82, data)
    length = len(payload)
    if length < 126:
        return bytes((kind, length)) + payload
    if length < 1 << 16:
        return struct.pack(">BBH", kind, 126, length) + payload
    return struct.pack(">BBQ", kind, 127, length) + payload


def _tell_each(connections: Sequence[Connection], message: Message) -> None:
    # A text is the same for all, so it is written down once.
    frame = framed(message.encode()) if len(connections) > 1 and isinstance(message, TextMessage) else None
    for connection in connections:
        connection.send(message, frame)


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
            for message in messages if self._connections else ():
                self.tell_all(message)
            return
        connections = self._connections.get(client_id)
        for message in messages:
            _tell_each(connections or (), message)
            if not connections and isinstance(message, TextMessage):
                self._keep(client_id, message)

    def tell_all(self, message: Message) -> None:
        if self._connections:
            _tell_each(self._everyone(), message)

    def knows(self, feature: str) -> bool:
        """Whether anybody is there who announced this feature."""
        return bool(self._connections) and any(each.features.get(feature) for each in self._everyone())

    def tell_those_who_know(self, message: TextMessage) -> None:
        """Send to the clients that announced a feature named as this type of message: others would not read it."""
        _tell_each([each for each in self._everyone() if each.features.get(message.type)], message)

    def want_logs(self, client_id: str, wanted: bool) -> None:
        """Begin or stop to send log lines to a client."""
        for connection in self._connections.get(client_id, ()):
            connection.wants_logs = wanted

    def tell_log_readers(self, message: Logs) -> None:
        readers = [connection for connection in self._everyone() if connection.wants_logs]
        knowing = [connection for connection in readers if connection.features.get("heddle_logs")]
        _tell_each(knowing, message)
        _tell_each([connection for connection in readers if connection not in knowing], message.plain())

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
