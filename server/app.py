"""The front desk's web application, put together from parts that are handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from heddle.settings.folders import Folders
from server import keys
from server.catalogue import Catalogue
from server.clients import Clients
from server.files import empty_temp
from server.guards import error_words, foreign_guard
from server.intake import Intake
from server.logbook import LogBook
from server.routes import (
    catalogue,
    history,
    jobs,
    logs,
    page,
    prompt,
    queue,
    system,
    upload,
    view,
    websocket,
    workflows,
)
from server.store import Store
from server.supervisor import Supervisor
from server.workflows import WorkflowShelf

SUBJECTS = (prompt, queue, history, jobs, view, catalogue, system, upload, websocket, workflows, logs)


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
    limits: keys.Limits = field(default_factory=keys.Limits)
    private_names: frozenset[str] | None = None  # None: other machines may ask, too


def build_app(parts: Parts) -> web.Application:
    """The application. It opens the store and starts the workers when it starts, and ends them when it ends."""
    app = web.Application(
        middlewares=[error_words, foreign_guard(parts.private_names)], client_max_size=parts.limits.json_bytes
    )
    app[keys.FOLDERS] = parts.folders
    app[keys.STORE] = parts.store
    app[keys.CATALOGUE] = parts.catalogue
    app[keys.CLIENTS] = parts.clients
    app[keys.SUPERVISOR] = parts.supervisor
    app[keys.INTAKE] = parts.intake
    app[keys.WORKFLOWS] = parts.workflows
    app[keys.PAGE] = parts.page
    app[keys.LIMITS] = parts.limits
    app[keys.LOGBOOK] = LogBook(parts.clients)
    app[keys.UPLOADING] = asyncio.Lock()
    for subject in SUBJECTS:
        app.add_routes(_under_both_paths(subject.routes))
    app.add_routes(page.routes)  # last: it answers whatever is left
    app.cleanup_ctx.append(_run_parts)

    async def say_goodbye(app: web.Application) -> None:
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
    app[keys.CATALOGUE].load()
    await app[keys.SUPERVISOR].start()
    yield
    await app[keys.SUPERVISOR].stop()
    await app[keys.STORE].close()
    app[keys.LOGBOOK].close()
