"""What a node may return besides its values: something to show, a graph in its place, or a stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shown:
    """The values of a node that also shows something.

    `ui` goes to the clients and into the job's history, such as {"images": [{filename, subfolder, type}]}.
    """

    values: tuple[Any, ...]
    ui: Mapping[str, Any]


@dataclass(frozen=True)
class Expanded:
    """A graph that runs in place of the node which returned it.

    `graph` is of the API form; its inputs may hold any Python value besides links, its links may lead to each other,
    to nodes of the graph around, and its ids are new ones. A value that is a link, `[id, output]`, stands for what
    that output gives once the graph has run.
    """

    values: tuple[Any, ...]
    graph: Mapping[str, Mapping[str, Any]]
    ui: Mapping[str, Any] | None = None


class ExecutionBlocker:
    """A value that keeps every node which receives it from running; they pass it on.

    With a message the first such node is reported with these words, without one the branch just ends; the rest of the
    graph goes on, and the job is none that failed. The name is the one that packs know.
    """

    def __init__(self, message: str | None = None) -> None:
        self.message = message

    def __repr__(self) -> str:
        return f"ExecutionBlocker({self.message!r})"
