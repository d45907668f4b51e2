"""The machine, the workers, and what this server can do."""

from __future__ import annotations

import sys
from typing import Any

from aiohttp import web

from heddle.settings.options import HEDDLE_VERSION
from server.keys import CATALOGUE, CLIENTS, STORE, SUPERVISOR
from server.routes.described import described

routes = web.RouteTableDef()

# The release of the known interface whose shapes we answer with; clients read it to decide what they may ask.
INTERFACE_VERSION = "0.33.0"
# The oldest front end that was tried with this server. Those below it warn; a later number would have good ones warn.
FRONT_END_VERSION = "1.27.10"

_DEVICE = {
    "name": "",
    "type": "cpu",
    "index": None,
    "vram_total": 0,
    "vram_free": 0,
    "torch_vram_total": 0,
    "torch_vram_free": 0,
}
_SHOWN = ("weights_bytes", "limit_bytes", "reserve_bytes", "others_bytes")

#: Of a worker; what it told when it started is shown then.
ANSWER_PATIENCE_S = 0.5


@routes.get("/system_stats")
@described(answer={"type": "object"})
async def get_system_stats(request: web.Request) -> web.Response:
    """Memory, versions and devices. Sizes in bytes."""
    supervisor = request.app[SUPERVISOR]
    hellos = supervisor.hellos()
    hello: dict[str, Any] = hellos[0] if hellos else {}
    system = {
        "os": sys.platform,
        **_memory(),
        "comfyui_version": INTERFACE_VERSION,
        "required_frontend_version": FRONT_END_VERSION,
        "installed_templates_version": None,
        "required_templates_version": None,
        "python_version": hello.get("python", sys.version),
        "pytorch_version": hello.get("torch", ""),
        "embedded_python": False,
        "argv": _words(sys.argv),
        "server": "Heddle",
        "heddle_version": HEDDLE_VERSION,
    }
    devices = [
        {key: device.get(key, otherwise) for key, otherwise in _DEVICE.items()} | _weights(told)
        for _, told in await supervisor.memory(ANSWER_PATIENCE_S)
        for device in told.get("devices", ())
    ]
    return web.json_response({"system": system, "devices": devices})


@routes.get("/features")
async def get_features(request: web.Request) -> web.Response:
    """The same flags as the websocket's."""
    return web.json_response(request.app[CLIENTS].features)


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


def _weights(told: dict[str, Any]) -> dict[str, Any]:
    """What weights take on a worker's device, and what holds there; in full at /api/v1/memory."""
    (device, *_) = told.get("memory", {}).get("devices") or ({},)
    return {"heddle": {key: device.get(key) for key in _SHOWN}} if device else {}


def _words(argv: list[str]) -> list[str]:
    """The options that were given, for clients that look for one; values hold paths that are nobody else's business."""
    return ["main.py", *(word.partition("=")[0] for word in argv[1:] if word.startswith("--"))]


def _memory() -> dict[str, int]:
    import psutil  # here, since only this answer needs it and the front desk starts fast

    memory = psutil.virtual_memory()
    return {"ram_total": memory.total, "ram_free": memory.available}
