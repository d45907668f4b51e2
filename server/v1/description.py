"""The description of the interface, for programs and for people."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from aiohttp import web

from server.openapi import describe
from server.routes.bodies import answer_json
from server.routes.described import described
from server.v1.reading import shapes

routes = web.RouteTableDef()

PAGE = Path(__file__).with_name("docs.html")


@routes.get("/api/v1/openapi.json")
@described(answer={"type": "object"})
async def get_description(request: web.Request) -> web.Response:
    """Every route with what it takes and answers, in the words of OpenAPI 3.1."""
    models = vars(await shapes())
    return await answer_json(await asyncio.to_thread(describe, request.app, models))


@routes.get("/api/v1/docs")
@described(answer_types=("text/html",))
async def get_docs(request: web.Request) -> web.Response:
    """The same as a page to read."""
    nonce = secrets.token_urlsafe(16)  # only what stands in the page itself is carried out
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    text = (await asyncio.to_thread(PAGE.read_text, "utf-8")).replace("NONCE", nonce)
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/html", headers=headers)
