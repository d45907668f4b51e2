"""The executor's heart: `advance(state, event) -> (state, steps)`. No clock, no thread, no tensor.

A node runs when all its sources have results. A failure takes away what depends on it, and what only that would have
used; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from execution.events import JobStatus


@dataclass(frozen=True)
class Begin:
    """Start; the nodes in `known` have results already."""

    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Succeeded:
    node_id: str


@dataclass(frozen=True)
class Failed:
    node_id: str


@dataclass(frozen=True)
class Interrupted:
    """The person asked to stop. What runs is not waited for: it ends by itself or has ended."""


@dataclass(frozen=True)
class Run:
    node_id: str


@dataclass(frozen=True)
class End:
    status: JobStatus


Input: TypeAlias = Begin | Succeeded | Failed | Interrupted
Step: TypeAlias = Run | End


@dataclass(frozen=True)
class State:
    """Where a job stands. `order` holds the nodes to run, sources first; `sources` those each of them waits for."""

    order: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]
    targets: frozenset[str]
    have: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    running: str | None = None
    ended: bool = False

    @property
    def status(self) -> JobStatus:
        """How the job ends if nothing more runs."""
        if not self.lost:
            return "success"
        return "partial" if self.targets & self.have else "error"


def advance(state: State, event: Input) -> tuple[State, tuple[Step, ...]]:
    """Take in one event; answer with the new state and what is to be done now."""
    if state.ended:
        return state, ()
    match event:
        case Begin(known):
            state = replace(state, have=state.have | known)
        case Succeeded(node_id):
            state = replace(state, have=state.have | {node_id}, running=None)
        case Failed(node_id):
            state = replace(state, lost=state.lost | {node_id}, running=None)
        case Interrupted():
            return replace(state, ended=True, running=None), (End("interrupted"),)
    return _next(state)


def _next(state: State) -> tuple[State, tuple[Step, ...]]:
    if state.lost:
        state = replace(state, lost=_with_what_depends(state))
        wanted = _still_wanted(state)
    else:
        wanted = frozenset(state.order)
    for node_id in state.order:
        if node_id not in wanted or node_id in state.have:
            continue
        if all(source in state.have for source in state.sources[node_id]):
            return replace(state, running=node_id), (Run(node_id),)
    state = replace(state, ended=True)
    return state, (End(state.status),)


def _with_what_depends(state: State) -> frozenset[str]:
    """The lost nodes and all that cannot run without them."""
    lost = set(state.lost)
    for node_id in state.order:  # sources come first in the order, so one pass carries a loss all the way down
        if node_id not in state.have and any(source in lost for source in state.sources[node_id]):
            lost.add(node_id)
    return frozenset(lost)


def _still_wanted(state: State) -> frozenset[str]:
    """The targets that can still be had, and what they need: the rest would be worked out for nobody."""
    wanted = set(state.targets - state.lost - state.have)
    for node_id in reversed(state.order):
        if node_id in wanted:
            wanted.update(source for source in state.sources[node_id] if source not in state.have)
    return frozenset(wanted)
