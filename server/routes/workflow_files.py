"""A person's saved workflows and their versions. A name is one segment of the address: `faces%2Fclose%20up.json`.

What is written says which revision it replaces, so that nobody's work is overwritten unseen. Revisions are ETags.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from aiohttp import web

from server.intake import Refused
from server.kept import Expected
from server.kept.workflows import LONGEST_LABEL, count_nodes
from server.keys import LIMITS
from server.plain_json import to_text
from server.routes.bodies import flag, parse, person, read_bytes, read_object
from server.routes.described import TEXT, Schema, described

routes = web.RouteTableDef()

_ROOT = "/heddle/files/workflows"
_LARGEST_NUMBER = 2**62
_MATCH: Schema = {"type": "string", "description": 'The revision that is replaced, in quotes; "*" for any'}
_NONE_MATCH: Schema = {"type": "string", "description": "With *: only if there is none (what is meant without headers)"}
_BACK: Schema = {"type": "string", "description": "A revision that is known already: 304 if it is still the one"}
_TIME: Schema = {"type": "integer", "description": "ms since 1970"}
_RECORD: dict[str, Schema] = {
    "path": TEXT,
    "size": {"type": "integer"},
    "modified": _TIME,
    "revision": TEXT,
}
_FILE: Schema = {"type": "object", "properties": _RECORD, "required": list(_RECORD)}
_SAVED: Schema = {
    "type": "object",
    "properties": {**_RECORD, "version": {"type": "integer"}, "created": {"type": "boolean"}},
    "required": [*_RECORD, "version", "created"],
}
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@routes.get(_ROOT)
@described(query={"deleted": {"type": "boolean"}}, answer={"type": "object"})
async def list_files(request: web.Request) -> web.Response:
    """The person's workflows, or with `deleted=true` those that have versions and no file."""
    workflows = person(request).workflows
    if flag(request, "deleted"):
        return web.json_response({"workflows": await asyncio.to_thread(workflows.deleted)})
    found = await asyncio.to_thread(workflows.list)
    for each in found:
        each["thumbnail"] = thumbnail_address(each["path"], each.pop("thumbnail_ms"))
    return web.json_response({"workflows": found})


@routes.get(_ROOT + "/{path}")
@described(headers={"If-None-Match": _BACK}, statuses=(200, 304))
async def read_file(request: web.Request) -> web.Response:
    """A workflow as it was saved; its revision is the ETag."""
    data, revision, modified_ms = await asyncio.to_thread(person(request).workflows.read, _name(request))
    return await _content(request, data, revision, modified_ms)


@routes.put(_ROOT + "/{path}")
@described(
    query={"label": {"type": "string", "maxLength": LONGEST_LABEL}},
    headers={"If-Match": _MATCH, "If-None-Match": _NONE_MATCH},
    body={"type": "object", "description": "The workflow"},
    answer=_SAVED,
    statuses=(200, 201),
)
async def save_file(request: web.Request) -> web.Response:
    """Save the body in place of the revision of `If-Match`, and keep it as a version; 409 if another one is there."""
    expected, label = _expected(request), _label(request.query.get("label"))
    data = await read_bytes(request, request.app[LIMITS].workflow_bytes)
    document = await asyncio.to_thread(parse, data)
    if not isinstance(document, dict):
        raise Refused("invalid_request", "a workflow is a JSON object")
    workflows, nodes = person(request).workflows, count_nodes(document)
    return _saved(await asyncio.to_thread(workflows.save, _name(request), data, expected, label, nodes))


@routes.delete(_ROOT + "/{path}")
@described(headers={"If-Match": _MATCH}, statuses=(204,))
async def delete_file(request: web.Request) -> web.Response:
    """Take a workflow away; its versions stay."""
    expected = _expected(request) if "If-Match" in request.headers else Expected(is_any=True)
    await asyncio.to_thread(person(request).workflows.delete, _name(request), expected)
    return web.Response(status=204)


@routes.post(_ROOT + "/{path}/move")
@described(
    body={
        "type": "object",
        "properties": {"to": {"type": "string", "minLength": 1}, "overwrite": {"type": "boolean"}},
        "required": ["to"],
    },
    answer=_FILE,
)
async def move_file(request: web.Request) -> web.Response:
    """Give a workflow another name, with all its versions; 409 if that is taken and may not be overwritten."""
    body = await read_object(request)
    wanted, overwrite = body.get("to"), body.get("overwrite", False)
    if not isinstance(wanted, str) or not wanted or not isinstance(overwrite, bool):
        raise Refused("invalid_request", "`to` must be the new name, and `overwrite` true or false")
    moved = await asyncio.to_thread(person(request).workflows.move, _name(request), wanted, overwrite=overwrite)
    return web.json_response(moved, headers={"ETag": f'"{moved["revision"]}"'})


@routes.get(_ROOT + "/{path}/versions")
@described(answer={"type": "object"})
async def list_versions(request: web.Request) -> web.Response:
    """Every version of a workflow that is kept, the newest first, also of a deleted one."""
    return web.json_response(await asyncio.to_thread(person(request).workflows.versions, _name(request)))


@routes.delete(_ROOT + "/{path}/versions")
@described(statuses=(204,))
async def forget_versions(request: web.Request) -> web.Response:
    """Drop the versions of a deleted workflow for good; 409 while the workflow is there."""
    await asyncio.to_thread(person(request).workflows.forget, _name(request))
    return web.Response(status=204)


@routes.get(_ROOT + "/{path}/versions/{version}")
@described(headers={"If-None-Match": _BACK}, statuses=(200, 304))
async def read_version(request: web.Request) -> web.Response:
    """A workflow as one of its versions; the ETag is its revision."""
    name, number = _name(request), _number(request)
    data, revision, saved_ms = await asyncio.to_thread(person(request).workflows.version, name, number)
    return await _content(request, data, revision, saved_ms)


@routes.patch(_ROOT + "/{path}/versions/{version}")
@described(
    body={
        "type": "object",
        "properties": {"label": {"type": ["string", "null"], "maxLength": LONGEST_LABEL}},
        "required": ["label"],
    },
    statuses=(204,),
)
async def name_version(request: web.Request) -> web.Response:
    """Give a version a label, or with null take it away."""
    body = await read_object(request)
    if "label" not in body or not isinstance(body["label"], str | None):
        raise Refused("invalid_request", "`label` must be a text or null")
    label = _label(body["label"])
    await asyncio.to_thread(person(request).workflows.name_version, _name(request), _number(request), label)
    return web.Response(status=204)


@routes.post(_ROOT + "/{path}/versions/{version}/restore")
@described(headers={"If-Match": _MATCH, "If-None-Match": _NONE_MATCH}, answer=_SAVED, statuses=(200, 201))
async def restore_version(request: web.Request) -> web.Response:
    """Save a version anew in place of the revision of `If-Match`, or of nothing; 409 if another one is there."""
    expected, name, number = _expected(request), _name(request), _number(request)
    return _saved(await asyncio.to_thread(person(request).workflows.restore, name, number, expected))


@routes.get(_ROOT + "/{path}/thumbnail")
@described(answer_types=("image/png", "image/jpeg", "image/webp"))
async def read_thumbnail(request: web.Request) -> web.Response:
    """The picture of a workflow."""
    data = await asyncio.to_thread(person(request).workflows.thumbnail, _name(request))
    lasting = "v" in request.query  # the address names one picture for ever
    caching = "private, max-age=31536000, immutable" if lasting else "no-cache"
    return web.Response(
        body=data,
        content_type=_picture_type(data),
        headers={"Cache-Control": caching, "X-Content-Type-Options": "nosniff"},
    )


@routes.put(_ROOT + "/{path}/thumbnail")
@described(answer={"type": "object", "properties": {"thumbnail": TEXT}, "required": ["thumbnail"]})
async def write_thumbnail(request: web.Request) -> web.Response:
    """Keep the body, a PNG, JPEG or WebP, as the picture of a workflow; its address."""
    data = await read_bytes(request, request.app[LIMITS].thumbnail_bytes)
    _picture_type(data)
    name = _name(request)
    made_ms = await asyncio.to_thread(person(request).workflows.set_thumbnail, name, data)
    return web.json_response({"thumbnail": thumbnail_address(name, made_ms)})


def thumbnail_address(name: str, made_ms: int | None) -> str | None:
    """Where the picture of a workflow is to be had, another address for another picture."""
    return None if made_ms is None else f"{_ROOT}/{quote(name, safe='')}/thumbnail?v={made_ms}"


def _name(request: web.Request) -> str:
    return request.match_info["path"]


def _number(request: web.Request) -> int:
    text = request.match_info["version"]
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > _LARGEST_NUMBER:
        raise Refused("invalid_request", f"the number of a version is a whole number, found {text[:40]!r}")
    return int(text)


def _label(text: str | None) -> str | None:
    if text is not None and (len(text) > LONGEST_LABEL or not text.isprintable()):
        raise Refused("invalid_request", f"a label has up to {LONGEST_LABEL} printable characters")
    return text or None


def _expected(request: web.Request) -> Expected:
    """What the writer says lies there. Raises: Refused."""
    match, none = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if match is None:
        if none not in (None, "*"):
            raise Refused("invalid_request", "to write, If-None-Match takes only *; name the revision in If-Match")
        return Expected()
    if none is not None:
        raise Refused("invalid_request", "give If-Match or If-None-Match, not both")
    tags = [each.strip().removeprefix("W/").strip('"') for each in match.split(",")]
    if "*" in tags:
        return Expected(is_any=True)
    if not all(tags):
        raise Refused("invalid_request", "If-Match must be the revision that was opened, in quotes, or *")
    return Expected(frozenset(tags))


async def _content(request: web.Request, data: bytes, revision: str, modified_ms: int) -> web.Response:
    headers = {"ETag": f'"{revision}"', "Cache-Control": "no-cache", "X-Heddle-Modified": str(modified_ms)}
    known = [each.strip().removeprefix("W/").strip('"') for each in request.headers.get("If-None-Match", "").split(",")]
    if revision in known:
        return web.Response(status=304, headers=headers)
    if b"NaN" in data or b"Infinity" in data:  # written by others: no browser reads that as JSON
        data = await asyncio.to_thread(_without_odd_numbers, data)
    return web.Response(body=data, content_type="application/json", headers=headers)


def _without_odd_numbers(data: bytes) -> bytes:
    try:
        return to_text(json.loads(data)).encode("ascii")
    except (ValueError, RecursionError):  # broken in other ways, too: as it is
        return data


def _saved(record: dict[str, Any]) -> web.Response:
    status = 201 if record["created"] else 200
    return web.json_response(record, status=status, headers={"ETag": f'"{record["revision"]}"'})


def _picture_type(data: bytes) -> str:
    """Told by the first bytes. Raises: Refused."""
    for mark, kind in _PICTURES.items():
        if data.startswith(mark) and (kind != "image/webp" or data[8:12] == b"WEBP"):
            return kind
    raise Refused("invalid_request", "a thumbnail is a PNG, a JPEG or a WebP picture")
