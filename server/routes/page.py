"""Our own page: the files of the `web` folder."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web

from server.files import page_type
from server.keys import PAGE

routes = web.RouteTableDef()

# Everything comes from here; pictures may also be blobs, which is how previews arrive.
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


@routes.get("/{path:.*}")
async def get_page(request: web.Request) -> web.StreamResponse:
    """`index.html` for the bare address, else the file of that name."""
    root = os.path.realpath(request.app[PAGE])
    path = request.match_info["path"] or "index.html"
    if "\\" in path or ":" in path or "\0" in path or any(part.startswith(".") for part in path.split("/")):
        raise web.HTTPNotFound(text="there is no such page")
    file = os.path.realpath(os.path.join(root, path))
    if not file.startswith(root + os.sep) or not await asyncio.to_thread(os.path.isfile, file):
        raise web.HTTPNotFound(text=f"there is no page /{path[:200]}")
    headers = {"Content-Type": page_type(file), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    if file.endswith(".html"):
        headers |= {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
    return web.FileResponse(file, headers=headers)
