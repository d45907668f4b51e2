"""What front ends offer as templates: their own files, or the workflows that ship."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.files import page_headers
from server.keys import PAGE, WORKFLOWS
from server.packs import find_inside
from server.plain_json import to_text
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/templates/{file:.+}")
@described(answer_types=("*/*",))
async def get_template(request: web.Request) -> web.StreamResponse:
    """A file of the front end's `templates` folder; without one, what ships: the list, a workflow, its picture."""
    file, folder, shelf = request.match_info["file"], request.app[PAGE] / "templates", request.app[WORKFLOWS]
    if await asyncio.to_thread(folder.is_dir):
        path = await asyncio.to_thread(find_inside, folder, file)
    elif file.endswith(".json"):
        return web.json_response(await asyncio.to_thread(shelf.template, file), dumps=to_text)
    else:
        path = await asyncio.to_thread(shelf.picture, file)
    return web.FileResponse(path, headers=page_headers(path))
