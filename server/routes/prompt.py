"""Queueing a job, stopping it, and freeing memory."""

from __future__ import annotations

from aiohttp import web

from server.intake import Refused
from server.keys import INTAKE, STORE, SUPERVISOR
from server.routes.bodies import read_json, read_object

routes = web.RouteTableDef()


@routes.post("/prompt")
async def post_prompt(request: web.Request) -> web.Response:
    """Queue a workflow in the API form (or the saved form)."""
    return web.json_response(await request.app[INTAKE].submit(await read_json(request)))


@routes.get("/prompt")
async def get_prompt(request: web.Request) -> web.Response:
    """How many jobs run or wait."""
    return web.json_response({"exec_info": {"queue_remaining": request.app[STORE].waiting}})


@routes.post("/interrupt")
async def interrupt(request: web.Request) -> web.Response:
    """Stop what runs: `{}` for all, `{"prompt_id": ID}` for one."""
    job_id = (await read_object(request, default={})).get("prompt_id")
    if job_id is not None and not isinstance(job_id, str):
        raise Refused("invalid_request", "prompt_id must be a text")
    await request.app[SUPERVISOR].interrupt(None if job_id is None else [job_id])
    return web.Response()


@routes.post("/free")
async def free(request: web.Request) -> web.Response:
    """Let go of weights (`unload_models`) or of every kept result as well (`free_memory`)."""
    body = await read_object(request, default={})
    request.app[SUPERVISOR].free(
        unload_models=bool(body.get("unload_models")), free_memory=bool(body.get("free_memory"))
    )
    return web.Response()
