"""A node while it runs: what it may ask of the house, and how far it has come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from execution.events import NodeNote, NodePreview, NodeProgress, NodeText
from execution.job import Emit, House, Job
from execution.outside import Waiters
from execution.plan import PlannedNode
from heddle.graph.errors import Cancelled

#: A node's progress is told no more often; its last is always told.
PROGRESS_S = 0.05


class NodeContext:
    """What a running node may ask of the house (`heddle.graph.context.Context`)."""

    def __init__(self, node_id: str, job: Job, house: House, emit: Emit, claims: Any = None) -> None:
        self.node_id = node_id
        self._claims = claims
        self.job_id = job.id
        self.client_id = job.client_id
        self.folders = house.folders
        self.weights = house.weights
        self.prompt = job.prompt
        self.extra_pnginfo = job.extra_pnginfo
        self.preview_method = job.preview_method or house.preview_method
        self.preview_px = 0 if self.preview_method == "none" else house.preview_px
        self._previews_were_asked_for = job.preview_method is not None or house.previews_were_asked_for
        self.writes_metadata = house.writes_metadata
        self._capsules, self._plan = house.capsules, job.plan
        self._stop = job.stop
        self._emit = emit
        self._told_at = 0.0
        self._untold: NodeProgress | None = None

    @property
    def capsule(self) -> dict[str, Any] | None:
        return None if self._capsules is None else self._capsules.of(self._plan)

    def progress(self, value: float, total: float) -> None:
        self.check_cancelled()
        self._untold = NodeProgress(self.node_id, _number(value), _number(total))
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_S:
            self._told_at = now
            self.tell_progress()

    def tell_progress(self) -> None:
        """Tell the last progress, if it was held back."""
        untold, self._untold = self._untold, None  # in one go: a node's own threads may come by here, too
        if untold is not None:
            self._emit(untold)

    def preview(self, picture: bytes, format: str) -> None:
        self._emit(NodePreview(self.node_id, format, bytes(picture), self._previews_were_asked_for))

    def show(self, picture: bytes, format: str) -> None:
        self._emit(NodePreview(self.node_id, format, bytes(picture)))

    def show_text(self, text: str) -> None:
        self._emit(NodeText(self.node_id, text))

    def note(self, text: str) -> None:
        self._emit(NodeNote(self.node_id, str(text)))

    def next_save(self) -> Any:
        return None if self._claims is None else self._claims.next_of(self.node_id)

    def check_cancelled(self) -> None:
        if self._stop.is_set():
            raise Cancelled()


@dataclass
class NodeRun:
    """A node between its call and its result.

    Attributes:
        answers: what its calls returned so far, in their order.
        all_blocked: no call was made, since blockers arrived in the place of its inputs.
        blocked_by: what blockers said that kept calls from being made.
        waiting: its coroutines, while they are awaited.
        is_told: it was said that it has begun.
    """

    node: PlannedNode
    context: NodeContext
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    all_blocked: bool = False
    blocked_by: list[str] = field(default_factory=list)
    waiting: Waiters | None = None
    is_told: bool = False
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since its call, or since it was asked what it needs."""
        return time.perf_counter() - self.began


def _number(value: Any) -> float:
    """A number as JSON knows it; packs count with numpy's and torch's, too."""
    return value if type(value) in (int, float) else float(value)
