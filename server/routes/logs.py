"""The server's log, for consoles in the browser."""

from __future__ import annotations

from aiohttp import web

from heddle.graph.quoting import short
from server.intake import Refused
from server.keys import CLIENTS, LOGBOOK
from server.messages import Logs
from server.routes.bodies import flag, read_object
from server.routes.described import TEXT, described

routes = web.RouteTableDef()


@routes.get("/internal/logs/raw")
@described(query={"details": {"type": "boolean"}})
async def get_raw_logs(request: web.Request) -> web.Response:
    """The last lines, each with its time; with `details` also how grave it is and who said it."""
    logs = Logs(list(request.app[LOGBOOK].entries))
    return web.json_response((logs if flag(request, "details") else logs.plain()).data())


@routes.get("/internal/logs")
async def get_logs(request: web.Request) -> web.Response:
    """The last lines as one text."""
    return web.json_response("".join(f"{entry['t']} - {entry['m']}" for entry in request.app[LOGBOOK].entries))


@routes.patch("/internal/logs/subscribe")
@described(
    body={"type": "object", "properties": {"clientId": TEXT, "enabled": {"type": "boolean"}}, "required": ["clientId"]},
    answer_types=(),
)
async def subscribe(request: web.Request) -> web.Response:
    """Begin or stop to send new lines to a client: `{"clientId": ID, "enabled": bool}`."""
    body = await read_object(request)
    client_id = body.get("clientId")
    if not isinstance(client_id, str):
        raise Refused("invalid_request", f"clientId must be a text, found {short(client_id)}")
    request.app[CLIENTS].want_logs(client_id, bool(body.get("enabled")))
    return web.Response()
