"""Serves the routes that packs left on `PromptServer.instance`, in the worker, for the front desk alone.

It listens on a socket in a private folder, where the system has such sockets, else on this machine's own address; in
either case it answers only those who know its secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from server.prompt_server import PromptServer

log = logging.getLogger("heddle.worker")

SECRET_HEADER = "X-Heddle-Secret"
FOLDER_PREFIX = "heddle-worker-"
OPENING_S = 5.0  # a pack may have left something on the loop that holds it up


class PackServer:
    """An HTTP server on the loop of packs. It opens when there is the first route, and takes in routes that come late.

    Args:
        sockets: whether to listen on a socket with a path, where the system has them.
    """

    def __init__(self, prompt_server: PromptServer, *, sockets: bool = hasattr(socket, "AF_UNIX")) -> None:
        self._server = prompt_server
        self._sockets = sockets
        self._secret = secrets.token_hex(32)
        self._added: set[int] = set()
        self._runner: web.AppRunner | None = None
        self._folder: Path | None = None
        self._address: dict[str, Any] = {}

    def message(self) -> dict[str, Any]:
        """What the front desk is told: the routes, as [method, pattern of the whole path], and where they are served.

        No address: there are none yet, or they cannot be served.
        """
        loop = self._server.run_loop()
        try:
            asyncio.run_coroutine_threadsafe(self._take_routes(), loop).result(OPENING_S)
        except Exception as error:  # a full disk, no free port, a pack that blocks its own loop
            log.warning("the routes of packs are not served: %s", error or type(error).__name__)
            return {"type": "routes", "paths": [], "address": {}}
        return {"type": "routes", "paths": patterns_of(self._server.app), "address": self._address}

    def close(self) -> None:
        """Take the socket away; connections end with the process."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _take_routes(self) -> None:
        app = self._server.app
        for route in self._server.collected_routes():
            if id(route) not in self._added:
                self._added.add(id(route))
                try:
                    route.register(app.router)
                except (ValueError, RuntimeError) as error:  # two packs with one path: the first has it
                    log.warning("a route of a pack is left out (%s): %s", route, error)
        if self._runner is None and any(True for _ in app.router.resources()):
            await self._open(app)

    async def _open(self, app: web.Application) -> None:
        app.middlewares.insert(0, self._guard)
        # Packs may add routes at any time; a router that is served is closed otherwise.
        app.router.freeze = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        if self._sockets:
            self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # for nobody else to enter
            path = str(self._folder / "routes")
            try:
                await web.UnixSite(self._runner, path).start()
            except OSError:  # a path too long, or a disk that has no sockets
                self.close()
            else:
                self._address = {"path": path, "secret": self._secret}
                return
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, listening).start()
        self._address = {"host": "127.0.0.1", "port": listening.getsockname()[1], "secret": self._secret}

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), self._secret.encode()):
                raise web.HTTPForbidden(text="packs are asked through the front desk")
            return await handler(request)

        return guard


def patterns_of(app: web.Application) -> list[list[str]]:
    """[method, regular expression for the whole path] of every route; `*` for any method."""
    found: list[list[str]] = []
    for resource in app.router.resources():
        told: Any = resource.get_info()
        if "prefix" in told:  # files of a folder, or an application below a path
            pattern = re.escape(told["prefix"].rstrip("/")) + "/.*"
        elif "pattern" in told:
            pattern = told["pattern"].pattern
        elif "path" in told:
            pattern = re.escape(told["path"])
        else:
            continue
        methods = {route.method for route in resource} or {"*"}
        found += [[method, pattern] for method in sorted(methods)]
    return found


def forget_socket(address: dict[str, Any]) -> None:
    """Take away what a worker that was killed left behind: its socket and the folder around it."""
    path = Path(str(address.get("path", "")))
    if path.is_socket() and path.parent.name.startswith(FOLDER_PREFIX):
        with contextlib.suppress(OSError):
            path.unlink()
            os.rmdir(path.parent)
