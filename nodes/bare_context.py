"""What a node gets that is called by hand while no node runs, such as from a pack's test or thread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from heddle.settings.current import current_folders, current_settings
from model_management.current import current_weights

log = logging.getLogger(__name__)


class BareContext:
    """The folders and weights of this process; nobody watches, and nobody can stop it."""

    node_id = ""
    preview_px = 0
    preview_method = "none"
    capsule = None

    def __init__(self) -> None:
        self.prompt: Mapping[str, Any] = {}
        self.extra_pnginfo: Mapping[str, Any] = {}

    @property
    def writes_metadata(self) -> bool:
        return not current_settings().no_metadata

    @property
    def folders(self) -> Any:
        return current_folders()

    @property
    def weights(self) -> Any:
        return current_weights()

    def progress(self, value: float, total: float) -> None:
        """Nobody watches."""

    def preview(self, picture: bytes, format: str) -> None:
        """Nobody watches."""

    def show(self, picture: bytes, format: str) -> None:
        """Nobody watches."""

    def show_text(self, text: str) -> None:
        """Nobody watches."""

    def note(self, text: str) -> None:
        log.info("%s", text)

    def next_save(self) -> None:
        """No job, so nothing to try again."""

    def check_cancelled(self) -> None:
        """Nobody can ask to stop."""
