"""Turns a worker's events into what clients of the known websocket interface expect to hear, in their order.

One `JobTeller` per running job keeps what those messages need from earlier events: which nodes run, how far they are,
what went wrong. Progress is told at most ten times a second, what changed in between comes with the next time, and each
time only what changed: a job's traffic grows with its nodes and its seconds, not with their product. It does no input
or output and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from heddle.graph.said import facts_of
from server.messages import (
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionInterrupted,
    ExecutionStart,
    ExecutionSuccess,
    Message,
    NodeProgress,
    NodeText,
    Notification,
    PreviewWithMetadata,
    Progress,
    ProgressState,
    TextMessage,
)

KEPT_IN_HISTORY = (ExecutionStart, ExecutionCached, ExecutionSuccess, ExecutionError, ExecutionInterrupted)
EVERY_MS = 100  # between two `progress` and between two `progress_state`: twenty messages a second together
MOST_BEFORE_THE_END = 99.9  # percent


class JobTeller:
    """Tells one job's story. `tell` takes events in the order in which the worker sent them."""

    def __init__(
        self,
        prompt_id: str,
        prompt: dict[str, Any],
        outputs: Iterable[str] | None = None,
        percent: float = 0.0,
        finished: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Args:
            outputs: the nodes that were asked for; None: all that the prompt has.
            percent: how far an earlier try of the job came.
            finished: nodes that it finished and what they showed. They do not run again; they are told again, since
                whoever listens now may not have heard it then.
        """
        self.prompt_id = prompt_id
        self._prompt = prompt
        self._nodes: dict[str, NodeProgress] = {}
        self._executed: dict[str, None] = {}
        self._failures: list[dict[str, Any]] = []
        self._running: dict[str, None] = {}
        self._changed: dict[str, None] = {}  # nodes to be told of in the next progress_state
        self._held: dict[str, Progress] = {}  # the latest progress of nodes, not told yet
        self._state_told_ms = self._progress_told_ms = -EVERY_MS
        self._known = nodes_behind(prompt, prompt if outputs is None else outputs)
        self._done: set[str] = set()
        self._percent = percent
        self._started_ms: int | None = None
        self._finished = finished or {}
        self._cached_part = percent / 100  # what was there before the job began
        self.history: list[list[Any]] = []  # [type, data] of the messages that `/history` repeats

    @property
    def running_node(self) -> str | None:
        """The node that started last of those that run."""
        return next(reversed(self._running), None)

    @property
    def at_work(self) -> dict[str, Any] | None:
        """The same node as clients know it, with how far it is: `{node_id, class_type, value, max}`."""
        if (node_id := self.running_node) is None or (node := self._nodes.get(node_id)) is None:
            return None
        shown = self._prompt.get(node.display_node_id)
        class_type = shown.get("class_type") if isinstance(shown, dict) else None
        return {"node_id": node.display_node_id, "class_type": class_type, "value": node.value, "max": node.max}

    @property
    def failure(self) -> dict[str, Any] | None:
        """The first thing that went wrong, as the worker told it."""
        return self._failures[0] if self._failures else None

    @property
    def holds_back(self) -> bool:
        """Whether there is something that `flush` would tell."""
        return bool(self._changed or self._held)

    @property
    def percent(self) -> float:
        """How much of the job is done, each node counted alike. Never falls; 100 only after a successful end."""
        return self._percent

    def seconds_left(self, at_ms: int) -> float | None:
        """How long the rest takes if it goes on as so far; None before anything is done."""
        part = self._percent / 100
        if self._started_ms is None or part <= self._cached_part:
            return None
        return (at_ms - self._started_ms) / 1000 * (1 - part) / (part - self._cached_part)

    def tell(self, event: dict[str, Any], blob: bytes | None, at_ms: int) -> list[Message]:
        """The messages for one event. `job_finished` gives the job's last word; the closing status is the sender's."""
        told = self._tell(event, blob, at_ms)
        if event.get("kind") != "node_blocked":  # the history of a job has its end as its only error
            kept = (message for message in told if isinstance(message, KEPT_IN_HISTORY))
            self.history += ([message.type, message.data()] for message in kept)
        return told

    def flush(self, at_ms: int) -> list[Message]:
        """The progress that was held back."""
        told: list[Message] = [*self._state(at_ms)]
        if self._held:
            self._progress_told_ms = at_ms
            told += self._held.values()
            self._held.clear()
        return told

    def catch_up(self) -> list[TextMessage]:
        """What a client must hear that comes back while the job runs."""
        if not self._running:
            return []
        running = {node_id: self._nodes[node_id] for node_id in self._running}
        return [ProgressState(self.prompt_id, running), *(self._executing(node_id) for node_id in running)]

    def _tell(self, event: dict[str, Any], blob: bytes | None, at_ms: int) -> list[Message]:
        node_id = event.get("node_id")
        match event.get("kind"):
            case "node_started":
                node_id = str(node_id)
                self._running[node_id] = None
                if event.get("parent_id") is not None:
                    self._known.add(node_id)
                self._set(node_id, "running", 0, 1, event)
                return [*self._state_if_due(at_ms), self._executing(node_id)]
            case "node_finished":
                return self._node_finished(str(node_id), event, at_ms)
            case "node_progress":
                return self._node_progress(str(node_id), event, at_ms)
            case "node_preview" if blob:
                node = self._nodes.get(str(node_id)) or self._set(str(node_id), "running", 0, 1, event)
                return [
                    PreviewWithMetadata(
                        format=str(event.get("format", "jpeg")),
                        picture=blob,
                        node_id=node.node_id,
                        display_node_id=node.display_node_id,
                        parent_node_id=node.parent_node_id,
                        real_node_id=node.real_node_id,
                        prompt_id=self.prompt_id,
                        was_asked_for=event.get("was_asked_for") is not False,
                    )
                ]
            case "node_text":
                return [self._text_on(str(node_id), event.get("text", ""), None)]
            case "node_note":
                return [self._text_on(str(node_id), event.get("text", ""), event.get("said"))]
            case "node_failed":
                self._failures.append(event)
                if node_id is None:
                    return []
                self._ends(str(node_id))
                self._set(str(node_id), "error", 0, 1, event)
                return [*self._state_if_due(at_ms)]
            case "node_blocked":
                # Clients show it as an error of this node; how the job ends is told when it does.
                words = f"Execution Blocked: {event.get('message', '')}"
                return [self._error({**event, "message": words, "exception_type": "ExecutionBlocked"}, at_ms)]
            case "job_started":
                self._started_ms = at_ms
                return [ExecutionStart(self.prompt_id, at_ms)]
            case "nodes_cached":
                nodes = list(dict.fromkeys([*self._finished, *map(str, event.get("nodes", ()))]))
                for node in nodes:
                    self._set(node, "finished", 1, 1, event)
                    self._changed.pop(node, None)  # execution_cached says it
                    self._ends(node)
                    self._executed[node] = None
                self._cached_part = self._percent / 100
                shown = [
                    Executed(node, self._nodes[node].display_node_id, output, self.prompt_id)
                    for node, output in self._finished.items()
                    if output is not None
                ]
                return [ExecutionCached(nodes, self.prompt_id, at_ms), *shown]
            case "job_requeued":
                for kept in (self._running, self._nodes, self._executed, self._changed, self._held, self._done):
                    kept.clear()
                reason = event.get("reason", "")
                return [Notification(str(reason), said=facts_of(reason))]
            case "job_finished":
                return [*self.flush(at_ms), *self._job_finished(event, at_ms)]
        return []

    def _node_progress(self, node_id: str, event: dict[str, Any], at_ms: int) -> list[Message]:
        value, most = event.get("value", 0), event.get("max", 1)
        self._set(node_id, "running", value, most, event)
        self._count()
        self._held[node_id] = Progress(value, most, self.prompt_id, node_id)
        if 0 <= at_ms - self._progress_told_ms < EVERY_MS:
            return []
        return self.flush(at_ms)

    def _node_finished(self, node_id: str, event: dict[str, Any], at_ms: int) -> list[Message]:
        before = self._nodes.get(node_id)
        most = before.max if before is not None else 1
        node = self._set(node_id, "finished", most, most, event)
        self._executed[node_id] = None
        told: list[Message] = []
        if (last := self._held.pop(node_id, None)) is not None:
            told.append(last)
        self._ends(node_id)
        if event.get("output") is not None:
            told.append(Executed(node_id, node.display_node_id, event["output"], self.prompt_id))
        return [*told, *self._state_if_due(at_ms)]

    def _job_finished(self, event: dict[str, Any], at_ms: int) -> list[Message]:
        stopped_at = self.running_node
        self._running.clear()
        match event.get("status"):
            case "success":
                self._percent = 100.0
                return [ExecutionSuccess(self.prompt_id, at_ms)]
            case "interrupted":
                kind = self._class_of(stopped_at)
                return [ExecutionInterrupted(self.prompt_id, stopped_at, kind, list(self._executed), at_ms)]
        # Clients take an error for the end of the job, so it is told last, when other branches have ended too.
        failure = self.failure or {"node_id": stopped_at, "message": "the job failed", "exception_type": ""}
        return [self._error(failure, at_ms)]

    def _error(self, failure: dict[str, Any], at_ms: int) -> ExecutionError:
        trace = failure.get("traceback") or []
        node_id = failure.get("node_id")
        node_type = failure.get("class_type") or self._class_of(node_id)
        exception_type = str(failure.get("exception_type", ""))
        words = str(failure.get("message", ""))
        node = None if node_id is None else self._nodes.get(str(node_id))
        if node is not None and node.real_node_id != node_id:  # clients look for it in the graph that they sent
            node_id, node_type = node.real_node_id, self._class_of(node.real_node_id)
        else:  # they put the node and the type of the error before the words by themselves
            words = words.removeprefix(f"node {node_id} ({node_type}): ")
            words = words.removeprefix(f"{exception_type.rpartition('.')[2]}: ")
        return ExecutionError(
            prompt_id=self.prompt_id,
            node_id=node_id,
            node_type=node_type,
            executed=list(self._executed),
            exception_message=words,
            exception_type=exception_type,
            traceback=trace.splitlines(keepends=True) if isinstance(trace, str) else [str(line) for line in trace],
            current_inputs=failure.get("inputs") or {},
            current_outputs=list(self._executed),
            timestamp=at_ms,
            extra_info={"said": failure["said"]} if failure.get("said") else {},
        )

    def _class_of(self, node_id: str | None) -> str | None:
        node = self._prompt.get(node_id) if node_id is not None else None
        return node.get("class_type") if isinstance(node, dict) else None

    def _set(
        self,
        node_id: str,
        state: Literal["pending", "running", "finished", "error"],
        value: float,
        most: float,
        event: dict[str, Any],
    ) -> NodeProgress:
        before = self._nodes.get(node_id)
        # Nodes that a node unfolds into say when they start which node of the person's graph they stand for.
        shown_as = event.get("display_id") or (before.display_node_id if before else node_id)
        parent = event.get("parent_id") or (before.parent_node_id if before else None)
        real = event.get("real_id") or (before.real_node_id if before else node_id)
        node = NodeProgress(value, most, state, node_id, self.prompt_id, shown_as, parent, real)
        self._nodes[node_id] = node
        self._changed[node_id] = None
        return node

    def _ends(self, node_id: str) -> None:
        self._running.pop(node_id, None)
        self._held.pop(node_id, None)
        self._done.add(node_id)
        self._known.add(node_id)
        self._count()

    def _count(self) -> None:
        parts = float(len(self._done))
        for node_id in self._running:
            node = self._nodes[node_id]
            if isinstance(node.max, int | float) and isinstance(node.value, int | float) and node.max > 0:
                parts += min(1.0, max(0.0, node.value / node.max))
        percent = 100 * parts / max(1, len(self._known))
        # A graph that unfolds grows while it runs; what was said stays said.
        self._percent = max(self._percent, min(percent, MOST_BEFORE_THE_END))

    def _state_if_due(self, at_ms: int) -> list[TextMessage]:
        return [] if 0 <= at_ms - self._state_told_ms < EVERY_MS else self._state(at_ms)

    def _state(self, at_ms: int) -> list[TextMessage]:
        if not self._changed:
            return []
        self._state_told_ms = at_ms
        nodes = {node_id: self._nodes[node_id] for node_id in (*self._changed, *self._running)}
        self._changed.clear()
        return [ProgressState(self.prompt_id, nodes)]

    def _text_on(self, node_id: str, text: Any, said: Mapping[str, Any] | None) -> NodeText:
        """A line on a node of the person's graph: editors know no others."""
        node = self._nodes.get(node_id)
        return NodeText(node_id if node is None else node.display_node_id, str(text), self.prompt_id, said)

    def _executing(self, node_id: str) -> Executing:
        return Executing(node_id, self.prompt_id, self._nodes[node_id].display_node_id)


def nodes_behind(prompt: dict[str, Any], outputs: Iterable[str]) -> set[str]:
    """These nodes and all that they are made from."""
    needed: set[str] = set()
    waiting = [node_id for node_id in outputs if node_id in prompt]
    while waiting:
        node_id = waiting.pop()
        if node_id in needed:
            continue
        needed.add(node_id)
        inputs = prompt[node_id].get("inputs") if isinstance(prompt[node_id], dict) else None
        for value in inputs.values() if isinstance(inputs, dict) else ():
            if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in prompt:
                waiting.append(value[0])
    return needed
