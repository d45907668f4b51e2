"""Single jobs: what our own page and command line see of them, every event with its number; and cancelling."""

from __future__ import annotations

from aiohttp import web

from server.keys import INTAKE, STORE
from server.routes.bodies import answer_json, id_list, number, read_object
from server.routes.records import job_record

routes = web.RouteTableDef()


@routes.get("/heddle/jobs/{id}")
async def get_job(request: web.Request) -> web.Response:
    """One job, waiting, running or ended."""
    job = await request.app[STORE].job(request.match_info["id"])
    if job is None:
        raise web.HTTPNotFound(text="there is no such job")
    return web.json_response(job_record(job))


@routes.post("/jobs/cancel")
async def cancel_jobs(request: web.Request) -> web.Response:
    """Take these jobs out of the queue, or stop them where they run."""
    job_ids = id_list(await read_object(request), "job_ids")
    return web.json_response({"cancelled": await request.app[INTAKE].cancel(job_ids)})


@routes.post("/jobs/{id}/cancel")
async def cancel_job(request: web.Request) -> web.Response:
    """The same for one job."""
    return web.json_response({"cancelled": await request.app[INTAKE].cancel([request.match_info["id"]])})


@routes.get("/heddle/jobs/{id}/events")
async def get_events(request: web.Request) -> web.Response:
    """The job's events after number `since`, in order; previews are not among them."""
    events = await request.app[STORE].events_since(request.match_info["id"], number(request, "since", 0) or 0)
    if events is None:
        raise web.HTTPNotFound(text="there is no such job")
    return await answer_json({"events": [{"number": e.number, "at": e.at_ms, "event": e.body} for e in events]})
