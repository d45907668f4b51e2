"""The description of everything that the server answers, in the words of OpenAPI 3.1, made from the routes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from heddle.settings.options import HEDDLE_VERSION
from server.routes.described import Description, Schema, description_of

_SCHEMAS = "#/components/schemas/"
_ABOUT = (
    "Every path without /api/ in front is also there with it. Every GET also answers HEAD. "
    "What goes wrong has one shape, Error, and a 4xx or 5xx status."
)


def describe(app: web.Application, models: Mapping[str, Any]) -> dict[str, Any]:
    """The whole description. Args: models: pydantic's, by the names that routes use."""
    from pydantic.json_schema import models_json_schema  # heavy, and asked for seldom

    paths: dict[str, dict[str, Any]] = {}
    used = {"Error"}
    for method, path, handler in routes_of(app):
        said = description_of(handler)
        used |= {name for name in (said.body, said.answer) if isinstance(name, str)}
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, handler, said)
    wanted = [(models[name], "validation" if _is_body(models[name]) else "serialization") for name in sorted(used)]
    _, schemas = models_json_schema(wanted, ref_template=f"{_SCHEMAS}{{model}}")  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Heddle", "version": HEDDLE_VERSION, "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas.get("$defs", {})},
    }


def routes_of(app: web.Application) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler of every route, those for HEAD left out: they go with GET."""
    for route in app.router.routes():
        if route.resource is not None and route.method not in ("HEAD", "*"):
            yield route.method, route.resource.canonical, route.handler


def _is_body(model: Any) -> bool:
    return model.model_config.get("extra") == "forbid"


def _operation(method: str, path: str, handler: Handler, said: Description) -> dict[str, Any]:
    words = inspect.getdoc(handler) or ""
    operation: dict[str, Any] = {
        "operationId": re.sub(r"[^0-9a-z]+", "_", f"{method}{path}".lower()).strip("_"),
        "summary": words.partition("\n")[0],
        "tags": [_tag(path)],
    }
    places = (("query", said.query), ("header", said.headers))
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{([^}]+)}", path)
    ] + [{"name": name, "in": place, "schema": schema} for place, those in places for name, schema in those.items()]
    if parameters:
        operation["parameters"] = parameters
    content: dict[str, Any] = {}
    if said.body is not None:
        content["application/json"] = {"schema": _schema(said.body)}
    if said.form is not None:
        content["multipart/form-data"] = {"schema": said.form}
    if content:
        operation["requestBody"] = {"required": not said.body_may_be_left_out, "content": content}
    wrong = {"description": "What was wrong", "content": {"application/json": {"schema": _schema("Error")}}}
    operation["responses"] = {
        **{str(status): _answer(said, status) for status in said.statuses},
        "4XX": wrong,
        "5XX": wrong,
    }
    return operation


def _answer(said: Description, status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done" if status < 300 else "Nothing to send"}
    if said.answer_types and status not in (101, 204, 304):
        answer["content"] = {
            kind: {"schema": _schema(said.answer)} if said.answer and kind == "application/json" else {}
            for kind in said.answer_types
        }
    return answer


def _schema(said: str | Schema) -> Schema:
    return {"$ref": f"{_SCHEMAS}{said}"} if isinstance(said, str) else said


def _tag(path: str) -> str:
    parts = path.removeprefix("/api/v1/").removeprefix("/api/").strip("/").split("/")
    prefix = "v1 " if path.startswith("/api/v1/") else "known, under /api " if path.startswith("/api/") else ""
    return prefix + (parts[0] if not parts[0].startswith("{") else "page")
