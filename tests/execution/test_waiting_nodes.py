"""Coroutine nodes that do not behave: the job ends when it should, and nothing of them reaches the next."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from execution import waiting
from heddle.graph.running import current_context
from tests.execution.packs import ANY, pack_node, pack_worker, show
from tests.execution.toys import Heard, graph, run


def run_and_stop(made: Any, prompt: Any, is_time: Any) -> Heard:
    """Run until an event says that it is time; then interrupt."""
    heard = Heard()

    def emit(event: Any) -> None:
        heard.append(event)
        if is_time(event):
            made.interrupt("job")

    made.run("job", prompt, emit)
    return heard


def test_a_coroutine_that_swallows_its_end_holds_up_no_job_and_is_not_heard_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "FAREWELL_S", 0.1)
    spoke_late, is_over = threading.Event(), threading.Event()

    async def swallow() -> Any:
        context = current_context.get()
        assert context is not None
        while not spoke_late.is_set():
            try:
                context.note("still here")
                if is_over.is_set():
                    spoke_late.set()
                await asyncio.sleep(0.002)
            except asyncio.CancelledError:
                pass

    made = pack_worker(pack_node("Swallow", swallow))
    heard = run_and_stop(made, graph(n1=("Swallow", {}), n2=show("1")), lambda event: event.kind == "node_note")
    is_over.set()
    assert heard.end.kind == "job_finished" and heard.end.status == "interrupted"
    said = len(heard)
    assert spoke_late.wait(10)
    assert len(heard) == said
    assert run(made, graph(n1=("Meet", {"name": "next"}), n2=show("1"))).shown() == ["next"]


def test_the_job_waits_for_what_a_cancelled_coroutine_cleans_up() -> None:
    cleaned = []

    async def tidy() -> Any:
        context = current_context.get()
        assert context is not None
        try:
            context.note("waiting")
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    made = pack_worker(pack_node("Tidy", tidy))
    heard = run_and_stop(made, graph(n1=("Tidy", {}), n2=show("1")), lambda event: event.kind == "node_note")
    assert heard.end.status == "interrupted"
    assert cleaned == [True]


def test_a_coroutine_that_holds_up_the_loop_does_not_hold_up_later_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FAREWELL_S", 0.1)
    let_go = threading.Event()

    async def block() -> Any:
        made.interrupt("job")
        let_go.wait(60)

    made = pack_worker(pack_node("Block", block))
    try:
        assert run(made, graph(n1=("Block", {}), n2=show("1"))).end.status == "interrupted"
        assert run(made, graph(n1=("Meet", {"name": "next"}), n2=show("1"))).shown() == ["next"]
    finally:
        let_go.set()


@pytest.mark.parametrize("question", ["IS_CHANGED", "check_lazy_status"])
def test_a_question_that_is_never_answered_can_be_interrupted(question: str) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        made.interrupt("job")
        await asyncio.sleep(3600)

    lazy = {"a": ("*", {"lazy": True})}
    made = pack_worker(pack_node("Ask", lambda a=None: (1,), ("*",), takes=lazy, **{question: hang}))
    heard = run(made, graph(n1=("Tell", {"name": "a"}), n2=("Ask", {"a": ["1", 0]}), n3=show("2")))
    assert heard.end.status == "interrupted"


def test_an_interrupt_ends_hundreds_that_wait() -> None:
    async def wait(a: Any) -> Any:
        if a == 299:
            made.interrupt("job")
        await asyncio.sleep(3600)

    made = pack_worker(pack_node("Wait", wait, takes={"a": ANY}))
    prompt: dict[str, Any] = {}
    for number in range(300):
        prompt |= graph(**{f"n{number}": ("Wait", {"a": number}), f"ns{number}": show(f"{number}")})
    heard = run(made, prompt)
    assert heard.end.status == "interrupted" and heard.of("node_failed") == []


def test_a_coroutine_that_cancels_itself_fails_alone() -> None:
    async def give_up() -> Any:
        raise asyncio.CancelledError

    made = pack_worker(pack_node("GiveUp", give_up))
    heard = run(made, graph(n1=("GiveUp", {}), n2=show("1"), n3=("Tell", {"name": "a"}), n4=show("3")))
    assert heard.end.status == "partial"
    assert heard.of("node_failed")[0].exception_type == "CancelledError"


def test_a_thread_that_a_node_left_behind_is_not_heard_after_the_job() -> None:
    go_on, done = threading.Event(), threading.Event()

    def leave() -> Any:
        context = current_context.get()
        assert context is not None

        def speak() -> None:
            go_on.wait(60)
            context.progress(1, 1)
            context.note("late")
            done.set()

        threading.Thread(target=speak, daemon=True).start()
        return (1,)

    heard = run(pack_worker(pack_node("Leave", leave)), graph(n1=("Leave", {}), n2=show("1")))
    go_on.set()
    assert done.wait(60)
    assert heard.end.kind == "job_finished"


def test_a_coroutine_may_take_lists_show_something_and_put_a_graph_in_its_place() -> None:
    async def unfold(a: list[str]) -> Any:
        await asyncio.sleep(0)
        graph_ = {"u": {"class_type": "Tell", "inputs": {"name": "+".join(a)}}}
        return {"ui": {"it": a}, "result": (["u", 0],), "expand": graph_}

    made = pack_worker(pack_node("Unfold", unfold, takes={"a": ANY}, INPUT_IS_LIST=True))
    heard = run(made, graph(n1=("Spread", {"count": 3}), n2=("Unfold", {"a": ["1", 0]}), n3=show("2")))
    assert heard.shown() == ["0+1+2"]
    assert [each.output for each in heard.of("node_finished") if each.node_id == "2"] == [{"it": ["0", "1", "2"]}]
