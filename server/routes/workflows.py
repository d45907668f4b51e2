"""Saved workflows, and their conversion into what `POST /prompt` takes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.keys import INTAKE, WORKFLOWS
from server.people import UnknownPerson
from server.routes.bodies import person, read_json
from server.routes.described import described
from server.user_files import UserFiles

routes = web.RouteTableDef()


@routes.get("/heddle/workflows")
async def list_workflows(request: web.Request) -> web.Response:
    """The workflows that ship and the person's own."""
    return web.json_response(await asyncio.to_thread(request.app[WORKFLOWS].list, _files(request)))


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


def _files(request: web.Request) -> UserFiles | None:
    """Whose workflows are meant besides those that ship; nobody's, where the page does not say who asks."""
    try:
        return person(request).files
    except UnknownPerson:
        return None
