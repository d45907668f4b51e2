"""The executor's heart: orders of events, written down, and any others against a plain reference."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from execution.machine import (
    Begin,
    End,
    Failed,
    Forget,
    Interrupted,
    Needs,
    Replaced,
    Run,
    Spoiled,
    State,
    Step,
    Stuck,
    Succeeded,
    Task,
    Waiting,
    advance,
)


def state(targets: str, keep_results: bool = True, stop_at_first_failure: bool = False, **sources: str) -> State:
    """`state("d", a="", d="a")`: nodes named by one letter, each with those that it needs."""
    return State({name: Task(tuple(needs)) for name, needs in sources.items()}, tuple(targets), keep_results,
                 stop_at_first_failure)  # fmt: skip


def diamond() -> State:
    return state("d", a="", b="a", c="a", d="bc")


def play(job: State, steps: tuple[Step, ...]) -> tuple[list[str], Step]:
    """Let every node succeed. Returns: the nodes in the order in which they ran, and the last step."""
    seen: list[str] = []
    while True:
        runs = [step for step in steps if isinstance(step, Run)]
        if not runs:
            return seen, steps[-1]
        seen.append(runs[0].node_id)
        steps = advance(job, Succeeded(runs[0].node_id))


def test_a_node_runs_when_all_its_sources_have_results() -> None:
    job = diamond()
    assert play(job, advance(job, Begin())) == (["a", "b", "c", "d"], End("success"))


def test_what_is_known_at_the_start_does_not_run() -> None:
    assert advance(diamond(), Begin(frozenset("ab"))) == (Run("c"),)


def test_nothing_behind_a_known_target_is_looked_at() -> None:
    assert advance(diamond(), Begin(frozenset("d"))) == (End("success"),)


def test_a_target_that_an_earlier_try_finished_does_not_run_again() -> None:
    job = state("dx", a="", d="a", x="")
    assert play(job, advance(job, Begin(finished=frozenset("d")))) == (["x"], End("success"))


def test_a_finished_target_runs_for_its_values_if_another_node_needs_them() -> None:
    job = state("dx", a="", d="a", x="d")
    assert play(job, advance(job, Begin(finished=frozenset("d")))) == (["a", "d", "x"], End("success"))


def test_a_ready_target_goes_before_nodes_that_stand_earlier() -> None:
    job = State({"a": Task(), "b": Task(), "t": Task(("b",)), "u": Task(("a", "t"))}, ("t", "u"))
    assert play(job, advance(job, Begin()))[0] == ["a", "b", "t", "u"]
    job = State({"b": Task(), "a": Task(), "t": Task(("b",)), "u": Task(("a", "t"))}, ("t", "u"))
    assert play(job, advance(job, Begin()))[0] == ["b", "t", "a", "u"]


def test_a_failure_takes_away_only_what_depends_on_it() -> None:
    job = state("bx", a="", b="a", y="", x="y")
    advance(job, Begin())
    assert play(job, advance(job, Failed("a"))) == (["y", "x"], End("partial"))


def test_what_only_a_lost_target_would_have_used_does_not_run() -> None:
    job = state("lx", a="", c="", l="ac", y="", x="y")
    advance(job, Begin())
    assert play(job, advance(job, Failed("a"))) == (["y", "x"], End("partial"))


def test_what_another_target_uses_too_still_runs() -> None:
    job = state("lx", a="", c="", l="ac", x="c")
    advance(job, Begin())
    assert play(job, advance(job, Failed("a"))) == (["c", "x"], End("partial"))


def test_a_job_without_any_finished_target_failed() -> None:
    job = diamond()
    advance(job, Begin())
    assert advance(job, Failed("a")) == (End("error"),)


def test_a_job_may_end_with_its_first_failure() -> None:
    job = state("bx", stop_at_first_failure=True, a="", b="a", y="", x="y")
    advance(job, Begin())
    assert advance(job, Failed("a")) == (End("error"),)


def test_an_interrupt_ends_the_job_and_later_events_change_nothing() -> None:
    job = diamond()
    advance(job, Begin())
    assert advance(job, Interrupted()) == (End("interrupted"),)
    assert advance(job, Succeeded("a")) == ()


def test_a_lazy_source_runs_only_when_the_node_asks_for_it() -> None:
    job = State({"a": Task(), "b": Task(), "s": Task((), ("a", "b"))}, "s", keep_results=True)
    assert advance(job, Begin()) == (Run("s"),)
    assert advance(job, Needs("s", ("b",))) == (Run("b"),)
    assert advance(job, Succeeded("b")) == (Run("s"),)
    assert advance(job, Succeeded("s")) == (End("success"),)


def test_a_node_that_asks_for_a_lost_source_is_lost() -> None:
    job = State({"a": Task(), "s": Task((), ("a",)), "x": Task(("a",))}, ("x", "s"), keep_results=True)
    assert advance(job, Begin()) == (Run("s"),)  # a target that is ready goes first
    assert advance(job, Needs("s", ("a",))) == (Run("a"),)
    assert advance(job, Failed("a")) == (End("error"),)


def test_others_run_while_a_node_waits_for_something_outside() -> None:
    job = State({"w": Task(eager=True), "a": Task(), "b": Task(("a",)), "t": Task(("w", "b"))}, "t", keep_results=True)
    assert advance(job, Begin()) == (Run("w"),)
    assert advance(job, Waiting("w")) == (Run("a"),)
    assert advance(job, Succeeded("w")) == ()  # the processor is taken
    assert advance(job, Succeeded("a")) == (Run("b"),)
    assert advance(job, Succeeded("b")) == (Run("t"),)


def test_a_job_does_not_end_before_what_waits_has_ended() -> None:
    job = State({"w": Task(), "x": Task()}, "wx", keep_results=True)
    advance(job, Begin())
    assert advance(job, Waiting("w")) == (Run("x"),)
    assert advance(job, Succeeded("x")) == ()
    assert advance(job, Failed("w")) == (End("partial"),)


def test_a_graph_runs_in_a_nodes_place_and_then_the_node_once_more() -> None:
    job = state("t", n="", t="n")
    advance(job, Begin())
    graph = {"n.a": Task(), "n.b": Task(("n.a",)), "n.unused": Task()}
    assert advance(job, Replaced("n", graph, ("n.b",))) == (Run("n.a"),)
    assert play(job, advance(job, Succeeded("n.a"))) == (["n.b", "n", "t"], End("success"))


def test_a_graph_in_a_nodes_place_goes_before_what_stands_behind_the_node() -> None:
    job = state("t", n="", m="", t="nm")
    advance(job, Begin())
    assert advance(job, Replaced("n", {"n.a": Task()}, ("n.a",))) == (Run("n.a"),)


def test_targets_of_a_replacing_graph_run_for_their_own_sake() -> None:
    job = state("t", n="", t="n")
    advance(job, Begin())
    graph = {"n.a": Task(), "n.show": Task(("n.a",))}
    seen, end = play(job, advance(job, Replaced("n", graph, (), ("n.show",))))
    assert set(seen) == {"n.a", "n.show", "n", "t"}
    assert end == End("success")


def test_a_failure_inside_a_replacing_graph_takes_the_node_away() -> None:
    job = state("tx", n="", t="n", y="", x="y")
    advance(job, Begin())
    advance(job, Replaced("n", {"n.a": Task()}, ("n.a",)))
    assert play(job, advance(job, Failed("n.a"))) == (["y", "x"], End("partial"))


def test_a_graph_that_waits_for_the_node_it_replaces_is_found_out() -> None:
    job = state("t", n="", t="n")
    advance(job, Begin())
    steps = advance(job, Replaced("n", {"n.a": Task(("n",))}, ("n.a",)))
    assert steps[0] == Stuck("n")
    assert steps[-1] == End("error")


def test_a_result_is_forgotten_once_all_that_may_use_it_have_ended() -> None:
    job = State({"a": Task(), "b": Task(("a",)), "s": Task(("b",), ("a",)), "t": Task(("s",))}, "t")
    advance(job, Begin())
    advance(job, Succeeded("a"))
    assert Forget("a") not in advance(job, Succeeded("b"))  # s may still ask for it
    steps = advance(job, Succeeded("s"))
    assert Forget("a") in steps and Forget("b") in steps
    assert advance(job, Succeeded("t")) == (Forget("s"), End("success"))


def test_a_forgotten_result_is_made_again_for_a_graph_that_comes_later() -> None:
    job = State({"a": Task(), "b": Task(("a",)), "t": Task(("b",))}, "t")
    advance(job, Begin())
    advance(job, Succeeded("a"))
    assert Forget("a") in advance(job, Succeeded("b"))
    assert advance(job, Replaced("t", {"t.x": Task(("a",))}, ("t.x",))) == (Run("a"),)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Task], list[str]]:
    size = draw(st.integers(1, 12))
    names = [str(i) for i in range(size)]
    tasks = {}
    for i, name in enumerate(names):
        sources = draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=4)) if i else []
        lazy = draw(st.integers(0, len(sources)))
        tasks[name] = Task(tuple(sources[lazy:]), tuple(sources[:lazy]), draw(st.booleans()))
    return tasks, draw(st.lists(st.sampled_from(names), unique=True, min_size=1))


def reference(
    tasks: Mapping[str, Task], targets: list[str], failing: set[str], asks: Mapping[str, tuple[str, ...]]
) -> tuple[set[str], bool]:
    """The nodes that give a result when all is worked out by recursion, and whether any failed that was needed."""
    results: dict[str, bool] = {}

    def give(name: str) -> bool:
        if name not in results:
            results[name] = False
            needs = [give(source) for source in tasks[name].needs]
            asked = [give(source) for source in asks.get(name, ())] if all(needs) else [False]
            results[name] = all(asked) and name not in failing
        return results[name]

    fine = [give(target) for target in targets]
    return {name for name, ok in results.items() if ok}, all(fine)


@given(graphs(), st.data())
def test_any_order_of_events_gives_what_a_recursion_gives(
    drawn: tuple[dict[str, Task], list[str]], data: st.DataObject
) -> None:
    tasks, targets = drawn
    failing = {name for name in tasks if data.draw(st.integers(0, 5)) == 0}
    asks = {
        name: tuple(each for each in task.may_need if data.draw(st.booleans())) for name, task in tasks.items()
    }  # fmt: skip
    job = State(tasks, targets, keep_results=data.draw(st.booleans()))
    have: set[str] = set()
    asked: set[str] = set()
    outside: list[str] = []
    succeeded: set[str] = set()
    steps = advance(job, Begin())
    while not any(isinstance(step, End) for step in steps):
        for step in steps:
            if isinstance(step, Forget):
                have.discard(step.node_id)
        running = [step.node_id for step in steps if isinstance(step, Run)]
        assert len(running) <= 1 and not any(isinstance(step, Stuck) for step in steps)
        if running and data.draw(st.booleans()):
            outside.append(running[0])
            steps = advance(job, Waiting(running[0]))
            continue
        if not running and job.running is None:
            assert outside, "nothing runs, nothing waits, and the job does not end"
        name = running[0] if running else outside.pop(data.draw(st.integers(0, len(outside) - 1)))
        assert set(tasks[name].needs) <= have, "it ran before its sources"
        if name not in asked and asks[name]:
            asked.add(name)
            steps = advance(job, Needs(name, asks[name]))
        elif name in failing:
            steps = advance(job, Failed(name))
        else:
            assert set(asks[name]) <= have
            have.add(name)
            succeeded.add(name)
            steps = advance(job, Succeeded(name))
    expected, all_fine = reference(tasks, targets, failing, asks)
    end = steps[-1]
    assert isinstance(end, End)
    assert succeeded <= expected
    assert set(targets) & expected <= succeeded, "a target that could be had was not"
    assert (end.status == "success") == all_fine
    assert (end.status == "partial") == (not all_fine and bool(set(targets) & expected))


def test_what_a_replaced_node_waits_for_stays_until_it_has_taken_it() -> None:
    job = State({"r": Task(), "t": Task(("r",))}, "t")
    assert advance(job, Begin()) == (Run("r"),)
    assert advance(job, Replaced("r", {"x": Task(), "y": Task(("x",))}, ("x", "y"))) == (Run("x"),)
    assert advance(job, Succeeded("x")) == (Run("y"),)
    assert advance(job, Succeeded("y")) == (Run("r"),)
    assert advance(job, Succeeded("r")) == (Forget("x"), Forget("y"), Run("t"))


def test_what_was_asked_for_and_spoiled_while_its_asker_waits_is_made_again() -> None:
    job = State({"a": Task(), "b": Task(), "s": Task((), ("a", "b"))}, "s")
    advance(job, Begin())
    assert advance(job, Needs("s", ("a", "b"))) == (Run("a"),)
    assert advance(job, Succeeded("a")) == (Run("b"),)
    advance(job, Spoiled(("a",)))
    assert advance(job, Succeeded("b")) == (Run("a"),)
    assert advance(job, Succeeded("a")) == (Run("s"),)


def test_a_target_that_was_spoiled_after_it_was_shown_still_counts() -> None:
    job = state("tx", a="", t="a", x="a")
    assert play(job, advance(job, Begin()))[0] == ["a", "t", "x"]
    job = state("tx", a="", t="a", x="a")
    advance(job, Begin())
    advance(job, Succeeded("a"))
    advance(job, Succeeded("t"))
    advance(job, Spoiled(("t",)))
    assert advance(job, Failed("x")) == (End("partial"),)
