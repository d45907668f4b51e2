"""Model files: which there are, and what each tells of itself."""

from __future__ import annotations

import asyncio
import io
from functools import partial
from pathlib import Path

from aiohttp import web

from server import model_files
from server.keys import FOLDERS, MODELS
from server.outputs.thumbnails import key_of
from server.plain_json import to_text
from server.previews import render_preview
from server.refused import Refused
from server.routes.bodies import answer_json, number
from server.routes.described import TEXT, described, one_of, whole
from server.routes.pictures import answer_picture, in_a_thread
from server.v1.reading import read_model

routes = web.RouteTableDef()

SORTS = ("name", "modified", "size")
LONGEST_PAGE = 500
USUAL_PAGE = 100


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

    def find() -> tuple[Path | io.BytesIO, str]:
        path = model_files.find(request.app[FOLDERS], asked["folder"], asked["file"], int(asked["index"]))
        picture = model_files.picture_of(path)
        if picture is None:
            raise web.HTTPNotFound(text="this model has no picture")
        return picture, key_of(picture if isinstance(picture, Path) else path, "model preview")

    picture, key = await asyncio.to_thread(find)
    make = in_a_thread(partial(render_preview, picture, "webp", 90))
    return await answer_picture(request, key, make, "image/webp")


@routes.post("/heddle/models/hash")
@described(body="HashModels", answer="ModelHashes")
async def hash_models(request: web.Request) -> web.Response:
    """Have the SHA-256 of model files computed, one after the other; those that are known are in the answer."""
    wish = await read_model(request, "HashModels")
    hashes = await request.app[MODELS].ask([(each.folder, each.name) for each in wish.models])
    return await answer_json({"models": [each.told() for each in hashes]})


@routes.get("/heddle/models/hash")
@described(answer="ModelHashes")
async def get_hashes(request: web.Request) -> web.Response:
    """How far the hashes are that were asked for since the start."""
    return await answer_json({"models": [each.told() for each in request.app[MODELS].hashes]})


_PAGE = {
    "text": TEXT,
    "sort": one_of(*SORTS),
    "order": one_of("asc", "desc"),
    "limit": whole(0, LONGEST_PAGE),
    "offset": whole(0),
}


@routes.get("/heddle/models")
@described(query=_PAGE, answer="ModelPage")
async def list_all_models(request: web.Request) -> web.Response:
    """A page of the files of all kinds; one that lies in folders of two is listed once."""
    return await _list(request, None)


@routes.get("/heddle/models/{folder}")
@described(query=_PAGE, answer="ModelPage")
async def list_models(request: web.Request) -> web.Response:
    """A page of the files of one kind, each with what its header says and its hash, if that is known."""
    return await _list(request, request.match_info["folder"])


async def _list(request: web.Request, kind: str | None) -> web.Response:
    query = request.query
    limit, offset = number(request, "limit", USUAL_PAGE), number(request, "offset", 0)
    if limit is None or offset is None or limit < 0 or offset < 0:
        raise Refused("invalid_request", "limit and offset must not be negative")
    sort, order = query.get("sort") or "name", query.get("order") or "asc"
    if sort not in SORTS:
        raise Refused("invalid_request", f"sort must be among {', '.join(SORTS)}, found {sort[:40]!r}")
    if order not in ("asc", "desc"):
        raise Refused("invalid_request", f"order must be asc or desc, found {order[:40]!r}")
    models, total = await asyncio.to_thread(
        request.app[MODELS].page,
        kind,
        text=query.get("text", ""),
        sort=sort,
        descending=order == "desc",
        limit=min(limit, LONGEST_PAGE),
        offset=offset,
    )
    return await answer_json({"models": models, "total": total})


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
