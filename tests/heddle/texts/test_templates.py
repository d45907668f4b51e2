"""Templates with values put in."""

from __future__ import annotations

from typing import Any

import pytest

from heddle.graph.errors import GraphError
from heddle.texts.showing import as_json, as_text
from heddle.texts.templates import fill_template


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {a}, b {b}", "a fox, b 3"),
        ("{b:03d}|{c:.1f}|{a!r:>7}", "003|2.5|  'fox'"),
        ("{{a}} {d[0]} {d[1]}", "{a} x y"),
        ("{e[key]}", "value"),
        ("{a:{b}}|", "fox|"),
        ("{c.real}", "2.5"),
        ("nothing", "nothing"),
    ],
)
def test_values_are_filled_in_as_pythons_format_does(template: str, text: str) -> None:
    assert fill_template(template, {"a": "fox", "b": 3, "c": 2.5, "d": ["x", "y"], "e": {"key": "value"}}) == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{z}", "names 'z', which is not linked; there are: {a}"),
        ("{}", "which is not linked|cannot be filled in"),
        ("{a", "cannot be filled in"),
        ("{a:q}", "cannot be filled in"),
        ("{a.__class__}", "leading underscore"),
        ("{a[__class__]}", "leading underscore"),
        ("{a:99999999}", "width of"),
        ("{a:{w}}", "width of"),
        ("{a.nothing}", "cannot be filled in"),
    ],
)
def test_what_cannot_be_filled_in_is_said(template: str, why: str) -> None:
    with pytest.raises(GraphError, match=why):
        fill_template(template, {"a": "fox", "w": 10**8})


def test_a_template_without_links_says_so() -> None:
    with pytest.raises(GraphError, match="none, as nothing is linked"):
        fill_template("{a}", {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"), (3, "3"), (2.5, "2.5"), (True, "True"), (None, "None"), ([1], "[\n    1\n]"),
        ({"a": object}, "{'a': <class 'object'>}"),
    ],
)  # fmt: skip
def test_values_of_any_kind_have_a_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_a_value_that_cannot_say_what_it_is_is_named_by_its_kind() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

    assert as_text(Mute()) == "a value of the kind Mute, which has no text"


def test_json_keeps_letters_and_is_one_line_where_nothing_is_moved_in() -> None:
    assert as_json({"a": ["漢", 1]}, 0) == '{"a": ["漢", 1]}'
    assert as_json(["x"], 2) == '[\n  "x"\n]'
    assert as_json([object], 0) == "[\"<class 'object'>\"]"
