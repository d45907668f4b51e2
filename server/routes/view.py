"""Pictures and other results, as files or as smaller previews."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

from aiohttp import web

from heddle.graph.errors import FileProblem
from heddle.settings.file_names import split_annotation
from heddle.settings.folders import Folders
from server.files import DRAFT, content_headers
from server.intake import Refused
from server.keys import FOLDERS
from server.outputs.thumbnails import key_of
from server.previews import (
    pack_opacity,
    read_preview_wish,
    render_channel,
    render_colours,
    render_preview,
    shown_as_it_is,
)
from server.routes.described import TEXT, described, one_of
from server.routes.pictures import answer_picture, in_a_thread

routes = web.RouteTableDef()

VIEWABLE = ("input", "output", "temp")  # the user folder holds settings and the job database


@routes.get("/view")
@described(
    query={
        "filename": TEXT,
        "subfolder": TEXT,
        "type": one_of("input", "output", "temp"),
        "preview": TEXT,
        "channel": one_of("rgba", "rgb", "a"),
        "quick": one_of("true", "false"),
    },
    answer_types=("*/*",),
)
async def view(request: web.Request) -> web.StreamResponse:
    """A file of the input, output or temp folder; `preview=webp;90` a smaller picture, `channel=a` its mask.

    With `quick=true`, a channel comes in the form that is there soonest: of `rgb` the file itself, where browsers show
    it and nothing of it is transparent, else a JPEG; of `a` a byte for each pixel, and none if all of it is opaque.
    """
    query = request.query
    filename, root_type, subfolder = query.get("filename", ""), query.get("type", "output"), query.get("subfolder", "")
    if filename.endswith("]"):
        filename, root_type = split_annotation(filename)
    if not filename or root_type not in VIEWABLE:
        raise Refused("invalid_request", f"name a file, and one of {', '.join(VIEWABLE)} as its type")
    path = await asyncio.to_thread(find_file, request.app[FOLDERS], root_type, subfolder, filename)
    wish, channel = query.get("preview"), query.get("channel", "rgba")
    if channel not in ("rgba", "rgb", "a"):
        raise Refused("invalid_request", f"channel must be rgba, rgb or a, found {channel[:20]!r}")
    quality = 0
    is_quick = query.get("quick") == "true"
    if channel == "a" and is_quick:
        key = await asyncio.to_thread(key_of, path, "a quick")
        headers = {"Content-Encoding": "gzip"}
        return await answer_picture(
            request, key, in_a_thread(partial(pack_opacity, path)), "application/octet-stream", headers=headers
        )
    if channel == "rgb" and is_quick:
        shown = await asyncio.to_thread(shown_as_it_is, path)
        if shown:
            headers = content_headers(path.name) | {"Content-Type": f"image/{shown}"}
            return web.FileResponse(path, headers=headers)
        form, render = "jpeg", partial(render_colours, path)
    elif channel != "rgba":
        form, render = "png", partial(render_channel, path, channel)
    elif wish:
        form, quality = read_preview_wish(wish)
        render = partial(render_preview, path, form, quality)
    else:
        return web.FileResponse(path, headers=content_headers(path.name))
    key = await asyncio.to_thread(key_of, path, f"{channel} {form} {quality}")
    headers = content_headers(f"{path.stem}.{form}")
    return await answer_picture(request, key, in_a_thread(render), f"image/{form}", headers=headers)


def find_file(folders: Folders, root_type: str, subfolder: str, filename: str) -> Path:
    """The file that a client names. Raises: HTTPNotFound, HTTPForbidden; FileProblem, if it would leave its folder."""
    path = folders.resolve(root_type, subfolder, filename)
    if root_type == "input" and not path.exists():
        try:
            path = folders.annotated(f"{subfolder}/{filename}".lstrip("/"))  # pictures that ship lie elsewhere
        except FileProblem as problem:
            raise web.HTTPNotFound(text=f"there is no file {filename!r} in {root_type}") from problem
    if not path.is_file() or path.name.startswith(DRAFT):  # no folder, no pipe, nothing half written
        raise web.HTTPNotFound(text=f"there is no file {filename!r} in {root_type}")
    if not os.access(path, os.R_OK):
        raise web.HTTPForbidden(text=f"{filename!r} may not be read by the server")
    return path
