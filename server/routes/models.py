"""Model files: which there are, and what each tells of itself."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server import model_files
from server.keys import FOLDERS
from server.plain_json import to_text
from server.previews import render_preview

routes = web.RouteTableDef()


@routes.get("/models")
async def get_model_kinds(request: web.Request) -> web.Response:
    """The kinds of model files."""
    return web.json_response(sorted(request.app[FOLDERS].places))


@routes.get("/models/{folder}")
async def get_models(request: web.Request) -> web.Response:
    """The files of one kind."""
    files = await asyncio.to_thread(model_files.files_of, request.app[FOLDERS], request.match_info["folder"])
    return web.json_response([each["name"] for each in files])


@routes.get("/embeddings")
async def get_embeddings(request: web.Request) -> web.Response:
    """Names that a prompt may use, without their endings."""
    names = await asyncio.to_thread(request.app[FOLDERS].list_files, "embeddings")
    return web.json_response([name.rpartition(".")[0] or name for name in names])


@routes.get("/experiment/models")
async def get_model_folders(request: web.Request) -> web.Response:
    """The kinds of models with their folders."""
    return web.json_response(model_files.kinds(request.app[FOLDERS]))


@routes.get("/experiment/models/{folder}")
async def get_model_files(request: web.Request) -> web.Response:
    """The files of one kind, each with the number of its folder, its size and its times in seconds."""
    files = await asyncio.to_thread(model_files.files_of, request.app[FOLDERS], request.match_info["folder"])
    return web.json_response(files)


@routes.get("/experiment/models/preview/{folder}/{index}/{file:.+}")
async def get_model_preview(request: web.Request) -> web.Response:
    """A small WebP picture of what a model makes, if one lies beside it or in its header."""
    asked = request.match_info
    if not (asked["index"].isascii() and asked["index"].isdigit() and len(asked["index"]) < 10):
        raise web.HTTPNotFound(text="the number of the folder must be a number")

    def render() -> bytes | None:
        path = model_files.find(request.app[FOLDERS], asked["folder"], asked["file"], int(asked["index"]))
        picture = model_files.picture_of(path)
        return None if picture is None else render_preview(picture, "webp", 90)

    body = await asyncio.to_thread(render)
    if body is None:
        raise web.HTTPNotFound(text="this model has no picture")
    return web.Response(body=body, content_type="image/webp", headers={"X-Content-Type-Options": "nosniff"})


@routes.get("/view_metadata/{folder}")
async def get_metadata(request: web.Request) -> web.Response:
    """What the header of a safetensors file says of it, an object of texts."""

    def read() -> object:
        name = request.query.get("filename", "")
        return model_files.metadata_of(model_files.find(request.app[FOLDERS], request.match_info["folder"], name))

    told = await asyncio.to_thread(read)
    if told is None:
        raise web.HTTPNotFound(text="this file tells nothing of itself")
    return web.json_response(told, dumps=to_text)
