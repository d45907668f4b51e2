"""Carries out what the machine says: calls nodes, keeps their results, says how far things are."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from execution.cache import Result, ResultCache
from execution.events import (
    Event,
    JobFinished,
    JobStarted,
    NodeFailed,
    NodeFinished,
    NodeNote,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
)
from execution.keys import Fingerprint, node_keys
from execution.machine import Begin, End, Failed, Input, Interrupted, Run, State, Succeeded, advance
from execution.plan import Plan, PlannedNode
from heddle.graph.errors import Cancelled, GraphError, HeddleError
from heddle.graph.results import Shown

Emit = Callable[[Event], None]

#: Longest text of an input value that a failure reports.
SHOWN_VALUE_CHARS = 200


@dataclass(frozen=True)
class House:
    """What a worker hands to every job: where files and weights are, and the guards that a node runs under."""

    folders: Any
    weights: Any
    fingerprint: Fingerprint
    guard: Callable[[], AbstractContextManager[Any]]
    cache: ResultCache


@dataclass(frozen=True)
class Job:
    """A checked graph with what came along: the graph as sent and the clients' extra data, for pictures' metadata."""

    id: str
    plan: Plan
    prompt: Mapping[str, Any] = field(default_factory=dict)
    extra_pnginfo: Mapping[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)


class NodeContext:
    """What a running node may ask of the house (`heddle.graph.context.Context`)."""

    def __init__(self, node_id: str, job: Job, house: House, emit: Emit) -> None:
        self.node_id = node_id
        self.folders = house.folders
        self.weights = house.weights
        self.prompt = job.prompt
        self.extra_pnginfo = job.extra_pnginfo
        self._stop = job.stop
        self._emit = emit

    def progress(self, value: float, total: float) -> None:
        self.check_cancelled()
        self._emit(NodeProgress(self.node_id, value, total))

    def preview(self, picture: bytes, format: str) -> None:
        self._emit(NodePreview(self.node_id, format, picture))

    def note(self, text: str) -> None:
        self._emit(NodeNote(self.node_id, text))

    def check_cancelled(self) -> None:
        if self._stop.is_set():
            raise Cancelled()


def run_job(job: Job, house: House, emit: Emit) -> JobFinished:
    """Run a job to its end on this thread. Nothing a node raises gets out; the last event says how it went."""
    emit(JobStarted())
    plan = job.plan
    keys = node_keys(plan, house.fingerprint)
    results = {
        node_id: kept
        for node_id in plan.order
        if (kept := house.cache.get(keys[node_id])) is not None and _is_still_there(kept, house.folders)
    }
    needed = plan.needed_for(plan.targets, results)
    known = frozenset(results)
    shown_from_cache = [each for each in plan.targets if each in known]
    emit(NodesCached(tuple(each for each in plan.order if each in known)))
    for node_id in shown_from_cache:
        if (ui := results[node_id].ui) is not None:
            emit(NodeFinished(node_id, ui, cached=True))
    state = State(needed, {each: plan.nodes[each].sources for each in needed}, frozenset(plan.targets))
    event: Input = Begin(known)
    executed = [each for each in plan.order if each in known]
    while True:
        state, steps = advance(state, event)
        for step in steps:
            match step:
                case Run(node_id):
                    outcome = Interrupted() if job.stop.is_set() else _run_node(job, node_id, results, house, emit)
                    if isinstance(outcome, Result):
                        results[node_id] = outcome
                        house.cache.put(keys[node_id], outcome)
                        executed.append(node_id)
                        emit(NodeFinished(node_id, outcome.ui))
                        event = Succeeded(node_id)
                    else:
                        event = outcome
                case End(status):
                    finished = JobFinished(status, tuple(executed))
                    emit(finished)
                    return finished


def _run_node(
    job: Job, node_id: str, results: Mapping[str, Result], house: House, emit: Emit
) -> Result | Failed | Interrupted:
    node = job.plan.nodes[node_id]
    emit(NodeStarted(node_id))
    inputs: dict[str, Any] = dict(node.values)
    try:
        inputs |= {name: results[link.source].outputs[link.output] for name, link in node.links.items()}
        with house.guard():
            return _call(node, job, inputs, NodeContext(node_id, job, house, emit))
    except Cancelled:
        return Interrupted()
    except Exception as error:  # a node may raise anything; the job reports it and goes on with what does not need it
        emit(_failure(node, error, inputs))
        return Failed(node_id)


def _call(node: PlannedNode, job: Job, inputs: Mapping[str, Any], ctx: NodeContext) -> Result:
    """Call a node: once per element where lists arrive, shorter lists repeating their last; once if it takes lists."""
    spec = node.spec
    assert spec.call is not None, f"{spec.id} is known by its catalogue entry only"
    lists = {name: list(inputs[name]) if name in node.links else [inputs[name]] for name in inputs}
    extra = _hidden_inputs(node, job)
    if spec.takes_context:
        extra["ctx"] = ctx
    if spec.takes_lists:
        calls = [dict(lists)]
        extra = {name: value if name == "ctx" else [value] for name, value in extra.items()}
    else:
        longest = max((len(each) for each in lists.values()), default=1)
        if any(not each for each in lists.values()):
            longest = 0
        calls = [{name: each[min(turn, len(each) - 1)] for name, each in lists.items()} for turn in range(longest)]
    outputs: tuple[list[Any], ...] = tuple([] for _ in spec.outputs)
    shown: dict[str, Any] | None = None
    for call in calls:
        ctx.check_cancelled()
        answer = spec.call(**call, **extra)
        if isinstance(answer, Shown):
            shown = _join_shown(shown, answer.ui)
            answer = answer.values
        if len(answer) < len(spec.outputs) and not (spec.is_output and not answer):
            raise GraphError(
                f"node {node.id} ({spec.id}): returned {len(answer)} values for {len(spec.outputs)} outputs",
                node_id=node.id,
                class_type=spec.id,
            )
        for slot, value, declared in zip(outputs, answer, spec.outputs, strict=False):
            slot.extend(value if declared.is_list else [value])
    return Result(outputs, shown)


def _is_still_there(result: Result, folders: Any) -> bool:
    """False if a file that the result shows was deleted meanwhile: then the node has to write it again."""
    for shown in (result.ui or {}).values():
        for each in shown if isinstance(shown, (list, tuple)) else ():
            if isinstance(each, Mapping) and "filename" in each and "type" in each:
                try:
                    path = folders.resolve(each["type"], each.get("subfolder", ""), each["filename"])
                except HeddleError:  # shown from a place of its own, which is not ours to judge
                    continue
                if not path.is_file():
                    return False
    return True


def _hidden_inputs(node: PlannedNode, job: Job) -> dict[str, Any]:
    have = {"PROMPT": job.prompt, "EXTRA_PNGINFO": job.extra_pnginfo, "UNIQUE_ID": node.id}
    return {each.name: have.get(each.type) for each in node.spec.inputs if each.section == "hidden"}


def _join_shown(shown: dict[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """What several calls of one node show, list behind list."""
    joined = dict(shown or {})
    for name, value in more.items():
        both_lists = isinstance(value, (list, tuple)) and isinstance(joined.get(name), list)
        joined[name] = [*joined[name], *value] if both_lists else value
    return joined


def _failure(node: PlannedNode, error: Exception, inputs: Mapping[str, Any]) -> NodeFailed:
    if isinstance(error, HeddleError):
        message = error.message
    else:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    place = f"node {node.id} ({node.spec.id})"
    if not message.startswith(place):
        message = f"{place}: {message}"
    return NodeFailed(
        node_id=node.id,
        class_type=node.spec.id,
        message=message,
        exception_type=type(error).__qualname__,
        traceback=tuple(traceback.format_exception(error)),
        inputs={name: _shown(value) for name, value in inputs.items()},
    )


def _shown(value: Any) -> str:
    """A value in a few words; a tensor by its shape, since printing one can take seconds."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__}{list(shape)}"
    if isinstance(value, (list, tuple)):
        head = ", ".join(_shown(each) for each in value[:3])
        return f"[{head}{', ...' if len(value) > 3 else ''}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in list(value.items())[:5]) + "}"
    return repr(value)[:SHOWN_VALUE_CHARS]
