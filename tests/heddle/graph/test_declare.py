"""Nodes declared by functions and classes, and the records made of them."""

from __future__ import annotations

import asyncio
import types
from typing import Annotated, Any, Literal

import pytest

from heddle.graph.classic import spec_of_class
from heddle.graph.context import Context
from heddle.graph.declare import (
    Choice,
    Files,
    Flag,
    Hidden,
    More,
    Named,
    Number,
    Text,
    Wire,
    declared_in,
    node,
    spec_of,
)
from heddle.graph.derived import class_of_spec
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of, spec_of_record, with_files
from heddle.graph.registry import Registry
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.socket_tips import SOCKET_TIPS
from heddle.graph.spec import types_match
from heddle.wires import Image, Mask, Model


@node("Everything", category="tests", name="All of it", outputs=("picture",), was=("Anything",))
def everything(
    model: Model,
    seed: Annotated[int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="Chance.")],
    file: Annotated[str, Files("checkpoints", also=("none",), upload="image")],
    text: Annotated[str, Text(multiline=True, dynamic=True)],
    how: Annotated[str, Choice("up", "down")],
    kind: Literal["a", "b"],
    strength: float = 0.5,
    sure: Annotated[bool, Flag(on="yes", off="no")] = True,
    *,
    mask: Mask | None = None,
    odd: Annotated[int, Number(low=1), More({"display": "slider"})] = 3,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    ctx: Context,
) -> tuple[Image, int]:
    """Takes one of each.

    And says so.
    """
    return model, seed


def test_the_record_has_every_section_type_option_and_order() -> None:
    record = record_of(spec_of(everything))
    required = record["input"]["required"]
    assert list(required) == ["model", "seed", "file", "text", "how", "kind", "strength", "sure"]
    assert required["model"] == ["MODEL", {"tooltip": SOCKET_TIPS["model"]}]
    seed = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True, "tooltip": "Chance."}
    assert required["seed"] == ["INT", seed]
    assert required["file"] == ["COMBO", {"options": {"files": "checkpoints", "also": ["none"]}, "image_upload": True}]
    assert required["text"] == ["STRING", {"multiline": True, "dynamicPrompts": True}]
    assert required["how"] == ["COMBO", {"options": ["up", "down"]}]
    assert required["kind"] == ["COMBO", {"options": ["a", "b"]}]
    assert required["strength"] == ["FLOAT", {"default": 0.5}]
    assert required["sure"] == ["BOOLEAN", {"default": True, "label_on": "yes", "label_off": "no"}]
    assert record["input"]["optional"] == {
        "mask": ["MASK", {"tooltip": SOCKET_TIPS["mask"]}],
        "odd": ["INT", {"default": 3, "min": 1, "display": "slider"}],
    }
    assert record["input"]["hidden"] == {"prompt": "PROMPT"}
    assert record["output"] == ["IMAGE", "INT"]
    assert record["output_name"] == ["picture", "INT"]
    assert (record["display_name"], record["category"]) == ("All of it", "tests")
    assert record["description"] == "Takes one of each.\n\nAnd says so."


def test_a_spec_survives_the_way_through_its_record() -> None:
    spec = spec_of(everything)
    again = spec_of_record("Everything", record_of(spec))
    assert record_of(again) == record_of(spec)
    assert [each.name for each in again.widgets] == ["seed", "file", "text", "how", "kind", "strength", "sure", "odd"]
    assert again.inputs[1].companions == 1
    assert again.file_companions == 1


def test_a_client_reads_files_and_choices_as_lists() -> None:
    record = with_files(record_of(spec_of(everything)), lambda kind: [f"{kind}.safetensors"])
    assert record["input"]["required"]["file"] == [["checkpoints.safetensors", "none"], {"image_upload": True}]
    assert record["input"]["required"]["how"] == [["up", "down"], {}]
    assert record["input"]["required"]["model"] == ["MODEL", {"tooltip": SOCKET_TIPS["model"]}]


def test_the_function_is_still_a_function_and_call_gives_tuples() -> None:
    assert everything("m", 1, "f", "t", "up", "a", ctx=None) == ("m", 1)  # pyright: ignore[reportArgumentType]

    @node("One", category="tests")
    def one(value: int = 1) -> int:
        """One."""
        return value

    call = spec_of(one).call
    assert call is not None and call(value=4) == (4,)


def test_what_an_output_node_shows_comes_with_its_values() -> None:
    @node("Saver", category="tests", outputs=("images",), effects=True)
    def saver(images: Image) -> Annotated[Shown, Wire("IMAGE")]:
        """Saves."""
        return Shown((images,), {"images": []})

    spec = spec_of(saver)
    assert spec.is_output
    assert [(each.name, each.type) for each in spec.outputs] == [("images", "IMAGE")]


def test_an_annotation_without_a_type_is_refused_when_declared() -> None:
    with pytest.raises(TypeError, match="node Bad, parameter what"):

        @node("Bad", category="tests")
        def bad(what: object) -> int:
            """Bad."""
            return 1


def test_a_module_declares_what_it_holds_and_not_what_it_imports() -> None:
    module = types.ModuleType("elsewhere")
    module.everything = everything  # pyright: ignore[reportAttributeAccessIssue]
    assert declared_in(module) == []
    module.__name__ = everything.__module__
    assert [spec.id for spec in declared_in(module)] == ["Everything"]


def test_a_registry_answers_to_older_ids() -> None:
    registry = Registry([spec_of(everything)])
    assert registry["Anything"].id == "Everything"
    assert list(registry) == ["Everything"]
    assert Registry.from_catalogue(registry.catalogue()).catalogue() == registry.catalogue()
    with pytest.raises(KeyError):
        registry["Nothing"]


def test_a_function_may_be_async_stop_its_branch_or_put_a_graph_in_its_place() -> None:
    @node("Later", category="tests")
    async def later(value: int = 1) -> int:
        await asyncio.sleep(0)
        return value + 1

    @node("Stops", category="tests")
    def stops() -> Annotated[Any, Wire("INT")]:
        return ExecutionBlocker("no")

    @node("Grows", category="tests", outputs=("a", "b"))
    def grows() -> Annotated[Expanded, Wire("INT"), Wire("IMAGE")]:
        return Expanded((["1", 0], 2), {"1": {"class_type": "Later", "inputs": {}}})

    call = spec_of(later).call
    assert call is not None and asyncio.run(call(value=2)) == (3,)
    call = spec_of(stops).call
    assert call is not None and isinstance(call(), ExecutionBlocker)
    spec = spec_of(grows)
    assert [(each.name, each.type) for each in spec.outputs] == [("a", "INT"), ("b", "IMAGE")]
    assert spec.call is not None and isinstance(spec.call(), Expanded)
    cls: Any = class_of_spec(spec, function="grow")
    assert cls().grow() == {"result": (["1", 0], 2), "expand": {"1": {"class_type": "Later", "inputs": {}}}}
    cls = class_of_spec(spec_of(later))
    assert asyncio.run(cls().run(value=5)) == (6,)


def test_a_function_may_say_what_its_result_depends_on_what_it_needs_and_what_is_wrong() -> None:
    @node(
        "Careful",
        category="tests",
        per_node=True,
        ask_lazy=lambda a, b: "b" if a and b is None else None,
        fingerprint=lambda a: a * 2,
        check=lambda b: b != 3 or "b is 3",
    )
    def careful(a: int, b: Annotated[int, More({"lazy": True})]) -> int:
        return a

    spec = spec_of(careful)
    assert spec.per_node and spec.ask_lazy is not None and spec.fingerprint is not None
    assert (spec.ask_lazy(a=1, b=None), spec.ask_lazy(a=0, b=None)) == (["b"], [])
    assert spec.fingerprint(a=2, b=1) == 4
    assert spec.validation is not None and spec.validation.ask is not None
    assert spec.validation.names == {"b"} and spec.validation.ask(a=1, b=3) == "b is 3"
    plain = spec_of(everything)
    assert (plain.per_node, plain.ask_lazy, plain.fingerprint, plain.validation) == (False, None, None, None)


class Classic:
    """A class as packs write them, with an option nobody here knows."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"image": ("IMAGE",), "mode": (["a", "b"],), "size": ("INT", {"default": 8, "my_option": [1]})},
            "optional": {"any": ("*", {"forceInput": True})},
            "hidden": {"id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("picture",)
    FUNCTION = "go"
    OUTPUT_NODE = True
    CATEGORY = "packs/mine"
    DESCRIPTION = "Mine."

    def __init__(self) -> None:
        self.times = 0

    def go(self, image: Any, mode: str, size: int, **more: Any) -> Any:
        self.times += 1
        return {"ui": {"text": [mode]}, "result": (image, f"{size}/{self.times}")}


def test_a_classic_class_reads_into_the_same_spec() -> None:
    spec = spec_of_class("Mine", Classic, display_name="My node", python_module="custom_nodes.mine")
    record = record_of(spec)
    assert record["input"]["required"]["size"] == ["INT", {"default": 8, "my_option": [1]}]
    assert record["input"]["required"]["mode"] == ["COMBO", {"options": ["a", "b"]}]
    assert record["input"]["hidden"] == {"id": "UNIQUE_ID"}
    assert record["output_name"] == ["picture", "STRING"]
    assert record["output_node"] and record["python_module"] == "custom_nodes.mine"
    assert spec.call is not None
    assert spec.call(image=1, mode="a", size=2) == Shown((1, "2/1"), {"text": ["a"]})
    assert spec.call(image=1, mode="a", size=2).values[1] == "2/2", "state on self lives on between calls"


def test_a_classic_class_derived_from_ours_runs_and_lists_the_same_inputs() -> None:
    @node("Twice", category="tests", outputs=("double",))
    def twice(value: Annotated[int, Number(low=1)] = 2) -> int:
        """Doubles."""
        return value * 2

    cls: Any = class_of_spec(spec_of(twice))
    assert cls.INPUT_TYPES() == {"required": {"value": ["INT", {"default": 2, "min": 1}]}}
    assert (cls.RETURN_TYPES, cls.RETURN_NAMES, cls.CATEGORY) == (("INT",), ("double",), "tests")
    assert getattr(cls(), cls.FUNCTION)(value=4) == (8,)
    again = spec_of_class("Twice", cls)
    assert record_of(again)["input"] == record_of(spec_of(twice))["input"]


def test_a_class_that_cannot_list_its_inputs_is_refused_with_its_own_words() -> None:
    class Broken:
        FUNCTION = "go"

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            raise OSError("no such folder")

    with pytest.raises(GraphError, match=r"node X: its class cannot list .*no such folder"):
        spec_of_class("X", Broken)

    class NoFunction(Classic):
        FUNCTION = "gone"

    with pytest.raises(GraphError, match="FUNCTION names 'gone'"):
        spec_of_class("X", NoFunction)


@pytest.mark.parametrize(
    ("given", "wanted", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("IMAGE", "MASK,IMAGE", True),
        ("*", "IMAGE", True),
        ("IMAGE", "*", True),
        ("image", "IMAGE", True),
        ("COMBO", "STRING", True),
        ("STRING", "INT", False),
    ],
)
def test_types_fit_by_name_union_or_wildcard(given: str, wanted: str, fits: bool) -> None:
    assert types_match(given, wanted) is fits


def test_a_gathering_parameter_stands_for_inputs_of_any_name() -> None:
    @node("Shares", category="tests")
    def shares(
        model: Model, **parts: Annotated[float, Number(default=1.0, tip="?"), Named(("in.0.", "out."))]
    ) -> Model:
        """Takes a number for each part."""
        return model, parts

    spec = spec_of(shares)
    assert [(each.name, each.type, each.section) for each in spec.inputs] == [
        ("model", "MODEL", "required"),
        ("in.0.", "FLOAT", "required"),
        ("out.", "FLOAT", "required"),
    ]
    assert spec.call is not None
    assert spec.call(**{"model": "m", "in.0.": 0.5, "out.": 1.0}) == ("m", {"in.0.": 0.5, "out.": 1.0})
