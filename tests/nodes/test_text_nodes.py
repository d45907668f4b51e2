"""The nodes of the menu "text"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heddle.graph.declare import spec_of
from heddle.graph.errors import GraphError
from nodes.text import changing, json_texts, lists, patterns
from nodes.text.saving import save_text
from tests.nodes.fake_context import FakeContext


def call(function: Any, *values: Any) -> Any:
    """The first output, called by the names of the inputs."""
    spec = spec_of(function)
    assert spec.call is not None
    ctx = {"ctx": FakeContext()} if spec.takes_context else {}
    return spec.call(**dict(zip((each.name for each in spec.inputs), values, strict=False)), **ctx)[0]


@pytest.mark.parametrize(
    ("function", "values", "wanted"),
    [
        (changing.concatenate, ("a", "b", ", "), "a, b"),
        (changing.concatenate, ("a", "b", ""), "ab"),
        (changing.take_part, ("a red fox", 2, 5), "red"),
        (changing.take_part, ("a red fox", -3, 99), "fox"),
        (changing.take_part, ("a red fox", 5, 2), ""),
        (changing.measure, ("a\nb 漢",), 5),
        (changing.convert_case, ("a RED fox", "UPPERCASE"), "A RED FOX"),
        (changing.convert_case, ("a RED fox", "lowercase"), "a red fox"),
        (changing.convert_case, ("a RED fox", "Capitalize"), "A red fox"),
        (changing.convert_case, ("a RED fox", "Title Case"), "A Red Fox"),
        (changing.trim, (" \n a b\t", "Both"), "a b"),
        (changing.trim, (" a ", "Left"), "a "),
        (changing.trim, (" a ", "Right"), " a"),
        (changing.replace, ("a-b-c", "-", "+"), "a+b+c"),
        (changing.replace, ("a-b", "x", "+"), "a-b"),
        (changing.contains, ("Red Fox", "fox", True), False),
        (changing.contains, ("Red Fox", "fox", False), True),
        (changing.contains, ("", "", True), True),
        (changing.compare, ("Fox", "F", "Starts With", True), True),
        (changing.compare, ("Fox", "X", "Ends With", True), False),
        (changing.compare, ("Fox", "X", "Ends With", False), True),
        (changing.compare, ("Fox", "fox", "Equal", True), False),
        (changing.compare, ("Fox", "fox", "Equal", False), True),
        (lists.lower, ("A b",), "a b"),
        (lists.upper, ("A b",), "A B"),
        (lists.truncate, ("abcdef", 3), "abc"),
        (lists.truncate, ("ab", 77), "ab"),
        (lists.add_prefix, ("b", "a "), "a b"),
        (lists.add_suffix, ("b", " c"), "b c"),
        (lists.replace, ("a,b", ",", ";"), "a;b"),
        (lists.replace, ("a,b", "", ";"), "a,b"),
        (lists.strip, (" a \n",), "a"),
        (lists.merge, (["a", "b"],), ["a", "b"]),
        (json_texts.extract, ('{"a": "x", "b": 2}', "a"), "x"),
        (json_texts.extract, ('{"a": "x", "b": 2}', "b"), "2"),
        (json_texts.extract, ('{"a": null}', "a"), ""),
        (json_texts.extract, ('{"a": 1}', "z"), ""),
        (json_texts.extract, ("[1]", "a"), ""),
        (json_texts.extract, ("{a", "a"), ""),
        (json_texts.extract, ("[" * 100_000, "a"), ""),
        (json_texts.write_array, ([1, "ä"], 0), '[1, "ä"]'),
        (json_texts.write_array, ([1], 2), "[\n  1\n]"),
        (json_texts.write_dictionary, ({"a": 1}, 4), '{\n    "a": 1\n}'),
    ],
)
def test_texts_come_out_as_existing_workflows_expect(function: Any, values: tuple[Any, ...], wanted: Any) -> None:
    assert call(function, *values) == wanted


TEXT = "cat: 12\nDog: 7\nno animal"


@pytest.mark.parametrize(
    ("pattern", "mode", "group", "wanted"),
    [
        (r"\d+", "First Match", 1, "12"),
        (r"\d+", "All Matches", 1, "12\n7"),
        (r"(\w+): (\d+)", "First Match", 1, "cat: 12"),
        (r"(\w+): (\d+)", "All Matches", 1, "cat\nDog"),
        (r"(\w+): (\d+)", "First Group", 2, "12"),
        (r"(\w+): (\d+)", "First Group", 0, "cat: 12"),
        (r"(\w+): (\d+)", "First Group", 3, ""),
        (r"(\w+): (\d+)", "All Groups", 2, "12\n7"),
        (r"(\w+): (\d+)", "All Groups", 9, ""),
        (r"\d+", "First Group", 1, ""),
        (r"\d+", "All Groups", 0, ""),
        (r"(cat)|(dog)", "First Group", 2, ""),
        (r"(cat)|(dog)", "All Groups", 2, "\nDog"),
        ("zebra", "First Match", 1, ""),
        ("zebra", "All Matches", 1, ""),
        ("(", "All Matches", 1, ""),
    ],
)
def test_a_pattern_takes_out_what_was_asked_for(pattern: str, mode: str, group: int, wanted: str) -> None:
    ctx = FakeContext()
    assert patterns.extract(TEXT, pattern, mode, True, False, False, group, ctx) == wanted
    assert bool(ctx.notes) == (pattern == "(")


def test_a_pattern_is_found_by_its_flags() -> None:
    def found(pattern: str, *flags: bool) -> bool:
        return patterns.match(TEXT, pattern, *flags, ctx=FakeContext())

    assert found("dog", True, False, False) and not found("dog", False, False, False)
    assert found("^dog", True, True, False) and not found("^dog", True, False, False)
    assert found("12.dog", True, False, True) and not found("12.dog", True, False, False)


def test_a_pattern_that_cannot_be_read_finds_nothing_which_is_told() -> None:
    ctx = FakeContext()
    assert patterns.match(TEXT, "[", True, False, False, ctx) is False
    assert "the pattern '[' cannot be used" in ctx.notes[0]


def test_matches_are_replaced_all_or_some() -> None:
    assert patterns.replace("a1b2", r"([a-z])(\d)", r"\2\1") == "1a2b"
    assert patterns.replace("A1b2", "[ab]", "x", case_insensitive=False, count=0) == "A1x2"
    assert patterns.replace("aaa", "a", "b", count=2) == "bba"
    with pytest.raises(GraphError, match="cannot be used"):
        patterns.replace("a", "(", "b")


def test_a_format_is_filled_with_what_is_linked() -> None:
    run = spec_of(changing.format_text).call
    assert run is not None
    given: dict[str, Any] = {"values.a": "fox", "values.b": 2, "f_string": "{b} {a}es"}
    assert run(**given) == ("2 foxes",)
    assert run(f_string="nothing") == ("nothing",)


def test_a_text_is_written_under_a_number_of_its_own(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    for text in ("first ä", "second"):
        shown: Any = save_text(text, "notes/a", "md", ctx=ctx)
        assert shown.values == (text,)
    assert shown.ui["files"] == [{"filename": "a_00002_.md", "subfolder": "notes", "type": "output"}]
    assert (tmp_path / "output/notes/a_00001_.md").read_text(encoding="utf-8") == "first ä"
    assert not ctx.notes


def test_text_that_is_no_json_is_told_and_nothing_leaves_the_folder(tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path)
    save_text("{", "a", "json", ctx=ctx)
    assert (tmp_path / "output/a_00001_.json").read_text() == "{" and "no JSON" in ctx.notes[0]
    with pytest.raises(Exception, match="leads out of"):
        save_text("x", "../a", "txt", ctx=ctx)
    save_text("half \ud800", "b", "txt", ctx=ctx)
    assert (tmp_path / "output/b_00001_.txt").read_text() == "half ?"
