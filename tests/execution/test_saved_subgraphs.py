"""Subgraphs and older group nodes of saved workflows."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from execution.convert import to_prompt
from heddle.graph.errors import GraphError
from tests.execution.saved_files import inputs_of, node, registry, saved, slot, subgraph

EMPTY = node(1, "Empty", values=[64], outs=["LATENT"])


def sampler(id: Any, *links: Any, **more: Any) -> dict[str, Any]:
    """A Sample node whose latent, seed and steps may be linked."""
    latent, seed, steps = (*links, None, None, None)[:3]
    slots = (slot("latent", "LATENT", latent), slot("seed", "INT", seed, True), slot("steps", "INT", steps, True))
    return node(id, "Sample", *slots, **({"values": [5, "fixed", 6, "heun"], "outs": ["LATENT"]} | more))


def twice(**more: Any) -> dict[str, Any]:
    """A definition with one sampler; its inputs are a latent, a seed and steps."""
    return subgraph(
        "one",
        sampler(15, 1, 2, 3),
        links=[(1, -10, 0, 15, 0), (2, -10, 1, 15, 1), (3, -10, 2, 15, 2), (4, 15, 0, -20, 0)],
        inputs=["latent", "seed", "steps"],
        outputs=["LATENT"],
        **more,
    )


def instance(id: Any, link: Any = None, kind: str = "one", **more: Any) -> dict[str, Any]:
    return node(id, kind, slot("latent", "LATENT", link), outs=["LATENT"], **more)


DECODE = node(9, "Decode", slot("samples", "LATENT", 8))
TO_END = [[7, 1, 0, 8, 0, "LATENT"], [8, 8, 0, 9, 0, "LATENT"]]


def test_inner_nodes_get_the_instance_s_id_before_their_own_and_links_go_through() -> None:
    made = inputs_of(saved(EMPTY, instance(8, 7), DECODE, links=TO_END, subgraphs=[twice()]))
    assert set(made) == {"1", "8:15", "9"}
    assert made["8:15"] == {"seed": 5, "steps": 6, "sampler": "heun", "latent": ["1", 0]}
    assert made["9"] == {"samples": ["8:15", 0]}


def test_each_instance_keeps_its_own_values_counting_only_inputs_with_a_widget() -> None:
    first, second = instance(8, values=[70, 7]), instance(9, values=[80])
    made = inputs_of(saved(first, second, subgraphs=[twice()]))
    assert (made["8:15"]["seed"], made["8:15"]["steps"]) == (70, 7)
    assert (made["9:15"]["seed"], made["9:15"]["steps"]) == (80, 6)  # too few: the inner node's own


def test_values_by_name_win_for_an_instance_and_null_is_no_value() -> None:
    named = instance(8, values=[1, 2], widgets_values_named={"steps": 33})
    assert inputs_of(saved(named, subgraphs=[twice()]))["8:15"]["steps"] == 33
    assert inputs_of(saved(instance(8, values={"seed": 4}), subgraphs=[twice()]))["8:15"]["seed"] == 4
    assert inputs_of(saved(instance(8, values=[None, 9]), subgraphs=[twice()]))["8:15"] == {
        "seed": 5, "steps": 9, "sampler": "heun",
    }  # fmt: skip


def test_a_linked_promoted_widget_takes_the_link_and_one_to_nowhere_its_value() -> None:
    linked = node(8, "one", slot("seed", "INT", 5, True), values=[70, 7])
    number = node(3, "Forced", values=[1])
    document = saved(number, linked, links=[[5, 3, 0, 8, 0, "INT"]], subgraphs=[twice()])
    assert inputs_of(document)["8:15"]["seed"] == ["3", 0]
    assert inputs_of(document | {"links": []})["8:15"]["seed"] == 70


def test_a_promoted_value_is_written_to_every_input_it_feeds_sockets_too() -> None:
    one = subgraph(
        "one",
        sampler(1, None, 1),
        node(2, "Forced", slot("a", "INT", 2)),
        node(3, "Reroute", slot("", "*", 3)),
        sampler(4, None, 4),
        links=[(1, -10, 0, 1, 0), (2, -10, 0, 2, 0), (3, -10, 0, 3, 0), (4, 3, 0, 4, 1)],
        inputs=["seed"],
    )
    made = inputs_of(saved(node(8, "one", values=[77]), subgraphs=[one]))
    assert (made["8:1"]["seed"], made["8:2"]["a"], made["8:4"]["seed"]) == (77, 77, 77)


@pytest.mark.parametrize("links", [[3, 2, 1], [1, 2, 3]])
def test_a_promoted_input_without_a_value_means_the_first_widget_that_was_linked_to_it(links: list[int]) -> None:
    one = subgraph(
        "one",
        sampler(1, None, 1, values=[11, "fixed", 6, "heun"]),
        sampler(2, None, 2, values=[22, "fixed", 6, "heun"]),
        node(3, "Forced", slot("a", "INT", 3)),
        links=[(3, -10, 0, 3, 0), (1, -10, 0, 1, 1), (2, -10, 0, 2, 1)],
        inputs=["seed"],
    )
    one["inputs"][0]["linkIds"] = links
    outer = subgraph(
        "outer", node(5, "one", slot("seed", "INT", 1, True)), links=[(1, -10, 0, 5, 0)], inputs=["number"]
    )
    made = inputs_of(saved(node(8, "one"), node(9, "outer"), subgraphs=[one, outer]))
    seeds = {id: inputs.get("seed", inputs.get("a")) for id, inputs in made.items()}
    first = 11 if links[0] == 1 else 22
    assert seeds == dict.fromkeys(("8:1", "8:2", "8:3", "9:5:1", "9:5:2", "9:5:3"), first)
    kept = node(5, "one", slot("seed", "INT", 1, True), values=[77])
    made = inputs_of(saved(node(9, "outer"), subgraphs=[one, outer | {"nodes": [kept, node(6, "Forced")]}]))
    assert made["9:5:3"]["a"] == 77


def test_the_file_s_own_marks_count_where_a_node_has_lost_a_widget_since() -> None:
    """Positions alone would give the sampler's name to the wrong widget."""
    gone = node(15, "Sample", slot("gone", "INT", 1, True), slot("steps", "INT", 2, True), values=[5, "fixed", 6])
    one = subgraph("one", gone, links=[(1, -10, 0, 15, 0), (2, -10, 1, 15, 1)], inputs=["gone", "steps"])
    assert inputs_of(saved(node(8, "one", values=[3072, 4]), subgraphs=[one]))["8:15"]["steps"] == 4


def nested(depth: int) -> list[dict[str, Any]]:
    """`depth` definitions around `one`, each with one instance of the next that shows its seed."""
    kinds = [*(f"level{i}" for i in range(depth)), "one"]
    around = [
        subgraph(
            kind,
            node(25, inner, slot("seed", "INT", 1, True), slot("latent", "LATENT", 2), outs=["LATENT"], values=[i]),
            links=[(1, -10, 1, 25, 0), (2, -10, 0, 25, 1), (3, 25, 0, -20, 0)],
            inputs=["latent", "seed"],
            outputs=["LATENT"],
        )
        for i, (kind, inner) in enumerate(pairwise(kinds))
    ]
    return [*around, twice()]


def test_subgraphs_in_subgraphs_to_any_depth() -> None:
    document = saved(EMPTY, instance(8, 7, "level0", values=[99]), DECODE, links=TO_END, subgraphs=nested(2))
    made = inputs_of(document)
    assert set(made) == {"1", "8:25:25:15", "9"}
    assert made["8:25:25:15"] == {"seed": 99, "steps": 6, "sampler": "heun", "latent": ["1", 0]}
    assert made["9"] == {"samples": ["8:25:25:15", 0]}
    unset = saved(instance(8, None, "level0"), subgraphs=nested(2))
    assert inputs_of(unset)["8:25:25:15"]["seed"] == 0  # that of the outermost instance that has one
    lying_within = twice() | {"definitions": {"subgraphs": [subgraph("two", EMPTY)]}}
    assert set(inputs_of(saved(node(3, "two"), node(8, "one"), subgraphs=[lying_within]))) == {"3:1", "8:15"}


def test_slots_are_matched_by_name_in_whatever_order_an_instance_lists_them() -> None:
    two = subgraph(
        "two",
        node(1, "Empty", outs=["LATENT"]),
        sampler(2, 2),
        links=[(2, -10, 1, 2, 0), (3, 1, 0, -20, 0), (4, 2, 0, -20, 1)],
        inputs=["other", "latent"],
        outputs=["plain", "sampled"],
    )
    turned = node(8, "two", slot("latent", "LATENT", 7), slot("other"), outs=["sampled", "plain"])
    ends = [node(i, "Decode", slot("samples", "LATENT", i)) for i in (20, 21)]
    links = [TO_END[0], [20, 8, 0, 20, 0, "*"], [21, 8, 1, 21, 0, "*"]]
    made = inputs_of(saved(EMPTY, turned, *ends, links=links, subgraphs=[two]))
    assert made["8:2"]["latent"] == ["1", 0]
    assert (made["20"]["samples"], made["21"]["samples"]) == (["8:2", 0], ["8:1", 0])


@pytest.mark.parametrize(("mode", "expected"), [(2, {}), (4, {"samples": ["1", 0]})])
def test_nothing_inside_a_muted_or_bypassed_instance_is_written_at_any_depth(mode: int, expected: Any) -> None:
    root = saved(EMPTY, instance(8, 7, mode=mode), DECODE, links=TO_END, subgraphs=[twice()])
    assert inputs_of(root) == {"1": {"width": 64}, "9": expected}
    around = nested(1)
    around[0]["nodes"][0] |= {"mode": mode, "inputs": around[0]["nodes"][0]["inputs"][::-1]}
    deeper = saved(EMPTY, instance(8, 7, "level0"), DECODE, links=TO_END, subgraphs=around)
    assert inputs_of(deeper) == {"1": {"width": 64}, "9": expected}


def test_a_primitive_inside_a_definition_behind_a_reroute_writes_its_value() -> None:
    one = subgraph(
        "one",
        node(3, "PrimitiveNode", values=[41, "fixed"], outs=["INT"]),
        node(4, "Reroute", slot("", "*", 1), outs=["*"]),
        sampler(15, None, None, 2),
        links=[(1, 3, 0, 4, 0), (2, 4, 0, 15, 2)],
    )
    assert inputs_of(saved(node(8, "one"), subgraphs=[one]))["8:15"]["steps"] == 41


def test_older_files_list_the_widgets_they_show_as_proxies() -> None:
    plain = subgraph("one", sampler(15), sampler(16))
    proxies = {"proxyWidgets": [["15", "steps"], ["16", "seed"], ["16", "sampler"]]}
    made = inputs_of(saved(node(8, "one", values=[3, 4, "euler"], properties=proxies), subgraphs=[plain]))
    assert made["8:15"] == {"seed": 5, "steps": 3, "sampler": "heun"}
    assert made["8:16"] == {"seed": 4, "steps": 6, "sampler": "euler"}
    as_text = {"proxyWidgets": json.dumps(proxies["proxyWidgets"])}
    assert inputs_of(saved(node(8, "one", values=[3, 4], properties=as_text), subgraphs=[plain]))["8:16"]["seed"] == 4
    for broken in ("[[", "3", "[" * 100_000):
        other = node(8, "one", values=[3, 4], properties={"proxyWidgets": broken})
        assert inputs_of(saved(other, subgraphs=[plain]))["8:16"]["seed"] == 5
    named = node(8, "one", properties=proxies, widgets_values_named={"steps": 8})
    assert inputs_of(saved(named, subgraphs=[plain]))["8:15"]["steps"] == 8


def test_a_proxy_may_name_an_input_of_the_instance_or_a_widget_further_in() -> None:
    proxies = {"proxyWidgets": [["-1", "seed"], ["25", "15: steps"], ["25", "15: sampler"]]}
    shown = instance(8, None, "level0", values=[31, 32, "euler"], properties=proxies)
    assert inputs_of(saved(shown, subgraphs=nested(1)))["8:25:15"] == {"seed": 31, "steps": 32, "sampler": "euler"}
    inputs_first = {"proxyWidgets": [["25", "15: steps"]]}
    shown = instance(8, None, "level0", values=[31, 32], properties=inputs_first)
    assert inputs_of(saved(shown, subgraphs=nested(1)))["8:25:15"]["steps"] == 32
    previews = {"proxyWidgets": [["25", "$$canvas-image-preview"], ["25", "15: steps"]]}
    shown = instance(8, None, "level0", values=[31], properties=previews, inputs=[])
    assert inputs_of(saved(shown, subgraphs=nested(1)))["8:25:15"]["steps"] == 31
    own_prefix = {"proxyWidgets": [["15", "15: steps"]]}
    shown = instance(8, values=[33], properties=own_prefix)
    assert inputs_of(saved(shown, subgraphs=[subgraph("one", sampler(15))]))["8:15"]["steps"] == 33


def test_definitions_that_contain_each_other_are_refused_by_name_and_unused_ones_do_no_harm() -> None:
    circle = [subgraph("a", node(1, "b")), subgraph("b", node(1, "a"))]
    with pytest.raises(GraphError, match="'The a' -> 'The b' -> 'The a'"):
        inputs_of(saved(node(8, "a"), subgraphs=circle))
    with pytest.raises(GraphError, match="contain each other"):
        inputs_of(saved(node(8, "a", mode=2), subgraphs=[subgraph("a", node(1, "a"))]))
    assert inputs_of(saved(EMPTY, subgraphs=[*circle, {"id": "c", "nodes": 3}])) == {"1": {"width": 64}}


def test_a_nest_without_end_and_one_that_grows_without_end_are_refused_in_words() -> None:
    deep = [subgraph(f"d{i}", node(1, f"d{i + 1}")) for i in range(10_000)]
    with pytest.raises(GraphError, match="one in the other"):
        inputs_of(saved(node(1, "d0"), subgraphs=deep))
    within = saved(node(1, "d0"))
    holder = within
    for each in deep[:3000]:
        holder["definitions"] = {"subgraphs": [each]}
        holder = each
    with pytest.raises(GraphError, match="one in the other"):
        inputs_of(within)
    doubling = [subgraph(f"d{i}", node(1, f"d{i + 1}"), node(2, f"d{i + 1}")) for i in range(100)]
    with pytest.raises(GraphError, match="unfolds into more than"):
        inputs_of(saved(node(1, "d0"), subgraphs=doubling))


def test_a_damaged_definition_is_refused_by_its_name() -> None:
    for damage in ({"nodes": 4}, {"nodes": [5]}, {"links": [{"id": 1}]}, {"inputs": [3]}, {"outputs": [{"name": 1}]}):
        with pytest.raises(GraphError, match="'The one'"):
            inputs_of(saved(node(8, "one"), subgraphs=[twice() | damage]))
    with pytest.raises(GraphError, match="definitions, subgraphs"):
        inputs_of(saved(EMPTY, definitions={"subgraphs": [3]}))


def test_an_id_with_a_colon_in_an_old_file_and_a_subgraph_s_node_both_stay() -> None:
    made = inputs_of(saved(node("8:15", "Empty", values=[3]), node(8, "one"), subgraphs=[twice()]))
    assert sorted(made) == ["8:15", "8:15:0"]


GROUP = {
    "nodes": [
        node(None, "Load", values=["m"], outs=["MODEL", "CLIP"], index=0),
        node(None, "Sample", slot("model", "MODEL", 1), slot("latent", "LATENT", 2), values=[5, "fixed", 6, "heun"],
             outs=["LATENT"], index=1),
        node(None, "Sample", slot("model", "MODEL", 3), slot("latent", "LATENT", 4), values=[1, "fixed", 2, "heun"],
             outs=["LATENT"], index=2, title="Second"),
    ],
    "links": [[0, 0, 1, 0, 11, "MODEL"], [0, 0, 2, 0, 11, "MODEL"], [1, 0, 2, 1, 12, "LATENT"]],
    "external": [],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["workflow>Both", "workflow/Both"])
def test_a_group_node_s_parts_get_its_joined_values_and_its_links(kind: str) -> None:
    values = ["other", 70, "randomize", 7, "euler", 80, "fixed", 8, "heun"]
    group = node(8, kind, slot("latent", "LATENT", 7), values=values, outs=["CLIP", "LATENT"])
    end = node(9, "Decode", slot("samples", "LATENT", 8))
    links = [TO_END[0], [8, 8, 1, 9, 0, "LATENT"]]
    made = inputs_of(saved(EMPTY, group, end, links=links, extra={"groupNodes": {"Both": GROUP}}))
    assert made == {
        "1": {"width": 64},
        "8:0": {"name": "other"},
        "8:1": {"seed": 70, "steps": 7, "sampler": "euler", "model": ["8:0", 0], "latent": ["1", 0]},
        "8:2": {"seed": 80, "steps": 8, "sampler": "heun", "model": ["8:0", 0], "latent": ["8:1", 0]},
        "9": {"samples": ["8:2", 0]},
    }


def test_a_group_node_s_second_input_of_one_name_bears_its_title_and_missing_values_are_the_parts_own() -> None:
    steps = node(3, "Forced", values=[1])
    group = node(8, "workflow>Both", slot("Second steps", "INT", 5, True), values=["other", 70])
    made = inputs_of(saved(steps, group, links=[[5, 3, 0, 8, 0, "INT"]], extra={"groupNodes": {"Both": GROUP}}))
    assert made["8:2"]["steps"] == ["3", 0]
    assert (made["8:1"]["seed"], made["8:1"]["steps"], made["8:2"]["seed"]) == (70, 6, 1)


def test_a_group_node_s_config_renames_and_hides_and_external_keeps_an_output() -> None:
    config = {"1": {"input": {"latent": {"name": "start"}, "steps": {"visible": False}}}}
    definition = GROUP | {"config": config, "external": [[1, 0, "LATENT"]]}
    values = ["other", 70, "fixed", "euler", 80, "fixed", 8, "heun"]  # the hidden steps have no place
    group = node(8, "workflow>Both", slot("start", "LATENT", 7), values=values, outs=["CLIP", "LATENT", "LATENT"])
    end = node(9, "Decode", slot("samples", "LATENT", 8))
    links = [TO_END[0], [8, 8, 1, 9, 0, "LATENT"]]
    made = inputs_of(saved(EMPTY, group, end, links=links, extra={"groupNodes": {"Both": definition}}))
    assert made["8:1"] == {"seed": 70, "steps": 6, "sampler": "euler", "model": ["8:0", 0], "latent": ["1", 0]}
    assert made["8:2"]["steps"] == 8
    assert made["9"] == {"samples": ["8:1", 0]}


def test_a_primitive_in_a_group_takes_its_value_from_the_instance() -> None:
    parts = [node(None, "PrimitiveNode", values=[4, "fixed"], outs=["INT"]), sampler(None, None, None, 5)]
    definition = {"nodes": parts, "links": [[0, 0, 1, 2, 3, "INT"]]}
    group = node(8, "workflow>P", values=[44, "fixed", 70, "fixed", "euler"])
    made = inputs_of(saved(group, extra={"groupNodes": {"P": definition}}))
    assert made == {"8:1": {"seed": 70, "steps": 44, "sampler": "euler"}}


def test_a_group_node_without_a_description_stays_and_a_damaged_one_is_refused() -> None:
    assert to_prompt(saved(node(4, "workflow>Lost")), registry())["4"]["class_type"] == "workflow>Lost"
    for damage in ({"nodes": 3}, {"links": 3}, {"links": [[1]]}, {"external": [3]}):
        with pytest.raises(GraphError, match="the group node 'Both'"):
            inputs_of(saved(node(8, "workflow>Both"), extra={"groupNodes": {"Both": GROUP | damage}}))
