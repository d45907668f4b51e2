"""How the routes of /api/v1 read bodies: JSON held against a model."""

from __future__ import annotations

import asyncio
import importlib
from types import ModuleType
from typing import Any

from aiohttp import web

from server.refused import Refused
from server.routes.bodies import read_object

MOST_PROBLEMS = 20  # that are told of one body


async def shapes() -> ModuleType:
    """The models. They bring pydantic, which takes a tenth of a second that no start should wait for."""
    return await asyncio.to_thread(importlib.import_module, "server.v1.shapes")


async def read_model(request: web.Request, name: str, *, default: dict[str, Any] | None = None) -> Any:
    """The request's JSON as the model of this name; `default` stands for an empty body.

    Raises: Refused, saying every place where it is none.
    """
    from pydantic import ValidationError  # see `shapes`

    model = getattr(await shapes(), name)
    body = await read_object(request, default=default)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = [
            {"place": ".".join(map(str, each["loc"])), "problem": each["msg"]}
            for each in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]
        ]
        words = "; ".join(f"{each['place'][:100]}: {each['problem']}" for each in problems)
        raise Refused("invalid_request", words, extra_info={"problems": problems}) from error
