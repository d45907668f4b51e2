"""What a graph means: lists, lazy inputs, graphs in a node's place, stops, nodes that wait, what has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from execution.worker import Worker
from heddle.graph.declare import Hidden, Wire, node, spec_of
from heddle.graph.results import Expanded
from tests.execution.control import meeting, ran, specs, versions
from tests.execution.toys import Heard, graph, run, worker


@pytest.fixture
def made() -> Worker:
    return worker(*specs())


def show(source: str) -> tuple[str, dict[str, Any]]:
    return ("ShowAny", {"value": [source, 0]})


def started(heard: Heard) -> list[str]:
    return [each.node_id for each in heard.of("node_started")]


# Lists


def test_a_list_calls_the_next_node_once_per_element_and_one_that_takes_lists_once(made: Worker) -> None:
    heard = run(
        made, graph(n1=("Spread", {"count": 3}), n2=show("1"), n3=("Gather", {"things": ["1", 0]}), n4=show("3"))
    )
    assert heard.shown() == ["0", "1", "2", "0+1+2"]


def test_the_longest_list_counts_and_shorter_ones_repeat_their_last_element(made: Worker) -> None:
    prompt = graph(n1=("Spread", {"count": 4}), n2=("Spread", {"count": 2}), n3=("Tell", {"name": "!"}),
                   n4=("Join", {"left": ["1", 0], "right": ["2", 0], "also": ["3", 0]}), n5=show("4"))  # fmt: skip
    assert run(made, prompt).shown() == ["00!", "11!", "21!", "31!"]


def test_an_empty_list_calls_nothing_behind_it(made: Worker) -> None:
    heard = run(made, graph(n1=("Spread", {"count": 0}), n2=("Tell", {"name": "x", "after": ["1", 0]}), n3=show("2")))
    assert heard.end.status == "success"
    assert heard.shown() == [] and ran["x"] == 0


# Lazy inputs


def switched(pick: bool) -> dict[str, Any]:
    return graph(
        n1=("Tell", {"name": "a"}),
        n2=("Tell", {"name": "b"}),
        n3=("Switch", {"pick": pick, "yes": ["1", 0], "no": ["2", 0]}),
        n4=show("3"),
    )


def test_what_a_switch_does_not_pick_never_runs(made: Worker) -> None:
    assert run(made, switched(True)).shown() == ["a"]
    assert ran == {"a": 1}
    assert run(made, switched(False)).shown() == ["b"]
    assert ran == {"a": 1, "b": 1}


def test_a_lazy_input_that_nobody_connected_is_none(made: Worker) -> None:
    assert run(made, graph(n3=("Switch", {"pick": True}), n4=show("3"))).shown() == ["nothing"]


def test_a_failure_behind_a_lazy_input_counts_only_if_it_was_asked_for(made: Worker) -> None:
    def broken(pick: bool) -> dict[str, Any]:
        return switched(pick) | graph(n1=("Break", {"thing": ["2", 0]}))

    assert run(made, broken(False)).end.status == "success"
    assert run(made, broken(True)).end.status == "error"


def test_a_switch_behind_a_list_asks_for_what_any_element_needs(made: Worker) -> None:
    prompt = graph(
        n1=("Tell", {"name": "a"}),
        n2=("Tell", {"name": "b"}),
        n5=("Spread", {"count": 2}),
        n3=("Switch", {"pick": True, "yes": ["5", 0], "no": ["2", 0]}),
        n4=show("3"),
    )
    assert run(made, prompt).shown() == ["0", "1"]
    assert ran["b"] == 0


# A graph in a node's place


def test_a_graph_runs_in_a_nodes_place(made: Worker) -> None:
    heard = run(made, graph(n1=("Count", {"value": 5}), n2=("AddMany", {"a": ["1", 0], "times": 4}), n3=show("2")))
    assert heard.shown() == ["9"]
    assert ran["Add"] == 4
    inner = [each for each in heard.of("node_started") if each.node_id == "2.3"]
    assert (inner[0].display_id, inner[0].parent_id, inner[0].real_id) == ("2", "2", "2")


def test_results_inside_are_kept_so_that_a_longer_loop_runs_only_what_is_new(made: Worker) -> None:
    def chain(times: int) -> dict[str, Any]:
        return graph(n1=("Count", {"value": 0}), n2=("AddMany", {"a": ["1", 0], "times": times}), n3=show("2"))

    run(made, chain(3))
    assert run(made, chain(5)).shown() == ["5"]
    assert ran["Add"] == 5
    assert started(run(made, chain(5))) == []


def test_what_a_kept_result_inside_was_made_from_need_not_be_kept(made: Worker) -> None:
    def chain(times: int) -> dict[str, Any]:
        return graph(n1=("Count", {"value": 0}), n2=("AddMany", {"a": ["1", 0], "times": times}), n3=show("2"))

    run(made, chain(3))
    made.house.cache.drop_where(lambda result: result.outputs in (([1],), ([2],)))
    assert run(made, chain(4)).shown() == ["4"]
    assert ran["Add"] == 4


def test_loops_nest_as_deep_as_they_like(made: Worker) -> None:
    heard = run(
        made, graph(n1=("Count", {"value": 1500}), n2=("CountDown", {"value": ["1", 0], "until": 0}), n3=show("2"))
    )
    assert heard.shown() == ["0"]
    assert ran["CountDown"] == 1501
    deepest = heard.of("node_started")[-2]
    assert deepest.real_id == "2" and deepest.display_id == "2"


def test_a_list_that_a_graph_in_a_nodes_place_gives_as_one_value_is_taken_apart_where_the_node_says_so() -> None:
    @node("Both", category="control")
    def both() -> Annotated[Any, Wire("THING")]:
        """Two things as one value."""
        return ["x", "y"]

    @node("Through", category="control", per_node=True)
    def through(id: Annotated[str, Hidden("UNIQUE_ID")] = "") -> Annotated[Expanded, Wire("THING", many=True)]:
        """Puts it into a graph of its own."""
        return Expanded(([f"{id}.b", 0],), {f"{id}.b": {"class_type": "Both", "inputs": {}}})

    parts = spec_of(through)
    whole = replace(parts, outputs=(replace(parts.outputs[0], is_list=False),))
    prompt = graph(n1=("Through", {}), n2=show("1"))
    assert run(worker(*specs(), spec_of(both), parts), prompt).shown() == ["x", "y"]
    assert run(worker(*specs(), spec_of(both), whole), prompt).shown() == ["['x', 'y']"]


def test_a_node_may_run_another_one_again_by_its_link(made: Worker) -> None:
    heard = run(made, graph(n1=("Tell", {"name": "a"}), n2=("Copy", {"node_link": ["1", 0]}), n3=show("2")))
    assert heard.shown() == ["a"]


def test_nothing_behind_a_raw_link_runs_for_it(made: Worker) -> None:
    heard = run(made, graph(n1=("Tell", {"name": "a"}), n2=("Copy", {"node_link": ["1", 0]}), n3=show("2")))
    assert started(heard) == ["2", "2.copy", "3"]


def test_what_stands_behind_a_raw_link_is_part_of_the_key(made: Worker) -> None:
    for name in ("a", "b"):
        prompt = graph(n1=("Tell", {"name": name}), n2=("Copy", {"node_link": ["1", 0]}), n3=show("2"))
        assert run(made, prompt).shown() == [name]


def test_output_nodes_of_a_graph_in_a_nodes_place_show_at_that_node(made: Worker) -> None:
    heard = run(made, graph(n1=("Tell", {"name": "a"}), n2=("ShowInside", {"thing": ["1", 0]}), n3=show("2")))
    assert heard.shown() == ["a", "a"]
    assert {each.node_id: each.display_id for each in heard.of("node_started") if hasattr(each, "display_id")} == {
        "2.s": "2"
    }


def test_a_graph_that_waits_for_its_own_node_is_refused_and_the_job_ends(made: Worker) -> None:
    heard = run(made, graph(n2=("Around", {}), n3=show("2"), n4=("Tell", {"name": "a"}), n5=show("4")))
    assert heard.end.status == "partial"
    assert heard.shown() == ["a"]
    assert "waits for the node itself" in heard.of("node_failed")[0].message


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ({"x.1": {"class_type": "Nowhere", "inputs": {}}}, "Nowhere"),
        ({"x.1": {"inputs": {}}}, "class_type"),
        ({"x.1": {"class_type": "Add", "inputs": {"a": ["gone", 0], "b": 1}}}, "x.1 (Add)"),
        ({"x.1": 7}, "wanted an object"),
        ({"3": {"class_type": "Tell", "inputs": {}}}, "taken"),
    ],
)
def test_a_broken_graph_fails_its_node_alone(returned: Any, said: str) -> None:
    @node("Broken", category="control")
    def broken() -> Annotated[Expanded, Wire("THING")]:
        """Returns what it should not."""
        return Expanded(([next(iter(returned)), 0],), returned)

    made = worker(*specs(), spec_of(broken))
    heard = run(made, graph(n2=("Broken", {}), n3=show("2"), n4=("Tell", {"name": "a"}), n5=show("4")))
    assert heard.end.status == "partial", heard
    assert heard.shown() == ["a"]
    assert said in heard.of("node_failed")[0].message


# Stops


def test_a_blocker_keeps_everything_behind_it_from_running_and_the_job_succeeds(made: Worker) -> None:
    heard = run(made, graph(n1=("Stop", {"message": ""}), n2=("Tell", {"name": "x", "after": ["1", 0]}), n3=show("2")))
    assert heard.end.status == "success"
    assert ran["x"] == 0 and heard.shown() == []
    assert heard.of("node_blocked") == []


def test_a_blocker_with_words_is_reported_once_where_it_arrived_and_the_rest_goes_on(made: Worker) -> None:
    prompt = graph(n1=("Stop", {"message": "no face"}), n2=("Tell", {"name": "x", "after": ["1", 0]}), n3=show("2"),
                   n4=("Tell", {"name": "y"}), n5=show("4"))  # fmt: skip
    for _ in range(2):  # what was blocked is not kept: it is said again
        heard = run(made, prompt)
        assert [(each.node_id, each.message) for each in heard.of("node_blocked")] == [("2", "no face")]
        assert heard.end.status == "success" and heard.shown() == ["y"] and ran["x"] == 0
        assert heard.of("node_failed") == []
        how = heard.of("job_explained")[0].nodes
        assert how["2"] == {"how": "blocked", "why": ["no face"]} and how["3"] == {"how": "blocked", "why": []}


# Nodes that wait


def test_coroutines_overlap_with_each_other(made: Worker) -> None:
    meeting.wanted = 3
    prompt: dict[str, Any] = {}
    for number in (1, 2, 3):
        prompt |= {f"{number}": {"class_type": "Meet", "inputs": {"name": f"{number}"}}}
        prompt |= {f"{number}s": {"class_type": "ShowAny", "inputs": {"value": [f"{number}", 0]}}}
    heard = run(made, prompt)
    assert sorted(heard.shown()) == ["1", "2", "3"]


def test_a_coroutine_overlaps_with_nodes_that_compute(made: Worker) -> None:
    meeting.wanted = 99  # only the plain node can end the wait
    heard = run(made, graph(n1=("Meet", {"name": "m"}), n2=show("1"), n3=("Signal", {"name": "s"}), n4=show("3")))
    assert sorted(heard.shown()) == ["m", "s"]


def test_a_coroutine_called_for_every_element_of_a_list_overlaps_with_itself(made: Worker) -> None:
    meeting.wanted = 3
    prompt = graph(n1=("Spread", {"count": 3}), n2=("Meet", {"name": "m", "after": ["1", 0]}), n3=show("2"))
    assert run(made, prompt).shown() == ["m", "m", "m"]


def test_a_coroutine_that_fails_takes_only_its_branch_along(made: Worker) -> None:
    heard = run(made, graph(n1=("FailLater", {}), n2=show("1"), n3=("Tell", {"name": "a"}), n4=show("3")))
    assert heard.end.status == "partial"
    assert heard.of("node_failed")[0].message == "node 1 (FailLater): ValueError: too late"


def test_an_interrupt_ends_a_list_between_two_of_its_elements() -> None:
    calls: list[str] = []

    @node("Once", category="control")
    def once(thing: Annotated[str, Wire("THING")]) -> Annotated[str, Wire("THING")]:
        """Is interrupted while it works on its first element."""
        calls.append(thing)
        made.interrupt("job")
        return thing

    made = worker(*specs(), spec_of(once))
    heard = run(made, graph(n1=("Spread", {"count": 4}), n2=("Once", {"thing": ["1", 0]}), n3=show("2")))
    assert heard.end.status == "interrupted" and calls == ["0"] and heard.shown() == []


def test_an_interrupt_ends_coroutines_that_wait(made: Worker) -> None:
    def stop_when_it_waits() -> None:
        while not meeting.there:
            time.sleep(0.002)
        made.interrupt("job")

    threading.Thread(target=stop_when_it_waits).start()
    heard = run(made, graph(n1=("WaitForever", {}), n2=show("1")))
    assert heard.end.status == "interrupted"
    assert heard.of("node_failed") == []


# What has changed


@pytest.mark.parametrize("kind", ["Watch", "WatchAsync"])
def test_a_node_that_says_it_has_changed_runs_again(made: Worker, kind: str) -> None:
    prompt = graph(n1=(kind, {"what": "now"}), n2=show("1"))
    assert run(made, prompt).shown() == ["1"]
    assert started(run(made, prompt)) == []
    versions["now"] = 2
    assert run(made, prompt).shown() == ["2"]
    versions["now"] = float("nan")
    assert started(run(made, prompt)) == started(run(made, prompt)) == ["1", "2"]


def test_a_node_that_cannot_say_whether_it_has_changed_runs_and_says_why(made: Worker) -> None:
    prompt = graph(n1=("Watch", {"what": "gone"}), n2=show("1"))
    versions["gone"] = 3
    run(made, prompt)
    del versions["gone"]
    heard = run(made, prompt)
    assert "KeyError" in heard.of("node_note")[0].text
    assert heard.of("node_failed")[0].node_id == "1"


def test_a_node_whose_code_has_changed_runs_again(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=show("1"))
    version = {"Tell": "1"}
    made.house.code_version = lambda spec: version.get(spec.id, "")
    run(made, prompt)
    assert started(run(made, prompt)) == []
    version["Tell"] = "2"
    assert started(run(made, prompt)) == ["1", "2"]
    version["ShowAny"] = "2"
    assert started(run(made, prompt)) == ["2"]


def test_nodes_that_share_nothing_run_each_for_itself(made: Worker) -> None:
    loop = ("CountDown", {"value": ["1", 0], "until": 0})
    run(made, graph(n1=("Count", {"value": 0}), n2=loop, n3=loop, n4=show("2"), n5=show("3")))
    assert ran["CountDown"] == 2


def test_equal_nodes_run_once(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=("Tell", {"name": "a"}), n3=show("1"), n4=show("2"))
    assert run(made, prompt).shown() == ["a", "a"]
    assert ran["a"] == 1


# The job as a whole


def test_a_job_without_the_cache_neither_takes_nor_leaves_results(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=show("1"))
    run(made, prompt, use_cache=False)
    run(made, prompt)
    run(made, prompt, use_cache=False)
    assert ran["a"] == 3


def test_a_node_that_is_not_to_be_kept_runs_each_time_and_so_does_what_it_feeds(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=("Tell", {"name": "b", "after": ["1", 0]}), n3=show("2"))
    prompt["2"]["_meta"] = {"cache": False}
    run(made, prompt)
    assert started(run(made, prompt)) == ["2", "3"]
    assert ran == {"a": 1, "b": 2}


def test_only_the_chosen_output_nodes_run(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=show("1"), n3=("Tell", {"name": "b"}), n4=show("3"))
    assert run(made, prompt, targets=["4"]).shown() == ["b"]
    assert ran["a"] == 0


def test_output_nodes_of_an_earlier_try_are_not_run_again(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=show("1"), n3=("Tell", {"name": "b"}), n4=show("3"))
    heard = run(made, prompt, finished=["2"])
    assert heard.shown() == ["b"] and ran["a"] == 0
    assert heard.end.status == "success"
    assert heard.of("job_explained")[0].nodes["2"]["how"] == "finished"
    run(made, prompt)
    heard = run(made, prompt, finished=["2"])  # known here as well: who asked hears of it once
    assert [each.node_id for each in heard.of("node_finished")] == ["4"]


def test_a_job_may_stop_at_its_first_error(made: Worker) -> None:
    prompt = graph(n1=("Tell", {"name": "a"}), n2=("Break", {"thing": ["1", 0]}), n3=show("2"),
                   n4=("Tell", {"name": "b", "after": ["1", 0]}), n5=("Tell", {"name": "c", "after": ["4", 0]}),
                   n6=show("5"))  # fmt: skip
    assert run(made, prompt, stop_at_first_error=True).end.status == "error"
    assert ran["c"] == 0
    assert run(made, prompt).end.status == "partial"


def test_the_target_that_lacks_least_is_made_first(made: Worker) -> None:
    prompt = graph(
        n1=("Tell", {"name": "a"}),
        n2=("Tell", {"name": "b", "after": ["1", 0]}),
        n3=("Tell", {"name": "c", "after": ["2", 0]}),
        n4=show("3"),
        n5=("Tell", {"name": "d"}),
        n6=show("5"),
    )
    assert run(made, prompt).shown() == ["d", "c"]


def test_nodes_run_in_the_same_order_each_time() -> None:
    """Texts hash differently in each process, so what goes through a set would show itself."""
    script = """
from tests.execution.control import specs
from tests.execution.test_semantics import graph, run, show, started, worker
names = [f"{letter}{number}" for letter in "abcdefgh" for number in range(4)]
nodes = {f"n{name}": ("Tell", {"name": name}) for name in names}
for name, before in zip(names[5:], names):
    nodes[f"n{name}"] = ("Tell", {"name": name, "after": [before, 0]})
nodes |= {f"n{name}s": show(name) for name in names[7:]}
print(*started(run(worker(*specs()), graph(**nodes))))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    (order,) = told
    assert len(order.split()) == 32 + 25


# Why


def why(heard: Heard, node_id: str) -> Any:
    return heard.of("job_explained")[0].nodes[node_id]


def test_a_run_says_of_each_node_how_it_came_to_its_result_and_why(made: Worker) -> None:
    def prompt(name: str) -> dict[str, Any]:
        return graph(n1=("Tell", {"name": name}), n2=("Tell", {"name": "b", "after": ["1", 0]}), n3=show("2"))

    first = run(made, prompt("a"))
    assert why(first, "1")["how"] == "ran" and why(first, "1")["why"] == ["it did not run before"]
    again = run(made, prompt("a"))
    assert why(again, "1") == {"how": "memory"}
    changed = run(made, prompt("x"))
    assert why(changed, "1")["why"] == ["name: 'x' (was 'a')"]
    assert why(changed, "2")["why"] == ["after: node 1 gives something else"]
    made.free(models=False, results=True)
    assert why(run(made, prompt("x")), "1")["why"] == ["nothing changed, but its result was not kept"]


def test_what_was_not_needed_is_said_to_be_skipped(made: Worker) -> None:
    assert why(run(made, switched(True)), "2") == {"how": "skipped"}
