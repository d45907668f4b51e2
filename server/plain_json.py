"""JSON that every reader can read. Python writes NaN and infinities as words that browsers refuse to parse."""

from __future__ import annotations

import json
import math
from typing import Any

# Made once: a job of a thousand nodes sends thousands of messages.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def to_text(data: Any) -> str:
    """The JSON text, in ASCII; numbers that JSON has no word for become null."""
    try:
        return _encode(data)
    except ValueError:
        return _encode(_finite(data))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        # A number as a name turns into its text: a NaN there is no trouble.
        return {str(key) if isinstance(key, float) else key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
