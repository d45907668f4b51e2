"""The server with answers to a page up to 400 ms late, at random: they overtake each other, and nobody waits for them.

`SLOW_PAGE=SEED pytest tests/web/...` starts this one in place of `main.py`, and gives pages a quarter of the processor.
"""

from __future__ import annotations

import asyncio
import os
import random

from aiohttp import web
from aiohttp.typedefs import Handler

import main
from server import serve
from server.app import Parts, build_app

LATEST_S = 0.4
LATEST_FILE_S = 0.06  # a page has many


def build_slow_app(parts: Parts) -> web.Application:
    """What a browser asks for is late; what a test asks is not. Half of the time goes by before it is done."""
    app = build_app(parts)
    chance = random.Random(os.environ["SLOW_PAGE"])

    @web.middleware
    async def be_late(request: web.Request, handler: Handler) -> web.StreamResponse:
        kind = request.headers.get("Sec-Fetch-Dest")
        if kind is None:
            return await handler(request)
        latest_s = LATEST_FILE_S if kind in ("script", "style") else LATEST_S
        await asyncio.sleep(chance.uniform(0, latest_s / 2))
        answer = await handler(request)
        await asyncio.sleep(chance.uniform(0, latest_s / 2))
        return answer

    app.middlewares.insert(0, be_late)
    return app


if __name__ == "__main__":
    serve.build_app = build_slow_app
    raise SystemExit(main.main())
