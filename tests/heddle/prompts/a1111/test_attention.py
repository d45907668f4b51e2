"""A1111's weights."""

import time

import pytest

from heddle.prompts.a1111.attention import BREAK, parse_attention

F = 1.1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [("", 1)]),
        ("plain, words", [("plain, words", 1)]),
        ("a (b) [c]", [("a ", 1), ("b", F), (" ", 1), ("c", 1 / F)]),
        ("(a (b:1.2) c:1.3)", [("a ", 1.3), ("b", 1.56), (" c", 1.3)]),
        ("[(a)]", [("a", 1)]),
        ("(a)(b)", [("ab", F)]),
        ("((a", [("a", F * F)]),
        ("[a", [("a", 1 / F)]),
        ("a) b]", [("a) b]", 1)]),
        ("(a: -.5 )", [("a", -0.5)]),
        ("[a:1.5]", [("a:1.5", 1 / F)]),
        ("a:1.5)", [("a:1.5)", 1)]),
        ("(a:1.2.3)", [("a:1.2.3", F)]),
        (f"(a:{'9' * 400})", [(f"a:{'9' * 400}", F)]),
        (r"\(a\) \[b\] \\c \d", [(r"(a) [b] \c d", 1)]),
        ("a BREAK\n b", [("a", 1), ("BREAK", -1), ("b", 1)]),
        ("(a BREAK b:2)", [("a", 2), ("BREAK", -2), ("b", 2)]),
        ("BREAKFAST", [("BREAKFAST", 1)]),
    ],
)
def test_weights_are_read(text: str, wanted: list[tuple[str, float]]) -> None:
    got = parse_attention(text)
    assert [segment.text for segment in got] == [piece for piece, _ in wanted]
    assert [segment.weight for segment in got] == pytest.approx([weight for _, weight in wanted])


def test_a_break_is_known_by_its_piece() -> None:
    assert parse_attention("a BREAK b")[1] == BREAK


@pytest.mark.parametrize("text", ["(" * 20_000, "(a" * 20_000, "(a" * 20_000 + ")" * 20_000, " " * 50_000 + "BREAK"])
def test_a_hostile_text_takes_no_more_than_a_moment(text: str) -> None:
    began = time.process_time()
    parse_attention(text)
    assert time.process_time() - began < 5
