"""The front desk's web application, put together from parts that are handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from heddle.media.claims import forget_claims, forget_other_claims
from heddle.settings.folders import Folders
from server import keys
from server.catalogue import Catalogue
from server.clients import SERVER_FEATURES, Clients
from server.files import empty_temp, forget_drafts
from server.guards import allow_origin, error_words, foreign_guard
from server.intake import Intake
from server.logbook import LogBook
from server.messages import FilesChanged, ModelHashes, OutputsChanged
from server.metrics import METRICS, Metrics, count_requests
from server.model_shelf import ModelShelf
from server.outputs.gallery import Gallery
from server.own_page import OwnPage
from server.pack_requests import pass_to_packs
from server.people import People
from server.queue_news import QueueNews
from server.readiness import Readiness
from server.routes import (
    catalogue,
    drafts,
    extensions,
    front_end,
    history,
    internal,
    jobs,
    logs,
    metrics,
    models,
    opening,
    outputs,
    page,
    prompt,
    queue,
    queue_panel,
    system,
    templates,
    upload,
    userdata,
    users,
    view,
    websocket,
    workflow_files,
    workflows,
)
from server.store import Store
from server.supervisor import Supervisor
from server.v1 import description as v1_description
from server.v1 import events as v1_events
from server.v1 import jobs as v1_jobs
from server.v1 import memory as v1_memory
from server.v1.records import job_record
from server.v1.streams import STREAMS, Streams
from server.watchers import Watchers
from server.webhooks import Webhooks
from server.workflows import WorkflowShelf

SUBJECTS = (
    prompt,
    queue,
    queue_panel,
    history,
    jobs,
    view,
    catalogue,
    models,
    outputs,
    system,
    upload,
    websocket,
    users,
    userdata,
    workflows,
    workflow_files,
    drafts,
    opening,
    templates,
    extensions,
    front_end,
    internal,
    logs,
    metrics,
)
V1_SUBJECTS = (v1_jobs, v1_events, v1_memory, v1_description)  # these have one path each


@dataclass(frozen=True)
class Parts:
    """What the front desk is made of."""

    folders: Folders
    store: Store
    catalogue: Catalogue
    clients: Clients
    supervisor: Supervisor
    intake: Intake
    workflows: WorkflowShelf
    page: Path
    webhooks: Webhooks
    metrics: Metrics
    limits: keys.Limits = field(default_factory=keys.Limits)
    private_names: frozenset[str] | None = None  # None: other machines may ask, too
    page_is_ours: bool = True  # a front end that was built elsewhere gets fewer rules
    cors_origin: str | None = None
    several_people: bool = False  # each with files and settings of their own


def build_app(parts: Parts) -> web.Application:
    """The application. It opens the store and starts the workers when it starts, and ends them when it ends."""
    app = web.Application(
        middlewares=[
            count_requests,
            error_words,
            foreign_guard(parts.private_names, parts.cors_origin),
            pass_to_packs(parts.supervisor.packs),
        ],
        client_max_size=parts.limits.json_bytes,
    )
    if parts.cors_origin is not None:
        app.on_response_prepare.append(allow_origin(parts.cors_origin))
    parts.clients.features = {**SERVER_FEATURES, "max_upload_size": parts.limits.upload_bytes}
    app[keys.FOLDERS] = parts.folders
    app[keys.STORE] = parts.store
    app[keys.CATALOGUE] = parts.catalogue
    app[keys.CLIENTS] = parts.clients
    app[keys.SUPERVISOR] = parts.supervisor
    app[keys.INTAKE] = parts.intake
    app[keys.WORKFLOWS] = parts.workflows
    app[keys.READINESS] = Readiness(parts.folders)
    app[keys.PEOPLE] = People(
        parts.folders,
        parts.limits.settings_bytes,
        several=parts.several_people,
        versions=parts.limits.versions,
        drafts=parts.limits.drafts,
    )
    app[keys.PAGE] = parts.page
    if parts.page_is_ours:
        app[keys.OWN_PAGE] = OwnPage(parts.page)
    app[keys.LIMITS] = parts.limits
    app[keys.LOGBOOK] = LogBook(parts.clients)
    parts.supervisor.hear = app[keys.LOGBOOK].take
    app[keys.UPLOADING] = asyncio.Lock()
    app[keys.WEBHOOKS] = parts.webhooks
    app[STREAMS] = Streams()
    app[METRICS] = parts.metrics
    gallery = Gallery(
        parts.folders, parts.store, lambda places: parts.clients.tell_those_who_know(OutputsChanged(places))
    )
    app[keys.GALLERY] = gallery
    app[keys.MODELS] = ModelShelf(
        parts.folders,
        parts.folders.user / "models.sqlite",
        lambda changed: parts.clients.tell_those_who_know(ModelHashes(changed)),
    )
    app[keys.QUEUE_NEWS] = QueueNews(parts.store, parts.supervisor, parts.clients)
    parts.store.watcher = Watchers(parts.metrics, gallery, app[keys.QUEUE_NEWS])
    for subject in SUBJECTS:
        app.add_routes(_under_both_paths(subject.routes))
    for subject in V1_SUBJECTS:
        app.add_routes(subject.routes)
    app.add_routes(page.routes)  # last: it answers whatever is left
    app.cleanup_ctx.append(_run_parts)

    async def say_goodbye(app: web.Application) -> None:
        app[STREAMS].end()
        await app[keys.CLIENTS].close()

    app.on_shutdown.append(say_goodbye)
    return app


def _under_both_paths(routes: Iterable[web.AbstractRouteDef]) -> Iterable[web.RouteDef]:
    """Clients of this ecosystem ask for `/prompt` or for `/api/prompt`."""
    for route in routes:
        assert isinstance(route, web.RouteDef)
        yield route
        yield web.RouteDef(route.method, f"/api{route.path}", route.handler, route.kwargs)


async def _run_parts(app: web.Application) -> AsyncIterator[None]:
    app[keys.LOGBOOK].open()
    await app[keys.STORE].open()  # from here on, no other front desk uses this user folder
    await asyncio.to_thread(empty_temp, app[keys.FOLDERS])
    await asyncio.to_thread(forget_drafts, app[keys.FOLDERS])
    user = app[keys.FOLDERS].user
    await asyncio.to_thread(forget_other_claims, user, app[keys.STORE].waiting_ids)

    def forget(job_ids: list[str]) -> None:
        for job_id in job_ids:
            forget_claims(user, job_id)

    app[keys.STORE].jobs_ended = forget
    loop, clients = asyncio.get_running_loop(), app[keys.CLIENTS]

    def tell_of_files(person_id: str, names: list[str]) -> None:
        loop.call_soon_threadsafe(clients.tell_those_who_know, FilesChanged(person_id, names))

    app[keys.PEOPLE].files_changed = tell_of_files
    await asyncio.to_thread(app[keys.PEOPLE].load)
    app[keys.CATALOGUE].load()
    await app[keys.SUPERVISOR].start()

    async def describe(job_id: str) -> dict[str, Any] | None:
        job = await app[keys.STORE].job(job_id)
        return None if job is None else job_record(job, app[keys.STORE], app[keys.SUPERVISOR])

    app[keys.WEBHOOKS].start(describe)
    yield
    await app[keys.WEBHOOKS].stop()
    await app[keys.SUPERVISOR].stop()
    app[keys.QUEUE_NEWS].close()
    await app[keys.MODELS].close()
    await app[keys.GALLERY].close()
    await app[keys.STORE].close()
    app[keys.LOGBOOK].close()
