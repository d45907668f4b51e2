"""Queueing a job, stopping it, and freeing memory."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from heddle.graph.quoting import short
from heddle.media.carriers import read_remaking
from server.intake import Refused
from server.keys import FOLDERS, INTAKE, LIMITS, STORE, SUPERVISOR
from server.plain_json import to_text
from server.routes.bodies import parse, read_json, read_object, refuse_deep
from server.routes.described import PROMPT_ANSWER, PROMPT_BODY, described
from server.routes.forms import received_form

routes = web.RouteTableDef()

_TEXT_FIELDS = ("client_id", "prompt_id", "number")
_JSON_FIELDS = ("extra_data", "partial_execution_targets")


@routes.post("/prompt")
@described(
    body=PROMPT_BODY,
    form={"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]},
    answer=PROMPT_ANSWER,
)
async def post_prompt(request: web.Request) -> web.Response:
    """Queue a workflow in the API form or the saved form, or a form with a `file` that carries one."""
    body = await (_read_form(request) if request.content_type == "multipart/form-data" else read_json(request))
    return web.json_response(await request.app[INTAKE].submit(body), dumps=to_text)


@routes.get("/prompt")
@described(answer={"type": "object"})
async def get_prompt(request: web.Request) -> web.Response:
    """How many jobs run or wait."""
    return web.json_response({"exec_info": {"queue_remaining": request.app[STORE].waiting}})


@routes.post("/interrupt")
@described(
    body={"type": "object", "properties": {"prompt_id": {"type": ["string", "null"]}}},
    body_may_be_left_out=True,
    answer_types=(),
)
async def interrupt(request: web.Request) -> web.Response:
    """Stop what runs: `{}` for all, `{"prompt_id": ID}` for one."""
    job_id = (await read_object(request, default={})).get("prompt_id")
    if job_id is not None and not isinstance(job_id, str):
        raise Refused("invalid_request", f"prompt_id must be a text, found {short(job_id)}")
    await request.app[SUPERVISOR].interrupt([job_id] if job_id else None)
    return web.Response()


@routes.post("/free")
@described(
    body={"type": "object", "properties": {"unload_models": {"type": "boolean"}, "free_memory": {"type": "boolean"}}},
    body_may_be_left_out=True,
    answer_types=(),
)
async def free(request: web.Request) -> web.Response:
    """Let go of weights (`unload_models`) or of every kept result as well (`free_memory`)."""
    body = await read_object(request, default={})
    request.app[SUPERVISOR].free(
        unload_models=bool(body.get("unload_models")), free_memory=bool(body.get("free_memory"))
    )
    return web.Response()


async def _read_form(request: web.Request) -> dict[str, Any]:
    """What a JSON body would say: the file's workflow as the prompt, and the fields beside it."""
    longest = request.app[LIMITS].json_bytes
    async with received_form(request, "file", request.app[FOLDERS].temp, longest_field_bytes=longest) as form:
        document, carried = await asyncio.to_thread(read_remaking, form.draft, form.filename or "the file")
    refuse_deep([document, carried])
    body: dict[str, Any] = {name: form.fields[name] for name in _TEXT_FIELDS if form.fields.get(name)}
    body |= {name: _field_json(name, form.fields[name]) for name in _JSON_FIELDS if form.fields.get(name)}
    extra_data = body.get("extra_data") or {}
    if isinstance(extra_data, dict) and carried:
        # Pictures carry what made the file that was sent; what the client names itself goes first.
        told = extra_data.get("extra_pnginfo")
        extra_data = {**extra_data, "extra_pnginfo": {**carried, **(told if isinstance(told, dict) else {})}}
    front = form.fields.get("front", "").lower() in ("true", "1")
    return {**body, "prompt": document, "extra_data": extra_data, "front": front}


def _field_json(name: str, text: str) -> Any:
    try:
        return parse(text)
    except Refused as error:
        raise Refused("invalid_json", f"the field {name} is not valid JSON", error.error["details"]) from error
