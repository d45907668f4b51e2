"""Loads the packs beside this file, for tests of how they are read and run."""

from __future__ import annotations

from pathlib import Path

from heddle.graph.registry import Registry
from nodes.packs import Pack, load_packs
from server import PromptServer

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.parent.name for path in HERE.glob("*/__init__.py")))


def load_test_packs(*names: str) -> tuple[Registry, list[Pack]]:
    """A registry of the nodes of these packs, or of all, and what became of each."""
    registry = Registry()
    packs = load_packs(registry, [HERE], names or NAMES)
    PromptServer.instance.run_loop()  # as main.py does once all are loaded
    return registry, packs
