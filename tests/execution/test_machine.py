"""The executor's heart: orders of events, written down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from execution.machine import Begin, End, Failed, Interrupted, Run, State, Succeeded, advance

DIAMOND = State(
    order=("a", "b", "c", "d"),
    sources={"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")},
    targets=frozenset({"d"}),
)


def test_a_node_runs_when_all_its_sources_have_results() -> None:
    state, steps = advance(DIAMOND, Begin())
    seen = []
    while isinstance(step := steps[0], Run):
        seen.append(step.node_id)
        state, steps = advance(state, Succeeded(step.node_id))
    assert seen == ["a", "b", "c", "d"]
    assert steps == (End("success"),)


def test_what_is_known_at_the_start_does_not_run() -> None:
    _, steps = advance(DIAMOND, Begin(frozenset({"a", "b"})))
    assert steps == (Run("c"),)


def test_a_failure_takes_away_only_what_depends_on_it() -> None:
    state = State(("a", "b", "x"), {"a": (), "b": ("a",), "x": ()}, frozenset({"b", "x"}))
    state, steps = advance(state, Begin())
    state, steps = advance(state, Failed("a"))
    assert steps == (Run("x"),)
    state, steps = advance(state, Succeeded("x"))
    assert steps == (End("partial"),)


def test_what_only_a_lost_target_would_have_used_does_not_run() -> None:
    state = State(
        ("a", "costly", "lost", "x"),
        {"a": (), "costly": (), "lost": ("a", "costly"), "x": ()},
        frozenset({"lost", "x"}),
    )
    state, _ = advance(state, Begin())
    state, steps = advance(state, Failed("a"))
    assert steps == (Run("x"),)


def test_a_job_without_any_finished_target_failed() -> None:
    state, _ = advance(DIAMOND, Begin())
    _, steps = advance(state, Failed("a"))
    assert steps == (End("error"),)


def test_an_interrupt_ends_the_job_and_later_events_change_nothing() -> None:
    state, _ = advance(DIAMOND, Begin())
    state, steps = advance(state, Interrupted())
    assert steps == (End("interrupted"),)
    assert advance(state, Succeeded("a")) == (state, ())


@st.composite
def graphs(draw: st.DrawFn) -> State:
    size = draw(st.integers(1, 12))
    names = [str(i) for i in range(size)]
    sources = {
        name: tuple(draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=3))) if i else ()
        for i, name in enumerate(names)
    }
    targets = draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    return State(tuple(names), sources, frozenset(targets))


@given(graphs(), st.data())
def test_every_graph_ends_each_node_runs_at_most_once_and_never_before_its_sources(
    state: State, data: st.DataObject
) -> None:
    done: set[str] = set()
    failed: set[str] = set()
    state, steps = advance(state, Begin())
    while isinstance(step := steps[0], Run):
        assert step.node_id not in done | failed
        assert set(state.sources[step.node_id]) <= done
        if data.draw(st.booleans()):
            done.add(step.node_id)
            state, steps = advance(state, Succeeded(step.node_id))
        else:
            failed.add(step.node_id)
            state, steps = advance(state, Failed(step.node_id))
    assert isinstance(step, End)
    assert (step.status == "success") == (done == set(state.order))
    assert (step.status == "error") == (bool(failed) and not state.targets & done)
