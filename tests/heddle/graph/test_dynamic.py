"""Which inputs a node has once it is known what is given."""

from __future__ import annotations

from typing import Any

from heddle.graph.dynamic import resolve, resolve_inputs
from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_GROUP, DYNAMIC_SLOT, InputSpec, NodeSpec


def combo(name: str, **choices: Any) -> InputSpec:
    options = [{"key": key, "inputs": {"required": inputs}} for key, inputs in choices.items()]
    return InputSpec(name, DYNAMIC_COMBO, options={"options": options})


def growing(name: str, entry: Any, section: Any = "required", **template: Any) -> InputSpec:
    template = {"input": {"required": {"one": entry}}, **template}
    return InputSpec(name, AUTOGROW, section, {"template": template})


def names(spec: NodeSpec, **given: Any) -> list[str]:
    return list(resolve_inputs(spec, {name.replace("__", "."): value for name, value in given.items()}))


MODE = NodeSpec(
    "Mode",
    (
        combo("mode", plain={}, sized={"width": ["INT", {"min": 8}], "height": ["INT", {}]}),
        InputSpec("after", "INT"),
        InputSpec("id", "UNIQUE_ID", "hidden"),
    ),
)


def test_a_choice_brings_its_inputs_right_after_it_and_another_choice_others() -> None:
    assert names(MODE, mode="sized") == ["mode", "mode.width", "mode.height", "after"]
    assert names(MODE, mode="plain") == ["mode", "after"]
    assert names(MODE, mode="unknown") == names(MODE) == ["mode", "after"]
    child = resolve_inputs(MODE, {"mode": "sized"})["mode.width"]
    assert (child.type, child.section, child.options) == ("INT", "required", {"min": 8})


def test_choices_inside_choices_go_to_any_depth() -> None:
    entry: Any = ["INT", {}]
    for _ in range(200):
        entry = [DYNAMIC_COMBO, {"options": [{"key": "in", "inputs": {"optional": {"c": entry}}}]}]
    deep = NodeSpec("Deep", (InputSpec("c", entry[0], "required", entry[1]),))
    given = {".".join(["c"] * depth): "in" for depth in range(1, 201)}
    assert len(resolve_inputs(deep, given)) == 201
    assert len(resolve_inputs(deep, {"c": "in", "c.c": "in"})) == 3


def test_a_list_grows_with_what_is_given_and_keeps_its_least() -> None:
    grows = NodeSpec("Grows", (growing("images", ["IMAGE", {"tip": 1}], prefix="image", min=2, max=50),))
    assert names(grows) == ["images.image0", "images.image1"]
    found = resolve_inputs(grows, {"images.image10": 1, "images.image2": 1, "images.image0": 1})
    assert [(each.name, each.section) for each in found.values()] == [
        ("images.image0", "required"),
        ("images.image1", "required"),
        ("images.image2", "optional"),
        ("images.image10", "optional"),
    ]
    assert found["images.image10"].type == "IMAGE" and found["images.image10"].options == {"tip": 1}


def test_only_names_of_the_lists_own_making_are_elements() -> None:
    grows = NodeSpec("Grows", (growing("images", ["IMAGE", {}], prefix="image", min=0, max=50),))
    given = ["images.image01", "images.image-1", "images.imagex", "images.other0", "images", "images.image٣", "image0"]
    assert resolve_inputs(grows, dict.fromkeys(given)) == {}
    named = NodeSpec("Named", (growing("values", ["*", {}], names=["a", "b", "c"], min=1),))
    assert names(named, values__c=1, values__d=1, values__b=1) == ["values.a", "values.b", "values.c"]


def test_a_list_that_got_more_than_it_takes_is_told() -> None:
    grows = NodeSpec("Grows", (growing("images", ["IMAGE", {}], prefix="image", min=0, max=3),))
    assert resolve(grows, {f"images.image{i}": 1 for i in range(3)}).crowded == []
    ((parent, count),) = resolve(grows, {f"images.image{i}": 1 for i in range(5)}).crowded
    assert (parent.name, count) == ("images", 5)


def test_an_optional_list_asks_for_its_least_only_once_it_is_begun() -> None:
    grows = NodeSpec("Grows", (growing("images", ["IMAGE", {}], "optional", prefix="image", min=1, max=3),))
    assert names(grows) == []
    assert {each.name: each.section for each in resolve_inputs(grows, {"images.image1": 1}).values()} == {
        "images.image0": "required",
        "images.image1": "optional",
    }


def test_elements_may_be_choices_themselves() -> None:
    inner = [DYNAMIC_COMBO, {"options": [{"key": "big", "inputs": {"required": {"size": ["INT", {}]}}}]}]
    grows = NodeSpec("Grows", (growing("parts", inner, prefix="part", min=1, max=3),))
    assert names(grows, parts__part0="big", parts__part1="big") == [
        "parts.part0",
        "parts.part0.size",
        "parts.part1",
        "parts.part1.size",
    ]


def test_a_slot_brings_inputs_once_it_is_linked() -> None:
    options = {"slotType": "IMAGE", "inputs": {"required": {"strength": ["FLOAT", {}]}}}
    slot = NodeSpec("Slot", (InputSpec("image", DYNAMIC_SLOT, "optional", options),))
    assert names(slot) == ["image"]
    found = resolve_inputs(slot, {"image": ["1", 0]})
    assert list(found) == ["image", "image.strength"] and found["image"].type == "IMAGE"


def test_fields_of_a_repeated_group_are_taken_as_they_come() -> None:
    group = NodeSpec("Group", (InputSpec("rows", DYNAMIC_GROUP),))
    assert names(group, rows__0__name="a", rows__0__size=1, rows__1__name="b", other=1) == [
        "rows.0.name",
        "rows.0.size",
        "rows.1.name",
    ]


def test_an_open_node_takes_inputs_of_any_name_but_its_hidden_ones() -> None:
    spec = NodeSpec(
        "Open",
        (InputSpec("a", "INT"), InputSpec("id", "UNIQUE_ID", "hidden")),
        open_input=InputSpec("*", "STRING", options={"multiline": True}),
    )
    resolved = resolve(spec, {"a": 1, "b": "x", "id": "y", 5: "z"})  # type: ignore[dict-item]
    assert list(resolved.inputs) == ["a", "b"] and list(resolved.added) == ["b"]
    added = resolved.inputs["b"]
    assert (added.name, added.type, added.section) == ("b", "STRING", "optional")


def test_what_stands_in_no_declaration_is_told_apart() -> None:
    assert list(resolve(MODE, {"mode": "sized"}).added) == ["mode.width", "mode.height"]


def test_names_of_many_parts_and_odd_templates_cost_nothing() -> None:
    grows = NodeSpec(
        "Grows",
        (
            growing("a", ["INT", {}], prefix="a", min=10**12, max="many"),
            InputSpec("b", AUTOGROW, options={"template": 3}),
            InputSpec("c", AUTOGROW, options={"template": {"input": {"required": {}}}}),
            InputSpec("d", DYNAMIC_COMBO, options={"options": [3, {"key": "x", "inputs": 4}, {"inputs": {}}]}),
            InputSpec("e", AUTOGROW),
        ),
    )
    given = {f"{i}a" + ".a" * 5_000: 1 for i in range(2000)}
    given |= {"a" + ".a" * 100_000: 1, "a.a0": 1, "d": "x", "b.c": 1, "c.c0": 1, "e.": 1, ".": 1, "..": 1}
    assert list(resolve_inputs(grows, given)) == ["a.a0", "d"]


def test_a_graph_from_before_a_choice_brought_an_input_gives_it_beside_the_choice() -> None:
    choice = {"options": [{"key": "a", "inputs": {"required": {"codec": ["STRING", {}], "rate": ["INT", {}]}}}]}
    inputs = [InputSpec("format", DYNAMIC_COMBO, "required", choice)]
    older = NodeSpec(id="Older", inputs=(*inputs, InputSpec("codec", "STRING", "optional", {"hidden": True})))
    plain = NodeSpec(id="Plain", inputs=(*inputs, InputSpec("codec", "STRING", "optional")))

    def section(spec: NodeSpec, **given: str) -> str:
        return resolve_inputs(spec, {"format": "a", **given})["format.codec"].section

    assert section(older, codec="x") == "optional" and section(plain, codec="x") == "required"
    assert section(older) == "required" and section(older, **{"codec": "x", "format.codec": "y"}) == "required"
    assert resolve_inputs(older, {"format": "a", "codec": "x"})["format.rate"].section == "required"
