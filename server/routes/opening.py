"""Opening anything: a file or a text, and what it is."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.intake import Refused
from server.keys import CATALOGUE, FOLDERS, INTAKE, LIMITS, MODELS
from server.opening import Opened, build, files_here, look_into, told_notes
from server.routes.bodies import answer_json, read_bytes, refuse_deep
from server.routes.described import TEXT, described, one_of
from server.routes.forms import received_form

routes = web.RouteTableDef()

KINDS = ("workflow", "prompt", "parameters", "templates", "media", "nothing")
_LONGEST_NAME = 1000


@routes.post("/heddle/open")
@described(
    query={"name": TEXT},
    body={"description": "A workflow in either form, or another program's settings as a text"},
    form={"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]},
    answer={
        "type": "object",
        "properties": {
            "kind": one_of(*KINDS),
            "name": TEXT,
            "workflow": {"type": "object", "description": "In the saved form"},
            "prompt": {"type": "object", "description": "In the API form"},
            "parameters": {"type": "object"},
            "text": TEXT,
            "templates": {"type": "array"},
            "media": one_of("image", "video", "audio", "3d", "model"),
            "notes": {"type": "array", "items": TEXT},
            "notes_said": {
                "type": "array",
                "description": "What each note was made of, or null",
            },
        },
        "required": ["kind", "name", "notes"],
    },
)
async def open_anything(request: web.Request) -> web.Response:
    """What a `file` of a form, or the body itself, is; a graph and A1111's settings are made into a workflow."""
    if request.content_type == "multipart/form-data":
        async with received_form(request, "file", request.app[FOLDERS].temp) as form:
            opened = await asyncio.to_thread(look_into, form.draft, form.filename or "")
    else:
        name = request.query.get("name", "")
        if len(name) > _LONGEST_NAME:
            raise Refused("invalid_request", f"name has up to {_LONGEST_NAME} characters")
        data = await read_bytes(request, request.app[LIMITS].json_bytes)
        opened = await asyncio.to_thread(look_into, data, name)
    await asyncio.to_thread(refuse_deep, opened.found)
    return await answer_json(await _built(request, opened))


async def _built(request: web.Request, opened: Opened) -> dict[str, object]:
    if opened.kind not in ("prompt", "parameters"):
        return {"kind": opened.kind, "name": opened.name, **opened.found, **told_notes(opened.notes)}
    records = await request.app[INTAKE].records()

    files = files_here(request.app[FOLDERS], request.app[MODELS])

    def make() -> dict[str, object]:
        return build(opened, request.app[CATALOGUE].registry(records), files)

    return await asyncio.to_thread(make)
