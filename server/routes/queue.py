"""The jobs that run and wait."""

from __future__ import annotations

from aiohttp import web

from server.keys import CLIENTS, INTAKE, STORE
from server.messages import Status
from server.routes.bodies import id_list, read_object
from server.routes.records import queue_item

routes = web.RouteTableDef()


@routes.get("/queue")
async def get_queue(request: web.Request) -> web.Response:
    """Jobs that run and jobs that wait, in order."""
    running, pending = await request.app[STORE].queue()
    return web.json_response(
        {"queue_running": [queue_item(j) for j in running], "queue_pending": [queue_item(j) for j in pending]}
    )


@routes.post("/queue")
async def change_queue(request: web.Request) -> web.Response:
    """Take jobs out that have not started: `{"clear": true}` or `{"delete": [ID]}`."""
    body = await read_object(request)
    if body.get("clear"):
        await request.app[INTAKE].clear()
    if "delete" in body:
        await request.app[STORE].delete_pending(id_list(body, "delete"))
        request.app[CLIENTS].tell_all(Status(request.app[STORE].waiting))
    return web.Response()
