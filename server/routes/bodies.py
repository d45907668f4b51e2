"""How routes read JSON bodies and numbers from queries."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from server.intake import Refused

_LONG_BODY_BYTES = 256 * 1024  # from here on, parsing would hold up everybody else


async def read_json(request: web.Request, *, default: Any = None) -> Any:
    """The request's JSON; `default` for an empty body, if one is given. Raises: Refused."""
    raw = await request.read()
    if not raw.strip() and default is not None:
        return default
    try:
        if len(raw) > _LONG_BODY_BYTES:
            return await asyncio.to_thread(json.loads, raw)
        return json.loads(raw)
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError too
        raise Refused("invalid_json", "the request is not valid JSON", str(error)[:500]) from error


async def read_object(request: web.Request, *, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """The request's JSON object. Raises: Refused."""
    body = await read_json(request, default=default)
    if not isinstance(body, dict):
        raise Refused("invalid_request", "the request must be a JSON object")
    return body


async def answer_json(data: Any) -> web.Response:
    """A JSON answer that may be long: it is written beside the event loop."""
    return web.Response(text=await asyncio.to_thread(json.dumps, data), content_type="application/json")


def id_list(body: dict[str, Any], key: str) -> list[str]:
    """Ids from a body such as `{"delete": [id]}`; what is no usable text cannot be an id and is left out."""
    found = body.get(key)
    if not isinstance(found, list):
        raise Refused("invalid_request", f"`{key}` must be a list of ids")
    return [each for each in found if isinstance(each, str) and each.isprintable()]


def number(request: web.Request, name: str, default: int | None) -> int | None:
    """A whole number from the query. Raises: Refused."""
    text = request.query.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        value = 2**63
    if abs(value) >= 2**63:  # more than the store can count
        raise Refused("invalid_request", f"{name} must be a whole number, found {text[:40]!r}")
    return value
