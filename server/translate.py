"""Turns a worker's events into what clients of the known websocket interface expect to hear, in their order.

One `JobTeller` per running job keeps what those messages need from earlier events: which nodes run, how far they are,
what went wrong. It does no input or output.
"""

from __future__ import annotations

from typing import Any, Literal

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


class JobTeller:
    """Tells one job's story. `tell` takes events in the order in which the worker sent them."""

    def __init__(self, prompt_id: str, prompt: dict[str, Any]) -> None:
        self.prompt_id = prompt_id
        self._prompt = prompt
        self._nodes: dict[str, NodeProgress] = {}
        self._executed: list[str] = []
        self._failures: list[dict[str, Any]] = []
        self.running_node: str | None = None
        self.history: list[list[Any]] = []  # [type, data] of the messages that `/history` repeats

    @property
    def failure(self) -> dict[str, Any] | None:
        """The first thing that went wrong, as the worker told it."""
        return self._failures[0] if self._failures else None

    def tell(self, event: dict[str, Any], blob: bytes | None, at_ms: int) -> list[Message]:
        """The messages for one event. `job_finished` gives the job's last word; the closing status is the sender's."""
        told = self._tell(event, blob, at_ms)
        self.history += [[m.type, m.data()] for m in told if isinstance(m, KEPT_IN_HISTORY)]
        return told

    def catch_up(self) -> list[TextMessage]:
        """What a client must hear that comes back while the job runs."""
        if self.running_node is None:
            return []
        return [self._progress_state(), self._executing(self.running_node)]

    def _tell(self, event: dict[str, Any], blob: bytes | None, at_ms: int) -> list[Message]:
        node_id = event.get("node_id")
        match event.get("kind"):
            case "job_started":
                return [ExecutionStart(self.prompt_id, at_ms)]
            case "nodes_cached":
                nodes = [str(node) for node in event.get("nodes", ())]
                for node in nodes:
                    self._set(node, "finished", 1, 1, event)
                self._executed += nodes
                return [ExecutionCached(nodes, self.prompt_id, at_ms)]
            case "node_started":
                self.running_node = str(node_id)
                self._set(self.running_node, "running", 0, 1, event)
                return [self._progress_state(), self._executing(self.running_node)]
            case "node_progress":
                value, most = event.get("value", 0), event.get("max", 1)
                self._set(str(node_id), "running", value, most, event)
                return [self._progress_state(), Progress(value, most, self.prompt_id, str(node_id))]
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
                    )
                ]
            case "node_note":
                return [NodeText(str(node_id), str(event.get("text", "")), self.prompt_id)]
            case "node_finished":
                return self._node_finished(str(node_id), event)
            case "node_failed":
                self._failures.append(event)
                if node_id is None:
                    return []
                self._set(str(node_id), "error", 0, 1, event)
                return [self._progress_state()]
            case "job_requeued":
                self.running_node = None
                self._nodes.clear()
                self._executed.clear()
                return [Notification(str(event.get("reason", "")))]
            case "job_finished":
                return self._job_finished(event, at_ms)
        return []

    def _node_finished(self, node_id: str, event: dict[str, Any]) -> list[Message]:
        before = self._nodes.get(node_id)
        most = before.max if before is not None else 1
        node = self._set(node_id, "finished", most, most, event)
        if node_id not in self._executed:
            self._executed.append(node_id)
        if self.running_node == node_id:
            self.running_node = None
        told: list[Message] = []
        if event.get("output") is not None:
            told.append(Executed(node_id, node.display_node_id, event["output"], self.prompt_id))
        return [*told, self._progress_state()]

    def _job_finished(self, event: dict[str, Any], at_ms: int) -> list[Message]:
        stopped_at, self.running_node = self.running_node, None
        match event.get("status"):
            case "success":
                return [ExecutionSuccess(self.prompt_id, at_ms)]
            case "interrupted":
                kind = self._class_of(stopped_at)
                return [ExecutionInterrupted(self.prompt_id, stopped_at, kind, list(self._executed), at_ms)]
        # Clients take an error for the end of the job, so failures are told last, when other branches have ended too.
        failures = self._failures or [{"node_id": stopped_at, "message": "the job failed", "exception_type": ""}]
        return [self._error(failure, at_ms) for failure in failures]

    def _error(self, failure: dict[str, Any], at_ms: int) -> ExecutionError:
        trace = failure.get("traceback") or []
        node_id = failure.get("node_id")
        return ExecutionError(
            prompt_id=self.prompt_id,
            node_id=node_id,
            node_type=failure.get("class_type") or self._class_of(node_id),
            executed=list(self._executed),
            exception_message=str(failure.get("message", "")),
            exception_type=str(failure.get("exception_type", "")),
            traceback=trace.splitlines(keepends=True) if isinstance(trace, str) else [str(line) for line in trace],
            current_inputs=failure.get("inputs") or {},
            current_outputs=list(self._executed),
            timestamp=at_ms,
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
        # Nodes that a node unfolds into say in their events which node of the person's graph they stand for.
        shown_as = event.get("display_node_id") or (before.display_node_id if before else node_id)
        parent = event.get("parent_node_id") or (before.parent_node_id if before else None)
        real = event.get("real_node_id") or (before.real_node_id if before else node_id)
        node = NodeProgress(value, most, state, node_id, self.prompt_id, shown_as, parent, real)
        self._nodes[node_id] = node
        return node

    def _progress_state(self) -> ProgressState:
        return ProgressState(self.prompt_id, dict(self._nodes))

    def _executing(self, node_id: str) -> Executing:
        return Executing(node_id, self.prompt_id, self._nodes[node_id].display_node_id)
