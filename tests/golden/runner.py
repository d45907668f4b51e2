"""Running sets: which kind takes which, what came of each case, and the words for it."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from tests.golden.checks import NotCovered
from tests.golden.kinds import KINDS, Kind
from tests.golden.sets import BadSet, Case, GoldenSet
from tests.golden.workshop import Workshop


@dataclass
class Tally:
    """What came of cases.

    Attributes:
        failures: "set/case: what was wrong".
        not_covered: why -> how many cases.
        flagged: cases whose numbers are not demanded -> whether they came out all the same.
    """

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    not_covered: Counter[str] = field(default_factory=Counter)
    flagged: dict[str, bool] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.not_covered += other.not_covered
        self.flagged |= other.flagged

    def words(self) -> str:
        words = f"{self.passed} passed, {len(self.failures)} failed"
        if self.flagged:
            words += f", {len(self.flagged)} flagged ({sum(self.flagged.values())} of them agree)"
        if self.not_covered:
            words += f", {self.not_covered.total()} not covered"
        return words


def run_folder(
    folder: Path, formats: Path, cache: Path, only: Sequence[str] = (), kinds: Sequence[Kind] = KINDS
) -> Tally:
    """Every set of a folder, one line each, and its failing cases."""
    total = Tally()
    made: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            golden = GoldenSet(path)
        except BadSet as problem:
            print(f"{path.stem}: FAILED: {problem}", flush=True)
            total.failures.append(f"{path.stem}: {problem}")
            continue
        chosen = [case for case in golden.cases if is_chosen(golden.name, case.id, only)]
        if not chosen:
            continue
        kind = next((kind for kind in kinds if kind.takes(golden.name)), None)
        if kind is None:
            tally = Tally(not_covered=Counter({"nothing implements this kind of set": len(chosen)}))
        else:
            tally = run_set(golden, kind, Workshop(golden, formats, cache, made), chosen)
        print(f"{golden.name}: {tally.words()}", flush=True)
        for failure in tally.failures:
            print(f"  FAILED {failure}", flush=True)
        total.add(tally)
    return total


def run_set(golden: GoldenSet, kind: Kind, workshop: Workshop, cases: Sequence[Case]) -> Tally:
    """The cases of one set."""
    tally = Tally()
    for case in cases:
        name = f"{golden.name}/{case.id}"
        try:
            complaint = run_case(kind, case, workshop)
        except NotCovered as reason:
            tally.not_covered[str(reason)] += 1
            continue
        if case.flag is not None:
            tally.flagged[name] = complaint is None
        elif complaint is None:
            tally.passed += 1
        else:
            tally.failures.append(f"{name}: {complaint}")
    return tally


def run_case(kind: Kind, case: Case, workshop: Workshop) -> str | None:
    """What is wrong with a case, or None. A program that breaks is wrong like one that miscalculates."""
    complaints: list[str] = []
    number = 0
    try:
        with torch.inference_mode():
            for check in kind.check(case, workshop):
                number += 1
                complaint = check.complaint()
                if complaint is not None:
                    complaints.append(complaint)
    except NotCovered:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        complaints.append(f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})")
    if number == 0 and not complaints:
        return "no number of it was compared"  # else a kind that yields nothing would pass everything
    return "; ".join(complaints) or None


def is_chosen(set_name: str, case_id: str, only: Sequence[str]) -> bool:
    names = (case_id, set_name, f"{set_name}/{case_id}")
    return not only or any(fnmatchcase(name, pattern) for name in names for pattern in only)
