"""A job of the store in the forms that clients know."""

from __future__ import annotations

import os
from typing import Any

from server.store import Job, JobRow

# What a job list can show as a small picture, by the name under which nodes list it or by the file's ending.
PREVIEWABLE = ("images", "gifs", "video", "videos", "audio", "3d", "animated_images")
_PREVIEWABLE_ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".svg")
    + (".mp4", ".webm", ".mov", ".mkv", ".m4v", ".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a")
    + (".glb", ".gltf", ".obj", ".fbx", ".stl", ".ply", ".splat")
)
_NO_OUTPUT = ("animated",)  # says of each picture whether it moves


def queue_item(job: Job) -> list[Any]:
    """`[number, prompt_id, prompt, extra_data, outputs]`."""
    return [job.number, job.id, job.prompt, job.extra_data, job.outputs]


def history_entry(job: Job) -> dict[str, Any]:
    """What `/history` says of a job that ended."""
    return {
        "prompt": queue_item(job),
        "outputs": job.results,
        "status": _execution_status(job),
        "meta": _execution_meta(job),
    }


def job_summary(job: JobRow, execution_error: dict[str, Any] | None = None) -> dict[str, Any]:
    """One line of `/jobs`. Times in ms since 1970. Front ends read it strictly: what is not known is left out."""
    outputs = [(node_id, kind, item) for node_id, shown in job.results.items() for kind, item in items_of(shown)]
    previewable = [each for each in outputs if _is_previewable(each[1], each[2])]
    told = {
        "id": job.id,
        "status": job.known_state,
        "priority": job.number,
        "create_time": job.created_ms,
        "execution_start_time": job.started_ms,
        "execution_end_time": job.ended_ms,
        "execution_error": execution_error,
        "outputs_count": len(outputs),
        "previewable_outputs_count": len(previewable),
        "preview_output": _preview_output(previewable),
        "workflow_id": job.workflow_id,
    }
    return {key: value for key, value in told.items() if value is not None}


def job_detail(job: Job) -> dict[str, Any]:
    """What `/jobs/{id}` says: the line of the list, what came of the job, and what was asked."""
    return {
        **job_summary(job, _execution_error(job)),
        "outputs": job.results,
        "workflow": {"prompt": job.prompt, "extra_data": job.extra_data},
        **({} if job.ended_ms is None else {"execution_status": _execution_status(job)}),
        "execution_meta": _execution_meta(job),
    }


def job_record(job: Job) -> dict[str, Any]:
    """One job for our own page: where it stands and what it showed so far. Times in ms since 1970."""
    return {
        "id": job.id,
        "status": job.known_state,
        "outcome": job.outcome,
        "number": job.number,
        "create_time": job.created_ms,
        "execution_start_time": job.started_ms,
        "execution_end_time": job.ended_ms,
        "execution_error": job.failure,
        "outputs": job.results,
        "worker_deaths": job.worker_deaths,
        "prompt": job.prompt,
    }


def _execution_status(job: Job) -> dict[str, Any]:
    return {
        "status_str": "success" if job.outcome == "success" else "error",
        "completed": job.outcome == "success",
        "messages": job.messages,
    }


def _execution_meta(job: Job) -> dict[str, Any]:
    return {
        node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
        for node_id in job.results
    }


def _execution_error(job: Job) -> dict[str, Any] | None:
    return next((told for kind, told in job.messages if kind == "execution_error"), None)


def items_of(shown: Any) -> list[tuple[str, Any]]:
    """What a node showed, as (kind, item): files as `{filename, subfolder, type}`, texts as they are."""
    if not isinstance(shown, dict):
        return []
    lists = ((kind, items) for kind, items in shown.items() if isinstance(items, list) and kind not in _NO_OUTPUT)
    return [(kind, item) for kind, items in lists for item in items if isinstance(item, str) or _is_file(item)]


def _is_file(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("filename"), str)


def _is_previewable(kind: str, item: Any) -> bool:
    if not _is_file(item):
        return False
    return kind in PREVIEWABLE or os.path.splitext(item["filename"])[1].lower() in _PREVIEWABLE_ENDINGS


def _preview_output(previewable: list[tuple[str, str, Any]]) -> dict[str, Any] | None:
    """The file to show for a job: a result before what was only looked at on the way."""
    if not previewable:
        return None
    saved = [each for each in previewable if each[2].get("type") == "output"]
    node_id, kind, item = (saved or previewable)[0]
    return {"subfolder": "", "type": "output", **item, "nodeId": node_id, "mediaType": kind}
