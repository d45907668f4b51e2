"""The nodes that can be put into a workflow."""

from __future__ import annotations

from aiohttp import ETag, web

from server.files import takes_gzip
from server.keys import CATALOGUE, INTAKE, SUPERVISOR
from server.plain_json import to_text
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/object_info")
@described(statuses=(200, 304), answer={"type": "object"})
async def get_object_info(request: web.Request) -> web.Response:
    """Every node: its inputs, outputs and where the menu shows it."""
    await request.app[INTAKE].records()  # a page that was told of no nodes would not ask again
    answer = await request.app[CATALOGUE].whole(request.app[SUPERVISOR].packs.refresh())
    # Weak: the plain and the gzipped bytes mean the same.
    response = web.Response(headers={"Vary": "Accept-Encoding", "Cache-Control": "no-cache"})
    response.etag = ETag(answer.tag, is_weak=True)
    known = request.if_none_match
    if known and any(each.value in (answer.tag, "*") for each in known):
        response.set_status(304)
        return response
    response.content_type = "application/json"
    if takes_gzip(request.headers.get("Accept-Encoding", "")):
        response.headers["Content-Encoding"] = "gzip"
        response.body = answer.gzipped
    else:
        response.body = answer.plain
    return response


@routes.get("/object_info/{class}")
@described(answer={"type": "object"})
async def get_object_info_of(request: web.Request) -> web.Response:
    """One node, or nothing."""
    await request.app[INTAKE].records()
    await request.app[SUPERVISOR].packs.refresh()
    return web.json_response(await request.app[CATALOGUE].one(request.match_info["class"]), dumps=to_text)
