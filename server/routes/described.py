"""What a route takes and answers, said where the route is: the description at /api/v1/openapi.json is made from it.

Bodies and answers are named after the models in `server/v1/shapes.py`, which are read only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Schema = Mapping[str, Any]  # JSON Schema, in its own words
Handler = TypeVar("Handler", bound=Callable[..., Any])

TEXT: Schema = {"type": "string"}
CLEAR_OR_DELETE: Schema = {
    "type": "object",
    "properties": {"clear": {"type": "boolean"}, "delete": {"type": "array", "items": TEXT}},
}
PROMPT_BODY: Schema = {
    "type": "object",
    "properties": {
        "prompt": {"type": "object", "description": "The graph, in the API form or as an editor saves it"},
        "client_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
        "prompt_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
        "number": {"type": ["number", "null"]},
        "front": {"type": "boolean"},
        "extra_data": {"type": "object"},
        "partial_execution_targets": {"type": ["array", "null"], "items": {"type": ["string", "integer"]}},
        "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
        "background": {"type": "boolean"},
        "idempotency_key": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
        "label": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
        "options": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "webhook": {"type": "object", "description": "As in POST /api/v1/jobs"},
    },
    "required": ["prompt"],
}
PROMPT_ANSWER: Schema = {
    "type": "object",
    "properties": {
        "prompt_id": TEXT,
        "number": {"type": "number"},
        "node_errors": {"type": "object"},
        "notes": {"type": "array", "items": TEXT, "description": "What was left out of a saved workflow, if anything"},
    },
    "required": ["prompt_id", "number", "node_errors"],
}


@dataclass(frozen=True, slots=True)
class Description:
    """What stands beside a route's path and its docstring."""

    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: str | Schema | None = None  # of JSON: a model's name or a schema
    body_may_be_left_out: bool = False
    form: Schema | None = None  # instead of the body, or beside it: multipart
    answer: str | Schema | None = None  # of JSON; None: any
    answer_types: tuple[str, ...] = ("application/json",)  # none: an empty answer
    statuses: tuple[int, ...] = (200,)  # of what went well


def described(**said: Any) -> Callable[[Handler], Handler]:
    """Says what a route takes and answers; the fields are those of `Description`."""
    description = Description(**said)

    def mark(handler: Handler) -> Handler:
        vars(handler)["described"] = description
        return handler

    return mark


def description_of(handler: Any) -> Description:
    """What was said of a route; that it may answer anything, if nothing was."""
    return getattr(handler, "described", Description(answer_types=("*/*",)))


def whole(low: int | None = None, high: int | None = None) -> Schema:
    """Whole numbers in this range."""
    return {"type": "integer"} | {
        key: value for key, value in (("minimum", low), ("maximum", high)) if value is not None
    }


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}
