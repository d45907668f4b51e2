"""Texts that are finished when a workflow is converted: choices, comments, dates, other widgets' values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.convert import ChosenText, convert
from execution.saved.texts import choose_words, fill_name
from tests.execution.saved_files import inputs_of, node, registry, saved, slot, subgraph

NOW = datetime(2031, 4, 5, 6, 7, 8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"{red|red} apple /* c */ \{x\} // tail", "red apple  {x} "),
        ("a // b\nc /* d\ne */ f", "a \nc  f"),
        ("{a|a} {{b|b}|b}", "a b"),
        ("{} {one}", " one"),
        (r"\{a\|b\}", "{a|b}"),
        (r"a \\ b \n", r"a \\ b \n"),
        ("a | b } c { d | e", "a | b } c { d | e"),
        ("{a|a} { {b|b} | c", "a { b | c"),
        ("open /* comment // x", "open /* comment "),
        ("", ""),
    ],
)
def test_comments_go_and_braces_choose(text: str, expected: str) -> None:
    assert choose_words(text, 1, "here") == expected


def test_every_alternative_comes_up_and_the_same_seed_chooses_the_same() -> None:
    text = "{a|b|{c|d}} {a|b|{c|d}}"
    found = [choose_words(text, seed, "1.text") for seed in range(200)]
    assert {word for each in found for word in each.split()} == {"a", "b", "c", "d"}
    assert any(len(set(each.split())) == 2 for each in found), "two choices in one text are two choices"
    assert found == [choose_words(text, seed, "1.text") for seed in range(200)]
    assert any(choose_words(text, seed, "2.text") != each for seed, each in enumerate(found))


@given(st.text(alphabet="ab{}|/*\\\n", max_size=60), st.integers())
def test_any_text_is_read_and_one_without_signs_stays(text: str, seed: int) -> None:
    chosen = choose_words(text, seed, "here")
    assert len(chosen) <= len(text)
    if not set(text) & set("{}/\\"):
        assert chosen == text


@pytest.mark.parametrize("text", ["{" * 100_000, "{a|" * 50_000 + "}" * 50_000, "/*" * 100_000, "//\n" * 50_000])
def test_deep_and_long_texts_are_read_like_others(text: str) -> None:
    assert len(choose_words(text, 1, "here")) <= len(text)


def encode(id: int, text: str, *inputs: Any, **more: Any) -> dict[str, Any]:
    return node(id, "Encode", *inputs, values=[text], **more)


def test_words_are_chosen_where_a_node_allows_it_and_recorded() -> None:
    document = saved(encode(1, "{a|b} // c"), node(2, "Load", values=["{a|b}"]))
    made = convert(document, registry(), seed=3)
    chosen = made.prompt["1"]["inputs"]["text"]
    assert chosen in ("a ", "b ")
    assert made.texts == [ChosenText("1", "text", "{a|b} // c", chosen)]
    assert made.prompt["2"]["inputs"]["name"] == "{a|b}"
    assert inputs_of(document)["1"]["text"] == "{a|b} // c"  # no seed: left alone
    more = saved(*document["nodes"], encode(5, "{x|y}"))
    assert inputs_of(more, seed=3)["1"]["text"] == chosen  # other nodes change nothing


def test_a_text_that_feeds_several_inputs_is_chosen_once() -> None:
    choice = "{" + "|".join(map(str, range(50))) + "}"
    one = subgraph(
        "one",
        encode(1, "x", slot("text", "STRING", 1, True)),
        encode(2, "x", slot("text", "STRING", 2, True)),
        links=[(1, -10, 0, 1, 0), (2, -10, 0, 2, 0)],
        inputs=["text"],
    )
    made = inputs_of(saved(node(8, "one", values=[choice]), node(9, "one", values=[choice]), subgraphs=[one]), seed=1)
    assert made["8:1"]["text"] == made["8:2"]["text"] and made["9:1"]["text"] == made["9:2"]["text"]
    assert made["8:1"]["text"] != made["9:1"]["text"]
    primitive = node(3, "PrimitiveNode", values=[choice], outs=["STRING"])
    ends = [encode(i, "", slot("text", "STRING", i, True)) for i in (4, 5)]
    made = inputs_of(saved(primitive, *ends, links=[[i, 3, 0, i, 0, "*"] for i in (4, 5)]), seed=1)
    assert made["4"]["text"] == made["5"]["text"] != choice


def test_dates_are_written_in_every_form_and_left_to_the_engine_without_a_time() -> None:
    form = "%date:yyyy-MM-dd hh.mm.ss% %date:yy M d h m s% %date:x%"
    assert fill_name(form, lambda *_: None, NOW) == "2031-04-05 06.07.08 31 4 5 6 7 8 x"
    assert fill_name(form, lambda *_: None, None) == form


def test_a_file_name_takes_the_values_of_other_widgets_by_alias_or_title() -> None:
    aliased = node(2, "Sample", values=[5, "fixed", 6, "heun"], properties={"Node name for S&R": "Sampler 1"})
    titled = node(3, "Load", values=['a/b:"c"\n'], title="My.model")
    prefix = "%Sampler 1.seed%_%My.model.name%_%Nobody.seed%_%width%_%Sampler 1.none%_%Empty.width%"
    save = node(1, "Save", values=[prefix])
    made = inputs_of(saved(save, aliased, titled, node(4, "Empty", values=[64.0])), now=NOW)
    assert made["1"]["filename_prefix"] == "5_a_b__c___%Nobody.seed%_%width%_%Sampler 1.none%_64"


def test_a_file_name_inside_a_subgraph_finds_its_neighbours_first_and_then_those_outside() -> None:
    inner = [node(1, "Save", values=["%Load.name%-%Empty.width%"]), node(2, "Load", values=["in"])]
    outer = [node(2, "Load", values=["out"]), node(3, "Empty", values=[32])]
    made = inputs_of(saved(*outer, node(8, "one"), subgraphs=[subgraph("one", *inner)]))
    assert made["8:1"]["filename_prefix"] == "in-32"
