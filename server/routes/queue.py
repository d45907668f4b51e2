"""The jobs that run and wait."""

from __future__ import annotations

from aiohttp import web

from server.keys import INTAKE, STORE
from server.routes.bodies import id_list, read_object
from server.routes.described import CLEAR_OR_DELETE, described

routes = web.RouteTableDef()


@routes.get("/queue")
@described(answer={"type": "object"})
async def get_queue(request: web.Request) -> web.Response:
    """Jobs that run and jobs that wait, in order."""
    return web.Response(text=await request.app[STORE].queue_json(), content_type="application/json")


@routes.post("/queue")
@described(body=CLEAR_OR_DELETE, answer_types=())
async def change_queue(request: web.Request) -> web.Response:
    """Take jobs out that have not started: `{"clear": true}` or `{"delete": [ID]}`."""
    body = await read_object(request)
    if body.get("clear"):
        await request.app[INTAKE].take_out()
    if "delete" in body:
        await request.app[INTAKE].take_out(id_list(body, "delete"))
    return web.Response()
