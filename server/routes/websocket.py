"""The websocket: one line per client, from server to client; the client only introduces itself."""

from __future__ import annotations

import contextlib
import json
import uuid

from aiohttp import WSMsgType, web

from server.clients import Connection
from server.keys import CLIENTS, STORE
from server.routes.described import TEXT, described

routes = web.RouteTableDef()

LARGEST_MESSAGE = 1 * 2**20  # bytes; a client has nothing long to say
PING_EVERY_S = 30.0
LONGEST_CLIENT_ID = 200


@routes.get("/ws")
@described(query={"clientId": TEXT}, statuses=(101,))
async def websocket(request: web.Request) -> web.StreamResponse:
    """Messages about the client's jobs and about the queue, until one side leaves."""
    client_id = request.query.get("clientId") or uuid.uuid4().hex
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
        raise web.HTTPBadRequest(text=f"clientId must have at most {LONGEST_CLIENT_ID} printable characters")
    socket = web.WebSocketResponse(heartbeat=PING_EVERY_S, max_msg_size=LARGEST_MESSAGE, compress=False)
    await socket.prepare(request)
    clients = request.app[CLIENTS]
    if request.transport is None:  # gone already
        return socket
    connection = Connection(socket, request.transport, client_id)
    clients.add(connection, request.app[STORE].waiting)
    try:
        async for received in socket:
            if received.type is not WSMsgType.TEXT:
                continue
            with contextlib.suppress(ValueError, RecursionError):  # unreadable words of a client are passed over
                said = json.loads(received.data)
                if isinstance(said, dict) and said.get("type") == "feature_flags":
                    clients.greet(connection, said.get("data"))
    finally:
        clients.remove(connection)
    return socket
