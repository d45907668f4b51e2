"""The help of nodes written to a folder, in one of the languages of the editor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from heddle.graph.node_pages import INDEX, NodePages
from heddle.graph.spec import NodeSpec
from heddle.media.whole_files import write_whole


def write_pages(specs: Iterable[NodeSpec], folder: Path, locales: Path, language: str) -> Path:
    """A page for each node, and an index, whose path is returned.

    Args:
        locales: the folder with the editor's words.
        language: as the files there call it.
    Raises: FileProblem.
    """

    def words(kind: str) -> dict[str, Any]:
        file = locales / f"{kind}{language}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}  # nodes speak English themselves

    for name, text in NodePages(words(""), words("nodes."), words("categories.")).write(specs).items():
        write_whole(folder / name, text.encode())
    return folder / INDEX
