"""Carries out what the machine says: calls nodes, keeps their results, says how far things are.

Nodes compute on the job's own thread, one after another; coroutines wait on a second one (`outside.py`).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from execution.cache import Result, ResultCache
from execution.calling import Call, calls_of, is_outside, links_in, merge, read_answer
from execution.collecting import collect_after_failure
from execution.disk_cache import DiskCache
from execution.events import (
    Event,
    InnerNodeStarted,
    JobExplained,
    JobFinished,
    JobStarted,
    JobStatus,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeNote,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
)
from execution.expansion import Expansion, plan_expansion
from execution.explain import How, LastTime
from execution.keys import CodeVersion, Fingerprint, is_once, node_keys, told_text, unique_token
from execution.machine import (
    Begin,
    End,
    Failed,
    Forget,
    Input,
    Interrupted,
    Needs,
    Replaced,
    Run,
    Spoiled,
    State,
    Stuck,
    Succeeded,
    Task,
    Waiting,
    advance,
)
from execution.outside import Outside, Waiters
from execution.plan import Link, Plan, PlannedNode, nearest_first
from execution.protection import Protection, Seals
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.errors import Cancelled, GraphError, HeddleError
from heddle.graph.results import ExecutionBlocker, Expanded
from heddle.graph.running import call_of
from heddle.graph.spec import FILLED, Calls, NodeSpec

log = logging.getLogger("heddle.execution")

Emit = Callable[[Event], None]

#: Longest text of an input value that a failure reports.
SHOWN_VALUE_CHARS = 200

#: How deep such a text looks into lists: some hold themselves.
SHOWN_DEPTH = 4

#: Longest words of an error, and longest line of its traceback.
MESSAGE_CHARS = 20_000

#: A node's progress is told no more often; its last is always told.
PROGRESS_S = 0.05

#: How often a job that only waits for coroutines looks whether it should stop.
LOOK_S = 0.05

#: How long coroutines that were cancelled may take to clean up.
FAREWELL_S = 2.0


@dataclass
class House:
    """What a worker hands to every job: where files and weights are, the guards that a node runs under, and what
    stays from job to job.

    `claims_of` gives the names that a job took for its files (`heddle.media.claims`), None where no job is tried twice.
    `preview_method` is one of `heddle.settings.options.PREVIEW_METHODS`; `preview_px` the longer side of previews.
    """

    folders: Any
    weights: Any
    fingerprint: Fingerprint
    guard: Callable[[], AbstractContextManager[Any]]
    cache: ResultCache
    disk: DiskCache | None = None
    protection: Protection | None = None
    claims_of: Callable[[str], Any] = lambda job_id: None
    code_version: CodeVersion = lambda spec: ""
    preview_method: str = "none"
    preview_px: int = 512
    last_time: LastTime = field(default_factory=LastTime)
    calls: dict[tuple[str, str], tuple[type | None, Calls]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outside = Outside(self.guard)


@dataclass(frozen=True)
class Job:
    """A checked graph with what came along.

    Attributes:
        nodes: every node there is, for graphs that nodes make.
        prompt: the graph as it was sent, and `extra_pnginfo` what clients sent besides: both go into pictures.
        keys: passwords of outside services, by the hidden input that asks for them.
        finished: output nodes that an earlier try of this job ended.
        use_cache: results are taken from earlier runs and kept for later ones.
        preview_method: this job's own; None = the house's.
        client_id: who queued it; None = nobody in particular.
    """

    id: str
    plan: Plan
    nodes: Mapping[str, NodeSpec] = field(default_factory=dict)
    prompt: Mapping[str, Any] = field(default_factory=dict)
    extra_pnginfo: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    finished: frozenset[str] = frozenset()
    stop_at_first_error: bool = False
    use_cache: bool = True
    preview_method: str | None = None
    client_id: str | None = None


class NodeContext:
    """What a running node may ask of the house (`heddle.graph.context.Context`)."""

    def __init__(self, node_id: str, job: Job, house: House, emit: Emit, claims: Any = None) -> None:
        self.node_id = node_id
        self._claims = claims
        self.job_id = job.id
        self.client_id = job.client_id
        self.folders = house.folders
        self.weights = house.weights
        self.prompt = job.prompt
        self.extra_pnginfo = job.extra_pnginfo
        self.preview_px = 0 if (job.preview_method or house.preview_method) == "none" else house.preview_px
        self._stop = job.stop
        self._emit = emit
        self._told_at = 0.0
        self._untold: NodeProgress | None = None

    def progress(self, value: float, total: float) -> None:
        self.check_cancelled()
        self._untold = NodeProgress(self.node_id, _number(value), _number(total))
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_S:
            self._told_at = now
            self.tell_progress()

    def tell_progress(self) -> None:
        """Tell the last progress, if it was held back."""
        untold, self._untold = self._untold, None  # in one go: a node's own threads may come by here, too
        if untold is not None:
            self._emit(untold)

    def preview(self, picture: bytes, format: str) -> None:
        self._emit(NodePreview(self.node_id, format, bytes(picture)))

    def note(self, text: str) -> None:
        self._emit(NodeNote(self.node_id, str(text)))

    def next_save(self) -> Any:
        return None if self._claims is None else self._claims.next_of(self.node_id)

    def check_cancelled(self) -> None:
        if self._stop.is_set():
            raise Cancelled()


_FROM_MEMORY: dict[str, Any] = {"how": "memory"}


class _Voice:
    """Passes a job's events on, up to the last: what a node left behind, a thread or coroutine, is not heard then."""

    def __init__(self, emit: Emit) -> None:
        self._emit: Emit | None = emit
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            emit = self._emit
            if emit is not None:
                if isinstance(event, JobFinished):
                    self._emit = None
                emit(event)


def run_job(job: Job, house: House, emit: Emit) -> JobFinished:
    """Run a job to its end on this thread. Nothing a node raises gets out; the last event says how it went."""
    return _JobRun(job, house, emit).run()


class _Tasks(Mapping[str, Task]):
    """What the machine knows of a plan's nodes, each worked out when it is asked for."""

    def __init__(self, nodes: Mapping[str, PlannedNode]) -> None:
        self._nodes = nodes

    def __getitem__(self, node_id: str) -> Task:
        return self._nodes[node_id].task

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


@dataclass
class _Started:
    """A node between its call and its result."""

    node: PlannedNode
    inputs: Mapping[str, Any]
    context: NodeContext
    began: float
    answers: list[Any] = field(default_factory=list)
    all_blocked: bool = False
    waiting: Waiters | None = None


class _JobRun:
    """One job from its first event to its last."""

    def __init__(self, job: Job, house: House, emit: Emit) -> None:
        self.job, self.house, self.emit = job, house, _Voice(emit)
        self.nodes: dict[str, PlannedNode] = dict(job.plan.nodes)
        self.graph = DynamicPrompt(job.prompt)
        self.keys: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.results: dict[str, Result] = {}
        self.replaced: dict[str, _Started] = {}  # nodes with a graph in their place
        self.outside: dict[str, _Started] = {}  # nodes that wait
        self.inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.asked: dict[str, set[str]] = {}  # the lazy inputs that each node asked for
        self.executed: dict[str, None] = {}
        self.how: dict[str, dict[str, Any]] = {}
        self.claims = house.claims_of(job.id)
        self.seals = Seals(house.protection) if house.protection is not None else None
        self.spoiled: dict[str, None] = {}
        self.cost_s: dict[str, float] = {}  # to make a node's result again, with all behind it that is not on disk

    def run(self) -> JobFinished:
        self.emit(JobStarted())
        try:
            return self._run()
        finally:
            self._forget_old_calls()
            for key in filter(is_once, self.keys.values()):
                self.house.cache.drop(key)
            if any(each["how"] == "failed" for each in self.how.values()):
                collect_after_failure()

    def _run(self) -> JobFinished:
        try:
            self._make_keys(self.nodes.values())
        except Cancelled:
            return self._end("interrupted")
        known = self._look_up(self.nodes)
        known |= self._look_on_disk(self.job.plan.targets, known)
        self.emit(NodesCached(tuple(known)))
        for target in self.job.plan.targets:
            if target in known and target not in self.job.finished:
                self._show_again(target)
        plan = nearest_first(self.job.plan, known)
        # These may put nodes into the graph that use whatever else is in it: a loop's body, what lies outside of it.
        keep = any(node.raw or "DYNPROMPT" in node.spec.hidden.values() for node in self.nodes.values())
        state = State(_Tasks(plan.nodes), plan.targets, keep, self.job.stop_at_first_error)
        events: deque[Input] = deque([Begin(frozenset(known), self.job.finished)])
        while True:
            while not self.inbox.empty():
                events.append(self._arrived(self.inbox.get()))
            if not events:
                events.append(self._wait())
            for step in advance(state, events.popleft()):
                match step:
                    case Run(node_id):
                        event = self._start(node_id)
                        if self.spoiled:
                            events.append(Spoiled(tuple(self.spoiled)))
                            self.spoiled.clear()
                        events.append(event)
                    case Forget(node_id):
                        self.results.pop(node_id, None)
                    case Stuck(node_id):
                        self._tell_stuck(node_id)
                    case End(status):
                        return self._end(status)

    # Before a node runs

    def _make_keys(self, nodes: Iterable[PlannedNode]) -> None:
        nodes = list(nodes)
        asking = [node for node in nodes if node.spec.fingerprint is not None]
        if asking:
            self._ask_fingerprints(asking)
        self.told |= {node.id: unique_token() for node in nodes if self._is_uncached(node)}
        if self.job.use_cache:
            node_keys(nodes, self.house.fingerprint, self.house.code_version, self.told, self.keys)
        else:
            self.keys |= {node.id: unique_token() for node in nodes}

    def _is_uncached(self, node: PlannedNode) -> bool:
        """True if the graph says `"_meta": {"cache": false}` of a node: it runs each time."""
        meta = self.graph.get_node(node.id).get("_meta") if self.graph.has_node(node.id) else None
        return isinstance(meta, Mapping) and meta.get("cache") is False

    def _ask_fingerprints(self, nodes: Iterable[PlannedNode]) -> None:
        """Ask nodes whether what they read has changed. One that cannot say counts as changed."""
        for node in nodes:
            if self.job.stop.is_set():
                raise Cancelled()
            ask = node.spec.fingerprint
            assert ask is not None
            inputs: dict[str, Any] = {**node.values, **dict.fromkeys((*node.links, *node.raw))}
            hidden = self._hidden(node)
            if node.spec.takes_lists:
                inputs, hidden = ({name: [value] for name, value in each.items()} for each in (inputs, hidden))
            try:
                with self.house.guard(), call_of(None, node.id, 0, self.job.id):
                    answer = ask(**inputs, **hidden)
                    if is_outside(answer):
                        answer = self.house.outside.wait_for(answer, contextvars.copy_context(), self.job.stop)
                self.told[node.id] = told_text(answer)
            except Cancelled:
                raise
            except BaseException as error:  # a pack's own code
                self._let_through(error)
                self.told[node.id] = unique_token()
                self.emit(NodeNote(node.id, f"whether it has changed cannot be told ({_in_words(error)}), so it runs"))

    def _look_up(self, nodes: Iterable[str]) -> dict[str, None]:
        """The nodes among these whose results are kept; their results lie in `results` then."""
        if not self.job.use_cache:
            return {}
        known: dict[str, None] = {}
        for node_id in nodes:
            result = self.house.cache.get(self.keys[node_id])
            if result is not None and _is_still_there(result, self.house.folders):
                self.results[node_id] = result
                self.executed[node_id] = None
                self.how[node_id] = _FROM_MEMORY
                known[node_id] = None
        return known

    def _look_on_disk(self, targets: Iterable[str], known: Mapping[str, None]) -> dict[str, None]:
        """The nodes behind the targets, nearest to them, whose results lie on disk; these are in `results` then."""
        found: dict[str, None] = {}
        disk = self.house.disk
        if disk is None or not self.job.use_cache:
            return found
        disk.look_again()
        seen: set[str] = set()
        waiting = [*targets]
        while waiting:
            node_id = waiting.pop()
            if node_id in seen or node_id in known:
                continue
            seen.add(node_id)
            node, key = self.nodes[node_id], self.keys[node_id]
            result = disk.get(key) if key in disk else None
            if result is None:
                waiting += node.sources
                continue
            self.house.cache.put(key, result, self.cost_s.get(node_id, 0.0))
            self.results[node_id] = result
            self.executed[node_id] = None
            self.how[node_id] = {"how": "disk"}
            found[node_id] = None
        return found

    def _keep(self, node: PlannedNode, result: Result, seconds: float) -> None:
        """Keep a result for later jobs, and for another worker, should this one die."""
        cost_s = seconds + sum(self.cost_s.get(source, 0.0) for source in node.needs)
        self.cost_s[node.id] = cost_s
        if not self.job.use_cache:
            return
        self.house.cache.put(self.keys[node.id], result, seconds)
        # What writes files or shows them must do so again in another process.
        disk, key = self.house.disk, self.keys[node.id]
        if disk is None or node.spec.is_output or cost_s < disk.worth_s:
            return
        if not is_once(key) and disk.put(key, result, cost_s):
            self.cost_s[node.id] = 0.0

    def _show_again(self, node_id: str) -> None:
        if (ui := self.results[node_id].ui) is not None:
            self.emit(NodeFinished(node_id, ui, cached=True))

    # A node's run

    def _start(self, node_id: str) -> Input:
        """Call a node, or end one whose graph has run. Returns: what happened."""
        if self.job.stop.is_set():
            return self._interrupt()
        if node_id in self.results:
            return Succeeded(node_id)
        if (begun := self.replaced.pop(node_id, None)) is not None:
            return self._finish(begun)
        if node_id in self._look_up((node_id,)):
            self._show_again(node_id)
            return Succeeded(node_id)
        node = self.nodes[node_id]
        context = NodeContext(node_id, self.job, self.house, self.emit, self.claims)
        begun = _Started(node, {}, context, time.perf_counter())
        inputs: dict[str, list[Any]] = {}
        begun.inputs = inputs
        try:
            missing = self._gather(node, inputs)
            calls = self._calls(node)
            while missing and calls.ask_lazy is not None:
                names = self._ask_lazy(begun, calls.ask_lazy, missing)
                self.asked.setdefault(node_id, set()).update(names)
                wanted = {missing[name].source: None for name in names if missing[name].source not in self.results}
                if wanted:
                    return Needs(node_id, tuple(wanted))
                if not names:
                    break
                missing = self._gather(node, inputs)  # it asked for what was there already
            self._say_started(node_id)
            try:
                return self._call(begun, calls.run)
            finally:
                self._look_at_seals(begun)
        except BaseException as error:  # a node may raise anything; the job goes on with what does not need it
            return self._failed(begun, error)

    def _gather(self, node: PlannedNode, inputs: dict[str, list[Any]]) -> dict[str, Link]:
        """Put a node's inputs together, each as the list of its values.

        Returns: the lazy links that it has not asked for. These are None for it even if their results are there: what
        a node gives must not depend on what else has run.
        """
        missing = {}
        asked = self.asked.get(node.id, ())
        watch = self.house.protection
        if watch is not None and not watch.watches(node):
            watch = None
        for name, value in node.values.items():
            inputs[name] = [value]
        for name, link in node.links.items():
            if name in node.lazy_links and name not in asked:
                missing[name] = link
                inputs[name] = [None]
            else:
                values = self.results[link.source].outputs[link.output]
                if watch is not None and self.seals is not None:
                    if watch.must_copy(node):
                        values = watch.copy_of(values)
                    else:
                        self.seals.take(link.source, link.output, values)
                inputs[name] = values
        for name, link in node.raw.items():
            inputs[name] = [[link.source, link.output]]
        return missing

    def _calls(self, node: PlannedNode) -> Calls:
        spec = node.spec
        if spec.bind is None:
            assert spec.call is not None, f"{spec.id} is known by its catalogue entry only"
            return Calls(spec.call, spec.ask_lazy)
        at = (node.id, spec.id)
        if at not in self.house.calls or self.house.calls[at][0] is not spec.classic:
            self.house.calls[at] = (spec.classic, spec.bind())
        return self.house.calls[at][1]

    def _hidden(self, node: PlannedNode) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, kind in node.spec.hidden.items():
            match kind:
                case "PROMPT":
                    given[name] = self.job.prompt
                case "DYNPROMPT":
                    given[name] = self.graph
                case "EXTRA_PNGINFO":
                    given[name] = self.job.extra_pnginfo or None  # packs look for None where nothing was sent
                case "UNIQUE_ID":
                    given[name] = node.id
                case _ if kind in FILLED:
                    given[name] = self.job.keys.get(kind)
                case _:  # given in the graph, or not at all
                    pass
        return given

    def _ask_lazy(self, begun: _Started, ask: Callable[..., Any], missing: Mapping[str, Link]) -> dict[str, None]:
        """The lazy inputs among those missing that a node asks for now."""
        node, wanted = begun.node, {}
        for call in calls_of(node.spec, begun.inputs, self._hidden(node)):  # pyright: ignore[reportArgumentType]
            if call.blocker is not None:
                continue
            with self.house.guard(), self._place(begun, call):
                names = ask(**call.inputs)
                if is_outside(names):
                    names = self.house.outside.wait_for(names, contextvars.copy_context(), self.job.stop)
            for name in names or ():
                if isinstance(name, str) and name in missing:
                    wanted[name] = None
        return wanted

    def _call(self, begun: _Started, run: Callable[..., Any]) -> Input:
        node, outside = begun.node, []
        extra = self._hidden(node)
        takes_context = node.spec.takes_context and node.spec.bind is None
        begun.all_blocked = True
        for call in calls_of(node.spec, begun.inputs, extra):  # pyright: ignore[reportArgumentType]
            begun.context.check_cancelled()
            if call.blocker is not None:
                begun.answers.append(self._blocked(node, call.blocker))
                continue
            begun.all_blocked = False
            with self.house.guard(), self._place(begun, call):
                answer = run(**call.inputs, ctx=begun.context) if takes_context else run(**call.inputs)
                if is_outside(answer):
                    outside.append((len(begun.answers), answer, contextvars.copy_context()))
                else:
                    answer = read_answer(node.spec, node.id, answer)
            begun.answers.append(answer)
        if outside:
            return self._wait_outside(begun, outside)
        return self._answered(begun)

    def _place(self, begun: _Started, call: Call) -> call_of:
        """Where what a node calls can find out who and where it is."""
        return call_of(begun.context, begun.node.id, call.index or 0, self.job.id)

    def _look_at_seals(self, begun: _Started) -> None:
        """After a call: throw away what the node changed although it belongs to others, too."""
        node, watch = begun.node, self.house.protection
        if watch is None or self.seals is None or not watch.watches(node) or watch.must_copy(node):
            return
        broken: set[int] = set()
        names = []
        for name, link in node.links.items():
            result = self.results.get(link.source)
            if result is not None and self.seals.is_broken(link.source, link.output, result.outputs[link.output]):
                broken.update(watch.memory_of(result.outputs[link.output]))
                names.append(name)
        if not broken:
            return

        def is_spoiled(result: Result) -> bool:
            return not broken.isdisjoint(watch.memory_of(result.outputs))

        watch.offenders.add(node.spec.id)
        self.house.cache.drop_where(is_spoiled)
        for node_id in [node_id for node_id, result in self.results.items() if is_spoiled(result)]:
            if node_id != node.id:
                del self.results[node_id]
                self.seals.forget(node_id)
                self.spoiled[node_id] = None
                if self.house.disk is not None:
                    self.house.disk.drop(self.keys[node_id])
        self.emit(
            NodeNote(node.id, f"changed what it was given ({', '.join(names)}); from now on it works on a copy of that")
        )

    def _blocked(self, node: PlannedNode, blocker: ExecutionBlocker) -> ExecutionBlocker:
        if blocker.message is None:
            return blocker
        self.emit(NodeBlocked(node.id, node.spec.id, str(blocker.message)))
        return ExecutionBlocker(None)  # said once, where it arrived first

    def _answered(self, begun: _Started) -> Input:
        """All calls have their answers: a result, or a graph to run first."""
        if any(isinstance(answer, Expanded) for answer in begun.answers):
            return self._expand(begun)
        return self._finish(begun)

    def _finish(self, begun: _Started) -> Input:
        node = begun.node
        try:
            result = merge(node.spec, node.id, begun.answers, self._resolve)
        except BaseException as error:  # lists may be generators, and what is shown a pack's own objects
            return self._failed(begun, error)
        begun.context.tell_progress()
        seconds = time.perf_counter() - begun.began
        self.results[node.id] = result
        self.executed[node.id] = None
        if begun.all_blocked and begun.answers:
            self.how[node.id] = {"how": "blocked"}
        else:
            self._explain(node, "ran", seconds)
            try:
                self._keep(node, result, seconds)
            except Exception as error:  # weighing a pack's own objects runs their code
                log.warning("the result of node %s (%s) is not kept: %s", node.id, node.spec.id, _in_words(error))
        self.emit(NodeFinished(node.id, result.ui))
        return Succeeded(node.id)

    def _failed(self, begun: _Started, error: BaseException) -> Input:
        self._let_through(error)
        if isinstance(error, Cancelled):
            self.job.stop.set()  # a node may end the job, too: packs raise InterruptProcessingException
        if isinstance(error, (Cancelled, asyncio.CancelledError)) and self.job.stop.is_set():
            return self._interrupt()
        begun.context.tell_progress()
        self.emit(_failure(begun.node, error, begun.inputs))
        self._explain(begun.node, "failed", time.perf_counter() - begun.began)
        return Failed(begun.node.id)

    def _let_through(self, error: BaseException) -> None:
        """Raise what is not a node's failure: somebody at a terminal who asked to stop for the second time."""
        if isinstance(error, KeyboardInterrupt) and self.job.stop.is_set():
            raise error

    def _say_started(self, node_id: str) -> None:
        parent = self.graph.get_parent_node_id(node_id)
        if parent is None:
            self.emit(NodeStarted(node_id))
        else:
            shown_at, real = self.graph.get_display_node_id(node_id), self.graph.get_real_node_id(node_id)
            self.emit(InnerNodeStarted(node_id, shown_at, parent, real))

    # A graph in a node's place

    def _expand(self, begun: _Started) -> Input:
        node = begun.node
        try:
            expansion = plan_expansion(node.id, begun.answers, self.job.nodes, self.nodes, self.graph)
            self.nodes |= expansion.nodes
            for node_id in expansion.nodes:  # a node that ran before may give another graph under the same ids
                self.results.pop(node_id, None)
                self.asked.pop(node_id, None)
            self._make_keys(expansion.nodes.values())
        except BaseException as error:  # the graph is a pack's making, and so is what asks after its inputs
            return self._failed(begun, error)
        self.replaced[node.id] = begun
        return self._replacing(node.id, expansion)

    def _replacing(self, node_id: str, expansion: Expansion) -> Replaced:
        known = self._look_up(expansion.nodes)
        for target in expansion.targets:
            if target in known:
                self._show_again(target)
        tasks = {each.id: each.task for each in expansion.nodes.values()}
        awaits = dict.fromkeys(source for source, _ in links_in(self.replaced[node_id].answers))
        return Replaced(node_id, tasks, tuple(awaits), expansion.targets, frozenset(known))

    def _resolve(self, source: str, output: int) -> tuple[list[Any], bool]:
        """What an output of a graph in a node's place gave, and whether it is declared as a list."""
        spec = self.nodes[source].spec
        return self.results[source].outputs[output], spec.outputs[output].is_list

    def _tell_stuck(self, node_id: str) -> None:
        node = self.nodes[node_id]
        words = "the graph in its place waits for the node itself; what it returns must not depend on its own outputs"
        error = GraphError(f"node {node_id} ({node.spec.id}): {words}", node_id=node_id, kind="dependency_cycle")
        self.replaced.pop(node_id, None)
        self.emit(_failure(node, error, {}))
        self._explain(node, "failed", 0.0)

    # Nodes that wait

    def _wait_outside(self, begun: _Started, outside: list[tuple[int, Any, contextvars.Context]]) -> Waiting:
        node_id = begun.node.id
        places = [place for place, _, _ in outside]
        begun.waiting = self.house.outside.start([(answer, context) for _, answer, context in outside])
        begun.answers = [None if place in places else answer for place, answer in enumerate(begun.answers)]
        begun.all_blocked = False
        self.outside[node_id] = begun
        begun.waiting.answers.add_done_callback(lambda _: self.inbox.put(node_id))
        return Waiting(node_id)

    def _arrived(self, node_id: str) -> Input:
        """A coroutine has ended."""
        begun = self.outside.pop(node_id)
        assert begun.waiting is not None
        try:
            with self.house.guard():  # gives errors their names
                found = iter(begun.waiting.answers.result())
            for place, answer in enumerate(begun.answers):
                if answer is None:
                    begun.answers[place] = read_answer(begun.node.spec, node_id, next(found))
        except BaseException as error:
            return self._failed(begun, error)
        return self._answered(begun)

    def _wait(self) -> Input:
        """Wait until a coroutine ends or the person asks to stop."""
        while not self.job.stop.is_set():
            try:
                return self._arrived(self.inbox.get(timeout=LOOK_S))
            except queue.Empty:
                continue
        return self._interrupt()

    def _interrupt(self) -> Interrupted:
        self._cancel_all()
        deadline = time.monotonic() + FAREWELL_S
        while self.outside and time.monotonic() < deadline:
            try:
                self.outside.pop(self.inbox.get(timeout=LOOK_S), None)
            except queue.Empty:
                continue
        if self.outside:
            self.house.outside.leave_if_stuck()
        return Interrupted()

    def _cancel_all(self) -> None:
        for begun in self.outside.values():
            if begun.waiting is not None:
                begun.waiting.cancel()

    # The end

    def _end(self, status: JobStatus) -> JobFinished:
        self._cancel_all()  # a first failure ends all, too
        for node_id in self.nodes:
            if node_id not in self.how:
                self.how[node_id] = {"how": "finished" if node_id in self.job.finished else "skipped"}
        self.emit(JobExplained(self.how))
        finished = JobFinished(status, tuple(self.executed))
        self.emit(finished)
        return finished

    def _explain(self, node: PlannedNode, how: How, seconds: float) -> None:
        told = self.told.get(node.id)
        why = self.house.last_time.why(node, self.keys, told) if self.job.use_cache else ["results are not kept"]
        self.how[node.id] = {"how": how, "why": why, "seconds": round(seconds, 6)}
        if how == "ran":
            self.house.last_time.remember(node, self.keys, told)

    def _forget_old_calls(self) -> None:
        """What a node of another graph kept on itself goes; this graph's nodes find theirs again next time."""
        for at in [at for at in self.house.calls if at[0] not in self.nodes]:
            del self.house.calls[at]


def _is_still_there(result: Result, folders: Any) -> bool:
    """False if a file that the result shows was deleted meanwhile: then the node has to write it again."""
    if not result.ui:
        return True
    for shown in result.ui.values():
        for each in shown if isinstance(shown, (list, tuple)) else ():
            if isinstance(each, Mapping) and "filename" in each and "type" in each:
                try:
                    path = folders.resolve(each["type"], each.get("subfolder", ""), each["filename"])
                except HeddleError:  # shown from a place of its own, which is not ours to judge
                    continue
                if not path.is_file():
                    return False
    return True


def _number(value: Any) -> float:
    """A number as JSON knows it; packs count with numpy's and torch's, too."""
    return value if type(value) in (int, float) else float(value)


def _in_words(error: BaseException) -> str:
    if isinstance(error, HeddleError):
        return str(error.message)
    try:
        text = str(error)
    except Exception:  # a pack's own class of error
        text = "it has no words"
    return f"{type(error).__name__}: {_cut(text)}" if text else type(error).__name__


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARS else f"{text[:MESSAGE_CHARS]} ... ({len(text)} characters)"


def _failure(node: PlannedNode, error: BaseException, inputs: Mapping[str, Any]) -> NodeFailed:
    message = _in_words(error)
    place = f"node {node.id} ({node.spec.id})"
    if not message.startswith(place):
        message = f"{place}: {message}"
    return NodeFailed(
        node_id=node.id,
        class_type=node.spec.id,
        message=message,
        exception_type=type(error).__qualname__,
        traceback=tuple(map(_cut, traceback.format_exception(error))),
        inputs={name: _shown(value) for name, value in inputs.items()},
    )


def _shown(value: Any, depth: int = 0) -> str:
    """A value in a few words; a tensor by its shape, since printing one can take seconds."""
    try:
        shape = getattr(value, "shape", None)
        if shape is not None:
            return f"{type(value).__name__}{list(shape)}"
        if depth == SHOWN_DEPTH and isinstance(value, (list, tuple, Mapping)):
            return "..."
        if isinstance(value, (list, tuple)):
            head = ", ".join(_shown(each, depth + 1) for each in value[:3])
            return f"[{head}{', ...' if len(value) > 3 else ''}]"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key}: {_shown(value[key], depth + 1)}" for key in islice(value, 5)) + "}"
        return repr(value)[:SHOWN_VALUE_CHARS]
    except Exception:  # a pack's own class: a report of one failure must not become another
        return type(value).__name__
