"""The saved workflows that can be opened: those that ship, and the person's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.said import say
from heddle.graph.workflow import read_document
from server.kept.workflows import FOLDER
from server.packs import find_inside
from server.user_files import Absent, UserFiles

_INDEX = re.compile(r"index(\.[\w-]+)?\.json")  # of one language
_PICTURE = {"mediaType": "image", "mediaSubtype": "webp"}  # front ends ask for NAME-1.webp


@dataclass(frozen=True, slots=True)
class Shelved:
    """One workflow; `source` is `shipped` or `user`."""

    name: str
    title: str
    source: str
    path: Path


class WorkflowShelf:
    """Workflows by name. A person's own one hides a shipped one of the same name."""

    def __init__(self, shipped: Path) -> None:
        self._shipped = shipped

    def list(self, files: UserFiles | None) -> list[Shelved]:
        """Shipped ones first; without files, of nobody in particular, these alone."""
        found: dict[str, Shelved] = {}
        roots = [("shipped", self._shipped)]
        if files is not None:
            roots.append(("user", files.root / FOLDER))
        for source, root in roots:
            for path in sorted(root.rglob("*.json")) if root.is_dir() else ():
                name = path.relative_to(root).with_suffix("").as_posix()
                if not path.name.startswith("."):
                    found[name] = Shelved(name, _title(path.stem), source, path)
        return list(found.values())

    def read(self, files: UserFiles | None, name: str) -> Any:
        """The workflow's JSON. Raises: FileProblem, Absent."""
        own = None if files is None else files.path(f"{FOLDER}/{name}.json")
        if own is not None and own.is_file():
            return read_document(own)
        # Looked up among the names that exist, so that no text from outside becomes a path.
        if any(each.name == name for each in self.list(None)):
            return read_document(self._shipped / f"{name}.json")
        raise Absent(say("there is no workflow {name!r}; choose one of the list", name=name))

    def template(self, file: str) -> Any:
        """What front ends ask for when they show templates: the list of what ships, or one of it. Raises: Absent."""
        if _INDEX.fullmatch(file):
            entries = [
                {"name": each.name, "title": each.title, "description": "", **_PICTURE} for each in self.list(None)
            ]
            return [{"moduleName": "default", "title": "Heddle", "type": "image", "templates": entries}]
        if file == "index_logo.json":
            return {}
        return self.read(None, file.removesuffix(".json"))

    def picture(self, file: str) -> Path:
        """The picture `NAME-1.webp` of one that ships, which lies beside it as `NAME.webp`. Raises: Absent."""
        name = file.removesuffix("-1.webp")
        if name == file:
            raise Absent(say("there is no file {name!r}", name=file[:80]))
        return find_inside(self._shipped, f"{name}.webp")


def _title(stem: str) -> str:
    words = stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
