"""The order in which a graph's targets are made."""

from __future__ import annotations

import pytest

from execution import plan as plans
from execution.plan import Link, Plan, PlannedNode, nearest_first
from heddle.graph.spec import NodeSpec


def a_plan() -> Plan:
    """Three targets: `far` lacks four nodes, `near` two, `middle` three; `far` and `middle` share one."""
    feeds = {
        "a": (),
        "b": ("a",),
        "c": ("b",),
        "far": ("c",),
        "d": (),
        "near": ("d",),
        "e": ("a",),
        "middle": ("e", "a"),
    }
    nodes = {
        name: PlannedNode(name, NodeSpec("Any"), {}, {each: Link(each, 0) for each in sources})
        for name, sources in feeds.items()
    }
    return Plan(nodes, ("far", "near", "middle"))


def test_what_lacks_least_comes_first_and_its_nodes_before_others() -> None:
    plan = nearest_first(a_plan(), ())
    assert plan.targets == ("near", "middle", "far")
    assert plan.order == ("d", "near", "a", "e", "middle", "b", "c", "far")


def test_nothing_behind_a_known_result_is_lacking() -> None:
    assert nearest_first(a_plan(), {"c", "d"}).targets == ("far", "near", "middle")


def test_a_graph_too_large_to_be_counted_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_COUNTED", 7)
    assert nearest_first(a_plan(), ()).targets == ("far", "near", "middle")
