"""The error for a request that is not granted."""

from __future__ import annotations

from typing import Any

from heddle.graph.errors import HeddleError
from heddle.graph.said import said_in


class Refused(HeddleError):
    """A request that cannot be granted, as clients of the known interface read it."""

    def __init__(self, kind: str, message: str, details: str = "", *, extra_info: Any = None, node_errors: Any = None):
        super().__init__(message)
        told = said_in(message) | (extra_info or {})
        self.error = {"type": kind, "message": message, "details": details, "extra_info": told}
        self.node_errors = node_errors or {}
