"""Which workflows run at once on this machine: whether their node types and files are there.

A workflow is read once for each state of its file and of the catalogue; whether files are there is asked each time.
Everything here touches the disk, so it belongs into a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execution.convert import to_prompt
from execution.fingerprints import Fingerprints
from heddle.graph.dynamic import resolve_inputs, unwrapped
from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.registry import Registry
from heddle.graph.workflow import is_link, read_document
from heddle.settings.folders import Folders
from server.catalogue import Catalogue

READING_S = 0.5  # in one request; what is left is read by the next ones
MOST_TOLD = 20  # of node types and files that one workflow lacks


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a workflow wants."""

    state: tuple[int, int, int]
    registry: Registry
    missing_types: tuple[str, ...] = ()
    files: frozenset[tuple[str, str]] = frozenset()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a workflow runs; None if that is not known yet."""

    runs: bool | None = None
    missing_types: Sequence[str] = ()
    missing_files: Sequence[tuple[str, str]] = ()
    problem: str | None = None

    def told(self) -> dict[str, Any]:
        files = [{"kind": kind, "name": name} for kind, name in self.missing_files[:MOST_TOLD]]
        missing = {"nodes": list(self.missing_types[:MOST_TOLD]), "files": files}
        return {"runs": self.runs, "missing": missing, "problem": self.problem}


class Readiness:
    """What is known of workflows, by their paths."""

    def __init__(self, folders: Folders, clock: Callable[[], float] = time.monotonic) -> None:
        self._has_file = Fingerprints(folders).is_there
        self._clock = clock
        self._needs: dict[Path, _Needs] = {}
        self._using = threading.Lock()

    def tell(self, paths: Sequence[Path], catalogue: Catalogue) -> list[Ready]:
        """For each workflow whether it runs; unknown without a catalogue, or where reading them all takes too long."""
        records = catalogue.records
        if records is None:
            return [Ready()] * len(paths)
        registry = catalogue.registry(records)
        there: dict[tuple[str, str], bool] = {}  # asked once for one answer
        end = self._clock() + READING_S
        with self._using:
            return [self._tell_one(path, registry, there, end) for path in paths]

    def _tell_one(self, path: Path, registry: Registry, there: dict[tuple[str, str], bool], end: float) -> Ready:
        try:
            at = path.stat()
        except OSError:
            return Ready(False, problem="the file is gone")
        state = (at.st_mtime_ns, at.st_size, at.st_ino)
        needs = self._needs.get(path)
        if needs is None or needs.state != state or needs.registry is not registry:
            if self._clock() > end:
                return Ready()
            needs = self._needs[path] = _read_needs(path, state, registry)
        for each in needs.files - there.keys():
            there[each] = self._has_file(*each)
        missing = sorted(each for each in needs.files if not there[each])
        runs = not (needs.missing_types or missing or needs.problem)
        return Ready(runs, needs.missing_types, missing, needs.problem)


def _read_needs(path: Path, state: tuple[int, int, int], registry: Registry) -> _Needs:
    try:
        prompt = to_prompt(read_document(path), registry)
    except FileProblem:
        return _Needs(state, registry, problem="the file cannot be read as JSON; save the workflow again")
    except HeddleError as error:
        return _Needs(state, registry, problem=error.message)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # broken in ways that nobody thought of
        return _Needs(state, registry, problem=f"the workflow is damaged ({type(error).__name__})")
    types: dict[str, None] = {}
    files: set[tuple[str, str]] = set()
    has_output = False
    for node in prompt.values():
        spec = registry.get(node["class_type"])
        if spec is None:
            types[str(node["class_type"])] = None
            continue
        has_output = has_output or spec.is_output
        inputs = node["inputs"]
        for name, wanted in resolve_inputs(spec, inputs).items():
            kind, value = wanted.file_kind, unwrapped(inputs.get(name))
            if kind is not None and isinstance(value, str) and not is_link(value) and value not in wanted.extra_choices:
                files.add((kind, value))
    problem = None if has_output or types else "nothing in it makes a result"
    return _Needs(state, registry, tuple(types), frozenset(files), problem)
