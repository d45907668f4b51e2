"""The order of the jobs that wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.store.waiting import Line, Waiting


def filled(*jobs: tuple[str, str | None], **more: object) -> Line:
    line = Line()
    for i, (job_id, client) in enumerate(jobs, 1):
        line.add(line.place(i, job_id, client, **more))  # type: ignore[arg-type]
    return line


def emptied(line: Line) -> list[str]:
    return [job.id for job in iter(line.take, None)]


def test_clients_take_turns_whoever_queued_a_thousand_jobs_first() -> None:
    line = filled(*((f"a{i}", "a") for i in range(1000)), ("b0", "b"), ("b1", "b"), ("c0", "c"))
    assert emptied(line)[:6] == ["a0", "b0", "c0", "a1", "b1", "a2"]


def test_a_client_that_queues_one_job_after_another_does_not_keep_others_waiting() -> None:
    line = filled(*((f"b{i}", "b") for i in range(5)))
    order = []
    for i in range(5):
        line.add(line.place(100 + i, f"a{i}", "a"))
        order += [job.id for job in (line.take(), line.take()) if job is not None]
    assert order == ["b0", "a0", "b1", "a1", "b2", "a2", "b3", "a3", "b4", "a4"]


def test_higher_priorities_go_first_and_background_jobs_last() -> None:
    line = Line()
    for seq, (job_id, priority, background) in enumerate(
        [("late", 0, True), ("late but first", 5, True), ("usual", 0, False), ("low", -1, False), ("high", 3, False)], 1
    ):
        line.add(line.place(seq, job_id, None, priority=priority, background=background))
    assert emptied(line) == ["high", "usual", "low", "late but first", "late"]


def test_a_job_at_the_front_goes_before_all_clients_of_its_priority() -> None:
    line = filled(("a0", "a"), ("b0", "b"), ("a1", "a"))
    line.add(line.place(4, "high", "c", priority=1))
    for seq, job_id in ((5, "front"), (6, "before that")):
        line.add(line.place(seq, job_id, "c", front=True))
    assert emptied(line) == ["high", "before that", "front", "a0", "b0", "a1"]


def test_a_number_is_a_place_among_the_clients_own_jobs() -> None:
    line = filled(("a1", "a"), ("a2", "a"), ("b3", "b"))
    line.add(line.place(4, "a1.5", "a", number=1.5))
    line.add(line.place(5, "a-1", "a", number=-1))
    assert emptied(line) == ["a-1", "a1", "b3", "a1.5", "a2"]


def test_an_order_that_was_written_down_is_the_same_when_it_is_read() -> None:
    line = filled(*((f"{name}{i}", name[0]) for i in range(20) for name in ("a", "a+", "b")))
    again = Line(line.page(0, len(line)))
    for each in (line, again):
        each.add(each.place(1000, "new", "c"))
    assert emptied(line) == emptied(again)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "take", "remove", "front", "number"]),
        st.sampled_from(["a", "b", None]),
        st.integers(0, 30),
        st.integers(-1, 1),
        st.booleans(),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_whatever_is_done_places_pages_and_turns_agree(actions: list) -> None:
    line = Line()
    waiting: dict[str, Waiting] = {}
    for seq, (what, client, number, priority, background) in enumerate(actions, 1):
        if what == "take":
            expected = line.page(0, 1)
            taken = line.take()
            assert [taken] == (expected or [None])
            if taken is not None:
                del waiting[taken.id]
        elif what == "remove":
            removed = line.remove(str(number))
            assert removed == waiting.pop(str(number), None)
        else:
            job = line.place(
                seq,
                str(seq),
                client,
                number=float(number) if what == "number" else None,
                front=what == "front",
                priority=priority,
                background=background,
            )
            line.add(job)
            waiting[job.id] = job
        assert len(line) == len(waiting)
        page = line.page(0, len(line))
        assert {job.id: job for job in page} == waiting
        assert [line.position(job.id) for job in page] == list(range(len(page)))
        classes = [(job.background, -job.priority) for job in page]
        assert classes == sorted(classes)
    plain = [job for job in line.page(0, len(line)) if job.number == job.seq]
    for client in ("a", "b", None):  # a client's own jobs keep their order
        for at in {(job.background, job.priority) for job in plain}:
            own = [j.seq for j in plain if j.client_id == client and (j.background, j.priority) == at]
            assert own == sorted(own)
