"""What is in the memory of the devices."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.keys import SUPERVISOR
from server.routes.bodies import answer_json
from server.routes.described import described

routes = web.RouteTableDef()


@routes.get("/api/v1/memory")
@described(answer="Memory")
async def get_memory(request: web.Request) -> web.Response:
    """What each worker's devices have, the nets that are there, and how each of them lies. Sizes in bytes."""
    told = await request.app[SUPERVISOR].memory()
    return await answer_json({"workers": [_worker(name, each.get("memory")) for name, each in told]})


def _worker(name: str, memory: Any) -> dict[str, Any]:
    memory = memory if isinstance(memory, dict) else {}
    return {
        "name": name,
        "resident_bytes": memory.get("resident_bytes"),
        "devices": memory.get("devices", []),
    }
