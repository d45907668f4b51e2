"""Jobs, one by one and as a list; what our own page sees of them, every event with its number; and cancelling."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from server.intake import Refused
from server.job_list import LONGEST_PAGE, STATUSES, Status, Wish, page_of_jobs
from server.keys import INTAKE, STORE
from server.routes.bodies import answer_json, id_list, number, read_object
from server.routes.described import TEXT, described, one_of, whole
from server.routes.records import job_detail, job_record, job_summary

routes = web.RouteTableDef()


@routes.get("/jobs")
@described(
    query={
        "status": TEXT,
        "workflow_id": TEXT,
        "sort_by": one_of("created_at", "execution_duration"),
        "sort_order": one_of("asc", "desc"),
        "limit": whole(0),
        "offset": whole(0),
    },
    answer={"type": "object"},
)
async def list_jobs(request: web.Request) -> web.Response:
    """A page of jobs: `status=a,b`, `workflow_id`, `sort_by`, `sort_order`, `limit`, `offset`."""
    wish = _read_wish(request)
    jobs, total = await page_of_jobs(request.app[STORE], wish)
    pagination = {
        "offset": wish.offset,
        "limit": wish.limit,
        "total": total,
        "has_more": wish.offset + len(jobs) < total,
    }
    return await answer_json({"jobs": [job_summary(job, error) for job, error in jobs], "pagination": pagination})


@routes.get("/jobs/{id}")
@described(answer={"type": "object"})
async def get_job_detail(request: web.Request) -> web.Response:
    """One job with its workflow and its outputs."""
    job = await request.app[STORE].job(request.match_info["id"])
    if job is None:
        raise web.HTTPNotFound(text="there is no such job")
    return await answer_json(job_detail(job))


@routes.get("/heddle/jobs/{id}")
@described(answer={"type": "object"})
async def get_job(request: web.Request) -> web.Response:
    """One job, waiting, running or ended."""
    job = await request.app[STORE].job(request.match_info["id"])
    if job is None:
        raise web.HTTPNotFound(text="there is no such job")
    return await answer_json(job_record(job))


@routes.post("/jobs/cancel")
@described(
    body={"type": "object", "properties": {"job_ids": {"type": "array", "items": TEXT}}, "required": ["job_ids"]},
    answer="Cancelled",
)
async def cancel_jobs(request: web.Request) -> web.Response:
    """Take these jobs out of the queue, or stop them where they run."""
    job_ids = id_list(await read_object(request), "job_ids")
    return web.json_response({"cancelled": await request.app[INTAKE].cancel(job_ids)})


@routes.post("/jobs/{id}/cancel")
@described(answer="Cancelled")
async def cancel_job(request: web.Request) -> web.Response:
    """The same for one job."""
    return web.json_response({"cancelled": await request.app[INTAKE].cancel([request.match_info["id"]])})


@routes.get("/heddle/jobs/{id}/events")
@described(query={"since": whole(0), "kind": TEXT}, answer={"type": "object"})
async def get_events(request: web.Request) -> web.Response:
    """The job's events after number `since`, in order, of one kind if it is given; previews are not among them."""
    kind = request.query.get("kind") or None
    events = await request.app[STORE].events_since(request.match_info["id"], number(request, "since", 0) or 0)
    if events is None:
        raise web.HTTPNotFound(text="there is no such job")
    wanted = [each for each in events if kind is None or each.body.get("kind") == kind]
    return await answer_json({"events": [{"number": e.number, "at": e.at_ms, "event": e.body} for e in wanted]})


def _read_wish(request: web.Request) -> Wish:
    query = request.query
    limit, offset = number(request, "limit", LONGEST_PAGE), number(request, "offset", 0)
    if limit is None or offset is None or limit < 0 or offset < 0:
        raise Refused("invalid_request", "limit and offset must not be negative")
    sort_by, sort_order = query.get("sort_by") or "created_at", query.get("sort_order") or "desc"
    if sort_by not in ("created_at", "execution_duration"):
        raise Refused("invalid_request", f"sort_by must be created_at or execution_duration, found {sort_by[:40]!r}")
    if sort_order not in ("asc", "desc"):
        raise Refused("invalid_request", f"sort_order must be asc or desc, found {sort_order[:40]!r}")
    return Wish(
        statuses=_read_statuses(query.get("status", "")),
        workflow_id=query.get("workflow_id") or None,
        by=sort_by,
        newest_first=sort_order == "desc",
        limit=min(limit, LONGEST_PAGE),
        offset=offset,
    )


def _read_statuses(text: str) -> tuple[Status, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in STATUSES:
            raise Refused("invalid_request", f"status must be among {', '.join(STATUSES)}, found {name[:40]!r}")
    return cast("tuple[Status, ...]", tuple(names)) or STATUSES
