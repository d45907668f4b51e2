"""Drafts: what stands in open tabs and was not saved."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from server.intake import Refused
from server.kept.drafts import DraftOf
from server.keys import LIMITS
from server.routes.bodies import person, read_bytes
from server.routes.described import TEXT, described

routes = web.RouteTableDef()

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_TEXT = 1000
_RECORD = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "name": {"type": ["string", "null"]},
        "path": {"type": ["string", "null"], "description": "The file that it was opened from"},
        "revision": {"type": ["string", "null"], "description": "Of that file, when it was opened"},
        "modified": {"type": "integer", "description": "ms since 1970"},
        "size": {"type": "integer"},
    },
    "required": ["id", "name", "path", "revision", "modified", "size"],
}


@routes.get("/heddle/drafts")
@described(
    answer={
        "type": "object",
        "properties": {"drafts": {"type": "array", "items": _RECORD}, "limits": {"type": "object"}},
        "required": ["drafts", "limits"],
    }
)
async def list_drafts(request: web.Request) -> web.Response:
    """The person's drafts, the one changed last first, and how many there may be."""
    drafts = person(request).drafts
    limits = {"count": drafts.limits.count, "bytes": drafts.limits.bytes}
    return web.json_response({"drafts": await asyncio.to_thread(drafts.list), "limits": limits})


@routes.get("/heddle/drafts/{id}")
@described()
async def read_draft(request: web.Request) -> web.Response:
    """A draft, as it was sent."""
    data = await asyncio.to_thread(person(request).drafts.read, _id(request))
    return web.Response(body=data, content_type="application/json", headers={"Cache-Control": "no-store"})


@routes.put("/heddle/drafts/{id}")
@described(
    query=dict.fromkeys(("name", "path", "revision"), TEXT),
    body={"type": "object", "description": "The workflow, or whatever the page keeps of its tab"},
    answer=_RECORD,
)
async def write_draft(request: web.Request) -> web.Response:
    """Keep the body, a JSON object, as a draft in place of an older one; 507 if there is no room for it."""
    draft_id = _id(request)
    of = DraftOf(*(_text(request, key) for key in ("name", "path", "revision")))
    data = await read_bytes(request, request.app[LIMITS].workflow_bytes)
    if not (data.lstrip(b" \t\r\n").startswith(b"{") and data.rstrip(b" \t\r\n").endswith(b"}")):
        raise Refused("invalid_json", "a draft is a JSON object")
    return web.json_response(await asyncio.to_thread(person(request).drafts.write, draft_id, data, of))


@routes.delete("/heddle/drafts/{id}")
@described(statuses=(204,))
async def delete_draft(request: web.Request) -> web.Response:
    """Discard a draft."""
    await asyncio.to_thread(person(request).drafts.delete, _id(request))
    return web.Response(status=204)


def _id(request: web.Request) -> str:
    draft_id = request.match_info["id"]
    if not _ID.fullmatch(draft_id):
        raise Refused("invalid_request", "a draft's id has 1 to 64 letters, digits, - or _")
    return draft_id


def _text(request: web.Request, key: str) -> str | None:
    text = request.query.get(key)
    if text is not None and len(text) > LONGEST_TEXT:
        raise Refused("invalid_request", f"{key} has up to {LONGEST_TEXT} characters")
    return text or None
