"""Which requests are for packs: those that no route and no file of ours answers."""

from __future__ import annotations

import contextlib
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from server.pack_door import PackDoor
from server.routes import page
from server.user_files import Absent


def pass_to_packs(door: PackDoor) -> Any:
    """What no route of ours answers is for packs, if one of theirs does; our own page and files come first."""

    @web.middleware
    async def pass_to_packs(request: web.Request, handler: Handler) -> web.StreamResponse:
        match = request.match_info
        is_page = match.handler is page.get_page
        if (match.http_exception is None and not is_page) or (path := door.path_for(request)) is None:
            return await handler(request)
        if is_page:
            with contextlib.suppress(Absent):
                return await handler(request)
        return await door.pass_on(request, path)

    return pass_to_packs
