"""What the editor did to a workflow, held against the server's converter: the prompt is the one that it was before."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from execution.convert import to_prompt
from heddle.graph.registry import Registry
from tests.web.node_tools import node

HERE = Path(__file__).parent
HOUSE = HERE.parents[1]


def bare(prompt: dict[str, Any], *, is_moved: bool) -> dict[str, Any]:
    """Classes and inputs by node. Nodes that moved into subgraphs are known by the last part of their ids.

    Made for the comparison, a subgraph's primitives stand for sockets that had values: they are no nodes of a prompt.
    """

    def name(node_id: str) -> str:
        return node_id.rpartition(":")[2] if is_moved else node_id

    def is_link(value: Any) -> bool:
        return isinstance(value, list) and len(value) == 2 and value[0] in prompt

    return {
        name(node_id): (
            node["class_type"],
            {key: [name(value[0]), value[1]] if is_link(value) else value for key, value in node["inputs"].items()},
        )
        for node_id, node in prompt.items()
    }


def test_a_workflow_that_went_through_the_editor_is_run_as_before(tmp_path: Path) -> None:
    target = tmp_path / "pairs.json"
    made = subprocess.run(
        [node(), str(HERE / "converted.js"), str(target)], capture_output=True, text=True, cwd=HOUSE, timeout=120
    )
    assert made.returncode == 0, made.stderr
    pairs = json.loads(target.read_text(encoding="utf-8"))
    assert len(pairs) > 200
    different: list[str] = []
    sizes = 0
    for pair in pairs:
        nodes = Registry.from_catalogue(pair["records"])
        is_moved = pair.get("isMoved", False)
        before, after = (bare(to_prompt(pair[key], nodes), is_moved=is_moved) for key in ("before", "after"))
        sizes += len(before)
        if before == after:
            continue
        where = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        told = [f"node {key}: {before.get(key)} -> {after.get(key)}" for key in where[:3]]
        different.append(f"{pair['name']}: {'; '.join(told)}")
    assert not different, "\n".join(different[:20])
    assert sizes > 1000, "the workflows are too small to say anything"
