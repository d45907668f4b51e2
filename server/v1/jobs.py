"""Jobs, as programs use them: submitted one or many at a time, looked at, waited for, moved, cancelled, forgotten."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from server.keys import FOLDERS, INTAKE, STORE, SUPERVISOR
from server.plain_json import to_text
from server.refused import Refused
from server.routes.bodies import answer_json, number
from server.routes.described import TEXT, described, one_of, whole
from server.store import Job, State, Which
from server.store.records import STATES
from server.v1.batches import by_inputs, by_seeds, seeds_by_chance
from server.v1.reading import read_model
from server.v1.records import job_record, with_files
from server.v1.streams import held

routes = web.RouteTableDef()

LONGEST_PAGE = 1000
USUAL_PAGE = 100
LONGEST_WAIT_S = 300
USUAL_WAIT_S = 60
ORDERS = ("newest", "oldest", "queue")
_OUTPUTS = one_of("urls", "inline")


@routes.post("/api/v1/jobs")
@described(
    headers={"Idempotency-Key": {"type": "string", "maxLength": 200}},
    body="Submission",
    answer="Submitted",
    statuses=(201,),
)
async def submit(request: web.Request) -> web.Response:
    """Queue a job, or a batch of jobs that differ in some inputs: all of them or none."""
    wish = await read_model(request, "Submission")
    key = request.headers.get("Idempotency-Key")
    if key is not None and wish.idempotency_key not in (None, key):
        raise Refused("invalid_request", "the header Idempotency-Key and idempotency_key in the body differ")
    if (wish.workflow is None) == (wish.prompt is None):
        raise Refused("invalid_request", "give the graph as `workflow` or as `prompt`, and not as both")
    if sum(each is not None for each in (wish.batch, wish.seeds, wish.count)) > 1:
        raise Refused("invalid_batch", "give one of `batch`, `seeds` and `count`")
    extra_data = dict(wish.extra_data or {})
    if wish.seed is not None:
        extra_data["seed"] = wish.seed
    body = {
        "prompt": wish.workflow if wish.prompt is None else wish.prompt,
        "client_id": wish.client_id,
        "label": wish.label,
        "priority": wish.priority,
        "background": wish.background,
        "front": wish.front,
        "partial_execution_targets": wish.targets,
        "options": None if wish.options is None else wish.options.model_dump(exclude_unset=True),
        "webhook": None if wish.webhook is None else wish.webhook.model_dump(exclude_none=True),
        "idempotency_key": wish.idempotency_key if key is None else key,
        "extra_data": extra_data,
    }
    variants = None
    if wish.batch is not None:
        variants = lambda prompt, records, seed: by_inputs(wish.batch, prompt, records)  # noqa: E731
    elif wish.seeds is not None:
        variants = lambda prompt, records, seed: by_seeds(wish.seeds, prompt, records)  # noqa: E731
    elif wish.count is not None:
        variants = lambda prompt, records, seed: by_seeds(seeds_by_chance(wish.count, seed), prompt, records)  # noqa: E731
    return _submitted(request, *await request.app[INTAKE].submit_all(body, variants))


def _submitted(request: web.Request, jobs: list[Job], node_errors: dict[str, Any]) -> web.Response:
    store = request.app[STORE]
    told = [
        {"id": job.id, "state": job.state, "position": store.position(job.id), "url": f"/api/v1/jobs/{job.id}"}
        for job in jobs
    ]
    return web.json_response({"jobs": told, "node_errors": node_errors}, status=201, dumps=to_text)


@routes.get("/api/v1/jobs")
@described(
    query={
        "state": {"type": "string", "description": f"Some of {', '.join(STATES)}, with commas between"},
        "label": TEXT,
        "client": TEXT,
        "workflow_id": TEXT,
        "order": one_of(*ORDERS),
        "limit": whole(0, LONGEST_PAGE),
        "offset": whole(0),
        "cursor": {"type": "string", "description": "`next_cursor` of the page before; not with order=queue"},
    },
    answer="JobList",
)
async def list_jobs(request: web.Request) -> web.Response:
    """A page of jobs, the newest first; `order=queue` has those that wait in the order in which they will run."""
    query, store = request.query, request.app[STORE]
    limit, offset = number(request, "limit", USUAL_PAGE), number(request, "offset", 0)
    if limit is None or offset is None or limit < 0 or offset < 0:
        raise Refused("invalid_request", "limit and offset must not be negative")
    limit = min(limit, LONGEST_PAGE)
    order = query.get("order") or "newest"
    if order not in ORDERS:
        raise Refused("invalid_request", f"order must be among {', '.join(ORDERS)}, found {order[:40]!r}")
    cursor: int | None = None
    if order == "queue":
        if any(query.get(name) for name in ("state", "label", "client", "workflow_id", "cursor")):
            raise Refused("invalid_request", "order=queue has every job that waits; leave the other filters out")
        rows, total = await store.waiting_page(limit, offset)
    else:
        which = Which(
            states=_read_states(query.get("state", "")),
            workflow_id=query.get("workflow_id") or None,
            label=query.get("label") or None,
            client_id=query.get("client") or None,
            newest_first=order == "newest",
            beyond=number(request, "cursor", None),
        )
        rows, total = await store.list_jobs(which, limit, offset)
        cursor = rows[-1].seq if rows and len(rows) == limit else None
    record = partial(job_record, store=store, supervisor=request.app[SUPERVISOR])
    answer = {
        "jobs": [record(row) for row in rows],
        "total": total,
        "limit": limit,
        "offset": offset,
        "next_cursor": None if cursor is None else str(cursor),
    }
    return await answer_json(answer)


@routes.get("/api/v1/jobs/{id}")
@described(query={"outputs": _OUTPUTS}, answer="JobRecord")
async def get_job(request: web.Request) -> web.Response:
    """One job: where it stands, what went wrong, what it showed; `outputs=inline` with the files in it."""
    return await answer_json(await _record(request, await _find(request)))


@routes.get("/api/v1/jobs/{id}/explain")
@described(answer="Explained")
async def explain(request: web.Request) -> web.Response:
    """For each node whether it ran or was kept, and what differed from last time."""
    nodes = await request.app[STORE].explain(request.match_info["id"])
    if nodes is None:
        raise web.HTTPNotFound(text="there is no such job")
    return await answer_json({"nodes": nodes})


@routes.get("/api/v1/jobs/{id}/logs")
@described(answer="Logs")
async def get_logs(request: web.Request) -> web.Response:
    """What was said about a job: notes of its nodes, failures, dead workers."""
    job_id = request.match_info["id"]
    events = await request.app[STORE].events_since(job_id, 0)
    if events is None:
        raise web.HTTPNotFound(text="there is no such job")
    lines = [{"at_ms": event.at_ms, **line} for event in events for line in _lines_of(event.body)]
    return await answer_json({"lines": lines})


@routes.get("/api/v1/jobs/{id}/wait")
@described(query={"timeout_s": whole(0, LONGEST_WAIT_S), "outputs": _OUTPUTS}, answer="Waited")
async def wait(request: web.Request) -> web.Response:
    """The job as soon as it has ended, or as it is after `timeout_s` seconds (60)."""
    timeout_s = number(request, "timeout_s", USUAL_WAIT_S)
    if timeout_s is None or not 0 <= timeout_s <= LONGEST_WAIT_S:
        raise Refused("invalid_request", f"timeout_s must be from 0 to {LONGEST_WAIT_S}, found {timeout_s}")
    _wants_files(request)  # a wish that cannot be met is refused before the wait
    job = await _find(request)
    if job.ended_ms is None:
        with held(request):
            await request.app[STORE].wait_until_ended(job.id, timeout_s)
        job = await _find(request)
    return await answer_json({"ended": job.ended_ms is not None, "job": await _record(request, job)})


@routes.post("/api/v1/jobs/{id}/cancel")
@described(answer="Cancelled")
async def cancel(request: web.Request) -> web.Response:
    """Take a waiting job out of the queue, or stop one that runs; it stays in the history as cancelled."""
    job = await _find(request)
    return web.json_response({"cancelled": await request.app[INTAKE].cancel([job.id])})


@routes.post("/api/v1/jobs/{id}/retry")
@described(body="Retry", body_may_be_left_out=True, answer="Submitted", statuses=(201,))
async def retry(request: web.Request) -> web.Response:
    """Queue a job that has ended once more, as a new one; 409 if it waits or runs. It tells no webhook."""
    wish = await read_model(request, "Retry", default={})
    job = await _find(request)
    if job.ended_ms is None:
        raise web.HTTPConflict(text="the job has not ended yet")
    body = {
        "prompt": job.prompt,
        "client_id": job.client_id if wish.client_id is None else wish.client_id,
        "label": job.label,
        "priority": job.priority if wish.priority is None else wish.priority,
        "background": job.background,
        "front": wish.front,
        "partial_execution_targets": job.targets,
        "options": job.options or None,
        "extra_data": {name: value for name, value in job.extra_data.items() if name != "client_id"},
    }
    return _submitted(request, *await request.app[INTAKE].submit_all(body))


@routes.post("/api/v1/jobs/{id}/move")
@described(body="Move", answer="Moved")
async def move(request: web.Request) -> web.Response:
    """Give a waiting job another place; 409 if it does not wait any more."""
    wish, store = await read_model(request, "Move"), request.app[STORE]
    job = await _find(request)
    places = [each for each in (wish.to, wish.before, wish.after) if each is not None]
    has_class = wish.priority is not None or wish.background is not None
    if len(places) > 1 or ((wish.before or wish.after) and has_class):
        raise Refused("invalid_request", "give one of `to`, `before` and `after`; beside a job, its class is taken")
    if not places and not has_class:
        raise Refused("invalid_request", "say where to: `to`, `before`, `after`, `priority` or `background`")
    if has_class or wish.to == "front":
        moved = await store.move(job.id, front=wish.to == "front", priority=wish.priority, background=wish.background)
    else:
        moved = store.position(job.id) is not None
    if moved and wish.to == "back":
        moved = await store.move_to_back(job.id)
    beside = wish.before or wish.after
    if moved and beside is not None:
        moved = await store.move_beside(job.id, beside, behind=wish.after is not None)
    if not moved:
        words = "the job does not wait, so it has no place to change"
        raise web.HTTPConflict(text=words if beside is None else f"{words}, or the other one does not wait")
    return web.json_response({"position": store.position(job.id)})


@routes.delete("/api/v1/jobs/{id}")
@described(answer="Removed")
async def forget(request: web.Request) -> web.Response:
    """Forget a job that has ended; its files stay. 409 if it waits or runs: cancel it first."""
    job = await _find(request)
    removed = await request.app[STORE].delete_history([job.id])
    if not removed:
        raise web.HTTPConflict(text="the job has not ended; cancel it first")
    return web.json_response({"removed": True})


async def _find(request: web.Request) -> Job:
    job = await request.app[STORE].job(request.match_info["id"])
    if job is None:
        raise web.HTTPNotFound(text="there is no such job")
    return job


async def _record(request: web.Request, job: Job) -> dict[str, Any]:
    app = request.app
    record = job_record(job, app[STORE], app[SUPERVISOR])
    return await with_files(record, app[FOLDERS]) if _wants_files(request) else record


def _wants_files(request: web.Request) -> bool:
    wish = request.query.get("outputs") or "urls"
    if wish not in ("urls", "inline"):
        raise Refused("invalid_request", f"outputs must be urls or inline, found {wish[:40]!r}")
    return wish == "inline"


def _read_states(text: str) -> list[State]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in STATES]:
        raise Refused("invalid_request", f"state must be among {', '.join(STATES)}, found {unknown[0][:40]!r}")
    return [state for state in STATES if state in names] or list(STATES)


def _lines_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    node = event.get("node_id")
    node_id = None if node is None else str(node)

    said = {"said": event["said"]} if event.get("said") else {}

    def line(level: str, text: Any, **more: Any) -> dict[str, Any]:
        return {"node_id": node_id, "level": level, "text": str(text).rstrip("\n"), **more}

    match event.get("kind"):
        case "node_note":
            return [line("info", event.get("text", ""), **said)]
        case "job_requeued":
            return [line("warning", event.get("reason", ""), **said)]
        case "node_failed":
            trace = event.get("traceback")
            return [
                line("error", event.get("message", ""), **said),
                *(line("debug", each) for each in (trace if isinstance(trace, list) else [])),
            ]
        case "node_blocked":
            return [line("warning", event.get("message") or event.get("reason") or "did not run")]
    return []
