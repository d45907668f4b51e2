"""What happened, in order and from any number on: as JSON, as server-sent events, over a websocket.

Every event has a number over all jobs. Who comes back with the last one that it heard misses nothing and hears nothing
twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web

from server.keys import STORE
from server.plain_json import to_text
from server.refused import Refused
from server.routes.bodies import answer_json, number
from server.routes.described import described, whole
from server.store import Store, StoredEvent
from server.v1.streams import held

routes = web.RouteTableDef()

MOST_AT_ONCE = 1000
HEARTBEAT_S = 15.0
STREAM = "text/event-stream"
_SINCE = whole(0)
_LAST_HEARD = {"Last-Event-ID": {"type": "string", "description": "As `since`, which it goes before"}}


@routes.get("/api/v1/jobs/{id}/events")
@described(query={"since": _SINCE}, headers=_LAST_HEARD, answer="Events", answer_types=("application/json", STREAM))
async def get_events_of_job(request: web.Request) -> web.StreamResponse:
    """A job's events after number `since`; asked for as text/event-stream, they go on until the job ends."""
    store, job_id, since = request.app[STORE], request.match_info["id"], _since(request)
    events = await store.events_since(job_id, 0)
    if events is None:
        raise web.HTTPNotFound(text="there is no such job")
    if _wants_stream(request):
        return await _stream(request, _of_job(store, job_id, since), ends=job_id)
    return await _answer([event for event in events if event.seq > since], since)


@routes.get("/api/v1/events")
@described(
    query={"since": _SINCE, "limit": whole(1, MOST_AT_ONCE)},
    headers=_LAST_HEARD,
    answer="Events",
    answer_types=("application/json", STREAM),
)
async def get_events(request: web.Request) -> web.StreamResponse:
    """Events of all jobs after number `since`; asked for as text/event-stream, they go on."""
    since, limit = _since(request), number(request, "limit", MOST_AT_ONCE)
    if limit is None or not 1 <= limit <= MOST_AT_ONCE:
        raise Refused("invalid_request", f"limit must be from 1 to {MOST_AT_ONCE}, found {limit}")
    store = request.app[STORE]
    if _wants_stream(request):
        return await _stream(request, _of_all(store, since))
    return await _answer(await store.events_after(since, limit), since)


@routes.get("/api/v1/events/ws")
@described(query={"since": _SINCE}, statuses=(101,))
async def follow_events(request: web.Request) -> web.StreamResponse:
    """The same over a websocket: one text message for each event."""
    since = _since(request)
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
    if not socket.can_prepare(request).ok:
        raise web.HTTPUpgradeRequired(text="this address speaks websocket; GET /api/v1/events has the same")
    await socket.prepare(request)

    async def tell() -> None:
        async for events in _of_all(request.app[STORE], since):
            for event in events or ():
                await socket.send_str(to_text(_record(event)))

    telling = asyncio.create_task(tell())
    try:
        with held(request):
            async for received in socket:  # a client has nothing to say; this hears that it leaves
                if received.type is WSMsgType.ERROR:
                    break
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await telling
    return socket


async def _of_all(store: Store, since: int) -> AsyncIterator[list[StoredEvent] | None]:
    """Events as they come, some at a time; None now and then while there are none."""
    while True:
        events = await store.events_after(since, MOST_AT_ONCE)
        if events:
            since = events[-1].seq
            yield events
        elif not await store.wait_for_events(since, HEARTBEAT_S):
            yield None


async def _of_job(store: Store, job_id: str, since: int) -> AsyncIterator[list[StoredEvent] | None]:
    """The same of one job, up to its end."""
    last = 0  # by the job's own numbers
    while True:
        heard = store.last_event
        has_ended = await store.wait_until_ended(job_id, 0)
        events = await store.events_since(job_id, last)
        if events:
            last = events[-1].number
            if new := [event for event in events if event.seq > since]:
                yield new
        if has_ended or events is None:
            return
        waits = [
            asyncio.ensure_future(store.wait_for_events(heard, HEARTBEAT_S)),
            asyncio.ensure_future(store.wait_until_ended(job_id, HEARTBEAT_S)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not any(each.done() and each.result() for each in waits):
                yield None
        finally:
            for each in waits:
                each.cancel()


async def _stream(
    request: web.Request, source: AsyncIterator[list[StoredEvent] | None], ends: str | None = None
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": STREAM, "Cache-Control": "no-store"})
    with held(request), contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(b": events follow\n\n")
        async for events in source:
            if events is None:
                await response.write(b": nothing new\n\n")
            for start in range(0, len(events or ()), 100):
                await response.write(b"".join(map(_frame, (events or [])[start : start + 100])))
        if ends is not None:
            job = await request.app[STORE].job(ends)
            state = None if job is None else job.state
            await response.write(f"event: end\ndata: {to_text({'job_id': ends, 'state': state})}\n\n".encode())
        await response.write_eof()
    return response


def _frame(event: StoredEvent) -> bytes:
    kind = "".join(each for each in str(event.body.get("kind", "event")) if each.isalnum() or each == "_")
    return f"id: {event.seq}\nevent: {kind}\ndata: {to_text(_record(event))}\n\n".encode()


def _record(event: StoredEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "job_id": event.job_id,
        "number": event.number,
        "at_ms": event.at_ms,
        "event": event.body,
    }


async def _answer(events: list[StoredEvent], since: int) -> web.Response:
    return await answer_json({"events": [*map(_record, events)], "last": events[-1].seq if events else since})


def _wants_stream(request: web.Request) -> bool:
    return STREAM in request.headers.get("Accept", "")


def _since(request: web.Request) -> int:
    """The number of the last event that was heard. Raises: Refused."""
    heard = request.headers.get("Last-Event-ID")
    if heard is not None:
        if not heard.isascii() or not heard.isdecimal() or len(heard) > 18:
            raise Refused("invalid_request", f"Last-Event-ID must be the number of an event, found {heard[:40]!r}")
        return int(heard)
    since = number(request, "since", 0) or 0
    if since < 0:
        raise Refused("invalid_request", "since must not be negative")
    return since
