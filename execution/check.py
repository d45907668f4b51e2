"""An API-form graph held against the nodes that exist: a `Plan`, or errors that name node, input, found and wanted.

Only what the output nodes need is checked; an output whose branch has errors is left out, the others run. A graph that
names unknown node types is refused as a whole. What is asked of one input stands in `execution.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from execution.checks.missing import all_missing, missing_types
from execution.checks.report import NodeProblems, Report
from execution.checks.sockets import output_types, shared_types, shares_types
from execution.checks.told import about, files_of, place_of, source_of
from execution.checks.values import SCALARS, Files, HasFile, ListFiles, Unfit, Values, glance
from execution.checks.words import Nearest, carried, input_problem
from execution.plan import Link, Plan, PlannedNode, in_order
from heddle.graph.dynamic import resolve
from heddle.graph.errors import GraphError
from heddle.graph.quoting import short
from heddle.graph.said import say
from heddle.graph.spec import ANY_LINK, MATCH_TYPE, InputSpec, NodeSpec, types_match
from heddle.graph.workflow import is_kept, is_link, refuse_unreadable, title_of

__all__ = ["Ask", "NodeProblems", "Report", "check_prompt"]

#: Asks a node whether it takes its inputs, given also the types that arrive at linked ones. Returns: why not, or None.
Ask = Callable[[PlannedNode, Mapping[str, str]], str | None]

#: How many outputs are named as depending on one node with errors, and how many nodes of a circle.
NAMED_OUTPUTS, NAMED_IN_CIRCLE = 64, 20

#: Ids are written into many messages; those of nodes deep inside subgraphs hold one number for each level.
MOST_ID_CHARS = 10_000


def check_prompt(
    prompt: Any,
    nodes: Mapping[str, NodeSpec],
    *,
    list_files: ListFiles,
    has_file: HasFile,
    targets: Collection[str] | None = None,
    ask: Ask | None = None,
) -> Report:
    """Hold a graph against the nodes that exist.

    Args:
        prompt: the API form, as it came.
        nodes: specs by id.
        targets: run only these output nodes; all if None.
        ask: asks a node that has a check of its own; such nodes are listed in the report if None.
    """
    try:
        records = _read_records(prompt)
        checker = _Checker(records, nodes, Values(Files(list_files, has_file), Nearest()), ask)
        if missing := missing_types(records, nodes):
            checker.blame_missing(missing)
            return Report(error=all_missing(records, missing, checker.missing_files), problems=checker.problems)
        outputs = _choose_outputs(checker, targets)
    except GraphError as error:
        return Report(error=error)
    good = [output for output in outputs if checker.is_sound(output)]
    report = Report(problems=checker.problems, unasked=checker.unasked)
    for node_id, dependent in checker.outputs_behind(outputs).items():
        report.problems[node_id].dependent_outputs = dependent
    if len(good) == len(outputs):
        report.plan = Plan(checker.in_order(), tuple(good))  # nothing was walked in vain
    elif good:
        report.plan = in_order(checker.planned, good)
    else:
        lacking = all_missing(records, {}, checker.missing_files)
        more = say(": {lacking}", lacking=lacking.message) if lacking else ""
        report.error = GraphError(
            say("each output needs a node that has an error; mend what is said of these nodes{more}", more=more),
            kind="prompt_outputs_failed_validation",
        )
    return report


def _read_records(prompt: Any) -> dict[str, Mapping[str, Any]]:
    if not isinstance(prompt, Mapping) or not prompt:
        raise GraphError(
            say("the graph is {found}; wanted an object of node id -> {{class_type, inputs}}", found=short(prompt)),
            kind="invalid_prompt",
        )
    records: dict[str, Mapping[str, Any]] = {}
    for key, record in prompt.items():
        if not isinstance(key, (str, int)) or isinstance(key, bool):
            raise GraphError(
                say("a node has the id {id}; wanted a text or a number", id=short(key)), kind="invalid_prompt"
            )
        node_id = key if isinstance(key, str) else short(key)
        if len(node_id) > MOST_ID_CHARS:
            raise GraphError(
                say(
                    "a node's id has {count} letters; wanted {most_id_chars} or fewer",
                    count=len(node_id),
                    most_id_chars=MOST_ID_CHARS,
                ),
                kind="invalid_prompt",
            )
        if node_id in records:
            raise GraphError(
                say(
                    "node {node}: two nodes have this id, once as a text and once as a number; give one another id",
                    node=node_id,
                ),
                node_id=node_id,
                kind="invalid_prompt",
            )
        if type(record) is not dict or type(record.get("inputs")) is not dict:
            refuse_unreadable(node_id, record)
        records[node_id] = record
    return records


def _choose_outputs(checker: _Checker, targets: Collection[str] | None) -> list[str]:
    outputs = [
        node_id for node_id, record in checker.records.items() if checker.kind(record["class_type"]).spec.is_output
    ]
    if targets is not None:
        wanted, known = dict.fromkeys(map(str, targets)), set(outputs)
        for each in wanted:
            if each not in known:
                raise GraphError(
                    say("node {each} was asked for, but it is no output node of this graph", each=each), node_id=each
                )
        outputs = [each for each in outputs if each in wanted]
    if not outputs:
        raise GraphError(
            say("no node of this graph saves or shows anything; add a Save Image or Preview Image node"),
            kind="prompt_no_outputs",
        )
    return outputs


class _Kind:
    """What the check needs to know of a node type, worked out once."""

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.inputs: dict[str, InputSpec] = {}
        for each in spec.inputs:
            if each.section != "hidden":
                self.inputs.setdefault(each.name, each)
        self.glances = tuple((each, *glance(each)) for each in self.inputs.values())
        self.output_types = tuple("*" if each.type == MATCH_TYPE else each.type for each in spec.outputs)
        self.shares_types = shares_types(spec)
        self.checks_types = spec.validation is None or not spec.validation.takes_types

    @classmethod
    def of(cls, spec: NodeSpec) -> _Kind:
        found = spec.worked_out.get(cls)
        if found is None:
            found = spec.worked_out[cls] = cls(spec)
        return found

    def node_asks(self, name: str) -> bool:
        validation = self.spec.validation
        return validation is not None and validation.answers_for(name)


_ABSENT = object()
_NOTHING: Mapping[str, Any] = {}  # one for all nodes without any: a plan of 10,000 is smaller so


class _Checker:
    """Checks each node once, whichever outputs need it."""

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Any]],
        nodes: Mapping[str, NodeSpec],
        values: Values,
        ask: Ask | None,
    ) -> None:
        self.records = records
        self.planned: dict[str, PlannedNode] = {}
        self.problems: dict[str, NodeProblems] = {}
        self.unasked: list[str] = []
        self._nodes = nodes
        self._values = values
        self._ask = ask
        self._kinds: dict[str, _Kind] = {}
        self._output_types: dict[str, tuple[str, ...]] = {}
        self.missing_files: list[GraphError] = []
        self._is_sound: dict[str, bool] = {}  # of nodes whose branch was walked to its end, which come first
        self._closing: set[str] = set()

    def kind(self, class_type: str) -> _Kind:
        found = self._kinds.get(class_type)
        if found is None:
            found = self._kinds[class_type] = _Kind.of(self._nodes[class_type])
        return found

    def is_sound(self, output: str) -> bool:
        """True if neither `output` nor what it needs has errors. The walk keeps its own stack, as deep as it likes."""
        walk: list[tuple[PlannedNode, _Kind, Iterator[str]]] = []
        depth: dict[str, int] = {}

        def enter(node_id: str) -> None:
            record = self.records[node_id]
            kind = self.kind(record["class_type"])
            node = self._read_node(node_id, record, kind)
            depth[node_id] = len(walk)
            walk.append((node, kind, iter(node.sources)))

        if output not in self._is_sound:
            enter(output)
        while walk:
            node, kind, sources = walk[-1]
            for source in sources:
                if source in depth:
                    self._refuse_circle(
                        [each.id for each, *_ in walk[depth[source] : depth[source] + NAMED_IN_CIRCLE]], source
                    )
                elif source not in self._is_sound:
                    enter(source)
                    break
            else:
                walk.pop()
                del depth[node.id]
                self._finish_node(node, kind)
        return self._is_sound[output]

    def in_order(self) -> dict[str, PlannedNode]:
        """The nodes of all branches that were walked, each after those behind it."""
        return {node_id: self.planned[node_id] for node_id in self._is_sound}

    def outputs_behind(self, outputs: Iterable[str]) -> dict[str, list[str]]:
        """For each node with errors the outputs that need it."""
        if not self.problems:
            return {}
        place = {output: number for number, output in enumerate(outputs)}
        needed_by: dict[str, tuple[str, ...]] = {output: (output,) for output in outputs}
        for node_id in reversed(self._is_sound):  # those that need a node come before it
            ours = needed_by.get(node_id, ())
            for source in self.planned[node_id].sources:
                theirs = needed_by.get(source)
                if theirs is None:
                    needed_by[source] = ours
                elif theirs is not ours and len(theirs) < NAMED_OUTPUTS:
                    needed_by[source] = tuple(dict.fromkeys(theirs + ours))[:NAMED_OUTPUTS]
        return {node_id: sorted(needed_by[node_id], key=place.__getitem__) for node_id in self.problems}

    def _refuse_circle(self, circle: list[str], closing: str) -> None:
        if closing in self._closing:
            return
        self._closing.add(closing)
        class_type = self.records[closing]["class_type"]
        names = " -> ".join([*circle, closing] if len(circle) < NAMED_IN_CIRCLE else [*circle, "...", closing])
        words = say(
            "its inputs depend on its own output ({names} back to front); take one of these links away", names=names
        )
        self._blame(
            closing,
            GraphError(
                say("node {closing} ({type}): {words}", closing=closing, type=class_type, words=words),
                node_id=closing,
                class_type=class_type,
                kind="dependency_cycle",
            ),
        )

    def _blame(self, node_id: str, error: GraphError) -> None:
        if node_id not in self.problems:
            record = self.records[node_id]
            self.problems[node_id] = NodeProblems(str(error.class_type), title_of(record))
        self.problems[node_id].errors.append(error)

    def blame_missing(self, types: Mapping[str, GraphError]) -> None:
        """Note the unknown types and each file that is not there, whichever outputs need its node."""
        for node_id, record in self.records.items():
            if node_id in types:
                self._blame(node_id, types[node_id])
                self._blame_told_files(node_id, record)
                continue
            kind = self.kind(record["class_type"])
            given = record.get("inputs", {})
            inputs = resolve(kind.spec, given).inputs if kind.spec.is_dynamic else kind.inputs
            for name, wanted in inputs.items():
                if wanted.type_names[0] == "COMBO" and not kind.node_asks(name) and isinstance(given.get(name), str):
                    try:
                        self._values.read(wanted, given[name])
                    except Unfit as error:
                        if error.file is not None:
                            self._blame_value(node_id, kind.spec, wanted, given[name], error)

    def _blame_told_files(self, node_id: str, record: Mapping[str, Any]) -> None:
        """Note the files that the workflow says it has for a node of which nothing else is known."""
        for file in files_of(record):
            kind, place = file.get("directory", ""), f"node {node_id}{about(record)}"
            if not kind or self._values.files.has_anywhere(kind, file["name"]):
                continue
            source = say("; it comes from {url}", url=file["url"]) if "url" in file else ""
            words = say(
                "{place}: there is no file {name} of the kind {kind!r}; put it there{source}",
                place=place,
                name=short(file["name"]),
                kind=kind,
                source=source,
            )
            facts = place_of(record) | {"missing_file": {"kind": kind, "near": [], **file}}
            class_type = carried(record.get("class_type"))
            error = GraphError(
                words, node_id=node_id, class_type=class_type, found=file["name"], kind="missing_model", more=facts
            )
            self._blame(node_id, error)
            self.missing_files.append(error)

    def _blame_value(self, node_id: str, spec: NodeSpec, wanted: InputSpec, value: Any, error: Unfit) -> None:
        facts: dict[str, Any] = {"linked_node": carried(value)} if is_link(value) else {}
        facts |= {"near": list(error.near)} if error.near and error.file is None else {}
        words = error.words
        if error.file is not None:
            record = self.records[node_id]
            source = source_of(record, error.found)
            facts = place_of(record) | {"missing_file": {"name": carried(error.found), **error.file, **source}}
            if "url" in source:
                words = say("{words}; it comes from {url}", words=words, url=source["url"])
        self._blame_input(node_id, spec, wanted, error.kind, error.found, words, **facts)
        if error.file is not None:
            self.missing_files.append(self.problems[node_id].errors[-1])

    def _blame_input(
        self, node_id: str, spec: NodeSpec, wanted: InputSpec, kind: str, found: Any, words: str, **more: Any
    ) -> None:
        place = about(self.records[node_id], spec)
        self._blame(node_id, input_problem(node_id, spec, wanted, kind, found, words, about=place, **more))

    def _read_node(self, node_id: str, record: Mapping[str, Any], kind: _Kind) -> PlannedNode:
        """The node with its values and links; what is wrong with them is noted."""
        spec = kind.spec
        given = record.get("inputs", {})
        values: dict[str, Any] = {}
        links: dict[str, Link] = {}
        raw: dict[str, Link] | None = None
        glances = kind.glances
        more: Mapping[str, InputSpec] = _NOTHING
        if spec.is_dynamic:
            resolved = resolve(spec, given)
            more = resolved.added
            glances = [(each, *glance(each)) for each in resolved.inputs.values()]
            for crowded, count in resolved.crowded:
                most = crowded.options["template"]["max"]
                words = say("found {count} elements, wanted {most} or less", count=count, most=most)
                self._blame_input(node_id, spec, crowded, "value_bigger_than_max", count, words)
        for wanted, own, low, high in glances:
            name = wanted.name
            value = given.get(name, _ABSENT)
            if type(value) is own and (low is None or low <= value <= high):
                values[name] = value
                continue
            if value is _ABSENT:
                if wanted.section == "required":
                    step = say("give it a value") if wanted.is_widget else say("connect it")
                    words = say("nothing given, wanted {type}; {step}", type=wanted.type, step=step)
                    self._blame_input(node_id, spec, wanted, "required_input_missing", None, words)
                continue
            try:
                if type(value) not in SCALARS and is_link(value):
                    link = self._read_link(value)
                    if wanted.options.get("rawLink"):
                        raw = {} if raw is None else raw
                        raw[name] = link
                    else:
                        links[name] = link
                else:
                    values[name] = self._values.read(wanted, value, node_asks=kind.node_asks(name))
            except Unfit as error:
                self._blame_value(node_id, spec, wanted, value, error)
        node = PlannedNode(node_id, spec, values, links, title_of(record), raw or _NOTHING, more, is_kept(record))
        self.planned[node_id] = node
        self._output_types[node_id] = kind.output_types
        return node

    def _read_link(self, value: Any) -> Link:
        source, output = value
        if type(source) is not str:
            source = short(source)
        if type(output) is not int:
            if not float(output).is_integer():  # NaN and the infinities are floats, too
                words = say("found {found}, wanted a link: node id and whole number of the output", found=short(value))
                raise Unfit("bad_linked_input", value, words)
            output = int(output)
        record = self.records.get(source)
        if record is None:
            raise Unfit(
                "bad_linked_input", value, say("linked to node {source}, which is not in the graph", source=source[:80])
            )
        feeding = self.kind(record["class_type"]).spec
        if feeding.output(output) is None:
            words = say(
                "linked to output {output} of node {source} ({type}), which has {count}",
                output=short(output),
                source=source,
                type=feeding.id,
                count=len(feeding.outputs),
            )
            raise Unfit("bad_linked_input", value, words)
        return Link(source, output)

    def _finish_node(self, node: PlannedNode, kind: _Kind) -> None:
        """Look at the node's links and ask it, now that all behind it is known."""
        links = {**node.links, **node.raw} if node.raw else node.links
        arriving = {name: self._type_of(link) for name, link in links.items()}
        if kind.checks_types:
            for name, given in arriving.items():
                wanted = node.more.get(name) or kind.inputs[name]
                fits = given == wanted.type or types_match(given, wanted.type)
                if not fits and not wanted.options.get(ANY_LINK):
                    self._blame_link(node, name, links[name], given, wanted.type)
        if kind.shares_types:
            templates, mismatches = shared_types({**kind.inputs, **node.more}, arriving)
            for each in mismatches if kind.checks_types else ():
                self._blame_link(node, each.input_name, links[each.input_name], each.given, each.wanted)
            self._output_types[node.id] = output_types(kind.spec, templates)
        if kind.spec.validation is not None and node.id not in self.problems:
            self._ask_node(node, arriving)
        is_sound = node.id not in self.problems
        for link in links.values():
            is_sound = is_sound and self._is_sound.get(link.source, False)
        self._is_sound[node.id] = is_sound

    def _type_of(self, link: Link) -> str:
        types = self._output_types[link.source]
        if link.output < len(types):
            return types[link.output]
        more = self.planned[link.source].spec.open_output
        assert more is not None, "links to outputs that are not there were refused"
        return more.type

    def _blame_link(self, node: PlannedNode, name: str, link: Link, given: str, wanted: str) -> None:
        spec = self.planned[link.source].spec
        words = say(
            "gets {given} from node {source} ({type}), wanted {wanted}",
            given=given,
            source=link.source,
            type=spec.id,
            wanted=wanted,
        )
        found = [link.source, link.output]
        wanted_input = node.input(name)
        assert wanted_input is not None
        self._blame_input(
            node.id,
            node.spec,
            wanted_input,
            "return_type_mismatch",
            found,
            words,
            received_type=given,
            linked_node=found,
        )

    def _ask_node(self, node: PlannedNode, arriving: Mapping[str, str]) -> None:
        validation = node.spec.validation
        if validation is None or validation.ask is None or self._ask is None:
            self.unasked.append(node.id)
            return
        refusal = self._ask(node, arriving)
        if refusal is None:
            return
        kind = "custom_validation_failed"
        checked = node.input(next(iter(validation.names))) if len(validation.names) == 1 else None
        if checked is not None:
            found = node.values.get(checked.name)
            self._blame_input(node.id, node.spec, checked, kind, found, refusal)
        else:
            words = say("node {node} ({type}): {refusal}", node=node.id, type=node.spec.id, refusal=refusal)
            self._blame(node.id, GraphError(words, node_id=node.id, class_type=node.spec.id, kind=kind))
