"""The files that front ends keep for a person. A name is one segment of the address: `workflows%2Fa.json`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from server.files import content_headers
from server.intake import Refused
from server.keys import LIMITS
from server.routes.bodies import flag, person, read_bytes
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/userdata")
async def list_files(request: web.Request) -> web.Response:
    """Files of the folder `dir`: names, with `split` their parts, with `full_info` size and times in ms."""
    folder = request.query.get("dir", "")
    if not folder:
        raise Refused("invalid_request", "name a folder: ?dir=workflows")
    files, full, split = person(request).files, flag(request, "full_info"), flag(request, "split")

    def read() -> list[Any]:
        found = files.list(folder, recurse=flag(request, "recurse"))
        if full:
            return [files.describe(path, folder) for path in found]
        names = [files.name_of(path, folder) for path in found]
        return [[name, *name.split("/")] for name in names] if split else names

    return web.json_response(await asyncio.to_thread(read))


@routes.get("/v2/userdata")
async def list_entries(request: web.Request) -> web.Response:
    """Files and folders of the folder `path`: `{name, path, type}`, of files also size and time in seconds."""
    return web.json_response(await asyncio.to_thread(person(request).files.entries, request.query.get("path", "")))


@routes.get("/userdata/{file}")
async def read_file(request: web.Request) -> web.StreamResponse:
    """One file, as it was sent."""
    path = await asyncio.to_thread(person(request).files.find, request.match_info["file"])
    return web.FileResponse(path, headers=content_headers(path.name))


@routes.post("/userdata/{file}")
async def write_file(request: web.Request) -> web.Response:
    """Keep the body under this name. With `overwrite=false`, 409 if there is one already."""
    data = await read_bytes(request, request.app[LIMITS].upload_bytes)
    name, overwrite = request.match_info["file"], flag(request, "overwrite", default=True)
    path = await asyncio.to_thread(person(request).files.write, name, data, overwrite=overwrite)
    return await _tell(request, path)


@routes.post("/userdata/{file}/move/{dest}")
async def move_file(request: web.Request) -> web.Response:
    """Give a file another name. With `overwrite=false`, 409 if that is taken."""
    name, wanted = request.match_info["file"], request.match_info["dest"]
    overwrite = flag(request, "overwrite", default=True)
    return await _tell(request, await asyncio.to_thread(person(request).files.move, name, wanted, overwrite=overwrite))


@routes.delete("/userdata/{file}")
@described(statuses=(204,))
async def delete_file(request: web.Request) -> web.Response:
    """Take a file away."""
    await asyncio.to_thread(person(request).files.delete, request.match_info["file"])
    return web.Response(status=204)


async def _tell(request: web.Request, path: Path) -> web.Response:
    files = person(request).files
    full = flag(request, "full_info")
    return web.json_response(await asyncio.to_thread(files.describe if full else files.name_of, path))
