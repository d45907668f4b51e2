"""The results of a job's nodes: the keys that they are kept under, where they were found, and why nodes ran."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from execution.cache import Result
from execution.calling import is_outside
from execution.events import NodeNote
from execution.explain import How
from execution.failures import in_words
from execution.inputs import hidden_inputs
from execution.job import Emit, House, Job
from execution.keys import is_once, node_keys, told_text, unique_token
from execution.plan import PlannedNode
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.errors import Cancelled, HeddleError
from heddle.graph.running import call_of
from heddle.graph.said import say

_FROM_MEMORY: dict[str, Any] = {"how": "memory"}


class JobResults:
    """What one job has, and how it came to it.

    Attributes:
        nodes: those of the graph, and of graphs that nodes put in their place.
        by_node: the results that are at hand.
        executed: nodes with a result, in the order in which these came.
        how: node id -> how its result came, as `explain` tells it.
    """

    def __init__(self, job: Job, house: House, graph: DynamicPrompt, nodes: dict[str, PlannedNode], emit: Emit) -> None:
        self._job, self._house, self._graph, self._emit = job, house, graph, emit
        self.nodes = nodes
        self.by_node: dict[str, Result] = {}
        self.executed: dict[str, None] = {}
        self.how: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._cost_s: dict[str, float] = {}  # to make a node's result again, with all behind it that is not on disk
        self._spent_s = 0.0  # on nodes that ran

    def make_keys(self, nodes: Iterable[PlannedNode]) -> None:
        """Give nodes their keys, sources first. Raises: Cancelled, while nodes are asked whether something changed."""
        nodes = list(nodes)
        asking = [node for node in nodes if node.spec.fingerprint is not None]
        if asking:
            self._ask_fingerprints(asking)
        self._told |= {node.id: unique_token() for node in nodes if not node.is_kept}
        if self._job.use_cache:
            node_keys(nodes, self._house.fingerprint, self._house.code_version, self._told, self._keys)
        else:
            self._keys |= {node.id: unique_token() for node in nodes}

    def _ask_fingerprints(self, nodes: Iterable[PlannedNode]) -> None:
        """Ask nodes whether what they read has changed. One that cannot say counts as changed."""
        for node in nodes:
            if self._job.stop.is_set():
                raise Cancelled()
            ask = node.spec.fingerprint
            assert ask is not None
            inputs: dict[str, Any] = {**node.values, **dict.fromkeys((*node.links, *node.raw))}
            hidden = hidden_inputs(node, self._job, self._graph)
            if node.spec.takes_lists:
                inputs, hidden = ({name: [value] for name, value in each.items()} for each in (inputs, hidden))
            try:
                with self._house.guard(), call_of(None, node.id, 0, self._job.id):
                    answer = ask(**inputs, **hidden)
                    if is_outside(answer):
                        answer = self._house.outside.wait_for(answer, contextvars.copy_context(), self._job.stop)
                self._told[node.id] = told_text(answer)
            except Cancelled:
                raise
            except BaseException as error:  # a pack's own code
                self._job.let_through(error)
                self._told[node.id] = unique_token()
                words = say("whether it has changed cannot be told ({why}), so it runs", why=in_words(error))
                self._emit(NodeNote(node.id, words))

    def look_up(self, nodes: Iterable[str]) -> dict[str, None]:
        """The nodes among these whose results are kept in memory; these are at hand then."""
        if not self._job.use_cache:
            return {}
        known: dict[str, None] = {}
        for node_id in nodes:
            result = self._house.cache.get(self._keys[node_id])
            if result is not None and _is_still_there(result, self._house.folders):
                self.by_node[node_id] = result
                self.executed[node_id] = None
                self.how[node_id] = _FROM_MEMORY
                known[node_id] = None
        return known

    def look_on_disk(self, targets: Iterable[str], known: Mapping[str, None]) -> dict[str, None]:
        """The nodes behind the targets, nearest to them, whose results lie on disk; these are at hand then."""
        found: dict[str, None] = {}
        disk = self._house.disk
        if disk is None or not self._job.use_cache:
            return found
        disk.look_again()
        seen: set[str] = set()
        waiting = [*targets]
        while waiting:
            node_id = waiting.pop()
            if node_id in seen or node_id in known:
                continue
            seen.add(node_id)
            node, key = self.nodes[node_id], self._keys[node_id]
            result = disk.get(key) if key in disk else None
            if result is None:
                waiting += node.sources
                continue
            self._house.cache.put(key, result, self._cost_s.get(node_id, 0.0))
            self.by_node[node_id] = result
            self.executed[node_id] = None
            self.how[node_id] = {"how": "disk"}
            found[node_id] = None
        return found

    def keep(self, node: PlannedNode, result: Result, seconds: float) -> None:
        """Keep a result for later jobs, and for another worker, should this one die."""
        self._spent_s += seconds
        # Sources that several nodes share are made once: all together never takes longer than the job has so far.
        behind_s = sum(self._cost_s.get(source, 0.0) for source in node.needs)
        self._cost_s[node.id] = cost_s = min(seconds + behind_s, self._spent_s)
        if not self._job.use_cache:
            return
        self._house.cache.put(self._keys[node.id], result, seconds)
        # What writes files or shows them must do so again in another process.
        disk, key = self._house.disk, self._keys[node.id]
        if disk is None or node.spec.is_output or cost_s < disk.worth_s:
            return
        if not is_once(key) and disk.put(key, result, cost_s):
            self._cost_s[node.id] = 0.0

    def explain(self, node: PlannedNode, how: How, seconds: float) -> None:
        """Note why a node ran, against the last time."""
        told = self._told.get(node.id)
        last_time = self._house.last_time
        why = last_time.why(node, self._keys, told) if self._job.use_cache else ["results are not kept"]
        self.how[node.id] = {"how": how, "why": why, "seconds": round(seconds, 6)}
        if how == "ran":
            last_time.remember(node, self._keys, told)

    def explain_rest(self) -> None:
        """The job ends: say of all others that nothing needed them, or that an earlier try ended them."""
        for node_id in self.nodes:
            if node_id not in self.how:
                self.how[node_id] = {"how": "finished" if node_id in self._job.finished else "skipped"}

    def throw_away(self, memory: set[int], memory_of: Callable[[Any], Iterable[int]], but: str) -> list[str]:
        """Give up, here and in the cache, each result that lies in this memory, but one node's. Returns: whose."""

        def is_spoiled(result: Result) -> bool:
            return not memory.isdisjoint(memory_of(result.outputs))

        self._house.cache.drop_where(is_spoiled)
        spoiled = [node_id for node_id, each in self.by_node.items() if node_id != but and is_spoiled(each)]
        for node_id in spoiled:
            del self.by_node[node_id]
            if self._house.disk is not None:
                self._house.disk.drop(self._keys[node_id])
        return spoiled

    def drop_once(self) -> None:
        """What no later job can ask for leaves the cache."""
        for key in filter(is_once, self._keys.values()):
            self._house.cache.drop(key)


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
