"""What front ends ask for at their start, and what packs offer there."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server import packs
from server.files import page_headers
from server.keys import CATALOGUE, FOLDERS
from server.people import UnknownPerson
from server.plain_json import to_text
from server.routes.bodies import flag, person
from server.user_files import Absent

routes = web.RouteTableDef()


@routes.get("/user.css")
async def get_styles(request: web.Request) -> web.StreamResponse:
    """The person's own styles, `user.css` among the user's files; 404 without, with `optional` 204."""
    try:
        path = await asyncio.to_thread(person(request).files.find, "user.css")
    except (Absent, UnknownPerson) as error:  # a page asks before it knows whose it is
        if flag(request, "optional", default=False):  # browsers write a 404 into the log as an error
            return web.Response(status=204)
        raise Absent(error.message) from error
    return web.FileResponse(path, headers=page_headers(path))


@routes.get("/global_subgraphs")
async def list_subgraphs(request: web.Request) -> web.Response:
    """The subgraphs that packs offer, by id, each with its workflow: a front end then asks for none by itself."""
    return web.json_response(await asyncio.to_thread(packs.subgraphs, request.app[FOLDERS]), dumps=to_text)


@routes.get("/global_subgraphs/{id}")
async def get_subgraph(request: web.Request) -> web.Response:
    """One of them."""
    found = await asyncio.to_thread(packs.subgraphs, request.app[FOLDERS])
    if (subgraph := found.get(request.match_info["id"])) is None:
        raise web.HTTPNotFound(text="there is no such subgraph; GET /global_subgraphs lists those that are there")
    return web.json_response(subgraph, dumps=to_text)


@routes.get("/node_replacements")
async def list_replacements(request: web.Request) -> web.Response:
    """Nodes that stand in for older ones, as packs declared them."""
    return web.json_response(request.app[CATALOGUE].replacements, dumps=to_text)
