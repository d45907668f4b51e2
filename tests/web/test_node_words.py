"""The words that the page has for built-in nodes in other languages than English."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nodes.catalogue import built_in
from tests.web.page_server import HOUSE

WORDS = sorted((HOUSE / "web" / "locales").glob("nodes.*.json"))
EXAMPLES = sorted((HOUSE / "workflows").glob("*.json"))
OF_THE_PAGE = {"MarkdownNote", "Note", "PrimitiveNode", "Reroute"}


@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.name)
def test_each_node_that_has_words_has_all_of_them_and_so_has_each_of_the_examples(path: Path) -> None:
    words: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    specs = dict(built_in().items())
    used = {node["type"] for each in EXAMPLES for node in json.loads(each.read_text(encoding="utf-8"))["nodes"]}
    assert set(words) - OF_THE_PAGE <= set(specs), "words for nodes that are not built in"
    assert used - set(words) == set(), "the examples have nodes without words"
    for node_type, told in words.items():
        assert told["display_name"], node_type
        if node_type in OF_THE_PAGE:
            continue
        spec = specs[node_type]
        assert told["description"], node_type
        assert set(told["inputs"]) == {each.name for each in spec.inputs if each.section != "hidden"}, node_type
        assert [*told["outputs"]] == [str(at) for at, _ in enumerate(spec.outputs)], node_type
        for each in spec.inputs:
            if each.options.get("tooltip"):
                assert told["inputs"][each.name]["tooltip"], f"{node_type}, {each.name}"
