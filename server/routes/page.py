"""The page: our own files of the `web` folder, or a front end that was built elsewhere."""

from __future__ import annotations

import asyncio
import gzip

from aiohttp import ETag, web

from server.files import page_headers, takes_gzip
from server.keys import OWN_PAGE, PAGE
from server.own_page import OPENING, OwnPage
from server.packs import find_inside
from server.routes.described import described

routes = web.RouteTableDef()

# Everything comes from here; pictures may also be blobs, which is how previews arrive. Of the scripts inside a page
# that of these hashes runs: the import map, which browsers take from nowhere else.
_POLICY = (
    "default-src 'self'; script-src 'self'{hashes}; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_FOR_GOOD = "public, max-age=31536000, immutable"


@routes.get("/{path:.*}")
@described(answer_types=("*/*",))
async def get_page(request: web.Request) -> web.StreamResponse:
    """`index.html` for the bare address, else the file of that name."""
    path = request.match_info["path"] or OPENING
    own = request.app.get(OWN_PAGE)
    if own is None:
        return await _foreign_file(request, path)
    return await (_opening(request, own) if path == OPENING else _own_file(request, own, path))


async def _opening(request: web.Request, own: OwnPage) -> web.StreamResponse:
    opening = await asyncio.to_thread(own.opening)
    headers = page_headers(own.root / OPENING) | _document_headers(opening.script_hashes)
    return _answer(request, headers, opening.digest, opening.gzipped)


async def _own_file(request: web.Request, own: OwnPage, path: str) -> web.StreamResponse:
    file, is_final = await asyncio.to_thread(own.find, path)
    headers = page_headers(file.path)
    if is_final:
        headers["Cache-Control"] = _FOR_GOOD
    if file.path.suffix == ".html":
        headers |= _document_headers()
    if file.gzipped is None:
        return web.FileResponse(file.path, headers=headers)
    return _answer(request, headers, file.digest, file.gzipped)


async def _foreign_file(request: web.Request, path: str) -> web.StreamResponse:
    file = await asyncio.to_thread(find_inside, request.app[PAGE], path)
    headers = page_headers(file)
    if file.suffix == ".html":  # names the hashed files of one build: after an update, an old copy would ask in vain
        headers |= {
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store, must-revalidate",
            "Content-Security-Policy": "frame-ancestors 'self'",
        }
    return web.FileResponse(file, headers=headers)


def _document_headers(script_hashes: tuple[str, ...] = ()) -> dict[str, str]:
    hashes = "".join(f" '{each}'" for each in script_hashes)
    return {"Referrer-Policy": "same-origin", "Content-Security-Policy": _POLICY.format(hashes=hashes)}


def _answer(request: web.Request, headers: dict[str, str], digest: str, gzipped: bytes) -> web.Response:
    """Gzipped or plain, or 304 to a browser that has either; each form has a tag of its own."""
    takes = takes_gzip(request.headers.get("Accept-Encoding", ""))
    tags = (digest, f"{digest}-gzip")
    response = web.Response(headers={"Cache-Control": headers["Cache-Control"], "Vary": "Accept-Encoding"})
    response.etag = ETag(tags[takes])
    if any(each.value in (*tags, "*") for each in request.if_none_match or ()):
        response.set_status(304)
        return response
    response.headers.update(headers)
    if takes:
        response.headers["Content-Encoding"] = "gzip"
    response.body = gzipped if takes else gzip.decompress(gzipped)
    return response
