"""What a node is called with: values, results of its sources, and what the engine fills in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.cache import Result
from execution.capsules import Capsules
from execution.job import House, Job
from execution.plan import Link, PlannedNode
from execution.protection import Seals
from heddle.graph.capsule import KEY
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.errors import GraphError
from heddle.graph.results import ExecutionBlocker
from heddle.graph.said import say
from heddle.graph.spec import FILLED


def hidden_inputs(
    node: PlannedNode, job: Job, graph: DynamicPrompt, capsules: Capsules | None = None
) -> dict[str, Any]:
    """What a node's hidden inputs hold, by name; what goes into pictures with the capsule of the job."""
    given: dict[str, Any] = {}
    for name, kind in node.spec.hidden.items():
        match kind:
            case "PROMPT":
                given[name] = job.prompt
            case "DYNPROMPT":
                given[name] = graph
            case "EXTRA_PNGINFO":
                sent = job.extra_pnginfo or None  # packs look for None where nothing was sent
                if sent is not None and capsules is not None:
                    sent = {**sent, KEY: capsules.of(job.plan)}
                given[name] = sent
            case "UNIQUE_ID":
                given[name] = node.id
            case _ if kind in FILLED:
                given[name] = job.keys.get(kind)
            case _:  # given in the graph, or not at all
                pass
    return given


class JobInputs:
    """Puts the inputs of a job's nodes together, and watches over those that belong to others, too.

    Args:
        results: the job's results by node id, as they are when a node is called.
    """

    def __init__(self, house: House, results: Mapping[str, Result]) -> None:
        self._results = results
        self._watch = house.protection
        self._seals = Seals(house.protection) if house.protection is not None else None
        self._asked: dict[str, set[str]] = {}

    def ask_for(self, node_id: str, names: Mapping[str, None]) -> None:
        """From now on these lazy inputs are given."""
        self._asked.setdefault(node_id, set()).update(names)

    def ask_anew(self, node_id: str) -> None:
        """Another graph has this id now."""
        self._asked.pop(node_id, None)

    def gather(self, node: PlannedNode, inputs: dict[str, list[Any]]) -> dict[str, Link]:
        """Put a node's inputs into `inputs`, each as the list of its values.

        Returns: the lazy links that it has not asked for. These are None for it even if their results are there: what
        a node gives must not depend on what else has run.
        """
        missing = {}
        asked = self._asked.get(node.id, ())
        watch = self._watch
        if watch is not None and not watch.watches(node):
            watch = None
        for name, value in node.values.items():
            inputs[name] = [value]
        for name, link in node.links.items():
            if name in node.lazy_links and name not in asked:
                missing[name] = link
                inputs[name] = [None]
            else:
                values = self.values_of(link)
                if watch is not None and self._seals is not None:
                    if watch.must_copy(node):
                        values = watch.copy_of(values)
                    else:
                        self._seals.take(link.source, link.output, values)
                inputs[name] = values
        for name, link in node.raw.items():
            inputs[name] = [[link.source, link.output]]
        return missing

    def values_of(self, link: Link) -> list[Any]:
        """What an output gave. Raises: GraphError, if its node gave fewer outputs than that this time."""
        outputs = self._results[link.source].outputs
        if link.output < len(outputs):
            return outputs[link.output]
        # Of outputs that nobody declared it is known afterwards how many there are; a blocker stands for all of them.
        if outputs and outputs[0] and all(isinstance(each, ExecutionBlocker) for each in outputs[0]):
            return outputs[0]
        raise GraphError(
            say(
                "node {source}: gave {count} outputs, but number {output} is linked, counted from 0; let "
                "it give more or take the link away",
                source=link.source,
                count=len(outputs),
                output=link.output,
            ),
            node_id=link.source,
        )

    def changed_by(self, node: PlannedNode) -> tuple[list[str], set[int]]:
        """After a call: the inputs that the node changed in place, and marks of the memory that they lie in."""
        names: list[str] = []
        memory: set[int] = set()
        watch = self._watch
        if watch is not None and self._seals is not None and watch.watches(node) and not watch.must_copy(node):
            for name, link in node.links.items():
                if link.source not in self._results:
                    continue
                values = self.values_of(link)
                if self._seals.is_broken(link.source, link.output, values):
                    memory.update(watch.memory_of(values))
                    names.append(name)
        return names, memory

    def forget_seals(self, node_id: str) -> None:
        """The node's result is made again."""
        if self._seals is not None:
            self._seals.forget(node_id)
