"""The weight grammar, against a plain recursive reading of its rules."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.prompts.weights import Segment, parse_weights, unescape


def read_plainly(text: str, weight: float = 1.0) -> list[Segment]:
    """The rules as they are told, one group inside another, without care for speed; escapes must be hidden already."""
    items, item, depth = [], "", 0
    for character in text:
        if character == "(" and depth == 0 and item:
            items.append(item)
            item = ""
        item += character
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            items.append(item)
            item = ""
    segments = []
    for item in [*items, item]:  # noqa: B020 - the last one is what was left over
        if len(item) >= 2 and item[0] == "(" and item[-1] == ")":
            inner, inner_weight = item[1:-1], weight * 1.1
            before, colon, after = inner.rpartition(":")
            if colon and before:
                try:
                    inner, inner_weight = before, float(after)
                except ValueError:
                    pass
            segments += read_plainly(inner, inner_weight)
        elif item:
            segments.append(Segment(item, weight))
    return segments


@given(st.text(alphabet="()a1.: ", max_size=40))
def test_any_nesting_is_read_by_the_rules(text: str) -> None:
    assert parse_weights(text) == read_plainly(text)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", []),
        ("a cat", [("a cat", 1.0)]),
        ("(cat)", [("cat", 1.1)]),
        ("((cat))", [("cat", 1.1 * 1.1)]),
        ("a (red:1.2) car", [("a ", 1.0), ("red", 1.2), (" car", 1.0)]),
        ("(very (red:1.5) car)", [("very ", 1.1), ("red", 1.5), (" car", 1.1)]),
        ("((a) b:0.5)", [("a", 0.5 * 1.1), (" b", 0.5)]),
        ("[cat:dog:0.5]", [("[cat:dog:0.5]", 1.0)]),
        (r"\(literal\)", [("(literal)", 1.0)]),
        (r"(\(x\):1.4)", [("(x)", 1.4)]),
        ("(a (b)", [("a ", 1.1), ("(b", 1.1)]),
        ("(cat", [("(cat", 1.0)]),
        (")cat(", [(")cat(", 1.0)]),
        ("(cat:-1.0)", [("cat", -1.0)]),
        ("(cat:abc)", [("cat:abc", 1.1)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("()", []),
    ],
)
def test_examples(text: str, segments: list[tuple[str, float]]) -> None:
    assert parse_weights(text) == segments


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "infinity"])
def test_what_is_no_finite_number_is_a_word(word: str) -> None:
    assert parse_weights(f"(type:{word})") == [(f"type:{word}", 1.1)]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "deep" + ")" * 10_000,
        "(" * 100_000,
        ")" * 100_000,
        "(" * 50_000 + "a:1.1" + ")" * 50_000,
        "(a:1.1)" * 15_000,
        "(" * 49_000 + ":" * 2_000 + ")" * 49_000,
    ],
    ids=["nested", "open", "closed", "weights inside", "many groups", "colons"],
)
def test_100000_characters_take_no_time_however_they_are_nested(text: str) -> None:
    started = time.process_time()
    parse_weights(text)
    assert time.process_time() - started < 2  # a reading that is quadratic takes minutes


def test_escapes_can_be_undone_alone() -> None:
    assert unescape(r"a \(b\) (c)") == "a (b) (c)"
