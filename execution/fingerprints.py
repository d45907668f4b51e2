"""What tells that a file has changed: for a person's input its content, for a model its size and time.

A model is many gigabytes and replaced seldom; a picture is small and often saved again under its old name.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from heddle.graph.errors import HeddleError
from heddle.settings.folders import Folders

#: Kinds of files that count with their content: people's own.
PEOPLES_KINDS = frozenset({"input", "output", "temp"})


class Fingerprints:
    """Texts that change with a file's content, remembered for as long as its size and time stay."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._known: dict[str, str] = {}

    def of(self, kind: str, name: str) -> str:
        """The fingerprint of a file by kind and name; of one that is not there, that it is missing."""
        try:
            path = self._path(kind, name)
            stat = path.stat()
        except (HeddleError, OSError):
            return "missing"
        at = f"{path} {stat.st_size} {stat.st_mtime_ns}"
        if kind not in PEOPLES_KINDS:
            return at
        if at not in self._known:
            try:
                with path.open("rb") as file:
                    self._known[at] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:  # there, but not for us to read, or gone just now: the node that reads it says why
                return f"unreadable {at}"
        return self._known[at]

    def content_hash(self, kind: str, name: str) -> str | None:
        """The SHA-256 of a person's file; None if it cannot be read, or is of another kind."""
        found = self.of(kind, name)
        return found if kind in PEOPLES_KINDS and re.fullmatch(r"[0-9a-f]{64}", found) else None

    def is_there(self, kind: str, name: str) -> bool:
        """True if `name` means a file of that kind; a name that would leave its folder means none. Reads nothing."""
        try:
            path = self._path(kind, name)  # of a person's file, it is there or refused
            return kind in PEOPLES_KINDS or os.path.exists(path)
        except (HeddleError, OSError):
            return False

    def _path(self, kind: str, name: str) -> Path:
        return self._folders.annotated(name) if kind in PEOPLES_KINDS else self._folders.find(kind, name)
