"""How routes answer with small pictures that are made once and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import ETag, web

from server.keys import GALLERY
from server.outputs.thumbnails import Make

FOR_GOOD = "private, max-age=31536000, immutable"  # the address names the very version of the file


async def answer_picture(
    request: web.Request,
    key: str,
    make: Make,
    content_type: str,
    *,
    is_for_good: bool = False,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """A kept picture, or one that `make` makes now, unless the client has it already or has left.

    Args:
        key: see `server.outputs.key_of`.
        is_for_good: the address will never show another picture, so browsers need not ask again.
    """
    answer = {**(headers or {}), "Content-Type": content_type, "X-Content-Type-Options": "nosniff"}
    answer["Cache-Control"] = FOR_GOOD if is_for_good else "no-cache"
    known = request.if_none_match
    if known and any(each.value in (key, "*") for each in known):
        response = web.Response(status=304, headers={"Cache-Control": answer["Cache-Control"]})
    else:
        body = await request.app[GALLERY].thumbnails.get(key, make, lambda: _is_there(request))
        if body is None:
            return web.Response(status=400)  # nobody reads this
        response = web.Response(body=body, headers=answer)
    response.etag = ETag(key)
    return response


def in_a_thread(render: Callable[[], bytes]) -> Make:
    """What computes, done beside the event loop."""

    async def make() -> bytes:
        return await asyncio.to_thread(render)

    return make


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
