"""The executor's heart: `advance(state, event)` says what to do next. No clock, no thread, no tensor, no node.

Work is pulled: a target wants its sources, those want theirs, and a node is ready when all that it waits for have
results. It may then ask for lazy inputs (`Needs`), let other nodes run while it waits (`Waiting`) or put a graph in its
place (`Replaced`). A failure takes away what depends on it, and what only that would have used; the rest goes on.

The state is changed in place and belongs to whoever made it: copying it at each event would make a long chain
quadratic. It is a plain value all the same, so every order of events can be written down as a test.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from execution.events import JobStatus

# What happened.


@dataclass(frozen=True, slots=True)
class Begin:
    """Start; the nodes in `known` have results already, those in `finished` need none any more."""

    known: frozenset[str] = frozenset()
    finished: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Succeeded:
    node_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    node_id: str


@dataclass(frozen=True, slots=True)
class Needs:
    """The node was asked and wants these lazy sources before it can run."""

    node_id: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The node waits for something outside and uses no processor: others may run meanwhile."""

    node_id: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A graph runs in the node's place; the node is run once more when the nodes in `awaits` have results.

    Attributes:
        graph: the new nodes, sources first, and what was outside the plan until now.
        targets: nodes of it that run for their own sake.
        known: nodes of it that have results already.
    """

    node_id: str
    graph: Mapping[str, Task]
    awaits: tuple[str, ...]
    targets: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The results of these nodes cannot be used any more; what still needs them waits until they are made again."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The person asked to stop. What runs is not waited for: it ends by itself or has ended."""


# What to do.


@dataclass(frozen=True, slots=True)
class Run:
    node_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody waits for this node's result any more."""

    node_id: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """The node waits for itself, by way of the graph that runs in its place; it is lost."""

    node_id: str


@dataclass(frozen=True, slots=True)
class End:
    status: JobStatus


Input: TypeAlias = Begin | Succeeded | Failed | Needs | Waiting | Replaced | Spoiled | Interrupted
Step: TypeAlias = Run | Forget | Stuck | End


@dataclass(frozen=True, slots=True)
class Task:
    """What the machine knows of a node.

    Attributes:
        needs: sources without which it cannot begin.
        may_need: further sources that it may ask for (lazy) or whose link it hands on; their results are not
            forgotten while it may.
        eager: it goes first once it is ready: it shows a result, or waits without using the processor.
    """

    needs: tuple[str, ...] = ()
    may_need: tuple[str, ...] = ()
    eager: bool = False


@dataclass(slots=True)
class _Node:
    task: Task
    rank: tuple[int, int, int]
    phase: str = "idle"  # idle, wanted, ready, running, waiting, done, lost
    missing: int = 0  # sources that it waits for
    users: int = 0  # unfinished nodes that use its result or may
    dependents: dict[str, None] = field(default_factory=dict)  # those that wait for it now
    waits_for: list[str] = field(default_factory=list)
    asked_for: tuple[str, ...] = ()  # lazy sources, and those in a graph in its place, that it needs as the others
    awaits: tuple[str, ...] = ()  # those in a graph in its place; they stay until it has taken their results

    @property
    def uses(self) -> tuple[str, ...]:
        """Every node whose result it uses or may."""
        return (*self.task.needs, *self.task.may_need, *self.awaits)


class _Nodes(dict[str, _Node]):
    """The nodes by id, each made when it is first looked at: most of a graph that is known already never is."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.known: frozenset[str] = frozenset()
        self._tasks = tasks
        self._places = {node_id: place for place, node_id in enumerate(tasks)}

    def __missing__(self, node_id: str) -> _Node:
        phase = "done" if node_id in self.known else "idle"
        self[node_id] = node = _Node(self._tasks[node_id], (self._places[node_id], 0, 0), phase)
        return node


@dataclass(slots=True)
class State:
    """Where a job stands.

    Attributes:
        tasks: the nodes, in the order in which they run where nothing else decides; sources first.
        targets: those that run for their own sake.
        keep_results: some node may ask for anything at any time, so nothing is forgotten.
        stop_at_first_failure: one failure ends the job.
    """

    tasks: Mapping[str, Task]
    targets: Iterable[str]
    keep_results: bool = False
    stop_at_first_failure: bool = False
    nodes: _Nodes = field(init=False)
    goals: dict[str, None] = field(default_factory=dict)  # the targets, those of replacing graphs included
    ready: list[tuple[bool, tuple[int, int, int], str]] = field(default_factory=list)
    running: str | None = None
    waiting: set[str] = field(default_factory=set)
    replaced: dict[str, None] = field(default_factory=dict)  # nodes with a graph in their place, the newest last
    replacements: int = 0
    lost: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        self.nodes = _Nodes(self.tasks)

    @property
    def status(self) -> JobStatus:
        """How the job ends if nothing more runs."""
        if not self.lost:
            return "success"
        done = any(self.nodes[each].phase in ("done", "finished") for each in self.goals)
        return "partial" if done and not self.stop_at_first_failure else "error"


def advance(state: State, event: Input) -> tuple[Step, ...]:
    """Take in one event; answer with what is to be done now."""
    if state.ended:
        return ()
    steps: list[Step] = []
    match event:
        case Succeeded(node_id):
            _leave(state, node_id)
            _finish(state, node_id, steps)
        case Begin(known, finished):
            _begin(state, known, finished)
        case Failed(node_id):
            _leave(state, node_id)
            _lose(state, node_id)
            if state.stop_at_first_failure:
                state.ended = True
                return (End("error"),)
        case Needs(node_id, sources):
            _leave(state, node_id)
            _wait_for(state, node_id, sources)
        case Waiting(node_id):
            state.running = None
            state.waiting.add(node_id)
            state.nodes[node_id].phase = "waiting"
        case Replaced(node_id):
            _leave(state, node_id)
            _replace(state, event)
        case Spoiled(nodes):
            _spoil(state, frozenset(nodes))
        case Interrupted():
            state.ended = True
            return (End("interrupted"),)
    if state.running is None:
        _next(state, steps)
    return tuple(steps)


def _begin(state: State, known: frozenset[str], finished: frozenset[str]) -> None:
    state.nodes.known = known
    state.goals = dict.fromkeys(state.targets)
    for target in state.goals:
        if target in finished:
            # Shown and written by an earlier try. Its values may be gone; if a node needs them, it runs for those.
            if state.nodes[target].phase == "idle":
                state.nodes[target].phase = "finished"
        else:
            _want(state, target)


def _next(state: State, steps: list[Step]) -> None:
    """Run the first ready node; end when there is none and nothing is on its way."""
    while state.ready:
        _, _, node_id = heapq.heappop(state.ready)
        node = state.nodes[node_id]
        if node.phase == "ready":  # else it was lost, or nobody wants it any more
            node.phase, state.running = "running", node_id
            steps.append(Run(node_id))
            return
    if state.waiting:
        return
    # What waits now waits for itself: only a graph that replaced a node can hold a circle. The newest is told first.
    for node_id in reversed(state.replaced):
        if state.nodes[node_id].phase == "wanted":
            steps.append(Stuck(node_id))
            _lose(state, node_id)
    state.ended = True
    steps.append(End(state.status))


def _leave(state: State, node_id: str) -> None:
    if state.running == node_id:
        state.running = None
    state.waiting.discard(node_id)


def _want(state: State, node_id: str) -> None:
    """Have a node run, and all that it needs; with a stack of its own, since chains are deeper than Python's."""
    stack = [node_id]
    while stack:
        node_id = stack.pop()
        node = state.nodes[node_id]
        if node.phase not in ("idle", "finished"):
            continue
        node.phase = "wanted"
        node.asked_for = node.awaits = ()
        for source in node.uses:
            state.nodes[source].users += 1
        stack += _link_up(state, node_id, node.task.needs)


def _link_up(state: State, node_id: str, sources: Iterable[str]) -> list[str]:
    """Make a wanted node wait for sources that have no results. Returns: those that nobody wanted so far."""
    node, unwanted = state.nodes[node_id], []
    for source_id in sources:
        source = state.nodes[source_id]
        if source.phase == "lost":
            _lose(state, node_id)
            return []
        if source.phase != "done":
            source.dependents[node_id] = None
            node.waits_for.append(source_id)
            node.missing += 1
            if source.phase in ("idle", "finished"):
                unwanted.append(source_id)
    if node.missing == 0:
        _make_ready(state, node_id)
    # The first source is to be looked at first, and the stack is taken from its end.
    return unwanted[::-1]


def _wait_for(state: State, node_id: str, sources: Iterable[str]) -> None:
    """Make a node wait for further sources, and have those run that nobody wanted so far."""
    node = state.nodes[node_id]
    node.phase = "wanted"
    node.asked_for = tuple(dict.fromkeys((*node.asked_for, *sources)))
    for source in _link_up(state, node_id, sources)[::-1]:
        _want(state, source)


def _make_ready(state: State, node_id: str) -> None:
    node = state.nodes[node_id]
    node.phase = "ready"
    eager = node.task.eager or node_id in state.goals
    heapq.heappush(state.ready, (not eager, node.rank, node_id))


def _finish(state: State, node_id: str, steps: list[Step]) -> None:
    node = state.nodes[node_id]
    node.phase = "done"
    for dependent_id in node.dependents:
        dependent = state.nodes[dependent_id]
        if dependent.phase == "wanted":
            dependent.missing -= 1
            if dependent.missing == 0:
                dependent.waits_for.clear()
                _make_ready(state, dependent_id)
    node.dependents.clear()
    for source_id in _release_sources(state, node):
        steps.append(Forget(source_id))


def _release_sources(state: State, node: _Node) -> list[str]:
    """Count a node that ended as a user no more. Returns: the sources whose results nobody will use."""
    forgotten = []
    for source_id in node.uses:
        source = state.nodes[source_id]
        source.users -= 1
        if source.users == 0 and source.phase == "done" and source_id not in state.goals and not state.keep_results:
            source.phase = "idle"  # whoever wants it later has it looked up or run again
            forgotten.append(source_id)
    return forgotten


def _lose(state: State, node_id: str) -> None:
    """A node will give no result: neither will those that wait for it, and what only they wanted need not run."""
    state.lost = True
    stack = [node_id]
    while stack:
        lost_id = stack.pop()
        node = state.nodes[lost_id]
        if node.phase in ("lost", "done"):
            continue
        node.phase = "lost"
        stack += node.dependents
        node.dependents.clear()
        _let_go(state, lost_id)
        _release_sources(state, node)


def _let_go(state: State, node_id: str) -> None:
    """A node waits for nothing any more; what nobody else waits for is not wanted."""
    stack = [node_id]
    while stack:
        waiting_id = stack.pop()
        node = state.nodes[waiting_id]
        for source_id in node.waits_for:
            source = state.nodes[source_id]
            source.dependents.pop(waiting_id, None)
            if not source.dependents and source.phase in ("wanted", "ready") and source_id not in state.goals:
                source.phase = "idle"
                stack.append(source_id)
                _release_sources(state, source)
        node.waits_for.clear()
        node.missing = 0


def _replace(state: State, event: Replaced) -> None:
    node = state.nodes[event.node_id]
    state.replaced[event.node_id] = None
    state.replacements += 1
    for place, (new_id, task) in enumerate(event.graph.items()):
        # A graph goes on where the node it replaces stood, the newest first: a loop ends before the next begins.
        rank = (node.rank[0], -state.replacements, place)
        phase = "done" if new_id in event.known else "idle"
        before = state.nodes.get(new_id) if new_id not in state.tasks else state.nodes[new_id]
        if before is None:
            state.nodes[new_id] = _Node(task, rank, phase)
        elif before.phase in ("done", "idle", "lost", "finished"):  # the node ran again and gave its graph again
            state.nodes[new_id] = _Node(task, rank, phase, users=before.users)
    node.awaits = tuple(dict.fromkeys(event.awaits))
    for source in node.awaits:
        state.nodes[source].users += 1
    for target in event.targets:
        state.goals[target] = None
        _want(state, target)
    _wait_for(state, event.node_id, event.awaits)


def _spoil(state: State, spoiled: frozenset[str]) -> None:
    for node_id in spoiled:
        if state.nodes[node_id].phase == "done":
            state.nodes[node_id].phase = "finished" if node_id in state.goals else "idle"
    for node_id, node in list(state.nodes.items()):
        if node.phase in ("ready", "wanted"):
            used = dict.fromkeys((*node.task.needs, *node.asked_for))
            again = [each for each in used if each in spoiled and node_id not in state.nodes[each].dependents]
            if again:
                _wait_for(state, node_id, again)
