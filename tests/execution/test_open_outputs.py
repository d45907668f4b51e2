"""Nodes that may give more outputs than they declare: their RETURN_TYPES answer for every place."""

from __future__ import annotations

from typing import Any

import pytest

from heddle.graph.graph_builder import GraphBuilder
from heddle.graph.object_info import record_of, spec_of_record
from heddle.graph.results import ExecutionBlocker
from tests.execution.packs import pack_node, pack_worker, show
from tests.execution.toys import graph, run


class AnyNumber(tuple[str, ...]):
    """The types of as many outputs as a page's script gives the node: each place has the first one's."""

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(0)


def several(go: Any) -> Any:
    return pack_node("Several", go, outputs=AnyNumber(("STRING",)))


def test_outputs_beyond_the_declared_ones_may_be_linked() -> None:
    made = pack_worker(several(lambda: ("a", "b", "c")))
    heard = run(made, graph(n1=("Several", {}), n2=show("1"), n3=show("1", 2)))
    assert sorted(heard.shown()) == ["a", "c"]


def test_their_type_is_checked_also_by_who_knows_the_catalogue_alone() -> None:
    node = several(lambda: ("a", "b"))
    made = pack_worker(node)
    assert node.output(7) is not None
    assert spec_of_record("Several", record_of(node)).output(7) == node.output(7)
    number = pack_node("Number", lambda number: (number,), takes={"number": ("INT", {})})
    heard = run(pack_worker(node, number), graph(n1=("Several", {}), n2=("Number", {"number": ["1", 1]}), n3=show("2")))
    assert heard.end.status == "error" and "gets STRING" in heard.end.message
    heard = run(made, graph(n1=("Several", {}), n2=show("1", -1)))
    assert heard.end.status == "error" and "linked to output -1" in heard.end.message


def test_a_place_that_got_nothing_is_named() -> None:
    heard = run(pack_worker(several(lambda: ("a", "b"))), graph(n1=("Several", {}), n2=show("1", 5), n3=show("1", 1)))
    (failed,) = heard.of("node_failed")
    assert failed.node_id == "2" and "node 1: gave 2 outputs, but number 5 is linked" in failed.message
    assert heard.shown() == ["b"]


@pytest.mark.parametrize("answer", [ExecutionBlocker(None), (ExecutionBlocker(None),)])
def test_a_blocker_in_the_place_of_all_outputs_stands_for_those_too(answer: Any) -> None:
    heard = run(pack_worker(several(lambda: answer)), graph(n1=("Several", {}), n2=show("1", 3), n3=show("1")))
    assert heard.end.status == "success" and heard.shown() == []


def test_a_graph_in_its_place_gives_them_too() -> None:
    def unfold() -> Any:
        made = GraphBuilder()
        return {"result": tuple(made.node("Make", text=text).out(0) for text in "xyz"), "expand": made.finalize()}

    heard = run(pack_worker(several(unfold)), graph(n1=("Several", {}), n2=show("1", 2)))
    assert heard.shown() == ["z"]


def test_a_plain_tuple_of_types_gives_no_more_than_it_lists() -> None:
    made = pack_worker(pack_node("Lone", lambda: ("a", "b"), outputs=("STRING",)))
    heard = run(made, graph(n1=("Lone", {}), n2=show("1", 1)))
    assert heard.end.status == "error" and "linked to output 1 of node 1 (Lone), which has 1" in heard.end.message
