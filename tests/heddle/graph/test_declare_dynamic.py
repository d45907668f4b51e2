"""Nodes declared by functions whose inputs stand for others."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, More, Number, Wire, node, spec_of
from heddle.graph.declare_dynamic import Brings, Growing, Shared
from heddle.graph.derived import class_of_spec
from heddle.graph.object_info import record_of
from heddle.wires import Image

Width = Annotated[int, Number(default=512, low=0, tip="In pixels.")]
Crop = Annotated[str, Choice("disabled", "center"), More({"default": "center"})]


@node("Grows", category="tests")
def grows(
    images: Annotated[dict[str, Any], Growing("image", Image, high=50, tip="As many as you like.")],
    letters: Annotated[dict[str, Any], Growing("value", Image, low=0, names=("b", "a"))],
) -> Annotated[Any, Wire("IMAGE")]:
    """Takes two lists that grow."""
    return images, letters


@node("Chooses", category="tests")
def chooses(
    given: Annotated[Any, Shared("kind", "IMAGE,MASK")],
    way: Annotated[
        dict[str, Any], Brings({"sized": {"width": Width, "crop": Crop}, "like": {"other": Image | None}, "no": {}})
    ],
) -> Annotated[Any, Shared("kind")]:
    """Takes inputs that depend on a choice."""
    return given, way


def call(function: Any, **inputs: Any) -> Any:
    run = spec_of(function).call
    assert run is not None
    return run(**{name.replace("__", "."): value for name, value in inputs.items()})


def test_a_list_that_grows_is_declared_with_its_template() -> None:
    images, letters = spec_of(grows).inputs
    assert (images.type, images.section) == ("COMFY_AUTOGROW_V3", "required")
    assert images.options["template"] == {
        "input": {"required": {"image": ["IMAGE", {}]}},
        "prefix": "image",
        "min": 1,
        "max": 50,
    }
    assert images.options["tooltip"] == "As many as you like."
    assert letters.options["template"] == {
        "input": {"required": {"value": ["IMAGE", {}]}},
        "names": ["b", "a"],
        "min": 0,
    }


def test_its_elements_arrive_in_one_dictionary_in_their_order() -> None:
    images, letters = call(grows, images__image10=10, images__image2=2, letters__a=1, letters__b=0)
    assert list(images.items()) == [("image2", 2), ("image10", 10)]
    assert list(letters) == ["b", "a"]
    assert call(grows, images={"image1": 1, "image0": 0}) == ({"image0": 0, "image1": 1}, {})


def test_a_choice_is_declared_with_the_inputs_that_it_brings() -> None:
    choice = spec_of(chooses).inputs[1]
    assert choice.type == "COMFY_DYNAMICCOMBO_V3"
    sized, like, no = choice.options["options"]
    width = {"default": 512, "min": 0, "tooltip": "In pixels."}
    crop = {"options": ["disabled", "center"], "default": "center"}
    assert sized == {"key": "sized", "inputs": {"required": {"width": ["INT", width], "crop": ["COMBO", crop]}}}
    assert like == {"key": "like", "inputs": {"required": {}, "optional": {"other": ["IMAGE", {}]}}}
    assert no == {"key": "no", "inputs": {"required": {}}}


def test_a_choice_arrives_with_its_inputs_and_with_their_defaults_where_nothing_is_given() -> None:
    way = {"way": "sized", "width": 8, "crop": "center"}
    assert call(chooses, given=1, way="sized", way__width=8) == (1, way)
    assert call(chooses, given=1, way={"way": "sized", "width": 8}) == (1, way)
    assert call(chooses, given=1, way="like", way__width=8) == (1, {"way": "like", "other": None})
    assert call(chooses, given=1, way=["sized"], way__width=[8]) == (
        1,
        {"way": ["sized"], "width": [8], "crop": "center"},
    )
    classic: Any = class_of_spec(spec_of(chooses))
    assert classic().run(1, "sized", **{"way.width": 8}) == (1, way)


def test_sockets_that_share_a_type_say_which() -> None:
    spec = spec_of(chooses)
    assert spec.inputs[0].type == spec.outputs[0].type == "COMFY_MATCHTYPE_V3"
    assert spec.inputs[0].options["template"] == {"template_id": "kind", "allowed_types": "IMAGE,MASK"}
    assert record_of(spec)["output_matchtypes"] == ["kind"]
    assert "output_matchtypes" not in record_of(spec_of(grows))


@node("Nested", category="tests")
def nested(
    format: Annotated[
        dict[str, Any],
        Brings({"a": {"codec": Annotated[dict[str, Any], Brings({"x": {"width": Width}, "y": {}})]}, "b": {}}),
    ],
) -> Annotated[Any, Wire("IMAGE")]:
    """Takes a choice that brings a choice."""
    return format


def test_a_choice_in_a_choice_is_gathered_in_its_place() -> None:
    assert call(nested, format="a", format__codec="x", format__codec__width=3) == (
        {"format": "a", "codec": {"codec": "x", "width": 3}},
    )
    assert call(nested, format="a", format__codec="x") == ({"format": "a", "codec": {"codec": "x", "width": 512}},)
    assert call(nested, format="a", format__codec="y", format__codec__width=3)[0]["codec"] == {"codec": "y"}
    assert call(nested, format="a") == ({"format": "a", "codec": None},)
    assert call(nested, format="b", format__codec="x") == ({"format": "b"},)
