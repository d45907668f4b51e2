"""The page: our own files of the `web` folder, or a front end that was built elsewhere."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.files import page_headers
from server.keys import PAGE, PAGE_IS_OURS
from server.packs import find_inside
from server.routes.described import described

routes = web.RouteTableDef()

# Everything comes from here; pictures may also be blobs, which is how previews arrive.
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


@routes.get("/{path:.*}")
@described(answer_types=("*/*",))
async def get_page(request: web.Request) -> web.StreamResponse:
    """`index.html` for the bare address, else the file of that name."""
    path = request.match_info["path"] or "index.html"
    file = await asyncio.to_thread(find_inside, request.app[PAGE], path)
    headers = page_headers(file)
    if file.suffix == ".html":
        headers |= {"Referrer-Policy": "same-origin"}
        if request.app[PAGE_IS_OURS]:
            headers |= {"Content-Security-Policy": _POLICY}
        else:  # names the hashed files of one build: after an update, an old copy would ask for files that are gone
            headers |= {
                "Cache-Control": "no-store, must-revalidate",
                "Content-Security-Policy": "frame-ancestors 'self'",
            }
    return web.FileResponse(file, headers=headers)
