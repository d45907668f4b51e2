"""Carries out what the machine says: calls nodes, puts graphs in their place, says how far things are.

Nodes compute on the job's own thread, one after another; coroutines wait on a second one (`outside.py`).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from execution.calling import Call, calls_of, checked_answer, is_outside, links_in, merge
from execution.events import (
    Event,
    InnerNodeStarted,
    JobExplained,
    JobFinished,
    JobStarted,
    JobStatus,
    NodeBlocked,
    NodeFinished,
    NodeNote,
    NodesCached,
    NodeStarted,
)
from execution.expansion import Expansion, plan_expansion
from execution.failures import failure_of, in_words
from execution.inputs import JobInputs, hidden_inputs
from execution.job import Emit, House, Job
from execution.job_results import JobResults
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
from execution.node_run import NodeContext, NodeRun
from execution.plan import Link, PlannedNode, nearest_first
from execution.waiting import WaitingNodes
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.errors import Cancelled, GraphError
from heddle.graph.results import ExecutionBlocker, Expanded
from heddle.graph.running import call_of
from heddle.graph.said import say
from heddle.graph.spec import Calls

log = logging.getLogger("heddle.execution")


def run_job(job: Job, house: House, emit: Emit) -> JobFinished:
    """Run a job to its end on this thread. Nothing a node raises gets out; the last event says how it went."""
    return _JobRun(job, house, emit).run()


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


class _JobRun:
    """One job from its first event to its last."""

    def __init__(self, job: Job, house: House, emit: Emit) -> None:
        self.job, self.house, self.emit = job, house, _Voice(emit)
        self.nodes: dict[str, PlannedNode] = dict(job.plan.nodes)
        self.graph = DynamicPrompt(job.prompt)
        self.results = JobResults(job, house, self.graph, self.nodes, self.emit)
        self.inputs = JobInputs(house, self.results.by_node)
        self.replaced: dict[str, NodeRun] = {}  # nodes with a graph in their place
        self.waiting = WaitingNodes(house.outside)
        self.claims = house.claims_of(job.id)
        self.spoiled: list[str] = []

    def run(self) -> JobFinished:
        self.emit(JobStarted())
        try:
            return self._run()
        finally:
            self._forget_old_calls()
            self.results.drop_once()
            if any(each["how"] == "failed" for each in self.results.how.values()):
                self.house.garbage.look()

    def _run(self) -> JobFinished:
        try:
            self.results.make_keys(self.nodes.values())
        except Cancelled:
            return self._end("interrupted")
        targets = [target for target in self.job.plan.targets if target not in self.job.finished]
        known = self.results.look_up(self.nodes)
        known |= self.results.look_on_disk(targets, known)
        self.emit(NodesCached(tuple(known)))
        for target in targets:
            if target in known:
                self._show_again(target)
        plan = nearest_first(self.job.plan, known)
        # These may put nodes into the graph that use whatever else is in it: a loop's body, what lies outside of it.
        keep = any(node.raw or "DYNPROMPT" in node.spec.hidden.values() for node in self.nodes.values())
        state = State(_Tasks(plan.nodes), plan.targets, keep, self.job.stop_at_first_error)
        events: deque[Input] = deque([Begin(frozenset(known), self.job.finished)])
        while True:
            while (ended := self.waiting.ended()) is not None:
                events.append(self._arrived(ended))
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
                        self.results.by_node.pop(node_id, None)
                    case Stuck(node_id):
                        self._tell_stuck(node_id)
                    case End(status):
                        return self._end(status)

    # A node's run

    def _start(self, node_id: str) -> Input:
        """Call a node, or end one whose graph has run. Returns: what happened."""
        if self.job.stop.is_set():
            return self._interrupt()
        if node_id in self.results.by_node:
            return Succeeded(node_id)
        if (run := self.replaced.pop(node_id, None)) is not None:
            return self._finish(run)
        if node_id in self.results.look_up((node_id,)):
            self._show_again(node_id)
            return Succeeded(node_id)
        node = self.nodes[node_id]
        run = NodeRun(node, NodeContext(node_id, self.job, self.house, self.emit, self.claims))
        try:
            missing = self.inputs.gather(node, run.inputs)
            calls = self._calls(node)
            while missing and calls.ask_lazy is not None:
                names = self._ask_lazy(run, calls.ask_lazy, missing)
                self.inputs.ask_for(node_id, names)
                wanted = {missing[name].source: None for name in names}
                wanted = [source for source in wanted if source not in self.results.by_node]
                if wanted:
                    return Needs(node_id, tuple(wanted))
                if not names:
                    break
                missing = self.inputs.gather(node, run.inputs)  # it asked for what was there already
            self._say_started(node_id)
            run.is_told = True
            try:
                return self._call(run, calls.run)
            finally:
                self._look_at_seals(node)
        except BaseException as error:  # a node may raise anything; the job goes on with what does not need it
            return self._failed(run, error)

    def _calls(self, node: PlannedNode) -> Calls:
        spec = node.spec
        if spec.bind is None:
            assert spec.call is not None, f"{spec.id} is known by its catalogue entry only"
            return Calls(spec.call, spec.ask_lazy)
        at = (node.id, spec.id)
        if at not in self.house.calls or self.house.calls[at][0] is not spec.classic:
            self.house.calls[at] = (spec.classic, spec.bind())
        return self.house.calls[at][1]

    def _ask_lazy(self, run: NodeRun, ask: Callable[..., Any], missing: Mapping[str, Link]) -> dict[str, None]:
        """The lazy inputs among those missing that a node asks for now."""
        wanted: dict[str, None] = {}
        for call in calls_of(
            run.node.spec, run.inputs, hidden_inputs(run.node, self.job, self.graph, self.house.capsules)
        ):
            if call.blocker is not None:
                continue
            with self.house.guard(), self._place(run, call):
                names = ask(**call.inputs)
                if is_outside(names):
                    names = self.house.outside.wait_for(names, contextvars.copy_context(), self.job.stop)
            for name in names or ():
                if isinstance(name, str) and name in missing:
                    wanted[name] = None
        return wanted

    def _call(self, run: NodeRun, function: Callable[..., Any]) -> Input:
        node, outside = run.node, {}
        takes_context = node.spec.takes_context and node.spec.bind is None
        run.all_blocked = True
        for call in calls_of(node.spec, run.inputs, hidden_inputs(node, self.job, self.graph, self.house.capsules)):
            run.context.check_cancelled()
            if call.blocker is not None:
                run.answers.append(self._blocked(run, call.blocker))
                continue
            run.all_blocked = False
            with self.house.guard(), self._place(run, call):
                answer = function(**call.inputs, ctx=run.context) if takes_context else function(**call.inputs)
                if is_outside(answer):
                    outside[len(run.answers)] = (answer, contextvars.copy_context())
                    answer = None  # until it has arrived
                else:
                    answer = checked_answer(node.spec, node.id, answer)
            run.answers.append(answer)
        self.house.garbage.computed(run.seconds)
        if outside:
            self.waiting.begin(run, outside)
            return Waiting(node.id)
        return self._answered(run)

    def _place(self, run: NodeRun, call: Call) -> call_of:
        """Where what a node calls can find out who and where it is."""
        shown_at = self.graph.get_display_node_id(run.node.id)
        return call_of(run.context, run.node.id, call.index or 0, self.job.id, shown_at)

    def _look_at_seals(self, node: PlannedNode) -> None:
        """After a call: throw away what the node changed although it belongs to others, too."""
        names, memory = self.inputs.changed_by(node)
        if not memory:
            return
        watch = self.house.protection
        assert watch is not None
        watch.offenders.add(node.spec.id)
        for node_id in self.results.throw_away(memory, watch.memory_of, but=node.id):
            self.inputs.forget_seals(node_id)
            self.spoiled.append(node_id)
        words = say(
            "changed what it was given ({names}); from now on it works on a copy of that", names=", ".join(names)
        )
        self.emit(NodeNote(node.id, words))

    def _blocked(self, run: NodeRun, blocker: ExecutionBlocker) -> ExecutionBlocker:
        if blocker.message is None:
            return blocker
        if (words := str(blocker.message)) not in run.blocked_by:  # of a hundred elements many may say the same
            run.blocked_by.append(words)
            self.emit(NodeBlocked(run.node.id, run.node.spec.id, words))
        return ExecutionBlocker(None)  # said once, where it arrived first

    def _answered(self, run: NodeRun) -> Input:
        """All calls have their answers: a result, or a graph to run first."""
        if any(isinstance(answer, Expanded) for answer in run.answers):
            return self._expand(run)
        return self._finish(run)

    def _finish(self, run: NodeRun) -> Input:
        node = run.node
        try:
            result = merge(node.spec, node.id, run.answers, self._resolve)
        except BaseException as error:  # lists may be generators, and what is shown a pack's own objects
            return self._failed(run, error)
        run.context.tell_progress()
        seconds = run.seconds
        self.results.by_node[node.id] = result
        self.results.executed[node.id] = None
        if run.all_blocked and run.answers:
            self.results.how[node.id] = {"how": "blocked", "why": run.blocked_by}
        else:
            self.results.explain(node, "ran", seconds)
            try:
                self.results.keep(node, result, seconds)
            except Exception as error:  # weighing a pack's own objects runs their code
                log.warning("the result of node %s (%s) is not kept: %s", node.id, node.spec.id, in_words(error))
        self.emit(NodeFinished(node.id, result.ui))
        return Succeeded(node.id)

    def _failed(self, run: NodeRun, error: BaseException) -> Input:
        self.job.let_through(error)
        if isinstance(error, Cancelled):
            self.job.stop.set()  # a node may end the job, too: packs raise InterruptProcessingException
        if isinstance(error, (Cancelled, asyncio.CancelledError)) and self.job.stop.is_set():
            return self._interrupt()
        run.context.tell_progress()
        if not run.is_told:
            self._introduce(run.node.id)
        self.emit(failure_of(run.node, error, run.inputs))
        self.results.explain(run.node, "failed", run.seconds)
        return Failed(run.node.id)

    def _say_started(self, node_id: str) -> None:
        parent = self.graph.get_parent_node_id(node_id)
        if parent is None:
            self.emit(NodeStarted(node_id))
        else:
            shown_at, real = self.graph.get_display_node_id(node_id), self.graph.get_real_node_id(node_id)
            self.emit(InnerNodeStarted(node_id, shown_at, parent, real))

    def _introduce(self, node_id: str) -> None:
        """Say whose node it is, of one that never began: nobody has heard of those that nodes put into the graph."""
        if self.graph.get_parent_node_id(node_id) is not None:
            self._say_started(node_id)

    def _show_again(self, node_id: str) -> None:
        if (ui := self.results.by_node[node_id].ui) is not None:
            self._introduce(node_id)
            self.emit(NodeFinished(node_id, ui, cached=True))

    # A graph in a node's place

    def _expand(self, run: NodeRun) -> Input:
        node = run.node
        try:
            expansion = plan_expansion(node.id, run.answers, self.job.nodes, self.nodes, self.graph)
            self.nodes |= expansion.nodes
            for node_id in expansion.nodes:  # a node that ran before may give another graph under the same ids
                self.results.by_node.pop(node_id, None)
                self.inputs.ask_anew(node_id)
            self.results.make_keys(expansion.nodes.values())
        except BaseException as error:  # the graph is a pack's making, and so is what asks after its inputs
            return self._failed(run, error)
        self.replaced[node.id] = run
        return self._replacing(node.id, expansion)

    def _replacing(self, node_id: str, expansion: Expansion) -> Replaced:
        known = self.results.look_up(expansion.nodes)
        for target in expansion.targets:
            if target in known:
                self._show_again(target)
        tasks = {each.id: each.task for each in expansion.nodes.values()}
        awaits = dict.fromkeys(source for source, _ in links_in(self.replaced[node_id].answers))
        return Replaced(node_id, tasks, tuple(awaits), expansion.targets, frozenset(known))

    def _resolve(self, source: str, output: int) -> tuple[list[Any], bool]:
        """What an output of a graph in a node's place gave, and whether it is declared as a list."""
        declared = self.nodes[source].spec.output(output)
        return self.inputs.values_of(Link(source, output)), declared is not None and declared.is_list

    def _tell_stuck(self, node_id: str) -> None:
        node = self.nodes[node_id]
        words = say(
            "the graph in its place waits for the node itself; what it returns must not depend on its own outputs"
        )
        error = GraphError(
            say("node {node} ({type}): {words}", node=node_id, type=node.spec.id, words=words),
            node_id=node_id,
            kind="dependency_cycle",
        )
        self.replaced.pop(node_id, None)
        self.emit(failure_of(node, error, {}))
        self.results.explain(node, "failed", 0.0)

    # Nodes that wait

    def _arrived(self, run: NodeRun) -> Input:
        """The last of a node's coroutines has ended."""
        node = run.node
        assert run.waiting is not None
        try:
            with self.house.guard():  # gives errors their names
                found = iter(run.waiting.answers.result())
            for place, answer in enumerate(run.answers):
                if answer is None:
                    run.answers[place] = checked_answer(node.spec, node.id, next(found))
        except BaseException as error:
            return self._failed(run, error)
        return self._answered(run)

    def _wait(self) -> Input:
        """Wait until a node's coroutines end or the person asks to stop."""
        while not self.job.stop.is_set():
            if (ended := self.waiting.next()) is not None:
                return self._arrived(ended)
        return self._interrupt()

    def _interrupt(self) -> Interrupted:
        self.waiting.see_off()
        return Interrupted()

    # The end

    def _end(self, status: JobStatus) -> JobFinished:
        self.waiting.cancel()  # a first failure ends all, too
        self.results.explain_rest()
        self.emit(JobExplained(self.results.how))
        finished = JobFinished(status, tuple(self.results.executed))
        self.emit(finished)
        return finished

    def _forget_old_calls(self) -> None:
        """What a node of another graph kept on itself goes; this graph's nodes find theirs again next time."""
        for at in [at for at in self.house.calls if at[0] not in self.nodes]:
            del self.house.calls[at]
