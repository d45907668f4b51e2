"""A job's events as lines for a terminal: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from execution.events import (
    Event,
    InnerNodeStarted,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeNote,
    NodeProgress,
    NodesCached,
    NodeStarted,
)

#: A bar that is drawn again sooner than this costs more than anyone can see.
REDRAW_S = 0.1


class Console:
    """Prints a job's progress as it goes and the path of every file it made.

    Args:
        titles: a node's id -> what the person calls it.
        find: (type, subfolder, filename) -> path of a file that a node shows.
    """

    def __init__(
        self,
        titles: Mapping[str, str],
        find: Callable[[str, str, str], Path],
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self._titles = titles
        self._find = find
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._is_terminal = self._err.isatty()
        self._bar_shown = False
        self._drawn_at = 0.0
        self._started_at = 0.0
        self.files: list[Path] = []

    def show(self, event: Event) -> None:
        """Print what one event means to a person."""
        match event:
            case NodeStarted(node_id):
                self._started_at = time.monotonic()
                self._draw(f"{self._titles.get(node_id, node_id)} ...", is_last=not self._is_terminal)
            case InnerNodeStarted(node_id, display_id):
                self._started_at = time.monotonic()
                title = self._titles.get(display_id, display_id)
                self._draw(f"{title}: node {node_id} ...", is_last=not self._is_terminal)
            case NodeProgress(node_id, value, total):
                self._show_progress(node_id, value, total)
            case NodeNote(node_id, text):
                self._line(f"{self._titles.get(node_id, node_id)}: {text}")
            case NodeFinished(node_id, output, cached):
                if not cached and self._is_terminal:
                    seconds = time.monotonic() - self._started_at
                    self._line(f"{self._titles.get(node_id, node_id)}: {seconds:.1f} s")
                for shown in ("images", "audio"):
                    self._show_files((output or {}).get(shown, ()))
            case NodesCached(nodes) if nodes:
                self._line(f"{len(nodes)} nodes had their results already")
            case NodeFailed():
                self._line(event.message)
            case NodeBlocked(node_id, message=message):
                self._line(f"{self._titles.get(node_id, node_id)}: not run, {message}")

    def close(self) -> None:
        """End the last line."""
        if self._bar_shown:
            self._err.write("\n")
            self._bar_shown = False
        self._err.flush()
        self._out.flush()

    def _show_progress(self, node_id: str, value: float, total: float) -> None:
        is_end = value >= total
        now = time.monotonic()
        if not self._is_terminal:
            return  # a log wants one line per node, not one per step
        if not is_end and now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        share = min(max(value / total, 0), 1) if total > 0 else 1
        filled = round(share * 24)
        seconds = now - self._started_at
        pace = f", {seconds / value:.2f} s a step" if value else ""
        self._draw(
            f"{self._titles.get(node_id, node_id)} [{'#' * filled}{'.' * (24 - filled)}] {value:g}/{total:g}{pace}"
        )

    def _show_files(self, files: object) -> None:
        for file in files if isinstance(files, (list, tuple)) else ():
            path = self._find(str(file.get("type")), str(file.get("subfolder", "")), str(file["filename"]))
            self.files.append(path)
            self.close()
            self._out.write(f"{path}\n")
            self._out.flush()

    def _draw(self, text: str, is_last: bool = False) -> None:
        if self._is_terminal:
            self._err.write(f"\r\x1b[2K{text}")
            self._bar_shown = True
        else:
            self._err.write(f"{text}\n")
        if is_last:
            self._bar_shown = False
        self._err.flush()

    def _line(self, text: str) -> None:
        if self._bar_shown:
            self._err.write("\r\x1b[2K")
            self._bar_shown = False
        self._err.write(f"{text}\n")
        self._err.flush()
