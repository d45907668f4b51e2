"""Everything the front desk says on a websocket, one frozen dataclass each.

The field names are the wire's: clients made for this interface read them. Text messages go out as
`{"type": TYPE, "data": {fields}}`, binary ones open with a big-endian uint32 that tells their kind.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from server.plain_json import to_text

_UINT32 = struct.Struct(">I")
PICTURE_KINDS = {"jpeg": 1, "jpg": 1, "png": 2}  # second number of a binary preview


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A message of JSON. Each kind is a subclass that names its `type`."""

    type: ClassVar[str]

    def data(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def encode(self) -> str:
        return to_text({"type": self.type, "data": self.data()})


@dataclass(frozen=True, slots=True)
class Status(TextMessage):
    """How many jobs run or wait. The first one of a connection also tells the client its id."""

    type: ClassVar[str] = "status"
    queue_remaining: int
    sid: str | None = None

    def data(self) -> dict[str, Any]:
        told: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": self.queue_remaining}}}
        return told if self.sid is None else {**told, "sid": self.sid}


@dataclass(frozen=True, slots=True)
class FeatureFlags(TextMessage):
    """What the server can do, in answer to the client's own list."""

    type: ClassVar[str] = "feature_flags"
    flags: dict[str, Any]

    def data(self) -> dict[str, Any]:
        return self.flags


@dataclass(frozen=True, slots=True)
class ExecutionStart(TextMessage):
    type: ClassVar[str] = "execution_start"
    prompt_id: str
    timestamp: int  # ms since 1970, as in every message that has one


@dataclass(frozen=True, slots=True)
class ExecutionCached(TextMessage):
    """Nodes whose results are still known from an earlier run."""

    type: ClassVar[str] = "execution_cached"
    nodes: list[str]
    prompt_id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Executing(TextMessage):
    """The node that runs now; None when the job is over."""

    type: ClassVar[str] = "executing"
    node: str | None
    prompt_id: str
    display_node: str | None = None

    def data(self) -> dict[str, Any]:
        if self.node is None:
            return {"node": None, "prompt_id": self.prompt_id}
        return {"node": self.node, "display_node": self.display_node or self.node, "prompt_id": self.prompt_id}


@dataclass(frozen=True, slots=True)
class Progress(TextMessage):
    type: ClassVar[str] = "progress"
    value: float
    max: float
    prompt_id: str
    node: str


@dataclass(frozen=True, slots=True)
class NodeProgress:
    """One entry of `progress_state`."""

    value: float
    max: float
    state: Literal["pending", "running", "finished", "error"]
    node_id: str
    prompt_id: str
    display_node_id: str
    parent_node_id: str | None
    real_node_id: str

    def data(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "max": self.max,
            "state": self.state,
            "node_id": self.node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": self.display_node_id,
            "parent_node_id": self.parent_node_id,
            "real_node_id": self.real_node_id,
        }


@dataclass(frozen=True, slots=True)
class ProgressState(TextMessage):
    """Where those nodes of the job stand that run, or that changed since the last one of these."""

    type: ClassVar[str] = "progress_state"
    prompt_id: str
    nodes: dict[str, NodeProgress]

    def data(self) -> dict[str, Any]:
        return {"prompt_id": self.prompt_id, "nodes": {name: node.data() for name, node in self.nodes.items()}}


@dataclass(frozen=True, slots=True)
class Executed(TextMessage):
    """What a node has to show."""

    type: ClassVar[str] = "executed"
    node: str
    display_node: str
    output: dict[str, Any] | None
    prompt_id: str


@dataclass(frozen=True, slots=True)
class ExecutionSuccess(TextMessage):
    type: ClassVar[str] = "execution_success"
    prompt_id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class ExecutionError(TextMessage):
    type: ClassVar[str] = "execution_error"
    prompt_id: str
    node_id: str | None
    node_type: str | None
    executed: list[str]
    exception_message: str
    exception_type: str
    traceback: list[str]
    current_inputs: Any
    current_outputs: Any
    timestamp: int
    extra_info: dict[str, Any] = field(default_factory=dict)  # `said`: what the message was made of

    def data(self) -> dict[str, Any]:
        told = TextMessage.data(self)
        return told if self.extra_info else {key: value for key, value in told.items() if key != "extra_info"}


@dataclass(frozen=True, slots=True)
class ExecutionInterrupted(TextMessage):
    type: ClassVar[str] = "execution_interrupted"
    prompt_id: str
    node_id: str | None
    node_type: str | None
    executed: list[str]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Notification(TextMessage):
    """A sentence for the person."""

    type: ClassVar[str] = "notification"
    value: str
    id: str | None = None
    said: dict[str, Any] | None = None  # what the sentence was made of

    def data(self) -> dict[str, Any]:
        return {key: value for key, value in TextMessage.data(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Logs(TextMessage):
    """Lines of the log, for clients that asked for them."""

    type: ClassVar[str] = "logs"
    #: {"t": ISO time, "m": text, "level", "source"}, of packs also "pack", and where it is known "said".
    entries: list[dict[str, Any]]
    size: dict[str, int] = field(default_factory=lambda: {"cols": 120, "rows": 40})

    def plain(self) -> Logs:
        """The same for clients of the known interface, which have times and texts."""
        return Logs([{"t": each["t"], "m": each["m"]} for each in self.entries], self.size)


@dataclass(frozen=True, slots=True)
class ModelHashes(TextMessage):
    """Hashes of model files that moved; for clients that announced `heddle_models`."""

    type: ClassVar[str] = "heddle_models"
    models: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class QueueChanged(TextMessage):
    """How the jobs of all clients stand; for clients that announced `heddle_queue`."""

    type: ClassVar[str] = "heddle_queue"
    version: str  # another one where `GET /heddle/queue` has another list to show
    waiting: int
    running: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class OutputsChanged(TextMessage):
    """Files came or went in these places; for clients that announced `heddle_outputs`."""

    type: ClassVar[str] = "heddle_outputs"
    places: list[str]


@dataclass(frozen=True, slots=True)
class FilesChanged(TextMessage):
    """These files of a person were written, moved or deleted; for clients that announced `heddle_files`."""

    type: ClassVar[str] = "heddle_files"
    person: str
    paths: list[str]


@dataclass(frozen=True, slots=True)
class SaidText(TextMessage):
    """A line under a node and what it was made of, instead of `NodeText`, for clients that announced `heddle_notes`."""

    type: ClassVar[str] = "heddle_note"
    node_id: str
    text: str
    prompt_id: str | None
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackEvent(TextMessage):
    """What a pack says to its own scripts in the browser, under a name of its own."""

    type: ClassVar[str] = ""  # the name stands in each message instead
    name: str
    payload: Any

    def encode(self) -> str:
        return to_text({"type": self.name, "data": self.payload})


@dataclass(frozen=True, slots=True)
class Preview:
    """Binary kind 1: the picture as it stands, for clients that know nothing more."""

    kind: ClassVar[int] = 1
    format: str
    picture: bytes

    def encode(self) -> bytes:
        return _UINT32.pack(self.kind) + _UINT32.pack(PICTURE_KINDS.get(self.format.lower(), 1)) + self.picture


@dataclass(frozen=True, slots=True)
class NodeText:
    """Binary kind 3: a line of text under a node. With `prompt_id` for clients that announced to read it."""

    kind: ClassVar[int] = 3
    node_id: str
    text: str
    prompt_id: str | None = None
    said: Mapping[str, Any] | None = None  # not in the frame; see `SaidText`

    def encode(self) -> bytes:
        parts = [_UINT32.pack(self.kind)]
        for name in (self.prompt_id, self.node_id):
            if name is not None:
                raw = name.encode("utf-8", "replace")
                parts += [_UINT32.pack(len(raw)), raw]
        return b"".join((*parts, self.text.encode("utf-8", "replace")))


@dataclass(frozen=True, slots=True)
class PreviewWithMetadata:
    """Binary kind 4: a preview that says which node of which job it belongs to."""

    kind: ClassVar[int] = 4
    format: str
    picture: bytes
    node_id: str
    display_node_id: str
    parent_node_id: str | None
    real_node_id: str
    prompt_id: str
    was_asked_for: bool = True

    def encode(self) -> bytes:
        told = {
            "node_id": self.node_id,
            "display_node_id": self.display_node_id,
            "parent_node_id": self.parent_node_id,
            "real_node_id": self.real_node_id,
            "prompt_id": self.prompt_id,
            "image_type": "image/png" if PICTURE_KINDS.get(self.format.lower()) == 2 else "image/jpeg",
        }
        raw = json.dumps(told).encode("ascii")
        return b"".join((_UINT32.pack(self.kind), _UINT32.pack(len(raw)), raw, self.picture))

    def plain(self) -> Preview:
        """The same picture for a client that does not read metadata."""
        return Preview(self.format, self.picture)


@dataclass(frozen=True, slots=True)
class PackFrame:
    """A binary frame of a pack's own making, behind the number of its kind."""

    kind: int
    content: bytes

    def encode(self) -> bytes:
        return _UINT32.pack(self.kind & 0xFFFFFFFF) + self.content


BinaryMessage = Preview | NodeText | PreviewWithMetadata | PackFrame
Message = TextMessage | BinaryMessage
