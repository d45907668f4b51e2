"""Makes the capsules of jobs (`heddle.graph.capsule`): what this house is, and which files and packs a graph uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from execution.fingerprints import PEOPLES_KINDS, Fingerprints
from execution.plan import Plan
from heddle.graph.capsule import FORMAT
from heddle.graph.errors import HeddleError
from heddle.settings.file_hashes import FileHashes
from heddle.settings.folders import Folders


class Capsules:
    """Makes a capsule whenever a file is written: hashes that became known meanwhile are in the next one.

    Args:
        about: what holds for every job here, by the keys of a capsule.
        pack_of: the name and the version of the pack that a module belongs to; None: a built-in node's.
    """

    def __init__(
        self,
        about: Mapping[str, Any],
        folders: Folders,
        fingerprints: Fingerprints,
        hashes: FileHashes,
        pack_of: Callable[[str], tuple[str, str] | None],
    ) -> None:
        self._about = dict(about)
        self._folders = folders
        self._fingerprints = fingerprints
        self._hashes = hashes
        self._pack_of = pack_of

    def begin(self, plan: Plan) -> None:
        """A job begins: have the hashes of its models computed beside it."""
        self._hashes.want(path for _, _, path in self._models(plan))

    def of(self, plan: Plan, *, complete: bool = False) -> dict[str, Any]:
        """The capsule of a job.

        Args:
            complete: compute hashes that are not known, however long that takes.
        """
        models = {(kind, name): path for kind, name, path in self._models(plan)}
        files = []
        for kind, name in dict.fromkeys(_named_files(plan)):
            record = {"kind": kind, "name": name}
            sha256 = self._hash_of(kind, name, models.get((kind, name)), complete)
            files.append(record if sha256 is None else record | {"sha256": sha256})
        modules = dict.fromkeys(node.spec.python_module for node in plan.nodes.values())
        packs = dict(found for module in modules if (found := self._pack_of(module)) is not None)
        return {"format": FORMAT, **self._about, "packs": packs, "files": files}

    def _hash_of(self, kind: str, name: str, path: Path | None, complete: bool) -> str | None:
        if kind in PEOPLES_KINDS:
            return self._fingerprints.content_hash(kind, name)
        if path is None:
            return None
        try:
            return self._hashes.compute(path) if complete else self._hashes.known(path)
        except OSError:
            return None

    def _models(self, plan: Plan) -> Iterator[tuple[str, str, Path]]:
        """(kind, name, path) of the model files that are there."""
        for kind, name in _named_files(plan):
            if kind not in PEOPLES_KINDS:
                try:
                    path = self._folders.find(kind, name)
                except HeddleError:  # a name that stands for something else than one file
                    continue
                if path.is_file():
                    yield kind, name, path


def _named_files(plan: Plan) -> Iterator[tuple[str, str]]:
    """(kind, name) of the files that a graph names, as they stand in it."""
    for node in plan.nodes.values():
        for input_name, value in node.values.items():
            wanted = node.input(input_name)
            kind = None if wanted is None else wanted.file_kind
            if wanted is None or kind is None:
                continue
            for name in value if isinstance(value, list | tuple) else [value]:
                if isinstance(name, str) and name and name not in wanted.extra_choices:
                    yield kind, name
