"""What a kind of golden set is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.golden.checks import Check
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


@dataclass(frozen=True)
class Kind:
    """A kind of set.

    Attributes:
        names: patterns of the sets' names.
        but_not: patterns of names that look alike and are another kind.
        check: computes a case and yields what must agree. Raises NotCovered for what is not implemented.
    """

    names: tuple[str, ...]
    check: Callable[[Case, Workshop], Iterator[Check]]
    but_not: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.names) and not any(
            fnmatchcase(name, pattern) for pattern in self.but_not
        )
