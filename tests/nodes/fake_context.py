"""What a node asks of the house, without a house."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.graph.errors import Cancelled
from heddle.settings.folders import Folders
from heddle.settings.options import Settings


class FakeContext:
    """Remembers notes, progress and previews; `cancel_after` progress reports, the person has asked to stop."""

    def __init__(
        self,
        base: Path = Path("/no/such/base"),
        weights: Any = None,
        cancel_after: int | None = None,
        preview_px: int = 0,
    ) -> None:
        self.node_id = "7"
        self.folders = Folders.from_settings(Settings(base_directory=base))
        self.weights = weights
        self.prompt: Mapping[str, Any] = {}
        self.extra_pnginfo: Mapping[str, Any] = {}
        self.notes: list[str] = []
        self.steps: list[tuple[float, float]] = []
        self.preview_px = preview_px
        self.preview_method = "auto"
        self.writes_metadata = True
        self.capsule: Mapping[str, Any] | None = None
        self.previews: list[tuple[bytes, str]] = []
        self.texts: list[str] = []
        self.sent: list[tuple[bytes, str]] = []
        self._cancel_after = cancel_after

    def progress(self, value: float, total: float) -> None:
        self.steps.append((value, total))
        self.check_cancelled()

    def preview(self, picture: bytes, format: str) -> None:
        assert self.preview_px, "a preview that nobody wants"
        self.previews.append((picture, format))

    def show(self, picture: bytes, format: str) -> None:
        self.sent.append((picture, format))

    def show_text(self, text: str) -> None:
        self.texts.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def next_save(self) -> None:
        """No job, so nothing to try again."""

    def check_cancelled(self) -> None:
        if self._cancel_after is not None and len(self.steps) >= self._cancel_after:
            raise Cancelled()
