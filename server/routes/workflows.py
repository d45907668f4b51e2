"""Saved workflows, and their conversion into what `POST /prompt` takes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from heddle.graph.errors import FileProblem
from server.keys import INTAKE, WORKFLOWS
from server.routes.bodies import read_json
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/heddle/workflows")
async def list_workflows(request: web.Request) -> web.Response:
    """The workflows that ship and the person's own."""
    return web.json_response(await asyncio.to_thread(request.app[WORKFLOWS].list))


@routes.get("/heddle/workflows/{name:.+}")
async def read_workflow(request: web.Request) -> web.Response:
    """One workflow, as it was saved."""
    try:
        return web.json_response(await asyncio.to_thread(request.app[WORKFLOWS].read, request.match_info["name"]))
    except FileProblem as problem:
        missing = problem.path is not None
        raise (web.HTTPNotFound if missing else web.HTTPBadRequest)(text=problem.message) from problem


@routes.post("/heddle/convert")
@described(body={"type": "object"}, answer={"type": "object"})
async def convert(request: web.Request) -> web.Response:
    """The API form of a workflow in either form."""
    return web.json_response(await request.app[INTAKE].convert(await read_json(request)))
