"""What a check found, and the shapes in which clients of the known interface read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from execution.checks.words import carried
from execution.plan import Plan
from heddle.graph.errors import GraphError
from heddle.graph.said import said_in


@dataclass
class NodeProblems:
    """What is wrong with one node, and which outputs cannot run because of it (the first 64)."""

    class_type: str
    title: str
    errors: list[GraphError] = field(default_factory=list)
    dependent_outputs: list[str] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        return {
            "errors": [error_record(error) for error in self.errors],
            "dependent_outputs": self.dependent_outputs,
            "class_type": self.class_type,
        }


@dataclass
class Report:
    """The outcome of a check: a plan for the outputs that can run (None if there is none), and what is wrong.

    `unasked` are the nodes that check their inputs themselves and could not be asked here.
    """

    plan: Plan | None = None
    error: GraphError | None = None
    problems: dict[str, NodeProblems] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)

    def as_answer(self) -> tuple[list[str], dict[str, Any] | None, dict[str, Any]]:
        """For a client: ids of the outputs that can run; what is wrong if there are none; each node's errors."""
        outputs = list(self.plan.targets) if self.plan else []
        error = error_record(self.error) if self.error else None
        node_errors = {node_id: each.as_record() for node_id, each in self.problems.items()}
        return outputs, error, node_errors or (node_errors_of(self.error) if self.error else {})

    @property
    def messages(self) -> list[str]:
        """Every error as a sentence."""
        lines = [error.message for problems in self.problems.values() for error in problems.errors]
        return lines or ([] if self.error is None else [self.error.message])


def node_errors_of(error: GraphError) -> dict[str, Any]:
    """An error that keeps all from running, told at its node, if it has one: that is where editors show it."""
    if error.node_id is None:
        return {}
    return {error.node_id: NodeProblems(error.class_type or "", "", [error]).as_record()}


def error_record(error: GraphError) -> dict[str, Any]:
    """An error as clients of the known interface read it."""
    extra: dict[str, Any] = {}
    if error.input_name is not None:
        extra = {"input_name": error.input_name, "received_value": carried(error.found), "input_config": error.wanted}
    elif error.node_id is not None:
        extra = {"node_id": error.node_id, "class_type": error.class_type}
    return {
        "type": error.kind,
        "message": _HEADINGS.get(error.kind, "The workflow cannot run"),
        "details": error.message,
        "extra_info": said_in(error.message) | extra | error.more,
    }


_HEADINGS = {
    "missing_node_type": "Unknown node type",
    "missing_model": "A model file is missing",
    "invalid_prompt": "The workflow is not in a form that can be read",
    "prompt_no_outputs": "The workflow has no output node",
    "prompt_outputs_failed_validation": "No output of the workflow can run",
    "required_input_missing": "A required input is missing",
    "bad_linked_input": "A link is not in a form that can be read",
    "return_type_mismatch": "A link joins two types that do not fit",
    "invalid_input_type": "A value has the wrong type",
    "value_smaller_than_min": "A value is too small",
    "value_bigger_than_max": "A value is too large",
    "value_not_in_list": "A value is not one of the choices",
    "custom_validation_failed": "The node does not take its inputs",
    "dependency_cycle": "The links go in a circle",
}
