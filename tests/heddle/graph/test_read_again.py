"""Packs' declarations, read again when somebody asks for the catalogue: changes are noticed, the rest costs little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comfy_api.latest import io
from heddle.graph import classic
from heddle.graph.classic import read_again, spec_of_class
from heddle.graph.schema import reading
from heddle.graph.spec import NodeSpec


class AnyType(str):
    def __ne__(self, other: object) -> bool:
        return False


class Names:
    """Not a list, and shows its names only to those who go through it."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place: int) -> str:
        return self._names[place]


FILES = ["a"]


def classic_class(choices: Any = None) -> type:
    class Listing:
        RETURN_TYPES: tuple[Any, ...] = ("IMAGE",)
        FUNCTION = "work"
        CATEGORY = "here"

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            given = FILES if choices is None else choices
            return {"required": {"file": (given, {"tooltip": "one"}), "any": (AnyType("*"),)}, "optional": {}}

        def work(self, **inputs: Any) -> tuple[Any]:
            return (None,)

    return Listing


def schema_class(choices: Any = None) -> type:
    class Listing(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            given = FILES if choices is None else choices
            thing = io.Custom("THING")
            inputs = [io.Combo.Input("file", options=given), thing.Input("thing", optional=True)]
            return io.Schema(node_id="Listing", inputs=inputs, outputs=[thing.Output()], hidden=[io.Hidden.unique_id])

        @classmethod
        def execute(cls, **inputs: Any) -> io.NodeOutput:
            return io.NodeOutput(None)

    return Listing


def files_of(spec: NodeSpec) -> Any:
    return list(spec.inputs[0].choices or ())


@pytest.fixture(params=[classic_class, schema_class])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(globals(), "FILES", ["a"])
    return request.param


def test_a_class_that_says_the_same_is_not_read_again(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of_class("Listing", make())
    monkeypatch.setattr(classic, "_read", None)
    monkeypatch.setattr(reading, "_read", None)
    assert read_again(spec) is spec


def test_a_list_that_changed_in_place_is_noticed(make: Any) -> None:
    spec = spec_of_class("Listing", make())
    FILES.append("b")
    fresh = read_again(spec)
    assert files_of(spec) == ["a"] and files_of(fresh) == ["a", "b"]
    assert read_again(fresh) is fresh


def test_names_that_an_object_of_the_packs_own_holds_are_looked_at_each_time(make: Any) -> None:
    names = ["a"]
    spec = spec_of_class("Listing", make(Names(names)))
    assert read_again(spec) is spec
    names.append("b")
    assert files_of(read_again(spec)) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "value"), [("RETURN_TYPES", ("MASK", "IMAGE")), ("CATEGORY", "there"), ("DEPRECATED", 1)]
)
def test_attributes_that_change_are_noticed(name: str, value: Any) -> None:
    cls = classic_class()
    spec = spec_of_class("Listing", cls)
    setattr(cls, name, value)
    assert read_again(spec) != spec


def test_a_class_that_cannot_list_its_inputs_any_more_is_said_to(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = make()
    spec = spec_of_class("Listing", cls)
    monkeypatch.setitem(globals(), "FILES", None)
    monkeypatch.setattr(cls, "INPUT_TYPES" if make is classic_class else "define_schema", lambda: 1 / 0)
    with pytest.raises(classic.GraphError, match="cannot list its inputs"):
        read_again(spec)
