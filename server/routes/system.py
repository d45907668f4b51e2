"""The machine, the workers, and what this server can do."""

from __future__ import annotations

import sys
from typing import Any

from aiohttp import web

from server.clients import SERVER_FEATURES
from server.keys import CATALOGUE, STORE, SUPERVISOR

routes = web.RouteTableDef()

# The release of the known interface whose shapes we answer with; clients read it to decide what they may ask.
INTERFACE_VERSION = "0.3.64"
FRONT_END_VERSION = "1.27.10"


@routes.get("/system_stats")
async def get_system_stats(request: web.Request) -> web.Response:
    """Memory, versions and devices. Sizes in bytes."""
    hellos = request.app[SUPERVISOR].hellos()
    hello: dict[str, Any] = hellos[0] if hellos else {}
    system = {
        "os": sys.platform,
        "comfyui_version": INTERFACE_VERSION,
        "required_frontend_version": FRONT_END_VERSION,
        "python_version": hello.get("python", sys.version),
        "pytorch_version": hello.get("torch", ""),
        "embedded_python": False,
        "argv": ["main.py"],  # the real one may hold paths and names that are nobody else's business
        "server": "Heddle",
    }
    return web.json_response(
        {
            "system": system | _memory(),
            "devices": [device for each in hellos for device in each.get("devices", ())],
        }
    )


@routes.get("/features")
async def get_features(request: web.Request) -> web.Response:
    """The same flags as the websocket's."""
    return web.json_response(SERVER_FEATURES)


@routes.get("/heddle/status")
async def get_status(request: web.Request) -> web.Response:
    """Whether a job would run at once: the workers, the queue, and whether the nodes are known."""
    return web.json_response(
        {
            "workers": request.app[SUPERVISOR].workers(),
            "queue_remaining": request.app[STORE].waiting,
            "knows_nodes": request.app[CATALOGUE].records is not None,
        }
    )


def _memory() -> dict[str, int]:
    import psutil  # here, since only this answer needs it and the front desk starts fast

    memory = psutil.virtual_memory()
    return {"ram_total": memory.total, "ram_free": memory.available}
