"""Jobs as our own page and command line see them: every event with its number."""

from __future__ import annotations

from aiohttp import web

from server.keys import STORE
from server.routes.bodies import number
from server.routes.records import job_record

routes = web.RouteTableDef()


@routes.get("/heddle/jobs/{id}")
async def get_job(request: web.Request) -> web.Response:
    """One job, waiting, running or ended."""
    job = await request.app[STORE].job(request.match_info["id"])
    if job is None:
        raise web.HTTPNotFound(text="there is no such job")
    return web.json_response(job_record(job))


@routes.get("/heddle/jobs/{id}/events")
async def get_events(request: web.Request) -> web.Response:
    """The job's events after number `since`, in order; previews are not among them."""
    events = await request.app[STORE].events_since(request.match_info["id"], number(request, "since", 0) or 0)
    if events is None:
        raise web.HTTPNotFound(text="there is no such job")
    return web.json_response({"events": [{"number": e.number, "at": e.at_ms, "event": e.body} for e in events]})
