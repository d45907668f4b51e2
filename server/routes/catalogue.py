"""What can be put into a workflow: nodes, model files, embeddings."""

from __future__ import annotations

import asyncio

from aiohttp import web

from heddle.graph.errors import SettingsError
from server.keys import CATALOGUE, FOLDERS, INTAKE

routes = web.RouteTableDef()


@routes.get("/object_info")
async def get_object_info(request: web.Request) -> web.Response:
    """Every node: its inputs, outputs and where the menu shows it."""
    await request.app[INTAKE].records()  # a page that was told of no nodes would not ask again
    plain, gzipped = await request.app[CATALOGUE].whole()
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return web.Response(body=gzipped, content_type="application/json", headers=headers)
    return web.Response(body=plain, content_type="application/json", headers={"Vary": "Accept-Encoding"})


@routes.get("/object_info/{class}")
async def get_object_info_of(request: web.Request) -> web.Response:
    """One node, or nothing."""
    await request.app[INTAKE].records()
    return web.json_response(await request.app[CATALOGUE].one(request.match_info["class"]))


@routes.get("/embeddings")
async def get_embeddings(request: web.Request) -> web.Response:
    """Names that a prompt may use, without their endings."""
    names = await asyncio.to_thread(request.app[FOLDERS].list_files, "embeddings")
    return web.json_response([name.rpartition(".")[0] or name for name in names])


@routes.get("/models")
async def get_model_kinds(request: web.Request) -> web.Response:
    """The kinds of model files."""
    return web.json_response(sorted(request.app[FOLDERS].roots_of))


@routes.get("/models/{folder}")
async def get_models(request: web.Request) -> web.Response:
    """The files of one kind."""
    try:
        request.app[FOLDERS].models(request.match_info["folder"])
    except SettingsError as error:
        raise web.HTTPNotFound(text=error.message) from error
    return web.json_response(await asyncio.to_thread(request.app[FOLDERS].list_files, request.match_info["folder"]))
