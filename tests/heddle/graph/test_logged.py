"""Lines of the log that remember what they were made of."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from heddle.graph.errors import GraphError
from heddle.graph.logged import facts_of_line, words_of
from heddle.graph.said import facts_of, say

WHY = say("it has {count} layers", count=3)


def facts(form: Any, *values: Any) -> dict[str, Any] | None:
    return facts_of_line(logging.LogRecord("heddle", logging.INFO, "a.py", 1, form, values, None))


def test_a_form_has_its_values_numbered() -> None:
    assert words_of("%s: %d of %.2f %%, %r") == "{0}: {1} of {2} %, {3}"
    assert words_of("nothing") == "nothing"


@pytest.mark.parametrize(
    ("form", "values", "told"),
    [
        ("%s holds %d", (Path("a"), 3), {"0": "a", "1": "3"}),
        ("%.2f s, %r", (1.234, "a"), {"0": "1.23", "1": "'a'"}),
        ("%s", (WHY,), {"0": facts_of(WHY)}),
        ("%s", (GraphError(WHY),), {"0": facts_of(WHY)}),
        ("%s", (OSError("no"),), {"0": "no"}),
        ("nothing", (), {}),
    ],
)
def test_a_line_tells_its_form_and_values(form: str, values: tuple[Any, ...], told: dict[str, Any]) -> None:
    assert facts(form, *values) == {"words": words_of(form), "values": told}


def test_lines_whose_form_and_values_do_not_fit_tell_nothing() -> None:
    assert facts("%s and %s", "one") is None
    assert facts("%(name)s", {"name": "a"}) is None
    assert facts(ValueError("no")) is None
