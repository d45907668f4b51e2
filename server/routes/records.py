"""A job of the store in the forms that clients know."""

from __future__ import annotations

from typing import Any

from server.store import Job


def queue_item(job: Job) -> list[Any]:
    """`[number, prompt_id, prompt, extra_data, outputs]`."""
    return [job.number, job.id, job.prompt, job.extra_data, job.outputs]


def history_entry(job: Job) -> dict[str, Any]:
    """What `/history` says of a job that ended."""
    return {
        "prompt": queue_item(job),
        "outputs": job.results,
        "status": {
            "status_str": "success" if job.outcome == "success" else "error",
            "completed": job.outcome == "success",
            "messages": job.messages,
        },
        "meta": {
            node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
            for node_id in job.results
        },
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
