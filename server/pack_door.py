"""The front desk's way to the packs, which live in the first worker: their routes, their lists, their handlers.

Requests for paths that the front desk does not know are passed on to the worker whose packs do, bodies and answers as
they flow. The catalogue is read again when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from server.catalogue import Catalogue
from server.pack_routes import SECRET_HEADER, forget_socket

log = logging.getLogger("heddle.server.packs")

REFRESH_EVERY_S = 1.0
REFRESH_PATIENCE_S = 0.3  # the lists of the last time serve then
HANDLER_PATIENCE_S = 5.0
WORKER_PATIENCE_S = 15.0  # for one that starts: pages ask packs as soon as they open
CONNECT_S = 5.0
SILENCE_S = 600.0  # between two pieces of an answer: packs fetch models in their routes

# What two neighbours agree on and the next two agree on anew.
_HOPS = {
    *("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer"),
    *("Transfer-Encoding", "Upgrade", "Expect"),
}


class PackDoor:
    """What the front desk asks of packs. `arrive` and `leave` frame the time in which there is a worker to ask."""

    def __init__(
        self, catalogue: Catalogue, *, worker_patience_s: float = WORKER_PATIENCE_S, silence_s: float = SILENCE_S
    ) -> None:
        self._catalogue = catalogue
        self._worker_patience_s = worker_patience_s
        self._silence_s = silence_s
        self._send: Callable[[dict[str, Any]], None] | None = None
        self._has_packs = self._has_handlers = False
        self._address: dict[str, Any] = {}
        self._open = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._asked_at = -math.inf
        self._refreshed: asyncio.Future[None] | None = None
        self._questions: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)

    # The worker

    def arrive(self, send: Callable[[dict[str, Any]], None], hello: dict[str, Any]) -> None:
        """The first worker is ready, and told this of itself."""
        self._send = send
        self._has_packs = bool(hello.get("packs"))
        self._has_handlers = bool(hello.get("prompt_handlers"))

    def leave(self) -> None:
        """The first worker is gone."""
        self._send, self._refreshed = None, None
        self._open.clear()
        forget_socket(self._address)
        self._address = {}
        for answer in self._questions.values():
            if not answer.done():
                answer.set_result({})
        self._drop_session()

    def take(self, message: dict[str, Any]) -> None:
        """What the first worker says of its packs."""
        match message["type"]:
            case "routes":
                self._catalogue.take_routes(message.get("paths"))
                address = message.get("address")
                address = address if isinstance(address, dict) else {}
                if address != self._address:
                    self._drop_session()
                    self._address = address
                if address:
                    self._open.set()
            case "folders":
                self._catalogue.take_kinds(message.get("kinds"))
            case "replacements":
                self._catalogue.take_replacements(message.get("nodes"))
            case "catalogue_changes":
                self._catalogue.change(message.get("nodes"), message.get("removed"))
                if self._refreshed is not None and not self._refreshed.done():
                    self._refreshed.set_result(None)
            case "prompted":
                answer = self._questions.get(message.get("id", 0))
                if answer is not None and not answer.done():
                    answer.set_result(message)

    async def close(self) -> None:
        """Let go of connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # Questions

    async def refresh(self) -> None:
        """Have packs list their files again, at most once a second, and wait a moment for what they say."""
        if self._send is None or not self._has_packs:
            return
        now = time.monotonic()
        is_asked = self._refreshed is not None and not self._refreshed.done()
        if not is_asked and now - self._asked_at >= REFRESH_EVERY_S:
            self._asked_at = now
            self._refreshed = asyncio.get_running_loop().create_future()
            self._send({"type": "refresh"})
        rest_s = self._asked_at + REFRESH_PATIENCE_S - now
        if self._refreshed is not None and not self._refreshed.done() and rest_s > 0:
            await asyncio.wait([self._refreshed], timeout=rest_s)

    async def show_prompt(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request to queue a job, as the handlers of packs leave it; as it came, if there are none to ask."""
        if self._send is None or not self._has_handlers:
            return body
        number, answer = next(self._numbers), asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        try:
            self._send({"type": "prompt", "id": number, "body": body})
            async with asyncio.timeout(HANDLER_PATIENCE_S):
                told = await answer
        except TimeoutError:
            log.warning("packs' prompt handlers did not answer in %g s; the request goes on", HANDLER_PATIENCE_S)
            return body
        finally:
            del self._questions[number]
        changed = told.get("body")
        return changed if isinstance(changed, dict) else body

    # Requests

    def path_for(self, request: web.Request) -> str | None:
        """The path under which packs answer this one, with or without `/api` before it; None if none does."""
        asked = request.rel_url
        for raw, plain in ((asked.raw_path, asked.path), (_below_api(asked.raw_path), _below_api(asked.path))):
            if raw and any(each.fullmatch(raw) or each.fullmatch(plain) for each in self._catalogue.routes):
                return raw
        return None

    async def pass_on(self, request: web.Request, path: str) -> web.StreamResponse:
        """The answer of the worker, as it comes. Raises: HTTPBadGateway or HTTPGatewayTimeout, with words."""
        session, url = await self._session_to(path, request.rel_url.raw_query_string)
        headers = _passed(request.headers)
        headers[SECRET_HEADER] = str(self._address.get("secret", ""))
        response: web.StreamResponse | None = None
        try:
            async with session.request(
                request.method,
                url,
                headers=headers,
                data=request.content if request.body_exists else None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as answer:
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                response.headers.extend(_passed(answer.headers))
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if response is not None and response.prepared:  # half an answer is out: only its end can tell
                log.warning("a pack's answer to %s broke off: %s", path, error)
                if request.transport is not None:
                    request.transport.close()
                return response
            if isinstance(error, TimeoutError):
                raise web.HTTPGatewayTimeout(text=f"the pack that serves {path} did not answer in time") from error
            raise _is_away(path) from error

    async def _session_to(self, path: str, query: str) -> tuple[aiohttp.ClientSession, URL]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._worker_patience_s):
                await self._open.wait()
        if not self._address:
            raise _is_away(path)
        socket_path = self._address.get("path")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector() if socket_path is None else aiohttp.UnixConnector(str(socket_path)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._silence_s),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        place = "packs" if socket_path is not None else f"{self._address.get('host')}:{self._address.get('port')}"
        return self._session, URL(f"http://{place}{path}{'?' if query else ''}{query}", encoded=True)

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None and session.connector is not None:
            self._closing = asyncio.get_running_loop().create_task(session.close())


def _below_api(path: str) -> str:
    return path[len("/api") :] if path.startswith("/api/") else ""


def _passed(headers: CIMultiDictProxy[str] | CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers that are meant for the other end."""
    own = {each.strip().lower() for value in headers.getall("Connection", []) for each in value.split(",")}
    own |= {each.lower() for each in _HOPS} | {SECRET_HEADER.lower()}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in own)


def _is_away(path: str) -> web.HTTPBadGateway:
    return web.HTTPBadGateway(text=f"{path} is served by a pack, and its worker is away; try again in a few seconds")
