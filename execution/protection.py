"""Keeps results as they were made: nodes of packs may change their inputs in place, and others read the same values.

A value that such a node gets is sealed before and looked at after the call. The first time a class breaks a seal,
whatever shares the changed memory is thrown away and made again for those that still need it; from then on the class
works on copies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from execution.plan import PlannedNode

log = logging.getLogger("heddle.execution")

#: Kinds of values that nobody can change in place.
_FIXED = (str, int, float, bool, bytes, type(None))

#: Where nodes stand that keep to the house's rule and change nothing in place.
TRUSTED_MODULE = "nodes"


@dataclass
class Protection:
    """How values are watched; handed in, since execution knows no tensor.

    Attributes:
        seal_of: a small value that differs once the content does.
        copy_of: a value of its own.
        memory_of: marks of the places where a value lies; what shares one changes together.
        offenders: classes that changed an input once.
    """

    seal_of: Callable[[Any], Any]
    copy_of: Callable[[Any], Any]
    memory_of: Callable[[Any], Iterable[int]]
    offenders: set[str] = field(default_factory=set)

    def watches(self, node: PlannedNode) -> bool:
        module = node.spec.python_module
        return module != TRUSTED_MODULE and not module.startswith(f"{TRUSTED_MODULE}.")

    def must_copy(self, node: PlannedNode) -> bool:
        """True if the node gets copies: it changed inputs before, or others run while it does."""
        return node.spec.id in self.offenders or node.spec.is_async


class Seals:
    """The seals of one job's results, each taken once."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self._seals: dict[tuple[str, int], Any] = {}

    def take(self, source: str, output: int, values: list[Any]) -> None:
        if len(values) == 1 and type(values[0]) in _FIXED:
            return
        if (source, output) not in self._seals:
            self._seals[source, output] = self._seal_of(values)

    def is_broken(self, source: str, output: int, values: list[Any]) -> bool:
        before = self._seals.get((source, output))
        after = None if before is None else self._seal_of(values)
        return before is not None and after is not None and before != after

    def _seal_of(self, values: list[Any]) -> Any:
        """None where none can be made, for want of memory or in a pack's own class: such a value is not watched."""
        try:
            return self._protection.seal_of(values)
        except Exception as error:
            log.info("a value is not watched for changes: %s", type(error).__name__)
            return None

    def forget(self, source: str) -> None:
        for at in [at for at in self._seals if at[0] == source]:
            del self._seals[at]
