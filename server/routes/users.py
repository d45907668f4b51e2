"""Who uses the server, and what a front end remembers for that person. There is one person, without a name."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.intake import Refused
from server.keys import LIMITS, PERSON_SETTINGS
from server.plain_json import to_text
from server.routes.bodies import read_json, read_object

routes = web.RouteTableDef()


@routes.get("/users")
async def get_users(request: web.Request) -> web.Response:
    """Where settings are kept; no list of people, as there is one."""
    return web.json_response({"storage": "server", "migrated": True})


@routes.post("/users")
async def post_users(request: web.Request) -> web.Response:
    """Refused: there is one person."""
    raise Refused("invalid_request", "this server keeps the files of one person; no others can be added")


@routes.get("/settings")
async def get_settings(request: web.Request) -> web.Response:
    """All settings, by name."""
    return web.json_response(await asyncio.to_thread(request.app[PERSON_SETTINGS].read), dumps=to_text)


@routes.get("/settings/{id}")
async def get_setting(request: web.Request) -> web.Response:
    """The value of one setting, or null."""
    values = await asyncio.to_thread(request.app[PERSON_SETTINGS].read)
    return web.json_response(values.get(request.match_info["id"]), dumps=to_text)


@routes.post("/settings")
async def change_settings(request: web.Request) -> web.Response:
    """Set several: `{NAME: VALUE}`; the others stay."""
    values = await read_object(request, limit=request.app[LIMITS].settings_bytes)
    await asyncio.to_thread(request.app[PERSON_SETTINGS].change, values)
    return web.Response()


@routes.post("/settings/{id}")
async def change_setting(request: web.Request) -> web.Response:
    """Set one; the body is its value, any JSON."""
    value = await read_json(request, limit=request.app[LIMITS].settings_bytes)
    await asyncio.to_thread(request.app[PERSON_SETTINGS].change, {request.match_info["id"]: value})
    return web.Response()
