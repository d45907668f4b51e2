"""Saved workflows with anything anywhere: converted, or refused in words."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.convert import to_prompt
from heddle.graph.errors import GraphError
from tests.execution.saved_files import inputs_of, node, registry, saved, slot, subgraph
from tests.execution.test_saved_subgraphs import GROUP, instance, nested

WHOLE = saved(
    node(1, "Empty", values=[64], outs=["LATENT"], order=0),
    instance(8, 7, "level0", values=[99], widgets_values_named={"seed": 3}),
    node(9, "Save", slot("images", "IMAGE", 8), values=["%Empty.width%"], order=2, mode=0),
    node(10, "PrimitiveNode", values=[4, "fixed"], outs=["INT"]),
    node(11, "Reroute", slot("", "*", 9), outs=["*"]),
    node(12, "Sample", slot("seed", "INT", 10, True), slot("latent", "LATENT", 11), values=[1, "fixed", 2, "heun"]),
    node(13, "Lora", slot("model", "MODEL", 12), slot("clip", "CLIP"), mode=4, outs=["MODEL", "CLIP"]),
    node(14, "workflow>Both", slot("latent", "LATENT", 13), values=["m", 1, "fixed", 2, "heun", 3], outs=["CLIP"]),
    node(15, "level0", values=[5], properties={"proxyWidgets": [["25", "15: steps"], ["-1", "seed"]]}),
    node(16, "Video", values=["h264", "again", 30, "sRGB", "end"]),
    node(17, "Encode", values=["{a|b} /* c */"], properties={"Node name for S&R": "Encode"}),
    node(18, "SetNode", slot("MODEL", "*", 14), values=["m"], outs=["*"]),
    node(19, "GetNode", values=["m"], outs=["MODEL"]),
    node(20, "Reroute (rgthree)", slot("", "*", 15), outs=["*"]),
    node(21, "Stranger", slot("x", "*", 16), properties={"cnr_id": "p", "models": [{"name": "x", "url": "u"}]}),
    node(22, "Anything Everywhere", slot("LATENT", "*", 7)),
    node(
        23, "Sample", slot("latent", "LATENT"), values=[7, "fixed", 6], widgets_values_named={"seed": 5, "c": "fixed"}
    ),
    links=[
        [14, 13, 0, 18, 0, "MODEL"],
        [15, 19, 0, 20, 0, "*"],
        [16, 20, 0, 21, 0, "*"],
        [7, 1, 0, 8, 0, "LATENT"],
        [8, 8, 0, 9, 0, "LATENT"],
        [9, 10, 0, 11, 0, "INT"],
        [10, 11, 0, 12, 0, 0],
        [11, 13, 0, 12, 1, ["A", "B"]],
        [12, 14, 0, 13, 0, "*"],
        {"id": 13, "origin_id": 1, "origin_slot": "0", "target_id": 14, "target_slot": 0, "type": -1},
    ],
    subgraphs=nested(2),
    extra={
        "groupNodes": {"Both": GROUP},
        "reroutes": [{"id": 1}],
        "linkExtensions": [{"id": 7, "parentId": 1}],
        "ue_links": [
            {
                "downstream": 23,
                "downstream_slot": 0,
                "upstream": "1",
                "upstream_slot": "0",
                "controller": 22,
                "type": "*",
            }
        ],
    },
    models=[{"name": "m", "directory": "checkpoints"}],
)

ODD: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, -10, 8, 10**30, 1.5, float("nan"), float("inf"), "", "-10", "level0", "one"]),
    st.sampled_from(["*", "Reroute", [], {}, [[]], [None], {"": None}, [1, 2], {"name": 3}, [{}], "seed", 15, "25"]),
)  # fmt: skip


def places_in(found: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) of a document."""
    places, waiting = [], [found]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        places += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys if isinstance(holder[key], (dict, list))]
    return places


def test_the_whole_of_it_converts_and_is_left_as_it_was() -> None:
    before = json.dumps(WHOLE)
    made = to_prompt(WHOLE, registry(), seed=1)
    assert {"8:25:25:15", "14:1", "15:25:25:15"} <= set(made)
    assert made["12"]["inputs"]["seed"] == 4
    assert made["21"]["_meta"]["models"] == [{"name": "x", "url": "u"}] and made["23"]["inputs"]["latent"] == ["1", 0]
    assert json.dumps(WHOLE) == before


@settings(max_examples=150)
@given(st.data())
def test_a_document_with_anything_anywhere_is_converted_or_refused_in_words(data: st.DataObject) -> None:
    document = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        places = places_in(document)
        holder, key = places[data.draw(st.integers(0, len(places) - 1))]
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = data.draw(ODD)
    try:
        made = to_prompt(document, registry(), seed=1)
    except GraphError as error:
        assert len(error.message) < 600
        return
    for written in made.values():
        for value in written["inputs"].values():
            assert not isinstance(value, list) or value[0] in made


@settings(max_examples=100)
@given(st.recursive(ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner)))
def test_anything_at_all_as_nodes_links_definitions_or_extra_is_converted_or_refused(odd: Any) -> None:
    for document in (
        odd,
        {"nodes": odd},
        {"nodes": [odd]},
        WHOLE | {"links": odd},
        WHOLE | {"definitions": odd},
        WHOLE | {"definitions": {"subgraphs": [{"id": "level0", "nodes": [odd], "links": odd, "inputs": odd}]}},
        WHOLE | {"extra": odd},
        WHOLE | {"extra": {"groupNodes": {"Both": odd}}},
        WHOLE | {"extra": {"groupNodes": {"Both": GROUP | {"config": odd, "links": odd, "external": odd}}}},
    ):
        try:
            to_prompt(document, registry(), seed=1)
        except GraphError:
            pass


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


def test_what_is_nested_too_deep_to_be_written_out_is_refused_all_the_same() -> None:
    bottomless = deep(50_000)
    for document in (
        {"nodes": [bottomless]},
        {"nodes": [{"id": bottomless, "type": "Empty"}]},
        {"nodes": [{"id": 1, "type": "Empty", "inputs": [{"name": bottomless}]}]},
        {"nodes": [], "links": [bottomless]},
        {"nodes": [], "links": [[bottomless, 1, 0, 2, 0, "*"]]},
        {"1": {"class_type": "Empty", "inputs": bottomless}},
    ):
        with pytest.raises(GraphError):
            to_prompt(document, registry())
    assert inputs_of(saved(node(1, "Load", values=[bottomless])))["1"] == {"name": {"__value__": bottomless}}


def test_a_number_of_thousands_of_digits_is_refused_or_passed_on() -> None:
    endless = 10**6000
    for document in (
        {"nodes": [node(endless, "Empty")]},
        {"nodes": [endless]},
        saved(node(1, "Empty"), links=[[1, 1, 0, 2]], subgraphs=[endless]),
    ):
        with pytest.raises(GraphError):
            to_prompt(document, registry())
    group = GROUP | {"links": [[0, 0, endless, 0, 0, "*"]]}
    assert "8:1" in inputs_of(saved(node(8, "workflow>Both"), extra={"groupNodes": {"Both": group}}))
    named = saved(node(1, "Save", values=["%Empty.width%"]), node(2, "Empty", values=[endless]))
    assert len(inputs_of(named)["1"]["filename_prefix"]) > 1000


def test_a_link_s_ends_may_be_texts_and_an_id_a_text_or_a_whole_float() -> None:
    document = saved(
        node("a", "Empty", values=[1]),
        node(2.0, "Sample", slot("latent", "LATENT", "7")),
        node("3", "Sample", slot("latent", "LATENT", 8)),
        links=[["7", "a", "0", "2", "1", "LATENT"], [8, "a", 0.0, 3, 0, -1], None],
    )
    made = inputs_of(document)
    assert made["2"]["latent"] == ["a", 0] and made["3"]["latent"] == ["a", 0]


def test_a_chain_of_reroutes_and_bypassed_nodes_may_be_as_long_as_it_likes() -> None:
    count = 3000
    kinds = [("Reroute", 0), ("Empty", 4)]
    chain = [node(i, kinds[i % 2][0], slot("", "*", i), mode=kinds[i % 2][1]) for i in range(1, count)]
    ends = [node(count + i, "Sample", slot("latent", "LATENT", count + i)) for i in range(count)]
    links = [[i, i - 1, 0, i, 0, "*"] for i in range(1, count)]
    links += [[count + i, count - 1, 0, count + i, 0, "*"] for i in range(count)]
    made = inputs_of(saved(node(0, "Load"), *chain, *ends, links=links))
    assert all(made[str(count + i)]["latent"] == ["0", 0] for i in range(count))


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [(2, "Reroute", None), (4, "Reroute", ["1", 0]), (2, "PrimitiveNode", 3), (4, "PrimitiveNode", 3)],
)
def test_virtual_nodes_may_be_muted_and_bypassed_too(mode: int, kind: str, expected: Any) -> None:
    inputs = [slot("", "*", 1)] if kind == "Reroute" else []
    document = saved(
        node(1, "Empty"),
        node(2, kind, *inputs, mode=mode, values=[3]),
        node(3, "Sample", slot("latent", "LATENT", 2)),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"]],
    )
    assert inputs_of(document)["3"].get("latent") == expected


def test_a_note_feeds_nothing_and_a_bypassed_text_is_not_taken_for_a_choice() -> None:
    texts = node(2, "Load", slot("how", "COMBO"), slot("text", "STRING", 1), mode=4, outs=["STRING"])
    document = saved(
        node(1, "Named", outs=["STRING"]),
        texts,
        node(3, "Encode", slot("text", "STRING", 2, True)),
        node(4, "Note", values=["n"], outs=["X"]),
        node(5, "Decode", slot("samples", "LATENT", 3)),
        links=[[1, 1, 0, 2, 1, "*"], [2, 2, 0, 3, 0, "*"], [3, 4, 0, 5, 0, "*"]],
    )
    made = inputs_of(document)
    assert made["3"]["text"] == ["1", 0]
    assert made["5"] == {}


def test_a_subgraph_that_passes_an_input_straight_on_is_followed_through() -> None:
    through = subgraph("through", links=[(1, -10, 0, -20, 0)], inputs=["x"], outputs=["x"])
    document = saved(
        node(1, "Empty"),
        node(2, "through", slot("x", "*", 1), outs=["x"]),
        node(3, "Sample", slot("latent", "LATENT", 2)),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"]],
        subgraphs=[through],
    )
    assert inputs_of(document)["3"]["latent"] == ["1", 0]
    loop = document | {"links": [[1, 2, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"]]}
    with pytest.raises(GraphError, match="circle"):
        inputs_of(loop)
