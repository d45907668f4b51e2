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
FLAG: Schema = {"type": "string", "enum": ["true", "false", "1", "0"]}


@dataclass(frozen=True, slots=True)
class Description:
    """What stands beside a route's path and its docstring."""

    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: str | Schema | None = None  # of JSON: a model's name or a schema
    body_may_be_left_out: bool = False
    form: Schema | None = None  # instead of the body, or beside it: multipart
    answer: str | Schema | None = None  # of JSON; None: any
    answer_types: tuple[str, ...] = ("application/json",)
    statuses: tuple[int, ...] = (200,)  # of what went well


def described(**said: Any) -> Callable[[Handler], Handler]:
    """Says what a route takes and answers; the fields are those of `Description`."""
    description = Description(**said)

    def mark(handler: Handler) -> Handler:
        vars(handler)["described"] = description
        return handler

    return mark


def description_of(handler: Any) -> Description:
    """What was said of a route; nothing, if nothing was."""
    return getattr(handler, "described", Description())


def whole(low: int | None = None, high: int | None = None) -> Schema:
    """Whole numbers in this range."""
    return {"type": "integer"} | {
        key: value for key, value in (("minimum", low), ("maximum", high)) if value is not None
    }


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}
