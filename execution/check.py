"""An API-form graph held against the nodes that exist: a `Plan`, or errors that name node, input, found and wanted.

The shapes of the errors are those that clients of the known interface read: `{type, message, details, extra_info}`.
Only what the output nodes need is checked; an output whose branch has errors is left out, the others run.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.plan import Link, Plan, PlannedNode, in_order
from heddle.graph.errors import GraphError
from heddle.graph.spec import SOCKET_ONLY, InputSpec, NodeSpec, types_match
from heddle.graph.workflow import is_link, refuse_unreadable, title_of

#: How people write true and false where a text is all they have.
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

#: How many choices of a list an error quotes.
QUOTED_CHOICES = 20

ListFiles = Callable[[str], Iterable[str]]
#: `(kind, name)` -> is there such a file; for kinds whose names may carry a place, such as "a.png [output]".
HasFile = Callable[[str, str], bool]


@dataclass
class NodeProblems:
    """What is wrong with one node, and which outputs cannot run because of it."""

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
    """The outcome of a check: a plan for the outputs that can run (None if there is none), and what is wrong."""

    plan: Plan | None = None
    error: GraphError | None = None
    problems: dict[str, NodeProblems] = field(default_factory=dict)

    def as_answer(self) -> tuple[list[str], dict[str, Any] | None, dict[str, Any]]:
        """For a client: ids of the outputs that can run; what is wrong if there are none; each node's errors."""
        outputs = list(self.plan.targets) if self.plan else []
        error = error_record(self.error) if self.error else None
        return outputs, error, {node_id: each.as_record() for node_id, each in self.problems.items()}

    @property
    def messages(self) -> list[str]:
        """Every error as a sentence."""
        lines = [error.message for problems in self.problems.values() for error in problems.errors]
        return lines or ([] if self.error is None else [self.error.message])


def error_record(error: GraphError) -> dict[str, Any]:
    """An error as clients of the known interface read it."""
    extra: dict[str, Any] = {}
    if error.input_name is not None:
        extra = {"input_name": error.input_name, "received_value": error.found, "input_config": error.wanted}
    elif error.node_id is not None:
        extra = {"node_id": error.node_id, "class_type": error.class_type}
    return {
        "type": error.kind,
        "message": _HEADINGS.get(error.kind, "The workflow cannot run"),
        "details": error.message,
        "extra_info": extra,
    }


_HEADINGS = {
    "missing_node_type": "Unknown node type",
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
    "dependency_cycle": "The links go in a circle",
}


def check_prompt(
    prompt: Any,
    nodes: Mapping[str, NodeSpec],
    *,
    list_files: ListFiles,
    has_file: HasFile,
    targets: Collection[str] | None = None,
) -> Report:
    """Hold a graph against the nodes that exist.

    Args:
        prompt: the API form, as it came.
        nodes: specs by id.
        targets: run only these output nodes; all if None.
    """
    try:
        records = _read_records(prompt, nodes)
        outputs = _choose_outputs(records, nodes, targets)
    except GraphError as error:
        return Report(error=error)
    checker = _Checker(records, nodes, list_files, has_file)
    report = Report()
    good = []
    for output in outputs:
        bad = checker.check_branch(output)
        if not bad:
            good.append(output)
        for node_id in bad:
            checker.problems[node_id].dependent_outputs.append(output)
    report.problems = {node_id: each for node_id, each in checker.problems.items() if each.errors}
    if good:
        report.plan = in_order(checker.planned, good)
    else:
        report.error = GraphError(
            "no output of the workflow can run; mend what is said of its nodes", kind="prompt_outputs_failed_validation"
        )
    return report


def _read_records(prompt: Any, nodes: Mapping[str, NodeSpec]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(prompt, Mapping) or not prompt:
        raise GraphError(
            f"the graph is {_short(prompt)}; wanted an object of node id -> {{class_type, inputs}}",
            kind="invalid_prompt",
        )
    records: dict[str, Mapping[str, Any]] = {}
    for node_id, record in prompt.items():
        refuse_unreadable(str(node_id), record)
        class_type = record.get("class_type")
        if not isinstance(class_type, str) or class_type not in nodes:
            raise _unknown_type(str(node_id), record, nodes)
        records[str(node_id)] = record
    return records


def _unknown_type(node_id: str, record: Mapping[str, Any], nodes: Mapping[str, NodeSpec]) -> GraphError:
    class_type = record.get("class_type")
    if not isinstance(class_type, str):
        message = f"node {node_id}: no class_type; export the workflow again with all its node packs installed"
    else:
        near = difflib.get_close_matches(class_type, list(nodes), n=3)
        hint = f"; near to it: {', '.join(near)}" if near else ""
        message = f"node {node_id}: there is no node type {class_type!r}{hint}; is a node pack missing?"
    return GraphError(message, node_id=node_id, class_type=str(class_type), found=class_type, kind="missing_node_type")


def _choose_outputs(
    records: Mapping[str, Mapping[str, Any]], nodes: Mapping[str, NodeSpec], targets: Collection[str] | None
) -> list[str]:
    outputs = [node_id for node_id, record in records.items() if nodes[record["class_type"]].is_output]
    if targets is not None:
        wanted = [str(each) for each in targets]
        for each in wanted:
            if each not in outputs:
                raise GraphError(f"node {each} was asked for, but it is no output node of this graph", node_id=each)
        outputs = [each for each in outputs if each in wanted]
    if not outputs:
        raise GraphError(
            "no node of this graph saves or shows anything; add a Save Image or Preview Image node",
            kind="prompt_no_outputs",
        )
    return outputs


class _Checker:
    """Checks each node once, whichever outputs need it."""

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Any]],
        nodes: Mapping[str, NodeSpec],
        list_files: ListFiles,
        has_file: HasFile,
    ) -> None:
        self.records = records
        self.nodes = nodes
        self.list_files = list_files
        self.has_file = has_file
        self.planned: dict[str, PlannedNode] = {}
        self.problems: dict[str, NodeProblems] = {}
        self._bad_behind: dict[str, tuple[str, ...]] = {}

    def check_branch(self, output: str) -> tuple[str, ...]:
        """The nodes with errors among those that `output` needs, itself included."""
        walk: list[tuple[str, Iterable[str]]] = []
        open_nodes: dict[str, None] = {}

        def enter(node_id: str) -> None:
            self._check_node(node_id)
            open_nodes[node_id] = None
            walk.append((node_id, iter(self.planned[node_id].sources)))

        if output not in self._bad_behind:
            enter(output)
        while walk:
            node_id, sources = walk[-1]
            source = next(iter(sources), None)
            if source is None:
                walk.pop()
                del open_nodes[node_id]
                bad = [each for one in self.planned[node_id].sources for each in self._bad_behind.get(one, ())]
                if self.problems[node_id].errors:
                    bad.append(node_id)
                self._bad_behind[node_id] = tuple(dict.fromkeys(bad))
            elif source in open_nodes:
                self._refuse_cycle(list(open_nodes), source)
            elif source not in self._bad_behind:
                enter(source)
        return self._bad_behind[output]

    def _refuse_cycle(self, path: list[str], closing: str) -> None:
        circle = path[path.index(closing) :]
        names = " -> ".join([*circle, closing])
        problems = self.problems[closing]
        problems.errors.append(
            GraphError(
                f"node {closing} ({problems.class_type}): its inputs depend on its own output ({names} back to front); "
                "take one of these links away",
                node_id=closing,
                class_type=problems.class_type,
                kind="dependency_cycle",
            )
        )

    def _check_node(self, node_id: str) -> None:
        record = self.records[node_id]
        spec = self.nodes[record["class_type"]]
        problems = self.problems.setdefault(node_id, NodeProblems(record["class_type"], title_of(record)))
        given = record.get("inputs", {})
        values: dict[str, Any] = {}
        links: dict[str, Link] = {}
        for wanted in spec.inputs:
            if wanted.section == "hidden":
                continue
            try:
                if wanted.name not in given:
                    self._check_absent(node_id, spec, wanted)
                elif is_link(given[wanted.name]):
                    links[wanted.name] = self._check_link(node_id, spec, wanted, given[wanted.name])
                else:
                    values[wanted.name] = self._check_value(node_id, spec, wanted, given[wanted.name])
            except GraphError as error:
                problems.errors.append(error)
        self.planned[node_id] = PlannedNode(node_id, spec, values, links, problems.title)

    def _check_absent(self, node_id: str, spec: NodeSpec, wanted: InputSpec) -> None:
        if wanted.section == "required":
            step = "connect it" if not wanted.is_widget else "give it a value"
            raise _problem(
                node_id, spec, wanted, "required_input_missing", None, f"nothing given, wanted {wanted.type}; {step}"
            )

    def _check_link(self, node_id: str, spec: NodeSpec, wanted: InputSpec, value: Any) -> Link:
        source, output = str(value[0]), value[1]
        if isinstance(output, float) and not output.is_integer():  # NaN and the infinities are floats, too
            words = f"found {_short(value)}, wanted a link: node id and whole number of the output"
            raise _problem(node_id, spec, wanted, "bad_linked_input", value, words)
        output = int(output)
        if source not in self.records:
            raise _problem(
                node_id, spec, wanted, "bad_linked_input", value, f"linked to node {source}, which is not in the graph"
            )
        feeding = self.nodes[self.records[source]["class_type"]]
        if not 0 <= output < len(feeding.outputs):
            raise _problem(
                node_id,
                spec,
                wanted,
                "bad_linked_input",
                value,
                f"linked to output {output} of node {source} ({feeding.id}), which has {len(feeding.outputs)}",
            )
        given = feeding.outputs[output].type
        if not types_match(given, wanted.type):
            raise _problem(
                node_id,
                spec,
                wanted,
                "return_type_mismatch",
                value,
                f"gets {given} from node {source} ({feeding.id}), wanted {wanted.type}",
            )
        return Link(source, output)

    def _check_value(self, node_id: str, spec: NodeSpec, wanted: InputSpec, value: Any) -> Any:
        if isinstance(value, Mapping) and "__value__" in value:  # how an editor says: an array, not a link
            value = value["__value__"]
        kind = wanted.type.split(",")[0].strip()
        if kind in _READERS:
            try:
                value = _READERS[kind](value)
            except (TypeError, ValueError, OverflowError):
                raise _problem(
                    node_id, spec, wanted, "invalid_input_type", value, f"found {_short(value)}, wanted {_NAMES[kind]}"
                ) from None
        if isinstance(value, (int, float)) and kind in ("INT", "FLOAT"):
            self._check_range(node_id, spec, wanted, value)
        if kind == "COMBO":
            self._check_choice(node_id, spec, wanted, value)
        if kind in SOCKET_ONLY and (value is not None or wanted.section == "required"):
            raise _problem(
                node_id, spec, wanted, "bad_linked_input", value, f"found {_short(value)}, wanted a link to {kind}"
            )
        return value

    def _check_range(self, node_id: str, spec: NodeSpec, wanted: InputSpec, value: float) -> None:
        low, high = wanted.options.get("min"), wanted.options.get("max")
        if isinstance(value, float) and math.isnan(value):
            raise _problem(node_id, spec, wanted, "invalid_input_type", None, "found NaN, wanted a number")
        if low is not None and value < low:
            raise _problem(
                node_id, spec, wanted, "value_smaller_than_min", value, f"found {_short(value)}, wanted {low} or more"
            )
        if high is not None and value > high:
            raise _problem(
                node_id, spec, wanted, "value_bigger_than_max", value, f"found {_short(value)}, wanted {high} or less"
            )

    def _check_choice(self, node_id: str, spec: NodeSpec, wanted: InputSpec, value: Any) -> None:
        choices = wanted.choices
        if wanted.files is not None:
            if value in wanted.extra_choices or (isinstance(value, str) and self.has_file(wanted.files, value)):
                return
            choices = (*self.list_files(wanted.files), *wanted.extra_choices)
        elif choices is None or value in choices:
            return
        if wanted.files is not None and not choices:
            words = (
                f"found {_short(value)}, but there is no file of the kind {wanted.files!r}; put one into that folder"
            )
        else:
            quoted = ", ".join(map(str, choices[:QUOTED_CHOICES]))
            more = f" and {len(choices) - QUOTED_CHOICES} more" if len(choices) > QUOTED_CHOICES else ""
            near = difflib.get_close_matches(str(value)[:200], [str(each) for each in choices], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            missing = "which is not there; put it there, or choose" if wanted.files is not None else "wanted"
            words = f"found {_short(value)}, {missing} one of: {quoted}{more}{hint}"
        raise _problem(node_id, spec, wanted, "value_not_in_list", value, words)


def _problem(node_id: str, spec: NodeSpec, wanted: InputSpec, kind: str, found: Any, words: str) -> GraphError:
    return GraphError(
        f"node {node_id} ({spec.id}), {wanted.name}: {words}",
        node_id=node_id,
        class_type=spec.id,
        input_name=wanted.name,
        found=found,
        wanted=[wanted.type, {key: value for key, value in wanted.options.items() if key != "tooltip"}],
        kind=kind,
    )


def _read_int(value: Any) -> int:
    if isinstance(value, str):
        value = value.strip()
        return int(value) if not any(sign in value for sign in ".eE") else _read_int(float(value))
    return int(value)


def _read_truth(value: Any) -> bool:
    if isinstance(value, str):
        value = TRUTHS.get(value.strip().lower())
    if not isinstance(value, (bool, int, float)):
        raise TypeError
    return bool(value)


def _read_text(value: Any) -> str:
    if isinstance(value, (Mapping, list)):
        raise TypeError
    return value if isinstance(value, str) else str(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "INT": _read_int,
    "FLOAT": float,
    "STRING": _read_text,
    "BOOLEAN": _read_truth,
}
_NAMES = {"INT": "a whole number", "FLOAT": "a number", "STRING": "a text", "BOOLEAN": "true or false"}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
