"""The jobs that run and wait."""

from __future__ import annotations

from aiohttp import web

from server.keys import INTAKE, STORE
from server.routes.bodies import answer_json, id_list, read_object
from server.routes.records import queue_item

routes = web.RouteTableDef()


@routes.get("/queue")
async def get_queue(request: web.Request) -> web.Response:
    """Jobs that run and jobs that wait, in order."""
    running, pending = await request.app[STORE].queue()
    return await answer_json(
        {"queue_running": [queue_item(j) for j in running], "queue_pending": [queue_item(j) for j in pending]}
    )


@routes.post("/queue")
async def change_queue(request: web.Request) -> web.Response:
    """Take jobs out that have not started: `{"clear": true}` or `{"delete": [ID]}`."""
    body = await read_object(request)
    if body.get("clear"):
        await request.app[INTAKE].take_out()
    if "delete" in body:
        await request.app[INTAKE].take_out(id_list(body, "delete"))
    return web.Response()
