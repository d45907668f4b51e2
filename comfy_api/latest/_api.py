"""What packs find in `comfy_api.latest` as `ComfyAPI` and `ComfyAPISync`: what a node may ask of the engine."""

from __future__ import annotations

from typing import Any

from comfy_execution.progress import get_progress_state
from heddle.graph.errors import GraphError
from heddle.graph.running import call_place
from heddle.graph.said import say
from heddle.graph.schema.replacing import NodeReplace
from nodes.door import add_replacement


def _set_progress(value: float, max_value: float, node_id: str | None, preview_image: Any) -> None:
    place = call_place.get()
    if node_id is None:
        if place is None:
            raise GraphError(say("set_progress: no node runs here; name the one that is meant with node_id"))
        node_id = place.node_id
    shown = None if preview_image is None else ("JPEG", _as_picture(preview_image), None)
    get_progress_state().update_progress(node_id, value, max_value, shown)


def _as_picture(image: Any) -> Any:
    """A Pillow image of one, or of the first of a batch of images [B, H, W, C] or [H, W, C]."""
    if not hasattr(image, "ndim"):
        return image
    from PIL import Image

    from heddle.media.pictures import to_bytes  # brings numpy and Pillow, which most nodes have no need of here

    one = image[0] if image.ndim == 4 else image
    return Image.fromarray(to_bytes(one.detach().float().cpu().numpy()))


class _Execution:
    """About the node that runs."""

    async def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """Say how far the running node is, or the one named. `preview_image` is a Pillow image or a tensor."""
        _set_progress(value, max_value, node_id, preview_image)


class _ExecutionSync:
    """About the node that runs."""

    def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """Say how far the running node is, or the one named. `preview_image` is a Pillow image or a tensor."""
        _set_progress(value, max_value, node_id, preview_image)


class _NodeReplacement:
    """Nodes that stand in for older ones."""

    async def register(self, node_replace: NodeReplace) -> None:
        """Have front ends offer the new node where a workflow has the old one."""
        add_replacement(node_replace)


class _NodeReplacementSync:
    """Nodes that stand in for older ones."""

    def register(self, node_replace: NodeReplace) -> None:
        """Have front ends offer the new node where a workflow has the old one."""
        add_replacement(node_replace)


class ComfyAPI:
    """For async code."""

    Execution = _Execution
    NodeReplacement = _NodeReplacement

    def __init__(self) -> None:
        self.execution = self.Execution()
        self.node_replacement = self.NodeReplacement()


class ComfyAPISync:
    """For all other code."""

    Execution = _ExecutionSync
    NodeReplacement = _NodeReplacementSync

    def __init__(self) -> None:
        self.execution = self.Execution()
        self.node_replacement = self.NodeReplacement()
