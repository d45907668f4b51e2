"""Nodes of packs that change their inputs in place do not change what others get."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from execution.protection import Protection
from execution.worker import Worker
from heddle.graph.classic import spec_of_class
from heddle.graph.spec import NodeSpec
from tests.execution.control import ran, specs
from tests.execution.toys import graph, run, worker


def _memory(value: Any) -> Iterator[int]:
    if isinstance(value, (list, tuple, dict)):
        if not isinstance(value, tuple):
            yield id(value)
        for each in value.values() if isinstance(value, dict) else value:
            yield from _memory(each)


class Box:
    """A fresh list with one thing in it."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"thing": ("STRING", {})}})
    RETURN_TYPES = ("BOX",)
    FUNCTION = "make"

    def make(self, thing: str) -> tuple[Any]:
        ran["Box"] += 1
        return ({"things": [thing]},)


class Spoil:
    """Adds to the box that it was given."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"box": ("BOX",), "word": ("STRING", {})}})
    RETURN_TYPES = ("BOX",)
    FUNCTION = "spoil"

    def spoil(self, box: Any, word: str) -> tuple[Any]:
        ran["Spoil"] += 1
        box["things"].append(word)
        return (box,)


class PassOn:
    """Hands on the very box."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"box": ("BOX",)}})
    RETURN_TYPES = ("BOX",)
    FUNCTION = "pass_on"

    def pass_on(self, box: Any) -> tuple[Any]:
        return (box,)


def _pack() -> list[NodeSpec]:
    return [spec_of_class(cls.__name__, cls, python_module="custom_nodes.pack") for cls in (Box, Spoil, PassOn)]


@pytest.fixture
def made() -> Worker:
    worker_ = worker(*specs(), *_pack())
    worker_.house.protection = Protection(copy.deepcopy, copy.deepcopy, _memory)
    return worker_


def show(source: str) -> tuple[str, dict[str, Any]]:
    return ("ShowAny", {"value": [source, 0]})


def test_another_reader_of_a_changed_value_gets_it_as_it_was_made(made: Worker) -> None:
    prompt = graph(n1=("Box", {"thing": "a"}), n2=("Spoil", {"box": ["1", 0], "word": "x"}), n3=show("2"), n4=show("1"))
    heard = run(made, prompt)
    assert sorted(heard.shown()) == ["{'things': ['a', 'x']}", "{'things': ['a']}"]
    assert heard.end.status == "success"


def test_without_protection_it_would_not() -> None:
    bare = worker(*specs(), *_pack())
    run(bare, graph(n1=("Box", {"thing": "a"}), n2=("Spoil", {"box": ["1", 0], "word": "x"}), n3=show("2")))
    again = run(bare, graph(n1=("Box", {"thing": "a"}), n2=show("1")))
    assert again.shown() == ["{'things': ['a', 'x']}"]


def test_a_later_job_finds_no_changed_value(made: Worker) -> None:
    def prompt(word: str) -> dict[str, Any]:
        return graph(n1=("Box", {"thing": "a"}), n2=("Spoil", {"box": ["1", 0], "word": word}), n3=show("2"))

    assert run(made, prompt("x")).shown() == ["{'things': ['a', 'x']}"]
    assert run(made, prompt("y")).shown() == ["{'things': ['a', 'y']}"]
    assert run(made, prompt("z")).shown() == ["{'things': ['a', 'z']}"]
    assert ran["Box"] == 2  # once more after the first change; copies from then on


def test_what_was_handed_on_is_thrown_away_with_it(made: Worker) -> None:
    prompt = graph(
        n1=("Box", {"thing": "a"}),
        n2=("PassOn", {"box": ["1", 0]}),
        n3=("Spoil", {"box": ["2", 0], "word": "x"}),
        n4=show("3"),
        n5=show("1"),
        n6=("PassOn", {"box": ["2", 0]}),
        n7=show("6"),
    )
    heard = run(made, prompt)
    assert sorted(heard.shown()) == ["{'things': ['a', 'x']}", "{'things': ['a']}", "{'things': ['a']}"]
    assert [each.node_id for each in heard.of("node_note")] == ["3"]


def test_what_cannot_be_sealed_is_not_watched_and_fails_nothing(made: Worker) -> None:
    seals = iter((1, None))

    def seal_of(value: Any) -> Any:
        if (seal := next(seals, None)) is None:
            raise MemoryError
        return seal

    made.house.protection = Protection(seal_of, copy.deepcopy, _memory)
    heard = run(made, graph(n1=("Box", {"thing": "a"}), n2=("PassOn", {"box": ["1", 0]}), n3=show("2")))
    assert heard.end.status == "success"
    assert len(heard.of("node_finished")) == 3


def test_what_a_node_changed_before_it_failed_is_made_again_for_the_others(made: Worker) -> None:
    class SpoilAndFail(Spoil):
        def spoil(self, box: Any, word: str) -> tuple[Any]:
            super().spoil(box, word)
            raise ValueError(word)

    made.registry.add(spec_of_class("SpoilAndFail", SpoilAndFail, python_module="custom_nodes.pack"))
    prompt = graph(n1=("Box", {"thing": "a"}), n2=("SpoilAndFail", {"box": ["1", 0], "word": "x"}), n3=show("2"),
                   n4=("PassOn", {"box": ["1", 0]}), n5=show("4"))  # fmt: skip
    heard = run(made, prompt)
    assert heard.end.status == "partial"
    assert heard.shown() == ["{'things': ['a']}"]
