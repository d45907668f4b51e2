"""Makes a file again from what it carries, in a place of its own, and says what came of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from execution.console import Console
from execution.terminal_run import run_in_terminal
from execution.worker import Worker
from heddle.graph.capsule import KEY, differences, hash_in
from heddle.graph.errors import HeddleError

EXIT_EQUAL, EXIT_FAILED, EXIT_CLOSE, EXIT_DIFFERENT, EXIT_INTERRUPTED = 0, 1, 3, 4, 130

_EXITS = {"equal": EXIT_EQUAL, "close": EXIT_CLOSE, "different": EXIT_DIFFERENT}
_RANKS = ("equal", "close", "different")


class Compared(Protocol):
    """How two files compare."""

    @property
    def verdict(self) -> str:
        """One of "equal", "close" and "different"."""
        ...

    @property
    def mean(self) -> float: ...
    @property
    def words(self) -> str: ...


class Replay:
    """One file that is made again.

    Args:
        file: is only read.
        place: an empty folder where everything is written; it goes when the file came out equal.
        compare: the file and one that was made -> how they compare.
        kind_of: what a file shows, such as "picture"; "" if it shows nothing that can be compared.
    """

    def __init__(
        self,
        file: Path,
        place: Path,
        compare: Callable[[Path, Path], Compared],
        kind_of: Callable[[Path], str],
    ) -> None:
        self._file = file
        self._place = place
        self._compare = compare
        self._kind_of = kind_of

    def carry_out(self, open_workflow: Callable[[], tuple[Any, dict[str, Any], Worker]]) -> int:
        """Check, run and compare; what came of it goes to standard output. Returns: the exit code.

        Args:
            open_workflow: gives the graph that the file carries, what else it carries, and a worker that writes into
                the place alone.
        """
        keep = False
        try:
            code = self._carry_out(*open_workflow())
            keep = code in (EXIT_CLOSE, EXIT_DIFFERENT) or (code == EXIT_EQUAL and not self._kind_of(self._file))
        finally:
            if not keep:
                shutil.rmtree(self._place, ignore_errors=True)
        return code

    def _carry_out(self, prompt: Any, extra: dict[str, Any], worker: Worker) -> int:
        there: Mapping[str, Any] = carried if isinstance(carried := extra.get(KEY), dict) else {}
        report = worker.check(prompt)
        if report.plan is None or report.problems:
            self._say("cannot be made again here", [*report.messages, *_hints(report, there)])
            return EXIT_FAILED
        titles = {each.id: each.title for each in report.plan.nodes.values()}
        console = Console(titles, worker.house.folders.resolve, out=sys.stderr)
        # Results of earlier runs would only show that they were kept.
        finished = run_in_terminal(worker, prompt, extra, console, use_cache=False)
        if finished.status == "interrupted":
            self._say("stopped")
            return EXIT_INTERRUPTED
        if finished.status != "success":
            self._say("could not be made again; the lines above say why")
            return EXIT_FAILED
        capsules = worker.house.capsules
        return self._judge({} if capsules is None else capsules.of(report.plan, complete=True), there)

    def _judge(self, here: Mapping[str, Any], there: Mapping[str, Any]) -> int:
        made = sorted(path for path in self._place.rglob("*") if path.is_file())
        kind = self._kind_of(self._file)
        if not kind:
            self._say("ran, and there is nothing in it to compare with; it made", [str(path) for path in made])
            return EXIT_EQUAL
        found = list(self._compared(path for path in made if self._kind_of(path) == kind))
        if not found:
            self._say(f"different: the graph that it carries makes no {kind} here", _reasons(there, here))
            return EXIT_DIFFERENT
        path, best = min(found, key=lambda each: (_RANKS.index(each[1].verdict), each[1].mean))
        if best.verdict == "equal":
            self._say(f"equal: {best.words}")
        else:
            self._say(f"{best.verdict}: {best.words}", [*_reasons(there, here), f"made now: {path}"])
        return _EXITS[best.verdict]

    def _compared(self, made: Iterator[Path]) -> Iterator[tuple[Path, Compared]]:
        for path in made:
            try:
                yield path, self._compare(self._file, path)
            except HeddleError as error:
                print(error.message, file=sys.stderr)

    def _say(self, verdict: str, lines: list[str] | None = None) -> None:
        print(f"{self._file}: {verdict}", *(f"  {line}" for line in lines or ()), sep="\n")


def _reasons(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    if not there:
        return ["it does not say with what it was made (no `heddle` entry), so the reason is not known"]
    if found := differences(there, here):
        return found
    return [
        "all that it says of its making is the same here",
        "either its pixels or its graph were changed since, or a node of it takes chance from beside its inputs",
    ]


def _hints(report: Any, there: Mapping[str, Any]) -> Iterator[str]:
    """The hashes that the file says of what is missing, by which it can be found elsewhere."""
    for problem in report.problems.values():
        for error in problem.errors:
            name = error.found
            sha256 = hash_in(there, name) if isinstance(name, str) else None
            if sha256 is not None:
                yield f"{name}: the one that was used has the SHA-256 {sha256}"
