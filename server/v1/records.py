"""A job as /api/v1 shows it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from heddle.graph.errors import HeddleError
from heddle.settings.folders import Folders
from server.files import page_type
from server.routes.records import items_of
from server.routes.view import VIEWABLE, find_file
from server.store import Job, JobRow, Store
from server.supervisor import Supervisor

MOST_INLINE_BYTES = 32 << 20  # of all files of one answer


def job_record(job: JobRow, store: Store, supervisor: Supervisor) -> dict[str, Any]:
    """Where a job stands and what it showed so far, its files by their addresses."""
    progress = supervisor.progress_of(job.id)
    state = "running" if job.id in store.running_ids and job.ended_ms is None else job.state
    told = {
        "id": job.id,
        "label": job.label,
        "state": state,
        "client_id": job.client_id,
        "priority": job.priority,
        "background": job.background,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress_percent": job.progress if progress is None else progress[0],
        "position": store.position(job.id),
        "seconds_left": None if progress is None else progress[1],
        "worker": job.worker,
        "worker_deaths": job.worker_deaths,
        "error": _error(job),
        "options": job.options,
        "webhook": _webhook(job.webhook),
        "workflow_id": job.workflow_id,
        "outputs": [
            _output(node_id, kind, item) for node_id, shown in job.results.items() for kind, item in items_of(shown)
        ],
    }
    if isinstance(job, Job) and isinstance(choices := job.extra_data.get("text_choices"), dict):
        told["text_choices"] = choices
    if isinstance(job, Job) and isinstance(notes := job.extra_data.get("conversion_notes"), list):
        told["conversion_notes"] = notes
    return told


async def with_files(record: dict[str, Any], folders: Folders) -> dict[str, Any]:
    """The record with the files inside it, as far as they are there and not too large together."""
    return {**record, "outputs": await asyncio.to_thread(_read_files, record["outputs"], folders)}


def _read_files(outputs: list[dict[str, Any]], folders: Folders) -> list[dict[str, Any]]:
    left, read = MOST_INLINE_BYTES, []
    for output in outputs:
        if "url" in output:
            try:
                path = find_file(folders, output["type"], output["subfolder"], output["filename"])
                size = path.stat().st_size
                if size <= left:
                    left -= size
                    output = {**output, "data": base64.b64encode(path.read_bytes()).decode("ascii")}
            except (HeddleError, web.HTTPException, OSError):
                pass  # removed in the meantime: its address says so, too
        read.append(output)
    return read


def _output(node_id: str, kind: str, item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"node_id": node_id, "kind": kind, "text": item}
    place = {
        "filename": item["filename"],
        "subfolder": str(item.get("subfolder") or ""),
        "type": str(item.get("type") or "output"),
    }
    told = {"node_id": node_id, "kind": kind, **place, "media_type": page_type(place["filename"])}
    return told | ({"url": f"/view?{urlencode(place, errors='replace')}"} if place["type"] in VIEWABLE else {})


def _error(job: JobRow) -> dict[str, Any] | None:
    failure = job.failure if isinstance(job, Job) else None
    if isinstance(failure, dict):
        node_id, class_type, kind = (failure.get(key) for key in ("node_id", "class_type", "exception_type"))
        return {
            "node_id": None if node_id is None else str(node_id),
            "class_type": None if class_type is None else str(class_type),
            "kind": None if kind is None else str(kind),
            "reason": str(failure.get("message") or ""),
        }
    if job.error is None:
        return None
    return {"node_id": None, "class_type": None, "kind": None, "reason": job.error}


def _webhook(webhook: Any) -> dict[str, Any] | None:
    if not isinstance(webhook, dict) or not isinstance(webhook.get("events"), list):
        return None
    return {"host": urlsplit(str(webhook.get("url"))).hostname or "", "events": webhook["events"]}
