"""What a running job says, as frozen records; they travel as JSON, a preview's picture beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from heddle.graph.said import said_in

JobStatus = Literal["success", "partial", "error", "interrupted"]


@dataclass(frozen=True)
class Event:
    kind: ClassVar[str]

    def as_message(self) -> dict[str, Any]:
        """The event as JSON, without its picture."""
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class JobStarted(Event):
    kind: ClassVar[str] = "job_started"


@dataclass(frozen=True)
class NodesCached(Event):
    """These nodes' results were known already; they do not run."""

    kind: ClassVar[str] = "nodes_cached"
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeStarted(Event):
    kind: ClassVar[str] = "node_started"
    node_id: str = ""


@dataclass(frozen=True)
class InnerNodeStarted(Event):
    """A node started that another one put into the graph.

    It is shown at `display_id`, was made by `parent_id`, and runs for `real_id`, a node of the graph as it was sent.
    """

    kind: ClassVar[str] = "node_started"
    node_id: str = ""
    display_id: str = ""
    parent_id: str | None = None
    real_id: str = ""


@dataclass(frozen=True)
class NodeProgress(Event):
    kind: ClassVar[str] = "node_progress"
    node_id: str = ""
    value: float = 0
    max: float = 1


@dataclass(frozen=True)
class NodePreview(Event):
    """A picture of what is being made; `format` is "jpeg" or "png".

    Those that nobody asked for are for clients that say that they read previews: for others a binary frame is a result.
    """

    kind: ClassVar[str] = "node_preview"
    node_id: str = ""
    format: str = "jpeg"
    picture: bytes = b""
    was_asked_for: bool = True

    def as_message(self) -> dict[str, Any]:
        told: dict[str, Any] = {"kind": self.kind, "node_id": self.node_id, "format": self.format}
        return told if self.was_asked_for else {**told, "was_asked_for": False}


@dataclass(frozen=True)
class NodeText(Event):
    """A text that is being written, as far as it is; the next one stands in its place."""

    kind: ClassVar[str] = "node_text"
    node_id: str = ""
    text: str = ""


@dataclass(frozen=True)
class NodeNote(Event):
    """A line for the person, such as a size that was rounded."""

    kind: ClassVar[str] = "node_note"
    node_id: str = ""
    text: str = ""

    def as_message(self) -> dict[str, Any]:
        return {**super().as_message(), **said_in(self.text)}


@dataclass(frozen=True)
class NodeFinished(Event):
    """`output` is what the node shows ({"images": [...]}), None if nothing."""

    kind: ClassVar[str] = "node_finished"
    node_id: str = ""
    output: Mapping[str, Any] | None = None
    cached: bool = False


@dataclass(frozen=True)
class NodeFailed(Event):
    """`inputs` are short texts of the values the node was called with, `said` is what the message was made of."""

    kind: ClassVar[str] = "node_failed"
    node_id: str = ""
    class_type: str = ""
    message: str = ""
    exception_type: str = ""
    traceback: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Any] | None = None

    def as_message(self) -> dict[str, Any]:
        return {key: value for key, value in super().as_message().items() if key != "said" or value is not None}


@dataclass(frozen=True)
class NodeBlocked(Event):
    """A call of a node was not made, because of a value that says why. `NodeFinished` or `NodeFailed` follows."""

    kind: ClassVar[str] = "node_blocked"
    node_id: str = ""
    class_type: str = ""
    message: str = ""


@dataclass(frozen=True)
class JobExplained(Event):
    """For each node, how it came to its result and why it was not taken from last time; see `execution/explain.py`."""

    kind: ClassVar[str] = "job_explained"
    nodes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobFinished(Event):
    """`executed` are the nodes that ran or were cached; `message` says why a job failed as a whole."""

    kind: ClassVar[str] = "job_finished"
    status: JobStatus = "success"
    executed: tuple[str, ...] = ()
    message: str = ""
