"""What became of jobs."""

from __future__ import annotations

from aiohttp import web

from server.keys import STORE
from server.routes.bodies import answer_json, id_list, number, read_object
from server.routes.described import CLEAR_OR_DELETE, described, whole
from server.routes.records import history_entry

routes = web.RouteTableDef()


@routes.get("/history")
@described(query={"max_items": whole(), "offset": whole()}, answer={"type": "object"})
async def get_history(request: web.Request) -> web.Response:
    """Jobs that ended, oldest first: the last `max_items`, or as many from `offset` on."""
    jobs = await request.app[STORE].history(number(request, "max_items", None), number(request, "offset", -1) or 0)
    return await answer_json({job.id: history_entry(job) for job in jobs})


@routes.get("/history/{id}")
@described(answer={"type": "object"})
async def get_history_of(request: web.Request) -> web.Response:
    """One job that ended, or nothing."""
    job = await request.app[STORE].job(request.match_info["id"])
    return await answer_json({} if job is None or job.ended_ms is None else {job.id: history_entry(job)})


@routes.post("/history")
@described(body=CLEAR_OR_DELETE, answer_types=())
async def change_history(request: web.Request) -> web.Response:
    """Forget jobs that ended: `{"clear": true}` or `{"delete": [ID]}`. Their files stay."""
    body = await read_object(request)
    if body.get("clear"):
        await request.app[STORE].delete_history()
    if "delete" in body:
        await request.app[STORE].delete_history(id_list(body, "delete"))
    return web.Response()
