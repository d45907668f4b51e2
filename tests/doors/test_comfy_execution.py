"""`comfy_execution` and `execution`: graphs, which call runs, progress, types."""

from __future__ import annotations

from typing import Any

import pytest

import execution
from comfy_execution import graph, graph_utils
from comfy_execution.progress import get_progress_state
from comfy_execution.utils import CurrentNodeContext, get_executing_context
from comfy_execution.validation import validate_node_input
from heddle.graph.results import ExecutionBlocker
from tests.doors.conftest import FrontDesk, RunningNode


def test_the_names_of_all_doors_are_the_same_things() -> None:
    assert graph.ExecutionBlocker is graph_utils.ExecutionBlocker is execution.ExecutionBlocker is ExecutionBlocker
    assert execution.DynamicPrompt is graph.DynamicPrompt
    assert graph_utils.is_link(["1", 0]) and not graph_utils.is_link(["1", "0"])


def test_input_info_is_found_in_every_section() -> None:
    class Node:
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {
                "required": {"a": ("INT", {"lazy": True})},
                "optional": {"b": (["x"],)},
                "hidden": {"c": "PROMPT"},
            }

    assert graph.get_input_info(Node, "a") == ("INT", "required", {"lazy": True})
    assert graph.get_input_info(Node, "b") == (["x"], "optional", {})
    assert graph.get_input_info(Node, "c") == ("PROMPT", "hidden", {})
    assert graph.get_input_info(Node, "d") == (None, None, None)


def test_the_running_call_is_known_and_another_may_be_named(running: RunningNode) -> None:
    assert get_executing_context() == ("j", "5", 1)
    with CurrentNodeContext("other", "6"):
        assert get_executing_context() == ("other", "6", 0)
        graph_id = graph_utils.GraphBuilder().node("A").id
    assert graph_id == "6.0.0.1"
    assert get_executing_context() == ("j", "5", 1)


def test_no_call_is_known_while_none_runs() -> None:
    assert get_executing_context() is None


def test_progress_of_the_running_node_and_of_others_reaches_them(running: RunningNode, desk: FrontDesk) -> None:
    state = get_progress_state()
    state.update_progress("5", 1, 2)
    state.update_progress("8", 3, 4)
    assert (running.told, desk.progress) == ([(1, 2)], [("8", 3, 4, None)])


class AnyType(str):
    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize(
    ("given", "wanted", "strict", "fits"),
    [
        ("IMAGE", "IMAGE", False, True),
        ("IMAGE", "MASK", False, False),
        ("*", "MASK", False, True),
        (AnyType("ANY"), "MASK", True, True),
        ("IMAGE,MASK", "MASK,LATENT", False, True),
        ("IMAGE,MASK", "MASK,LATENT", True, False),
        ("MASK", "MASK, LATENT", True, True),
    ],
)
def test_types_fit_by_union_or_by_parts(given: str, wanted: str, strict: bool, fits: bool) -> None:
    assert validate_node_input(given, wanted, strict) is fits
