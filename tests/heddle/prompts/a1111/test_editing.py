"""A1111's prompt editing."""

import time
from typing import Any

import pytest

from heddle.prompts.a1111.editing import TextUntil, read_schedule


def texts(prompt: str, steps: int = 4, **keywords: Any) -> str:
    """What holds at each step, with a bar between."""
    schedule = read_schedule(prompt, steps, **keywords)
    last = schedule[-1].last_step
    return "|".join(next(text for until, text in schedule if step <= until) for step in range(1, last + 1))


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a", "a|a|a|a"),
        ("[a:b:2]", "a|a|b|b"),
        ("[a:b:0.25]", "a|b|b|b"),
        ("[a:b:.5]", "a|a|b|b"),
        ("[b:2]", "||b|b"),
        ("[a::2]", "a|a||"),
        ("x[a:b:1]y[c:d:3]", "xayc|xbyc|xbyc|xbyd"),
        ("[a:[b:c:3]:1]", "a|b|b|c"),
        ("[a|b]", "a|b|a|b"),
        ("[a|b|]", "a|b||a"),
        ("[[a|b]:c:2]", "a|b|c|c"),
        ("([a:b:2]:1.2)", "(a:1.2)|(a:1.2)|(b:1.2)|(b:1.2)"),
        ("[a:b:9]", "a|a|a|a"),
        ("[a:b:0]", "b|b|b|b"),
        ("[a:b:-2]", "b|b|b|b"),
        ("[a:b:1e999]", "a|a|a|a"),
        ("[ a : b : 2 ]", " a | a | b | b "),
        ("[less] (more)", "[less] (more)|[less] (more)|[less] (more)|[less] (more)"),
        (r"\[a:b:2\]", "|".join([r"\[a:b:2\]"] * 4)),
        ("(a [b:2]", "(a |(a |(a b|(a b"),  # the open one is text, the group holds
        ("[a (b:c:2]", "|".join(["[a (b:c:2]"] * 4)),  # not closed in its order: none is a group
        ("[a:b:c:2]", "|".join(["[a:b:c:2]"] * 4)),
        ("[a:b:two]", "|".join(["[a:b:two]"] * 4)),
    ],
)
def test_the_text_of_each_step(prompt: str, wanted: str) -> None:
    assert texts(prompt) == wanted


@pytest.mark.parametrize("prompt", ["[a:b:2] c|d", "[a:b:2] (c|d)", "[a:b:2] \\", "[a:b:2] \\\nc"])
def test_what_cannot_be_read_changes_nowhere(prompt: str) -> None:
    assert read_schedule(prompt, 4) == [TextUntil(4, prompt)]
    assert read_schedule(prompt, 4, hires_steps=7) == [TextUntil(7, prompt)]


def test_a_second_pass_goes_on_where_the_first_ended() -> None:
    assert texts("[a:b:2]", 4, hires_steps=4) == "b|b|b|b"
    assert texts("[a:b:6]", 4, hires_steps=4) == "a|a|b|b"
    assert texts("[a:b:1.25]", 4, hires_steps=4) == "a|b|b|b"
    assert texts("[a|b]", 9, hires_steps=3) == "a|b|a"


def test_the_old_rule_tells_shares_by_their_size() -> None:
    assert texts("[a:b:1.5]", 4, by_old_rule=True) == "a|b|b|b"
    assert texts("[a:b:0.5]", 4, by_old_rule=True, hires_steps=8) == "a|a|b|b"


@pytest.mark.parametrize(
    "prompt", ["[" * 50_000 + "a" + "]" * 50_000, "[a:" * 30_000 + "b" + ":1]" * 30_000, "((" * 50_000, "[a|" * 50_000]
)
def test_deep_nesting_is_only_text_or_groups(prompt: str) -> None:
    began = time.process_time()
    assert len(read_schedule(prompt, 2)) <= 2
    assert time.process_time() - began < 5
