"""How routes read bodies, numbers, flags, and whose request it is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from heddle.graph.quoting import short
from heddle.graph.workflow import MOST_VALUES, is_crowded
from server.intake import Refused
from server.keys import LIMITS, PEOPLE
from server.people import HEADER, Person
from server.plain_json import to_text

_LONG_BODY_BYTES = 256 * 1024  # from here on, parsing would hold up everybody else
LARGEST = 2**62  # of whole numbers in a query; the store adds to them, and counts to 2^63
DEEPEST = 256  # lists and objects inside each other; a workflow has a dozen, and Python's own readers end near 1,000


async def read_bytes(request: web.Request, limit: int) -> bytes:
    """The body. Raises: HTTPRequestEntityTooLarge, if it is longer than `limit` bytes."""
    # Most clients announce the length: then nothing of it needs to be kept.
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit:
            raise too_large(limit)
    return bytes(data)


def too_large(limit: int) -> web.HTTPRequestEntityTooLarge:
    size = f"{limit >> 20} MB" if limit >= 2**20 else f"{limit} bytes"
    return web.HTTPRequestEntityTooLarge(
        max_size=limit, actual_size=limit + 1, text=f"larger than {size}, the most that is taken"
    )


async def read_json(request: web.Request, *, default: Any = None, limit: int | None = None) -> Any:
    """The request's JSON; `default` for an empty body, if one is given. Raises: Refused."""
    raw = await read_bytes(request, request.app[LIMITS].json_bytes if limit is None else limit)
    if not raw.strip() and default is not None:
        return default
    return await asyncio.to_thread(parse, raw) if len(raw) > _LONG_BODY_BYTES else parse(raw)


def parse(raw: bytes | str) -> Any:
    """A JSON text from outside.

    Raises: Refused, if it is none, larger or deeper than anything sensible, or says something twice.
    """
    if is_crowded(raw):
        raise Refused("invalid_json", f"the request holds more than {MOST_VALUES:,} values; no workflow does")
    twice: list[_Twice] = []

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            made = _Twice(made, pairs)
            twice.append(made)
        return made

    try:
        value = json.loads(raw, object_pairs_hook=make_object)
    except ValueError as error:  # a UnicodeDecodeError is one, too
        raise Refused("invalid_json", "the request is not valid JSON", str(error)[:500]) from error
    except RecursionError as error:
        raise _too_deep() from error
    if twice:
        raise _two_faced(value, twice[-1])  # the outermost of those that lie in each other
    opening = raw.count(b"[") + raw.count(b"{") if isinstance(raw, bytes) else raw.count("[") + raw.count("{")
    if opening > DEEPEST:
        refuse_deep(value)
    return value


class _Twice(dict[str, Any]):
    """An object in which a name stands twice; readers disagree on which of the two counts."""

    def __init__(self, made: dict[str, Any], pairs: list[tuple[str, Any]]) -> None:
        super().__init__(made)
        seen: set[str] = set()
        self.name = next(name for name, _ in pairs if name in seen or seen.add(name))


def _two_faced(value: Any, where: _Twice) -> Refused:
    path = _path_to(value, where)
    place = ".".join(map(str, path)) or "the request"
    words = f"{place[:100]}: the name {where.name[:100]!r} stands there twice; leave one of them out"
    node_errors: dict[str, Any] = {}
    match [*path, where.name]:
        case ["prompt", str(node_id), *below]:
            name = str(below[1]) if below[:1] == ["inputs"] and len(below) > 1 else None
            record = {"type": "invalid_json", "message": words, "details": words, "extra_info": {"input_name": name}}
            node = value["prompt"].get(node_id)
            class_type = node.get("class_type") if isinstance(node, dict) else None
            node_errors = {node_id: {"errors": [record], "dependent_outputs": [], "class_type": class_type}}
    return Refused("invalid_json", words, node_errors=node_errors)


def _path_to(value: Any, wanted: _Twice) -> list[str | int]:
    """The names and places that lead to an object inside a value."""
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        holder, path = waiting.pop()
        if holder is wanted:
            return list(path)
        inner = holder.items() if isinstance(holder, dict) else enumerate(holder)
        waiting += [(each, (*path, name)) for name, each in inner if isinstance(each, dict | list)]
    return []


def refuse_deep(value: Any) -> None:
    """Raises: Refused, if what was read holds lists and objects inside each other deeper than anything sensible."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for holder in level:  # plain loops: three times as fast on a large workflow
            for each in holder.values() if type(holder) is dict else holder:
                if type(each) is dict or type(each) is list:
                    inner.append(each)
        if not inner:
            return
        level = inner
    raise _too_deep()


def _too_deep() -> Refused:
    return Refused("invalid_json", f"the request has more than {DEEPEST} lists and objects inside each other")


async def read_object(
    request: web.Request, *, default: dict[str, Any] | None = None, limit: int | None = None
) -> dict[str, Any]:
    """The request's JSON object. Raises: Refused."""
    body = await read_json(request, default=default, limit=limit)
    if not isinstance(body, dict):
        raise Refused("invalid_request", f"the request must be a JSON object, found {short(body)}")
    return body


def person(request: web.Request) -> Person:
    """Who asks. Raises: UnknownPerson."""
    return request.app[PEOPLE].person(request.headers.get(HEADER))


async def answer_json(data: Any) -> web.Response:
    """A JSON answer that may be long: it is written beside the event loop."""
    return web.Response(text=await asyncio.to_thread(to_text, data), content_type="application/json")


def id_list(body: dict[str, Any], key: str) -> list[str]:
    """Ids from a body such as `{"delete": [id]}`; what is no usable text cannot be an id and is left out."""
    found = body.get(key)
    if not isinstance(found, list):
        raise Refused("invalid_request", f"`{key}` must be a list of ids, found {short(found)}")
    return [each for each in found if isinstance(each, str) and each.isprintable()]


def number(request: web.Request, name: str, default: int | None) -> int | None:
    """A whole number from the query. Raises: Refused."""
    text = request.query.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        value = LARGEST
    if abs(value) >= LARGEST:
        raise Refused("invalid_request", f"{name} must be a whole number below 2^62, found {text[:40]!r}")
    return value


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """A yes or no from the query; clients write `true` and `false`. Raises: Refused."""
    text = request.query.get(name)
    if text is None or text == "":
        return default
    if text.lower() not in ("true", "false", "1", "0"):
        raise Refused("invalid_request", f"{name} must be true or false, found {text[:40]!r}")
    return text.lower() in ("true", "1")
