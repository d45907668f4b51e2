"""Nodes of saved workflows that exist in an editor alone: those of widely used packs, and strangers that do nothing."""

from __future__ import annotations

from typing import Any

import pytest

from execution.convert import convert
from execution.saved.virtual import roles_beside
from heddle.graph.errors import GraphError
from heddle.graph.registry import Registry
from heddle.graph.spec import InputSpec, NodeSpec
from tests.execution.saved_files import inputs_of, node, registry, saved, slot, subgraph

EMPTY = node(1, "Empty", values=[64], outs=["LATENT"])
OTHER = node(2, "Empty", values=[32], outs=["LATENT"])
DECODE = node(9, "Decode", slot("samples", "LATENT", 9))


def setter(id: Any, name: str, link: Any, kind: str = "SetNode", **more: Any) -> dict[str, Any]:
    return node(id, kind, slot("LATENT", "LATENT", link), values=[name], outs=["*"], **more)


def getter(id: Any, name: Any, kind: str = "GetNode", **more: Any) -> dict[str, Any]:
    return node(id, kind, values=[name], outs=["LATENT"], **more)


@pytest.mark.parametrize(("sets", "gets"), [("SetNode", "GetNode"), ("easy setNode", "easy getNode")])
def test_a_get_node_means_what_feeds_the_set_node_of_its_name(sets: str, gets: str) -> None:
    nodes = EMPTY, OTHER, setter(3, "b", 2, sets), setter(4, "a", 1, sets), getter(5, "a", gets), DECODE
    links = [(1, 1, 0, 4, 0, "*"), (2, 2, 0, 3, 0, "*"), (9, 5, 0, 9, 0, "LATENT")]
    made = inputs_of(saved(*nodes, links=links))
    assert set(made) == {"1", "2", "9"} and made["9"] == {"samples": ["1", 0]}


@pytest.mark.parametrize("version", [0.4, 1])
@pytest.mark.parametrize("sets", [0, 2, 4])
@pytest.mark.parametrize(("gets", "arrives"), [(0, True), (2, False), (4, False)])
@pytest.mark.parametrize("wanted", ["LATENT", "*"])
def test_a_muted_set_node_still_sets_and_a_muted_get_node_brings_nothing(
    version: float, sets: int, gets: int, arrives: bool, wanted: str
) -> None:
    """Editors ask a Get node what feeds its Set node's input, whose own mode they do not look at."""
    links: list[Any] = [(1, 1, 0, 4, 0, "*"), (9, 5, 0, 9, 0, "*")]
    if version == 1:
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        links = [dict(zip(keys, link, strict=True)) for link in links]
    nodes = (
        EMPTY,
        setter(4, "a", 1, mode=sets),
        getter(5, "a", mode=gets),
        node(9, "Decode", slot("samples", wanted, 9)),
    )
    made = inputs_of(saved(*nodes, links=links, version=version))
    assert made["9"] == ({"samples": ["1", 0]} if arrives else {}) and "5" not in made and "4" not in made


@pytest.mark.parametrize("mode", [2, 4])
def test_a_name_whose_set_node_is_fed_by_a_muted_node_brings_nothing(mode: int) -> None:
    nodes = {**EMPTY, "mode": mode}, setter(4, "a", 1), getter(5, "a"), DECODE
    assert inputs_of(saved(*nodes, links=[(1, 1, 0, 4, 0, "*"), (9, 5, 0, 9, 0, "*")])) == {"9": {}}


@pytest.mark.parametrize(("mode", "arrives"), [(0, True), (2, False), (4, True)])
def test_a_set_node_hands_on_what_it_is_given_too_unless_it_is_muted(mode: int, arrives: bool) -> None:
    nodes = EMPTY, setter(4, "a", 1, mode=mode), DECODE
    made = inputs_of(saved(*nodes, links=[(1, 1, 0, 4, 0, "*"), (9, 4, 0, 9, 0, "*")]))
    assert made["9"] == ({"samples": ["1", 0]} if arrives else {})


@pytest.mark.parametrize("values", [["nobody's"], [""], [], [3], [["a"]], {"Constant": "a"}])
def test_a_name_may_be_kept_in_an_object_and_one_that_nobody_sets_brings_nothing(values: Any) -> None:
    nodes = EMPTY, setter(4, "a", 1), getter(5, "") | {"widgets_values": values}, DECODE
    made = inputs_of(saved(*nodes, links=[(1, 1, 0, 4, 0, "*"), (9, 5, 0, 9, 0, "*")]))
    assert made["9"] == ({"samples": ["1", 0]} if isinstance(values, dict) else {})


@pytest.mark.parametrize("has_own", [True, False])
def test_a_name_is_sought_in_the_subgraph_first_and_then_further_out(has_own: bool) -> None:
    inner = subgraph(
        "inner",
        node(6, "Empty", values=[8], outs=["LATENT"]),
        *([setter(7, "a", 1)] if has_own else []),
        getter(5, "a"),
        DECODE,
        links=[(1, 6, 0, 7, 0), (9, 5, 0, 9, 0)],
    )
    outer = subgraph("outer", node(20, "inner"))
    nodes = EMPTY, setter(4, "a", 1), node(10, "outer")
    made = inputs_of(saved(*nodes, links=[(1, 1, 0, 4, 0, "*")], subgraphs=[inner, outer]))
    assert made["10:20:9"] == {"samples": ["10:20:6" if has_own else "1", 0]}


def test_a_name_that_is_set_from_itself_is_refused() -> None:
    nodes = setter(4, "a", 1), getter(5, "a"), DECODE
    with pytest.raises(GraphError, match="circle"):
        inputs_of(saved(*nodes, links=[(1, 5, 0, 4, 0, "*"), (9, 5, 0, 9, 0, "*")]))


@pytest.mark.parametrize("kind", ["Reroute (rgthree)", "mxReroute"])
def test_a_reroute_of_a_pack_passes_on_and_nodes_that_steer_the_editor_leave_no_trace(kind: str) -> None:
    steering = [kind for kind in roles_beside({}) if kind.endswith("(rgthree)") and not kind.startswith("Reroute")]
    assert len(steering) == 11
    nodes = (node(20 + n, each, slot("", "*", 1), outs=["*"]) for n, each in enumerate(steering))
    reroute = node(5, kind, slot("", "*", 1), outs=["*"])
    converted = convert(
        saved(EMPTY, reroute, DECODE, *nodes, links=[(1, 1, 0, 5, 0, "*"), (9, 5, 0, 9, 0, "*")]), registry()
    )
    assert {id: each["inputs"] for id, each in converted.prompt.items()} == {
        "1": {"width": 64},
        "9": {"samples": ["1", 0]},
    }
    assert converted.missing is None and not converted.notes


def test_a_pack_s_type_that_the_catalogue_knows_is_a_node_but_the_editor_s_own_types_never_are() -> None:
    nodes = Registry([*registry().values(), NodeSpec("GetNode", (InputSpec("name", "STRING"),)), NodeSpec("Note")])
    document = saved(getter(5, "a"), node(6, "Note", values=["x"]), DECODE, links=[(9, 5, 0, 9, 0, "*")])
    made = convert(document, nodes).prompt
    assert set(made) == {"5", "9"} and made["9"]["inputs"] == {"samples": ["5", 0]}


def broadcast(*fed: dict[str, Any], mode: int = 0) -> dict[str, Any]:
    """Two decoders of which the second is linked to node 2; node 1 is broadcast by node 5 to those that `fed` names."""
    linked = node(8, "Decode", slot("samples", "LATENT", 8))
    controller = node(5, "Anything Everywhere", slot("LATENT", "*", 1), mode=mode)
    nodes = EMPTY, OTHER, controller, node(9, "Decode", slot("samples", "LATENT")), linked
    links = [(1, 1, 0, 5, 0, "*"), (8, 2, 0, 8, 0, "*")]
    return saved(*nodes, links=links, extra={"ue_links": list(fed)})


def fed(downstream: Any, slot: Any = 0, **more: Any) -> dict[str, Any]:
    ends = {"downstream": downstream, "downstream_slot": slot, "upstream": "1", "upstream_slot": "0"}
    return {**ends, "controller": 5, "type": "LATENT", **more}


def test_inputs_that_a_node_feeds_without_links_are_linked_where_nothing_else_is() -> None:
    made = inputs_of(broadcast(fed(9), fed(8)))
    assert set(made) == {"1", "2", "8", "9"}
    assert made["9"] == {"samples": ["1", 0]} and made["8"] == {"samples": ["2", 0]}


@pytest.mark.parametrize(
    "record",
    [fed(9, 3), fed(9, -1), fed(7), fed(None), fed(9, type="MODEL"), fed(9, controller=44), fed(9, upstream=[1]), 3]
    + [fed(9, upstream_slot="x"), fed(9, upstream_slot=None), fed([9])],
)  # fmt: skip
def test_a_record_that_no_longer_fits_the_workflow_links_nothing(record: Any) -> None:
    assert inputs_of(broadcast(record))["9"] == {}


@pytest.mark.parametrize("mode", [2, 4])
def test_a_muted_node_feeds_nothing_without_links(mode: int) -> None:
    assert inputs_of(broadcast(fed(9), mode=mode))["9"] == {}


def test_a_subgraph_has_records_of_its_own_and_leaves_the_document_as_it_was() -> None:
    inner = subgraph("inner", node(9, "Decode", slot("samples", "LATENT")), inputs=["LATENT"])
    inner["extra"] = {"ue_links": [fed(9, upstream=-10, controller=None)]}
    before = repr(
        document := saved(EMPTY, node(10, "inner", slot("LATENT", "LATENT", 1)), links=[(1, 1, 0, 10, 0, "*")])
    )
    document["definitions"] = {"subgraphs": [inner]}
    assert inputs_of(document)["10:9"] == {"samples": ["1", 0]}
    assert repr({key: value for key, value in document.items() if key != "definitions"}) == before


def test_a_seed_for_everywhere_is_written_as_a_value() -> None:
    seed = node(5, "Seed Everywhere", values=[77, "fixed"], outs=["INT"])
    sample = node(9, "Sample", slot("seed", "INT", None, True), values=[5, "fixed", 6, "heun"])
    document = saved(seed, sample, extra={"ue_links": [fed(9, upstream=5, type="INT")]})
    assert inputs_of(document)["9"]["seed"] == 77


def test_a_file_that_does_not_say_what_is_fed_without_links_gets_a_note() -> None:
    document = broadcast() | {"extra": {}}
    (note,) = convert(document, registry()).notes
    assert note.startswith("the workflow, node 5 (Anything Everywhere): it feeds inputs that show no link")
    assert not convert(broadcast(), registry()).notes
    assert not convert(broadcast(mode=2) | {"extra": {}}, registry()).notes


def test_a_stranger_that_is_joined_to_nothing_is_left_out_with_a_note() -> None:
    label = node(7, "Sticker+", title="Read me", outs=["*"])
    dangling = node(8, "Sticker+", slot("a", "*", 99), outs=["*"])
    steering = node(6, "Fast Muter (rgthree)", slot("", "*", 4))
    converted = convert(saved(EMPTY, label, dangling, steering, links=[(4, 7, 0, 6, 0, "*")]), registry())
    assert set(converted.prompt) == {"1"} and converted.missing is None
    assert converted.notes == [
        "node 7 ('Read me'): there is no node type 'Sticker+'; it is joined to nothing that runs, so it was left out",
        "node 8: there is no node type 'Sticker+'; it is joined to nothing that runs, so it was left out",
    ]


@pytest.mark.parametrize(
    ("stranger", "links"),
    [
        (node(7, "Strange", slot("x", "LATENT", 1)), [(1, 1, 0, 7, 0, "*")]),
        (node(7, "Strange", outs=["LATENT"]), [(9, 7, 0, 9, 0, "*")]),
        (node(7, "Strange", slot("x", "INT", 2, True)), [(2, 3, 0, 7, 0, "*")]),
    ],
    ids=["saves", "feeds", "is given a value"],
)
def test_a_stranger_that_is_linked_is_missing(stranger: Any, links: Any) -> None:
    primitive = node(3, "PrimitiveNode", values=[4], outs=["INT"])
    converted = convert(saved(EMPTY, primitive, stranger, DECODE, links=links), registry())
    assert "7" in converted.prompt and not converted.notes
    assert converted.missing is not None and converted.missing.node_id == "7"


@pytest.mark.parametrize("kind", ["0d6a4c2e-9a54-4c1c-8a3e-5f4d7a1b2c3d", "workflow>Lost", "workflow/Lost"])
def test_a_lost_subgraph_is_never_left_out_and_no_pack_is_blamed(kind: str) -> None:
    converted = convert(saved(EMPTY, node(7, kind)), registry())
    assert converted.missing is not None and "7" in converted.prompt
    assert converted.missing.message == (
        f"node 7: the file does not hold the subgraph {kind!r} that this node stands for; save the workflow again "
        "where it is whole"
    )


def test_strangers_stay_where_nothing_else_would_be_left() -> None:
    converted = convert(saved(node(7, "Strange"), node(8, "Stranger")), registry())
    assert set(converted.prompt) == {"7", "8"} and converted.missing is not None
