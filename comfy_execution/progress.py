"""What packs find in `comfy_execution.progress`: reports of how far nodes are."""

from __future__ import annotations

from enum import Enum
from typing import Any

from heddle.graph.running import call_place, current_context, worker_side
from heddle.media.previews import encode_preview
from nodes.closed_doors import behind


class NodeState(Enum):
    """What becomes of a node in a job."""

    Pending = "pending"
    Running = "running"
    Finished = "finished"
    Error = "error"


class ProgressRegistry:
    """Takes reports for any node of the job that runs."""

    def update_progress(self, node_id: str, value: float, max_value: float, image: Any = None) -> None:
        """Say how far a node is. `image` is (format, Pillow image, longest side in px)."""
        encoded = None if image is None else encode_preview(image)
        place, context, report = call_place.get(), current_context.get(), worker_side().progress
        if report is not None and (place is None or place.node_id != str(node_id)):
            report(str(node_id), value, max_value, encoded[0] if encoded is not None else None)
        elif context is not None:
            if encoded is not None:
                context.show(*encoded)
            context.progress(value, max_value)

    def start_progress(self, node_id: str) -> None:
        """The executor says by itself when a node begins."""

    def finish_progress(self, node_id: str) -> None:
        """The executor says by itself when a node ends."""


_REGISTRY = ProgressRegistry()


def get_progress_state() -> ProgressRegistry:
    return _REGISTRY


def __getattr__(name: str) -> Any:
    return behind("comfy_execution.progress", name)
