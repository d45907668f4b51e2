"""Saved workflows, and their conversion into what `POST /prompt` takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web

from server.keys import CATALOGUE, INTAKE, READINESS, WORKFLOWS
from server.people import Person, UnknownPerson
from server.plain_json import to_text
from server.routes.bodies import person, read_json
from server.routes.described import TEXT, described, one_of
from server.routes.workflow_files import thumbnail_address
from server.user_files import UserFiles
from server.workflows import Shelved

routes = web.RouteTableDef()


@routes.get("/heddle/workflows")
@described(
    answer={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": TEXT,
                "title": TEXT,
                "source": one_of("shipped", "user"),
                "thumbnail": {"type": ["string", "null"]},
                "runs": {"type": ["boolean", "null"]},
                "missing": {"type": "object"},
                "problem": {"type": ["string", "null"]},
            },
            "required": ["name", "title", "source", "thumbnail", "runs", "missing", "problem"],
        },
    }
)
async def list_workflows(request: web.Request) -> web.Response:
    """The workflows that ship and the person's own, and which of them run with what is on this machine."""
    app, asking = request.app, _person(request)

    def read() -> list[dict[str, Any]]:
        found = app[WORKFLOWS].list(None if asking is None else asking.files)
        thumbnails = {} if asking is None else asking.workflows.thumbnails()
        told = app[READINESS].tell([each.path for each in found], app[CATALOGUE])
        return [
            {
                "name": each.name,
                "title": each.title,
                "source": each.source,
                "thumbnail": _thumbnail(each, thumbnails),
                **ready.told(),
            }
            for each, ready in zip(found, told, strict=True)
        ]

    return web.json_response(await asyncio.to_thread(read), dumps=to_text)


@routes.get("/heddle/workflows/{name:.+}")
async def read_workflow(request: web.Request) -> web.Response:
    """One workflow, as it was saved."""
    name = request.match_info["name"]
    return web.json_response(await asyncio.to_thread(request.app[WORKFLOWS].read, _files(request), name))


@routes.post("/heddle/convert")
@described(body={"type": "object"}, answer={"type": "object"})
async def convert(request: web.Request) -> web.Response:
    """The API form of a workflow in either form."""
    return web.json_response(await request.app[INTAKE].convert(await read_json(request)))


def _thumbnail(each: Shelved, thumbnails: Mapping[str, int]) -> str | None:
    """Where the picture of a workflow is to be had."""
    if each.source == "user":
        name = f"{each.name}{each.path.suffix}"
        return thumbnail_address(name, thumbnails.get(name))
    return f"/templates/{quote(each.name)}-1.webp" if each.path.with_suffix(".webp").is_file() else None


def _person(request: web.Request) -> Person | None:
    """Whose workflows are meant besides those that ship; nobody's, where the page does not say who asks."""
    try:
        return person(request)
    except UnknownPerson:
        return None


def _files(request: web.Request) -> UserFiles | None:
    asking = _person(request)
    return None if asking is None else asking.files
