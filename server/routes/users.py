"""Who uses the server, and what a front end remembers for each of them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.intake import Refused
from server.keys import LIMITS, PEOPLE
from server.plain_json import to_text
from server.routes.bodies import person, read_json, read_object

routes = web.RouteTableDef()


@routes.get("/users")
async def get_users(request: web.Request) -> web.Response:
    """Where settings are kept; with `--multi-user` also who there is, id -> name."""
    people = request.app[PEOPLE]
    about = {"users": people.names} if people.several else {"migrated": True}
    return web.json_response({"storage": "server", **about})


@routes.post("/users")
async def post_users(request: web.Request) -> web.Response:
    """Add a person: `{"username": NAME}`; the id. Refused, if the name is taken or there may be one person only."""
    name = (await read_object(request)).get("username")
    if not isinstance(name, str):
        raise Refused("invalid_request", "username must be the new person's name")
    return web.json_response(await asyncio.to_thread(request.app[PEOPLE].add, name))


@routes.get("/settings")
async def get_settings(request: web.Request) -> web.Response:
    """All settings, by name."""
    return web.json_response(await asyncio.to_thread(person(request).settings.read), dumps=to_text)


@routes.get("/settings/{id}")
async def get_setting(request: web.Request) -> web.Response:
    """The value of one setting, or null."""
    values = await asyncio.to_thread(person(request).settings.read)
    return web.json_response(values.get(request.match_info["id"]), dumps=to_text)


@routes.post("/settings")
async def change_settings(request: web.Request) -> web.Response:
    """Set several: `{NAME: VALUE}`; the others stay."""
    values = await read_object(request, limit=request.app[LIMITS].settings_bytes)
    await asyncio.to_thread(person(request).settings.change, values)
    return web.Response()


@routes.post("/settings/{id}")
async def change_setting(request: web.Request) -> web.Response:
    """Set one; the body is its value, any JSON."""
    value = await read_json(request, limit=request.app[LIMITS].settings_bytes)
    await asyncio.to_thread(person(request).settings.change, {request.match_info["id"]: value})
    return web.Response()
