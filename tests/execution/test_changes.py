"""What `--set` does."""

from __future__ import annotations

from typing import Any

import pytest

from execution.changes import apply_changes
from heddle.graph.errors import SettingsError
from tests.execution.toys import graph, registry


def prompt() -> dict[str, Any]:
    made = graph(n1=("Make", {"text": "a", "count": 1, "mode": "plain"}), n2=("Seeded", {"seed": 1, "weight": 1.0}))
    made["1"]["_meta"] = {"title": "v1.5 text"}
    return made


@pytest.mark.parametrize(
    ("change", "node", "name", "value"),
    [
        ("1.text=a=b, c.d", "1", "text", "a=b, c.d"),
        ("v1.5 text.text=", "1", "text", ""),
        ("1.text=7", "1", "text", "7"),
        ("2.seed=18446744073709551615", "2", "seed", 2**64 - 1),
        ("Seeded.weight=0.5", "2", "weight", 0.5),
        ("1.count=many", "1", "count", "many"),
    ],
)
def test_one_input_changes_and_nothing_else(change: str, node: str, name: str, value: Any) -> None:
    before = prompt()
    after = apply_changes(before, [change], registry())
    assert after[node]["inputs"][name] == value
    assert before == prompt()
    after[node]["inputs"][name] = before[node]["inputs"].get(name)
    assert after == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("9.text=a", "no node of that id or title"),
        ("1.txt=a", "it has: text, count, mode"),
        ("2.thing=a", "has no such value"),
    ],
)
def test_a_change_that_fits_nothing_is_refused(change: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        apply_changes(prompt(), [change], registry())


def test_a_title_that_two_nodes_have_is_refused() -> None:
    twice = prompt() | {"3": {"class_type": "Make", "inputs": {}, "_meta": {"title": "v1.5 text"}}}
    with pytest.raises(SettingsError, match="2 nodes have that title; use an id"):
        apply_changes(twice, ["v1.5 text.text=x"], registry())
