"""What a node may ask of the house while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol


class WeightsLedger(Protocol):
    """Lends the nets behind handles, with their weights in place. `model_management` has the real one."""

    def hold(self, handle: Any, working_bytes: int = 0) -> AbstractContextManager[Any]: ...


class NodeFolders(Protocol):
    """Where models, inputs and outputs lie. `heddle.settings` has the real one."""

    def find(self, kind: str, name: str) -> Path: ...
    def resolve(self, root: str, subfolder: str, filename: str) -> Path: ...
    def annotated(self, name: str) -> Path: ...


class Context(Protocol):
    """One per running node. Whatever is asked of it may raise `Cancelled`."""

    @property
    def node_id(self) -> str: ...
    @property
    def folders(self) -> Any: ...
    @property
    def weights(self) -> Any: ...
    @property
    def prompt(self) -> Mapping[str, Any]: ...
    @property
    def extra_pnginfo(self) -> Mapping[str, Any]: ...
    @property
    def writes_metadata(self) -> bool:
        """Whether files carry what made them."""
        ...

    @property
    def capsule(self) -> Mapping[str, Any] | None:
        """What files carry of this house (`heddle.graph.capsule`), as far as it is known now."""
        ...

    @property
    def preview_px(self) -> int:
        """The longer side of the pictures that `preview` should show; 0 = nobody wants any, so make none."""
        ...

    @property
    def preview_method(self) -> str:
        """How previews are to be made, one of `heddle.settings.options.PREVIEW_METHODS`."""
        ...

    def progress(self, value: float, total: float) -> None:
        """Say how far the node is, and stop here if the person asked to."""
        ...

    def preview(self, picture: bytes, format: str) -> None:
        """Show an encoded picture ("jpeg", "png") on the way; programs that know nothing of previews get none."""
        ...

    def show(self, picture: bytes, format: str) -> None:
        """Send an encoded picture to whoever listens: it is what the node is there for."""
        ...

    def show_text(self, text: str) -> None:
        """Show a text that is being written, as far as it is; the next one stands in its place."""
        ...

    def note(self, text: str) -> None:
        """Leave a line in the node's log that the person sees, such as a size that was rounded."""
        ...

    def next_save(self) -> Any:
        """The claim under which the next file of this node is written (`heddle.media.claims`), or None."""
        ...

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the person asked to stop."""
        ...
