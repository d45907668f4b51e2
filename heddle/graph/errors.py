"""The one tree of errors. An error carries data; words for people are put together at the edge from it.

A message names the place, what was found, what was wanted and the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class HeddleError(Exception):
    """Something Heddle can explain. Whoever catches one shows its message, not its traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class GraphError(HeddleError):
    """A graph, a node or one of its inputs is not what the node's declaration asks for."""

    def __init__(
        self,
        message: str,
        *,
        node_id: str | None = None,
        class_type: str | None = None,
        input_name: str | None = None,
        found: Any = None,
        wanted: Any = None,
        kind: str = "invalid_graph",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.node_id = node_id
        self.class_type = class_type
        self.input_name = input_name
        self.found = found
        self.wanted = wanted
        self.kind = kind  # the word clients of the known interface look for, such as "required_input_missing"
        self.more = dict(more or {})  # further facts that those clients read


class WeightsError(HeddleError):
    """A model file cannot be used: missing, cut short, of another family, or of another layout."""

    def __init__(self, message: str, *, file: Path | str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.file = None if file is None else str(file)
        self.key = key


class ShapeError(HeddleError):
    """A tensor has a shape that the function cannot take."""

    def __init__(self, message: str, *, wanted: Any = None, got: Any = None) -> None:
        super().__init__(message)
        self.wanted = wanted
        self.got = got


class OutOfMemory(HeddleError):
    """A device cannot hold what was asked of it. Sizes in bytes."""

    def __init__(self, message: str, *, asked: int | None = None, free: int | None = None) -> None:
        super().__init__(message)
        self.asked = asked
        self.free = free


class FileProblem(HeddleError):
    """A picture, workflow or folder cannot be read or written."""

    def __init__(self, message: str, *, path: Path | str | None = None) -> None:
        super().__init__(message)
        self.path = None if path is None else str(path)


class SettingsError(HeddleError):
    """An option of the command line or a settings file cannot be used."""


class Cancelled(HeddleError):
    """The person asked to stop. Not a failure."""

    def __init__(self, message: str = "cancelled") -> None:
        super().__init__(message)
