"""What the tests of the doors share: a house of folders, and a node that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heddle.graph.errors import Cancelled
from heddle.graph.running import call_of, hand_in, worker_side
from heddle.settings import current
from heddle.settings.folders import Folders
from heddle.settings.options import Settings


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """The folders of this process, for one test."""
    settings = Settings(base_directory=tmp_path)
    made = Folders.from_settings(settings)
    monkeypatch.setattr(current, "_settings", settings)
    monkeypatch.setattr(current, "_folders", made)
    return made


class RunningNode:
    """The context of a node that runs; remembers what it was told."""

    node_id = "5"
    preview_px = 0
    preview_method = "none"
    writes_metadata = True
    capsule = None
    client_id = "client"

    def __init__(self, folders: Any = None) -> None:
        self.folders = folders
        self.weights: Any = None
        self.prompt: dict[str, Any] = {}
        self.extra_pnginfo: dict[str, Any] = {}
        self.told: list[Any] = []
        self.stopped = False

    def progress(self, value: float, total: float) -> None:
        self.check_cancelled()
        self.told.append((value, total))

    def preview(self, picture: bytes, format: str) -> None:
        raise AssertionError("a pack's own picture goes to everybody")

    def show(self, picture: bytes, format: str) -> None:
        self.told.append((format, picture[:4]))

    def show_text(self, text: str) -> None:
        self.told.append(text)

    def next_save(self) -> None:
        """No job, so nothing to try again."""

    def note(self, text: str) -> None:
        self.told.append(text)

    def check_cancelled(self) -> None:
        if self.stopped:
            raise Cancelled()


@pytest.fixture
def running() -> Iterator[RunningNode]:
    """A node that runs as 5 in job j."""
    node = RunningNode()
    with call_of(node, "5", 1, "j"):
        yield node


class FrontDesk:
    """The worker's side of the house, which remembers what packs asked of it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.progress: list[Any] = []
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def desk() -> Iterator[FrontDesk]:
    """Listens to what packs send for one test."""
    before, listening = worker_side(), FrontDesk()
    hand_in(
        send=lambda event, data, client: listening.sent.append((event, data, client)),
        stop=listening.stop,
        progress=lambda *told: listening.progress.append(told),
    )
    yield listening
    hand_in(send=before.send, stop=before.stop, progress=before.progress)
