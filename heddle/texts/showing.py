"""Values of any kind as texts."""

from __future__ import annotations

import json
from typing import Any


def as_text(value: Any) -> str:
    """A text as it is, a number as Python writes it, lists and dictionaries as JSON, else what the value says."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)) or value is None:
        return str(value)
    try:
        return json.dumps(value, indent=4)
    except (TypeError, ValueError, RecursionError):  # something in it has no form in JSON
        pass
    try:
        return str(value)
    except Exception:  # whatever a pack's own class raises
        return f"a value of the kind {type(value).__name__}, which has no text"


def as_json(value: Any, indent: int) -> str:
    """JSON with `indent` blanks a level, in one line for 0; what has no form in JSON as its text."""
    return json.dumps(value, indent=indent or None, ensure_ascii=False, default=str)
