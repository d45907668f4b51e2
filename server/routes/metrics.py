"""Figures for a monitoring system."""

from __future__ import annotations

from aiohttp import web

from server.keys import STORE, SUPERVISOR
from server.metrics import METRICS
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/metrics")
@described(answer_types=("text/plain",))
async def get_metrics(request: web.Request) -> web.Response:
    """Jobs, nodes, workers, memory and requests, in the text form of Prometheus."""
    text, content_type = await request.app[METRICS].text(request.app[STORE], request.app[SUPERVISOR])
    return web.Response(body=text, headers={"Content-Type": content_type})
