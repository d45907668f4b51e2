"""Scripts, styles and other files that packs bring for the browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from server import packs
from server.files import page_headers
from server.keys import CATALOGUE, FOLDERS, PAGE
from server.plain_json import to_text

routes = web.RouteTableDef()

FIRST_WORKER_S = 20.0  # a page asks once, when it opens; on the very first start no worker has told of packs yet


@routes.get("/extensions")
async def list_extensions(request: web.Request) -> web.Response:
    """The addresses of the modules that a page should import."""
    catalogue = request.app[CATALOGUE]
    await catalogue.wait(FIRST_WORKER_S)
    return web.json_response(await asyncio.to_thread(packs.script_paths, catalogue.web_directories, request.app[PAGE]))


@routes.get("/extensions/{pack}/{file:.+}")
async def get_extension_file(request: web.Request) -> web.StreamResponse:
    """One file of a pack, or of the front end's own."""
    pack, name = request.match_info["pack"], request.match_info["file"]
    folder = request.app[CATALOGUE].web_directories.get(pack)
    root = Path(folder) if folder is not None else request.app[PAGE] / "extensions"
    path = await asyncio.to_thread(packs.find_inside, root, name if folder is not None else f"{pack}/{name}")
    return web.FileResponse(path, headers=page_headers(path))


@routes.get("/i18n")
async def get_translations(request: web.Request) -> web.Response:
    """Words of packs in other languages, by locale."""
    return web.json_response(await asyncio.to_thread(packs.translations, request.app[FOLDERS]), dumps=to_text)


@routes.get("/workflow_templates")
async def list_examples(request: web.Request) -> web.Response:
    """The example workflows that packs bring, by pack."""
    return web.json_response(await asyncio.to_thread(packs.example_names, request.app[FOLDERS]))


@routes.get("/workflow_templates/{pack}/{file:.+}")
async def get_example(request: web.Request) -> web.StreamResponse:
    """An example workflow (.json) or its picture."""
    asked = request.match_info
    path = await asyncio.to_thread(packs.find_example, request.app[FOLDERS], asked["pack"], asked["file"])
    return web.FileResponse(path, headers=page_headers(path))
