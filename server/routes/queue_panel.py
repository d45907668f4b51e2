"""What a page needs to draw its queue: jobs that run, wait and ended, in one answer, without their graphs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.keys import QUEUE_NEWS, STORE, SUPERVISOR
from server.refused import Refused
from server.routes.bodies import answer_json, number
from server.routes.described import described, whole
from server.routes.outputs import thumbnail_url
from server.store import JobRow, Store, Which
from server.store.records import ENDED
from server.supervisor import Supervisor
from server.v1.records import job_record

routes = web.RouteTableDef()

PARTS = ("running", "waiting", "ended")
LONGEST_PAGE = 500
USUAL_PAGE = 50
MOST_OUTPUTS = 4  # of each job; a panel shows no more, and some jobs have thousands


@routes.get("/heddle/queue")
@described(
    query={
        "parts": {"type": "string", "description": f"Some of {', '.join(PARTS)}, with commas between"},
        "limit": whole(0, LONGEST_PAGE),
        "offset": whole(0),
        "cursor": {"type": "string", "description": "`ended_cursor` of the page before"},
    },
    answer="QueuePanel",
)
async def get_queue_panel(request: web.Request) -> web.Response:
    """Jobs that run, those that wait in their order, and those that ended, the newest first."""
    store, supervisor = request.app[STORE], request.app[SUPERVISOR]
    parts = _read_parts(request.query.get("parts", ""))
    limit, offset = number(request, "limit", USUAL_PAGE), number(request, "offset", 0)
    if limit is None or offset is None or limit < 0 or offset < 0:
        raise Refused("invalid_request", "limit and offset must not be negative")
    limit, cursor = min(limit, LONGEST_PAGE), number(request, "cursor", None)
    version = request.app[QUEUE_NEWS].version  # before anything is read: what changes meanwhile is asked for again
    answer: dict[str, Any] = {"version": version, "running": [], "waiting": [], "ended": [], "ended_cursor": None}
    if "running" in parts:
        rows, _ = await store.list_jobs(Which(("running",), newest_first=False), LONGEST_PAGE)
        answer["running"] = await _told(rows, store, supervisor)
    if "waiting" in parts:
        rows, _ = await store.waiting_page(limit, offset)
        answer["waiting"] = await _told(rows, store, supervisor)
    if "ended" in parts:
        rows, _ = await store.list_jobs(Which(ENDED, beyond=cursor), limit)
        answer["ended"] = await _told(rows, store, supervisor)
        answer["ended_cursor"] = str(rows[-1].seq) if rows and len(rows) == limit else None
    counts = store.counts
    answer["waiting_total"], answer["ended_total"] = counts["queued"], sum(counts[state] for state in ENDED)
    return await answer_json(answer)


async def _told(rows: list[JobRow], store: Store, supervisor: Supervisor) -> list[dict[str, Any]]:
    failures = await store.failures(rows)
    return [_job(row, failures.get(row.seq), store, supervisor) for row in rows]


def _job(row: JobRow, failure: dict[str, Any] | None, store: Store, supervisor: Supervisor) -> dict[str, Any]:
    told = job_record(row, store, supervisor)
    for name in ("options", "webhook", "worker_deaths"):  # of no use to a panel
        del told[name]
    files = [each for each in told["outputs"] if "url" in each]
    # What was saved is shown before what was only looked at on the way.
    files.sort(key=lambda each: each["type"] != "output")
    shown = [
        {**each, "thumbnail": thumbnail_url(each["type"], each["subfolder"], each["filename"])}
        for each in files[:MOST_OUTPUTS]
    ]
    told |= {"outputs": shown, "outputs_count": len(told["outputs"]), "node": None}
    if (at_work := supervisor.at_work(row.id)) is not None:
        told["node"] = at_work["node"]
    if failure is not None:
        names = {"node_id": "node_id", "class_type": "node_type", "kind": "exception_type"}
        words = {ours: None if failure.get(theirs) is None else str(failure[theirs]) for ours, theirs in names.items()}
        more = failure.get("extra_info")
        said = {"said": more["said"]} if isinstance(more, dict) and "said" in more else {}
        told["error"] = {**words, "reason": str(failure.get("exception_message") or row.error or ""), **said}
    return told


def _read_parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in PARTS]:
        raise Refused("invalid_request", f"parts must be among {', '.join(PARTS)}, found {unknown[0][:40]!r}")
    return names or list(PARTS)
