"""Loops that packs build from an opening and a closing node."""

from __future__ import annotations

from typing import Any

import pytest

from execution.worker import Worker
from tests.execution.control import ran
from tests.execution.loops import loop_nodes
from tests.execution.packs import pack_node, pack_worker, show
from tests.execution.toys import graph, run


@pytest.fixture
def made() -> Worker:
    return pack_worker(*loop_nodes())


def for_loop(times: int, start: str = "", word: str = "x") -> dict[str, Any]:
    """Adds a word to a text so many times."""
    return graph(
        n1=("ForOpen", {"remaining": times, "initial_value1": start}),
        n2=("Longer", {"text": ["1", 2], "word": word}),
        n3=("ForClose", {"flow_control": ["1", 0], "initial_value1": ["2", 0]}),
        n4=show("3"),
    )


@pytest.mark.parametrize("times", [1, 2, 50])
def test_a_for_loop_goes_round_as_often_as_it_says_and_keeps_what_it_gathers(made: Worker, times: int) -> None:
    heard = run(made, for_loop(times, "_"))
    assert heard.shown() == ["_" + "x" * times], heard.of("node_failed")
    assert heard.end.status == "success"


def test_the_body_of_a_loop_is_shown_at_the_nodes_that_a_person_drew(made: Worker) -> None:
    heard = run(made, for_loop(5))
    assert {each.display_id for each in heard.of("node_started") if hasattr(each, "display_id")} <= {"1", "2", "3"}
    assert {each.real_id for each in heard.of("node_started") if hasattr(each, "real_id")} == {"3"}


def test_a_loop_that_ran_is_known_as_a_whole_and_a_longer_one_goes_on_from_it(made: Worker) -> None:
    run(made, for_loop(6))
    assert run(made, for_loop(6)).of("node_started") == []
    assert run(made, for_loop(7)).shown() == ["x" * 7]


def test_a_loop_inside_a_loop(made: Worker) -> None:
    prompt = graph(
        n1=("ForOpen", {"remaining": 3, "initial_value1": ""}),
        n2=("ForOpen", {"remaining": 4, "initial_value1": ["1", 2]}),
        n3=("Longer", {"text": ["2", 2], "word": "i"}),
        n4=("ForClose", {"flow_control": ["2", 0], "initial_value1": ["3", 0]}),
        n5=("Longer", {"text": ["4", 0], "word": "o"}),
        n6=("ForClose", {"flow_control": ["1", 0], "initial_value1": ["5", 0]}),
        n7=show("6"),
    )
    assert run(made, prompt).shown() == ["iiiio" * 3]


def test_what_the_body_takes_from_outside_is_made_once(made: Worker) -> None:
    prompt = for_loop(5)
    prompt["2"]["inputs"]["word"] = ["5", 0]
    prompt |= graph(n5=("Tell", {"name": "t"}))
    made.house.cache.limit_bytes = 0  # or one that holds it would do
    assert run(made, prompt).shown() == ["ttttt"]
    assert ran["t"] == 1


def test_a_while_loop_stops_when_its_condition_does(made: Worker) -> None:
    prompt = graph(
        n1=("WhileOpen", {"condition": True, "initial_value0": 9}),
        n2=("Add", {"a": ["1", 1], "b": -2}),
        n3=("IsPositive", {"a": ["2", 0]}),
        n4=("WhileClose", {"flow_control": ["1", 0], "condition": ["3", 0], "initial_value0": ["2", 0]}),
        n5=show("4"),
    )
    assert run(made, prompt).shown() == ["-1"]
    assert ran["Add"] == 5


def test_a_failure_in_the_body_ends_the_loop_and_nothing_else() -> None:
    def picky(text: str) -> Any:
        if len(text) == 3:
            raise ValueError(text)
        return (text,)

    made = pack_worker(*loop_nodes(), pack_node("Picky", picky, takes={"text": ("*", {})}))
    prompt = for_loop(9)
    prompt |= graph(n5=("Picky", {"text": ["2", 0]}), n6=("Tell", {"name": "a"}), n7=show("6"))
    prompt["3"]["inputs"]["initial_value1"] = ["5", 0]
    heard = run(made, prompt)
    assert heard.end.status == "partial" and heard.shown() == ["a"]
    assert [each.message.partition(": ")[2] for each in heard.of("node_failed")] == ["ValueError: xxx"]


def test_an_interrupt_in_the_midst_of_a_loop_ends_it_there(made: Worker) -> None:
    seen = []

    def emit(event: Any) -> None:
        seen.append(event)
        if len([each for each in seen if each.kind == "node_started"]) == 40:
            made.interrupt("job")

    made.run("job", for_loop(50), emit)
    assert seen[-1].status == "interrupted"
    assert len([each for each in seen if each.kind == "node_started"]) == 40
    assert run(made, for_loop(50)).shown() == ["x" * 50]


def test_ids_do_not_grow_with_the_rounds_of_a_loop(made: Worker) -> None:
    heard = run(made, for_loop(60))
    assert heard.shown() == ["x" * 60]
    started = [each.node_id for each in heard.of("node_started")]
    assert max(map(len, started)) < 250
    assert len(set(started)) == len(started)
    assert all(each.partition(".")[0] in {"1", "2", "3", "4"} for each in started)
