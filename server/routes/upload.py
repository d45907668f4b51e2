"""Pictures that come in: streamed to disk under a limit, then put under a clean name in one step."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from server.files import clean_filename, put_in_place
from server.intake import Refused
from server.keys import FOLDERS, UPLOADING
from server.previews import apply_mask
from server.routes.forms import Form, received_form
from server.routes.view import find_file

routes = web.RouteTableDef()

PLACES = ("input", "temp", "output")


_REFERENCE = (("type", "output"), ("subfolder", ""), ("filename", ""))


@routes.post("/upload/image")
async def upload_image(request: web.Request) -> web.Response:
    """Store `image` in the folder `type` (input), below `subfolder`. Returns: the name that it got."""
    async with received_form(request, "image", request.app[FOLDERS].input) as form:
        return await _store(request, form)


@routes.post("/upload/mask")
async def upload_mask(request: web.Request) -> web.Response:
    """Store the picture `original_ref` with the alpha of `image` as its own."""
    async with received_form(request, "image", request.app[FOLDERS].input) as form:
        try:
            wanted = json.loads(form.fields.get("original_ref", ""))
            names = [str(wanted.get(key) or default) for key, default in _REFERENCE]
        except (ValueError, AttributeError, RecursionError) as error:
            raise Refused("invalid_request", "original_ref must be JSON: {filename, subfolder, type}") from error
        if names[0] not in PLACES:
            raise Refused("invalid_request", f"original_ref: type must be one of {', '.join(PLACES)}")
        original = await asyncio.to_thread(find_file, request.app[FOLDERS], *names)
        await asyncio.to_thread(apply_mask, original, form.draft)
        return await _store(request, form)


async def _store(request: web.Request, form: Form) -> web.Response:
    place, subfolder = form.fields.get("type") or "input", form.fields.get("subfolder", "")
    if place not in PLACES:
        raise Refused("invalid_request", f"type must be one of {', '.join(PLACES)}, found {place[:40]!r}")
    folders = request.app[FOLDERS]
    overwrite = form.fields.get("overwrite", "").lower() in ("true", "1")
    name = clean_filename(form.filename or "")
    target = folders.resolve(place, subfolder, name)
    if target.is_dir():
        raise FileProblem(say("{name!r} is a folder there; choose another name", name=name), path=target)
    async with request.app[UPLOADING]:
        stored = await asyncio.to_thread(put_in_place, form.draft, target, overwrite=overwrite)
    below = stored.parent.relative_to(folders.root(place)).as_posix()
    return web.json_response({"name": stored.name, "subfolder": "" if below == "." else below, "type": place})
