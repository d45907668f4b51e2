"""What front ends ask about the machine's folders for their panels."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web

from server.intake import Refused
from server.keys import FOLDERS
from server.routes.view import VIEWABLE

routes = web.RouteTableDef()


@routes.get("/internal/folder_paths")
async def get_folder_paths(request: web.Request) -> web.Response:
    """The folders of each kind of model file."""
    folders = request.app[FOLDERS]
    told = {kind: [str(path) for path in paths] for kind, paths in folders.places.items()}
    return web.json_response({**told, "custom_nodes": [str(path) for path in folders.custom_nodes]})


@routes.get("/internal/files/{dir}")
async def get_files(request: web.Request) -> web.Response:
    """The names of the files right in the input, output or temp folder, the newest first."""
    place = request.match_info["dir"]
    if place not in VIEWABLE:
        raise Refused("invalid_request", f"there are {', '.join(VIEWABLE)}, not {place[:40]!r}")

    def read() -> list[str]:
        try:
            entries = [each for each in os.scandir(request.app[FOLDERS].root(place)) if not each.name.startswith(".")]
        except FileNotFoundError:  # nothing was written there yet
            return []
        times = [(each.stat().st_mtime_ns, each.name) for each in entries if each.is_file()]
        return [name for _, name in sorted(times, key=lambda entry: (-entry[0], entry[1]))]

    return web.json_response(await asyncio.to_thread(read))
