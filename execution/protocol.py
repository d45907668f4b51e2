"""How one message looks on the pipe between the front desk and a worker.

A message is a JSON object, with or without bytes behind it (a preview picture): four bytes, big-endian, that say how
long the JSON is, the JSON in UTF-8, then the bytes. The pipe itself keeps messages apart. What the messages mean is
told by the worker and by `server/supervisor.py`.
"""

from __future__ import annotations

import json
import struct
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
