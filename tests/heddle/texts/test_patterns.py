"""Regular expressions in a program of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from heddle.texts.pattern_child import MOST_LETTERS
from heddle.texts.patterns import BadPattern, Patterns, RunawayPattern, flags_of


@pytest.fixture
def patterns() -> Iterator[Patterns]:
    made = Patterns(seconds=1.0)
    yield made
    made.close()


@pytest.mark.parametrize("text", ["Red fox, 3 foxes\nblue dog", "", "äöü 漢字 \U0001f98a \ud800", "\r\n\t\\"])
@pytest.mark.parametrize("pattern", [r"\d+", "^(b)?(l)?", "(?P<animal>fox|dog)(es)?", r"\w+", "$", "\U0001f98a", "."])
@pytest.mark.parametrize("flags", [0, flags_of(True, True, True)])
def test_patterns_find_what_re_finds(patterns: Patterns, text: str, pattern: str, flags: int) -> None:
    found = list(re.finditer(pattern, text, flags))
    assert patterns.all(pattern, text, flags) == [[each[0], *each.groups()] for each in found]
    assert patterns.first(pattern, text, flags) == [[each[0], *each.groups()] for each in found[:1]]
    assert patterns.matches(pattern, text, flags) == bool(found)
    assert patterns.replaced(pattern, text, r"<\g<0>>", flags) == re.sub(pattern, r"<\g<0>>", text, flags=flags)
    assert patterns.replaced(pattern, text, "", flags, 1) == re.sub(pattern, "", text, count=1, flags=flags)


def test_flags_are_those_of_re() -> None:
    assert flags_of(False, False, False) == 0
    assert flags_of(True, True, True) == re.IGNORECASE | re.MULTILINE | re.DOTALL


def test_a_pattern_that_runs_away_is_given_up_and_the_next_one_is_served(patterns: Patterns) -> None:
    began = time.monotonic()
    with pytest.raises(RunawayPattern, match="takes too long, more than 1 s"):
        patterns.matches("(a+)+$", "a" * 64 + "b", 0)
    assert time.monotonic() - began < 20
    assert patterns.matches("a", "ba", 0)


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>x)(?P<a>y)", r"\2", "(" * 5000 + ")" * 5000])
def test_what_is_no_pattern_is_refused_with_the_reason(patterns: Patterns, pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"cannot be used: .+; write it as"):
        patterns.matches(pattern, "text", 0)


def test_a_replacement_that_names_a_group_which_is_not_there_is_refused(patterns: Patterns) -> None:
    with pytest.raises(BadPattern, match="invalid group reference"):
        patterns.replaced("(a)", "a", r"\2", 0)


def test_a_result_that_would_fill_the_memory_is_refused(patterns: Patterns) -> None:
    with pytest.raises(BadPattern, match="more than"):
        patterns.replaced("a", "a" * 10_001, "b" * (MOST_LETTERS // 10_000), 0)
