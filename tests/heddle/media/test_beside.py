"""Things made by threads ahead of whoever takes them."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from heddle.media import beside
from heddle.media.beside import made_ahead, threads_for

PATIENCE_S = 20


def test_several_are_made_at_once_and_come_in_their_order() -> None:
    both_are_there = threading.Barrier(2, timeout=PATIENCE_S)

    def make(number: int) -> int:
        both_are_there.wait()  # passes only if two are made at the same time
        return number * number

    assert list(made_ahead(range(6), make, 2)) == [0, 1, 4, 9, 16, 25]


def test_the_first_may_be_the_last_to_be_ready() -> None:
    second_is_made = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert second_is_made.wait(PATIENCE_S)
        if number == 1:
            second_is_made.set()
        return number

    assert list(made_ahead(range(5), make, 2)) == [0, 1, 2, 3, 4]


def test_no_more_are_taken_up_than_there_is_use_for() -> None:
    given: list[int] = []

    def items():
        for number in range(20):
            given.append(number)
            yield number

    taken = made_ahead(items(), lambda number: number, 3)
    assert next(taken) == 0
    assert given == [0, 1, 2, 3]
    assert next(taken) == 1
    assert given == [0, 1, 2, 3, 4]
    taken.close()
    assert given == [0, 1, 2, 3, 4]


def test_whoever_stops_leaves_no_thread_at_work() -> None:
    made: list[int] = []
    before = threading.active_count()
    with closing(made_ahead(range(100), made.append, 2)) as taken:
        next(taken)
    done = len(made)
    assert threading.active_count() == before and done <= 4 and len(made) == done


def test_what_goes_wrong_is_raised_in_its_turn() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise ValueError("the third")
        return number

    found: list[int] = []
    with pytest.raises(ValueError, match="the third"):
        for each in made_ahead(range(9), make, 4):
            found.append(each)
    assert found == [0, 1]


def test_one_thread_makes_nothing_ahead() -> None:
    threads: set[int] = set()
    taken = made_ahead(range(3), lambda _: threads.add(threading.get_ident()), 1)
    assert len(list(taken)) == 3 and threads == {threading.get_ident()}


def test_there_are_as_many_threads_as_there_is_work_and_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside.os, "cpu_count", lambda: 32)
    assert threads_for(20, 2048 * 2048) == 16
    assert threads_for(3, 2048 * 2048) == 3
    assert threads_for(1000, 512 * 512) == 32
    assert threads_for(20, 30_000 * 30_000) == 1
    assert threads_for(0, 0) == 1
    monkeypatch.setattr(beside.os, "cpu_count", lambda: None)
    assert threads_for(20, 64) == 1
