"""The classic class protocol in the many ways in which packs write it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from heddle.graph.classic import spec_of_class
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.schema.node import NodeOutput

INPUTS = {"required": {"a": ("INT", {"default": 1})}}


class Plain:
    @classmethod
    def INPUT_TYPES(cls) -> Any:
        return INPUTS

    RETURN_TYPES: Any = ("INT",)
    FUNCTION = "go"

    def go(self, a: Any = None) -> Any:
        return (a,)


def made(name: str, **members: Any) -> type:
    return type(name, (Plain,), members)


class WithFunction(Plain):
    INPUT_TYPES: Any = lambda s: INPUTS


class WithStatic(Plain):
    INPUT_TYPES: Any = staticmethod(lambda: INPUTS)


class WithProperty(Plain):
    INPUT_TYPES: Any = property(lambda cls: INPUTS)


class WithDict(Plain):
    INPUT_TYPES: Any = INPUTS


@pytest.mark.parametrize("cls", [Plain, WithFunction, WithStatic, WithProperty, WithDict])
def test_input_types_may_be_any_kind_of_attribute(cls: type) -> None:
    assert record_of(spec_of_class("X", cls))["input"] == {"required": {"a": ["INT", {"default": 1}]}}


@pytest.mark.parametrize("wrong", [None, [], "text", 3])
def test_input_types_that_are_no_dictionary_are_refused(wrong: Any) -> None:
    with pytest.raises(GraphError, match="node X: its class cannot list"):
        spec_of_class("X", made("Wrong", INPUT_TYPES=classmethod(lambda cls: wrong)))


def test_options_that_hold_themselves_are_refused_and_the_node_named() -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(GraphError, match=r"node X: .*nested more than"):
        spec_of_class("X", made("C", INPUT_TYPES=classmethod(lambda cls: {"required": {"a": ("INT", circle)}})))


@pytest.mark.parametrize(
    ("types", "names", "lists", "wanted"),
    [
        (("A", "B"), ("one",), None, [("one", "A", False), ("B", "B", False)]),
        (["A"], ("one", "two"), (True, False), [("one", "A", True)]),
        ("A", "one", True, [("one", "A", True)]),
        ((), (), (), []),
        (None, None, None, []),
        ((["x", "y"], float), None, [False, True], [("COMBO", "COMBO", False), ("float", "float", True)]),
    ],
)
def test_outputs_are_read_from_lists_of_any_length(types: Any, names: Any, lists: Any, wanted: Any) -> None:
    spec = spec_of_class("X", made("X", RETURN_TYPES=types, RETURN_NAMES=names, OUTPUT_IS_LIST=lists))
    assert [(each.name, each.type, each.is_list) for each in spec.outputs] == wanted


def test_what_a_class_says_of_itself_is_kept() -> None:
    spec = spec_of_class(
        "X",
        made(
            "X",
            CATEGORY="a/b",
            DESCRIPTION=("It goes.",),
            DEPRECATED=True,
            EXPERIMENTAL=1,
            OUTPUT_NODE=True,
            INPUT_IS_LIST=True,
            NOT_IDEMPOTENT=True,
            DEV_ONLY=True,
            API_NODE=True,
            HAS_INTERMEDIATE_OUTPUT=True,
            SEARCH_ALIASES=["walk"],
            ESSENTIALS_CATEGORY="Basics",
        ),
    )
    assert (spec.category, spec.description, spec.search_aliases) == ("a/b", "It goes.", ("walk",))
    assert (spec.deprecated, spec.experimental, spec.is_output, spec.takes_lists, spec.per_node) == (True,) * 5
    assert spec.extras == {
        "api_node": True,
        "dev_only": True,
        "has_intermediate_output": True,
        "essentials_category": "Basics",
    }


BLOCKER = ExecutionBlocker("no")
GRAPH = {"1": {"class_type": "A", "inputs": {}}}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ((1,), (1,)),
        ([1, 2], (1, 2)),
        (None, ()),
        (5, (5,)),
        ("text", ("text",)),
        ({"samples": 1}, ({"samples": 1},)),
        ({}, ()),
        ({"ui": {"text": ["a"]}}, Shown((), {"text": ["a"]})),
        ({"ui": {"text": ["a"]}, "result": (1,)}, Shown((1,), {"text": ["a"]})),
        ({"result": [1]}, (1,)),
        ({"result": BLOCKER}, (BLOCKER,)),
        ({"result": (["1", 0],), "expand": GRAPH}, Expanded((["1", 0],), GRAPH)),
        ({"result": (1,), "expand": GRAPH, "ui": {"a": [1]}}, Expanded((1,), GRAPH, {"a": [1]})),
        (BLOCKER, BLOCKER),
        ((BLOCKER,), (BLOCKER,)),
        (NodeOutput(7, ui={"a": [2]}), Shown((7,), {"a": [2]})),
    ],
)
def test_every_known_form_of_a_result_is_understood(answer: Any, wanted: Any) -> None:
    async def later(self: Any, a: Any) -> Any:
        return answer

    now, then = (spec_of_class("X", made("X", go=go)).call for go in (lambda self, a: answer, later))
    assert now is not None and then is not None
    assert now(a=1) == wanted
    assert asyncio.run(then(a=1)) == wanted


def test_an_object_that_cannot_be_made_is_an_error_that_names_the_node() -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("no card")

    spec = spec_of_class("X", made("X", __init__=refuse))
    assert spec.bind is not None
    with pytest.raises(GraphError, match=r"node X: an object of its class cannot be made \(RuntimeError: no card\)"):
        spec.bind().run(a=1)


def test_questions_get_the_inputs_that_they_have_parameters_for() -> None:
    spec = spec_of_class(
        "X",
        made(
            "X",
            INPUT_TYPES=classmethod(
                lambda cls: {
                    "required": {"a": ("INT", {"lazy": True}), "b": ("INT",)},
                    "hidden": {"id": "UNIQUE_ID"},
                }
            ),
            check_lazy_status=lambda self, a: ["a"] if a is None else None,
            IS_CHANGED=classmethod(lambda cls, b: b * 2),
            VALIDATE_INPUTS=lambda s, a, **more: f"{a} {sorted(more)}",
        ),
    )
    assert spec.ask_lazy is not None and spec.fingerprint is not None and spec.validation is not None
    assert spec.ask_lazy(a=None, b=1, id="3") == ["a"]
    assert spec.ask_lazy(a=1, b=1, id="3") == []
    assert spec.fingerprint(a=1, b=2, id="3") == 4
    assert spec.validation.takes_all and spec.validation.names == {"a"}
    assert spec.validation.ask is not None and spec.validation.ask(a=1, b=2) == "1 ['b']"


def test_a_constant_stands_for_a_fingerprint() -> None:
    spec = spec_of_class("X", made("X", IS_CHANGED=float("nan")))
    assert spec.fingerprint is not None and spec.fingerprint(a=1) != spec.fingerprint(a=1)
    assert spec_of_class("X", Plain).fingerprint is None
    assert spec_of_class("X", Plain).validation is None


class EveryName(dict[str, Any]):
    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        if name in self.keys():
            return super().__getitem__(name)
        raise KeyError(name)


class AnswersToAll:
    """No dictionary, and yet it has every key."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return "IMAGE", {"tooltip": "any"}


class Growing(Plain):
    """Its script adds inputs in the editor; to others it lists one."""

    @classmethod
    def INPUT_TYPES(cls) -> Any:
        optional: Any = {"input1": ("*", {"lazy": True})}
        if inspect.stack()[2].function == "get_input_info":
            optional = AnswersToAll()
        return {"required": {"select": ("INT", {"default": 1})}, "optional": optional}


class OneOf(str):
    """A type of a pack that stands for several."""

    __hash__ = str.__hash__
    allowed: tuple[str, ...] = ()

    def __ne__(self, other: object) -> bool:
        return other not in self.allowed


def test_a_type_that_does_not_differ_from_others_is_a_union_with_them() -> None:
    rate, picture = OneOf("FLOAT"), OneOf("IMAGE")
    rate.allowed, picture.allowed = ("FLOAT", "INT"), ("IMAGE", "LATENT")
    sections = {"required": {"rate": (rate, {"default": 8.0}), "picture": (picture,)}}
    spec = spec_of_class("X", made("X", INPUT_TYPES=classmethod(lambda cls: sections)))
    assert [(each.name, each.type, each.is_widget) for each in spec.inputs] == [
        ("rate", "FLOAT,INT", True), ("picture", "IMAGE,LATENT", False),
    ]  # fmt: skip
    assert all(type(each.type) is str for each in spec.inputs)


def test_a_class_that_looks_at_its_callers_lists_one_input_and_takes_all() -> None:
    spec = spec_of_class("X", Growing)
    assert [each.name for each in spec.inputs] == ["select", "input1"]
    assert spec.open_input is not None and spec.open_input.type == "IMAGE"


def test_an_object_that_merely_answers_makes_the_node_open() -> None:
    spec = spec_of_class("X", made("X", INPUT_TYPES=classmethod(lambda cls: {"optional": AnswersToAll()})))
    assert spec.inputs == ()
    assert spec.open_input is not None
    assert (spec.open_input.type, spec.open_input.options) == ("IMAGE", {"tooltip": "any"})


@pytest.mark.parametrize("section", ["required", "optional", "hidden"])
def test_a_section_that_has_every_name_keeps_those_it_lists(section: str) -> None:
    sections = {section: EveryName(a=("INT", {"default": 3}))}
    spec = spec_of_class("X", made("X", INPUT_TYPES=classmethod(lambda cls: sections)))
    assert [(each.name, each.type, each.section) for each in spec.inputs] == [("a", "INT", section)]
    assert spec.open_input is not None and spec.open_input.type == "*"
    assert spec_of_class("X", Plain).open_input is None
