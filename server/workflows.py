"""The saved workflows that can be opened: those that ship, and the person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.workflow import read_document
from heddle.settings.folders import Folders

FOLDER = "default/workflows"  # below the user folder, where editors of this ecosystem save them


class WorkflowShelf:
    """Workflows by name. A person's own one hides a shipped one of the same name."""

    def __init__(self, folders: Folders, shipped: Path) -> None:
        self._folders = folders
        self._shipped = shipped

    def list(self) -> list[dict[str, Any]]:
        """`{name, title, source}` of each, shipped ones first."""
        found: dict[str, dict[str, Any]] = {}
        for source, root in (("shipped", self._shipped), ("user", self._folders.user / FOLDER)):
            for path in sorted(root.rglob("*.json")) if root.is_dir() else ():
                name = path.relative_to(root).with_suffix("").as_posix()
                if not path.name.startswith("."):
                    found[name] = {"name": name, "title": _title(path.stem), "source": source}
        return list(found.values())

    def read(self, name: str) -> Any:
        """The workflow's JSON. Raises: FileProblem."""
        own = self._folders.resolve("user", FOLDER, f"{name}.json")
        if own.is_file():
            return read_document(own)
        # Looked up among the names that exist, so that no text from outside becomes a path.
        if any(each["name"] == name and each["source"] == "shipped" for each in self.list()):
            return read_document(self._shipped / f"{name}.json")
        raise FileProblem(f"there is no workflow {name!r}; choose one of the list", path=own)


def _title(stem: str) -> str:
    words = stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
