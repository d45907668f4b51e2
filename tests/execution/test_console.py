"""What a person in a terminal reads of a job."""

from __future__ import annotations

import io
from pathlib import Path

from execution.console import Console
from execution.events import InnerNodeStarted, NodeBlocked, NodeFailed, NodeFinished, NodesCached, NodeStarted


def shown(*events: object) -> tuple[str, list[str]]:
    out, err = io.StringIO(), io.StringIO()
    console = Console({"1": "Loader", "2": "Loop"}, lambda root, sub, name: Path("/") / root / sub / name, out, err)
    for event in events:
        console.show(event)  # pyright: ignore[reportArgumentType]
    console.close()
    return out.getvalue(), err.getvalue().splitlines()


def test_results_go_to_standard_output_and_everything_else_to_standard_error() -> None:
    picture = {"images": [{"filename": "a.png", "subfolder": "s", "type": "output"}]}
    out, err = shown(NodesCached(("1",)), NodeStarted("2"), NodeFinished("2", picture))
    assert out == "/output/s/a.png\n"
    assert err == ["1 nodes had their results already", "Loop ..."]


def test_a_node_inside_another_is_told_under_the_outer_nodes_name() -> None:
    assert shown(InnerNodeStarted("2.0.1", "2", "2", "2"))[1] == ["Loop: node 2.0.1 ..."]


def test_a_blocked_branch_and_a_failure_say_why() -> None:
    err = shown(NodeBlocked("1", "Load", "no face found"), NodeFailed("2", message="node 2 (Loop): broke"))[1]
    assert err == ["Loader: not run, no face found", "node 2 (Loop): broke"]
