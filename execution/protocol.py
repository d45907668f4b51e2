"""How one message looks on the pipe between the front desk and a worker.

A message is a JSON object, with or without bytes behind it (a preview picture): four bytes, big-endian, that say how
long the JSON is, the JSON in UTF-8, then the bytes. A socket carries messages one after another, before each its length
in four bytes more. What the messages mean is told by the worker and by `server/supervisor.py`.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct(">I")

#: Made before any pack is imported: some of them change `json.dumps` for all.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def pack(message: dict[str, Any], blob: bytes | None = None) -> bytes:
    """The bytes to send for one message. NaN, infinities and integers of any size arrive as they left."""
    text = _encode(message).encode("utf-8", "surrogatepass")
    return b"".join((_LENGTH.pack(len(text)), text, blob or b""))


def unpack(data: bytes) -> tuple[dict[str, Any], bytes | None]:
    """What `pack` was given. An empty blob comes back as None.

    Raises: ValueError, if the bytes are cut short or hold no JSON object.
    """
    if len(data) < _LENGTH.size:
        raise ValueError(f"a message of {len(data)} bytes: too short for the length that opens it")
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    if len(data) < end:
        raise ValueError(f"a message announces {length} bytes of JSON and brings {len(data) - _LENGTH.size}")
    message = json.loads(data[_LENGTH.size : end])
    if not isinstance(message, dict):
        raise ValueError(f"a message must be a JSON object, found {type(message).__name__}")
    return message, data[end:] or None


def framed(data: bytes) -> bytes:
    """A packed message as it goes over a socket."""
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Takes what arrives from a socket apart into packed messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with these bytes."""
        rest = self._rest
        rest += data
        while len(rest) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(rest)[0]
            if len(rest) < end:
                return
            message = bytes(rest[_LENGTH.size : end])
            del rest[:end]
            yield message


class Wire:
    """A worker's end of a socket: it sends and receives whole packed messages, and waits until each is through."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send_bytes(self, buf: bytes, /) -> None:
        self._socket.sendall(framed(buf))

    def recv_bytes(self) -> bytes:
        """The next message. Raises: EOFError, when the other end is closed."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return self._read(length)

    def close(self) -> None:
        """Let go of this end; another process that has it, too, goes on."""
        self._socket.close()

    def _read(self, size: int) -> bytes:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            count = self._socket.recv_into(rest)
            if not count:
                raise EOFError
            rest = rest[count:]
        return bytes(data)


def open_wire() -> tuple[socket.socket, Wire]:
    """The two ends of a new wire: the front desk's, for an event loop, and a worker's, which may go to its process."""
    ours, theirs = socket.socketpair()
    return ours, Wire(theirs)
