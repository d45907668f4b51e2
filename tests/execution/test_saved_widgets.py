"""The values of saved widgets: order, companions, dynamic inputs, names, and what is wrapped."""

from __future__ import annotations

from typing import Any

import pytest

from execution.check import check_prompt
from execution.convert import to_prompt
from heddle.graph.errors import GraphError
from heddle.graph.registry import Registry
from tests.execution.saved_files import CATALOGUE, inputs_of, node, registry, saved, slot, subgraph


def values(kind: str, *list_of_values: Any, **more: Any) -> dict[str, Any]:
    return inputs_of(saved(node(1, kind, values=list(list_of_values), **more)))["1"]


@pytest.mark.parametrize("control", ["fixed", "increment", "decrement", "randomize", True, False, None])
def test_a_seed_s_control_is_passed_over_in_every_form_it_ever_had(control: Any) -> None:
    assert values("Sample", 5, control, 6, "heun") == {"seed": 5, "steps": 6, "sampler": "heun"}
    assert values("Sample", 5, 6, "heun") == {"seed": 5, "steps": 6, "sampler": "heun"}


def test_a_seed_without_a_control_and_a_choice_called_fixed_stay_what_they_are() -> None:
    assert values("Still", 5, "fixed") == {"seed": 5, "how": "fixed"}


def test_a_control_that_has_a_name_of_its_own_and_one_behind_a_choice_are_passed_over() -> None:
    assert values("Named", 3, "increment", 9) == {"n": 3, "size": 9}
    assert values("Pick", "q", "increment-wrap", True) == {"word": "q", "sure": True}
    assert values("Pick", "q", "fixed", "", True) == {"word": "q", "sure": True}  # with the filter that editors add
    assert values("Pick", "q", True) == {"word": "q", "sure": True}  # no control: the length tells


def test_the_entry_of_an_upload_button_stands_behind_the_required_widgets() -> None:
    assert values("Picture", "b.png", "image", "mine") == {"image": "b.png", "note": "mine"}
    assert values("Picture", "b.png", "mine") == {"image": "b.png", "note": "mine"}
    assert values("Picture", "b.png") == {"image": "b.png", "note": "-"}


def test_too_few_values_leave_defaults_the_first_choice_and_what_a_fresh_widget_holds() -> None:
    assert values("Sample", 5) == {"seed": 5, "steps": 20, "sampler": "euler"}
    assert values("Encode") == {"text": ""}
    assert values("Pick") == {"word": "p", "sure": False}
    assert values("Named") == {"n": 0, "size": 8}
    assert values("Video") == {"codec": "auto", "after": "z"}


def test_null_is_no_value_where_a_fresh_widget_holds_one() -> None:
    assert values("Sample", None, "fixed", None, None) == values("Sample")
    assert values("Sample", widgets_values_named={"steps": None}) == values("Sample")
    assert values("Box", None, "s") == {"box": None, "view": "s"}


def test_extra_values_of_the_editor_s_own_widgets_are_ignored() -> None:
    assert values("Load", "x", "refresh", None, {"a": 1}) == {"name": "x"}


def test_entries_for_inputs_that_are_sockets_now_are_dropped_if_the_length_then_fits() -> None:
    assert values("Forced", 9) == {"b": 9}
    assert values("Forced", 3, 9) == {"b": 9}
    assert values("Forced", 3, 9, 27) == {"b": 3}


def test_a_missing_name_is_taken_from_the_list_only_if_that_has_the_right_length() -> None:
    named = {"widgets_values_named": {"steps": 8}}
    assert values("Sample", 5, "fixed", 6, "heun", **named) == {"seed": 5, "steps": 8, "sampler": "heun"}
    assert values("Sample", 5, "fixed", 3072, 6, "heun", **named) == {"seed": 0, "steps": 8, "sampler": "euler"}


def test_a_list_from_before_the_node_gained_a_widget_is_not_taken_for_one_without_controls() -> None:
    named = {"seed": 5, "control_after_generate": "fixed", "sampler": "heun"}  # when there were no steps
    found = values("Sample", 5, "fixed", "heun", widgets_values_named=named)
    assert found == values("Sample") | {"seed": 5, "sampler": "heun"}


@pytest.mark.parametrize(
    ("saved_values", "named", "expected"),
    [
        ([7, "fixed", 6, "heun"], {"seed": 5}, 7),
        ([5, "fixed", 9, "euler"], {}, 5),
        ([7, "fixed", 6, "heun", None, ""], {}, 7),
        ([7, "fixed", 6, "heun", "more"], {}, 5),
        ([7], {}, 5),
    ],
)
def test_a_value_that_was_changed_in_the_list_alone_wins_over_its_name(
    saved_values: list[Any], named: dict[str, Any], expected: int
) -> None:
    names = {"seed": 5, "control_after_generate": "fixed", "steps": 6, "sampler": "heun"} | named
    found = values("Sample", *saved_values, widgets_values_named=names)
    assert found["seed"] == expected
    assert (found["steps"], found["sampler"]) == ((9, "euler") if 9 in saved_values else (6, "heun"))


def test_names_in_another_order_than_the_list_are_no_change() -> None:
    named = {"steps": 6, "seed": 5, "sampler": "heun", "control_after_generate": "fixed"}
    found = values("Sample", 5, "fixed", 6, "heun", widgets_values_named=named)
    assert found == {"seed": 5, "steps": 6, "sampler": "heun"}
    boxed = values("Box", {"x": 1}, "s", "c", widgets_values_named={"box": {"x": 2}, "view": "s", "cam": "c"})
    assert boxed["box"] == {"x": 2}
    boxed = values("Box", {"x": 1}, "new", "c", widgets_values_named={"box": {"x": 2}, "view": "s", "cam": "c"})
    assert boxed == {"box": {"x": 2}, "view": "new", "cam": "c"}


def test_the_entries_of_buttons_between_the_values_are_passed_over() -> None:
    assert values("Box", {"x": 1}, "upload3dmodel", "uploadExtraResources", "clear", "state", "cam.png") == {
        "box": {"x": 1}, "view": "state", "cam": "cam.png",
    }  # fmt: skip
    assert values("Load", "clear") == {"name": "clear"}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(("chosen", "place"), [("a", 0), ("b", 1), ("gone", 1)])
def test_a_custom_combo_has_the_choices_that_a_person_wrote_and_the_place_of_the_chosen_one(
    chosen: str, place: int, named: bool
) -> None:
    listed = {"choice": chosen, "index": 1, "option1": "a", "option2": "b", "option3": ""}
    more = {"widgets_values_named": listed} if named else {}
    combo = node(1, "CustomCombo", slot("choice", "COMBO", 1, True), values=[*listed.values()], **more)
    assert inputs_of(saved(combo))["1"] == listed | {"index": place}
    one = subgraph("one", combo, links=[(1, -10, 0, 1, 0)], inputs=["which"])
    assert inputs_of(saved(node(5, "one", values=["b"]), subgraphs=[one]))["5:1"] == listed | {
        "choice": "b",
        "index": 1,
    }
    assert values("CustomCombo", "a") == {"choice": "a"}


def test_a_node_that_takes_any_name_gets_the_values_that_the_file_has_names_for() -> None:
    combine = {"input": {"required": {"format": [["gif", "mp4"], {}]}, "hidden": {"id": "UNIQUE_ID"}}, "output": []}
    saved_values = {"format": "mp4", "crf": 19, "list": [1], "id": 3, "videopreview": {"a": 1}}
    document = saved(node(1, "Combine", values=saved_values))
    nodes = Registry.from_catalogue({"Combine": combine | {"open_input": ["*", {}]}})
    assert to_prompt(document, nodes)["1"]["inputs"] == {"format": "mp4", "crf": 19, "list": {"__value__": [1]}}
    plain = Registry.from_catalogue({"Combine": combine})
    assert to_prompt(document, plain)["1"]["inputs"] == {"format": "mp4"}


def test_the_rows_that_a_pack_s_script_adds_to_a_node_come_along_and_reach_it() -> None:
    rows = [
        {"on": True, "lora": "a.safetensors", "strength": 1},
        {"on": False, "lora": "b.safetensors", "strength": 0.5},
    ]
    header = {"type": "PowerLoraLoaderHeaderWidget"}
    kind = "Power Lora Loader (rgthree)"
    model = {"input": {"optional": {"model": ["MODEL"]}}, "output": ["MODEL"], "output_node": True}
    nodes = Registry.from_catalogue({kind: model | {"open_input": ["*", {}]}})
    for saved_values in ([{}, header, *rows, {}, ""], {"head": header, "lora_1": rows[0], "lora_7": rows[1]}):
        prompt = to_prompt(saved(node(1, kind, values=saved_values)), nodes)
        assert {name: prompt["1"]["inputs"][name] for name in ("lora_1", "lora_2")} == dict(
            zip(("lora_1", "lora_2"), rows, strict=True)
        )
        report = check_prompt(prompt, nodes, list_files=lambda kind: [], has_file=lambda kind, name: False)
        assert report.plan is not None and report.plan.nodes["1"].values["lora_2"] == rows[1]


def test_values_as_an_object_are_read_by_name() -> None:
    document = saved(node(1, "Sample", values={"steps": 8, "videopreview": {}}))
    assert inputs_of(document)["1"] == {"seed": 0, "steps": 8, "sampler": "euler"}


def test_a_dynamic_choice_brings_its_own_inputs_behind_it_at_any_depth() -> None:
    assert values("Video", "auto", "end") == {"codec": "auto", "after": "end"}
    assert values("Video", "h264", "again", 30, "sRGB", "end") == {
        "codec": "h264",
        "codec.encoding": "again",
        "codec.encoding.crf": 30,
        "codec.encoding.space": "sRGB",
        "after": "end",
    }
    assert values("Video", "h264") == {"codec": "h264", "codec.encoding": "auto", "after": "z"}
    assert values("Video", "unheard of", "end") == {"codec": "unheard of", "after": "end"}
    named = {"codec": "h264", "codec.encoding": "again", "codec.encoding.crf": 1}
    assert values("Video", "auto", "end", widgets_values_named=named)["codec.encoding.space"] == "auto"


def test_a_growing_list_of_sockets_and_a_shared_type_are_linked_by_name() -> None:
    document = saved(
        node(1, "Picture", values=["a.png"], outs=["IMAGE"]),
        node(2, "Batch", slot("images.image0", "IMAGE", 1), slot("images.image1", "IMAGE", 2), values=["two"]),
        node(3, "Switch", slot("yes", "COMFY_MATCHTYPE_V3", 3), values=[True]),
        links=[[1, 1, 0, 2, 0, "IMAGE"], [2, 1, 0, 2, 1, "IMAGE"], [3, 1, 0, 3, 0, "IMAGE"]],
    )
    made = inputs_of(document)
    assert made["2"] == {"how": "two", "images.image0": ["1", 0], "images.image1": ["1", 0]}
    assert made["3"] == {"on": True, "yes": ["1", 0]}


def test_a_shared_type_behind_a_bypassed_node_takes_the_type_of_its_own_slot() -> None:
    bypassed = node(2, "Lora", slot("clip", "CLIP", 1), slot("model", "MODEL", 2), outs=["X", "MODEL"], mode=4)
    document = saved(
        node(1, "Load", outs=["MODEL", "CLIP"]),
        bypassed,
        node(3, "Switch", slot("yes", "MODEL", 3)),
        links=[[1, 1, 1, 2, 0, "*"], [2, 1, 0, 2, 1, "*"], [3, 2, 0, 3, 0, "*"]],
    )
    assert inputs_of(document)["3"]["yes"] == ["1", 0]


def test_widgets_that_editors_draw_in_their_own_way_have_values_too() -> None:
    box = {"x": 0, "y": 1, "width": 2, "height": 3}
    assert values("Box", box, "state", "cam.png") == {"box": box, "view": "state", "cam": "cam.png"}
    assert values("Upscale", 3) == {"scale": 3}
    assert values("Compare") == {"compare_view": {"__value__": ["", ""]}, "view": ""}


def test_arrays_are_wrapped_and_curves_say_what_they_are() -> None:
    assert values("Load", [1, 2]) == {"name": {"__value__": [1, 2]}}
    points = {"points": [[0, 0], [1, 1]]}
    assert values("Curve", points, "#000") == {"curve": {"__type__": "CURVE", "__value__": points}, "color": "#000"}
    assert values("Curve", [[0, 0]])["curve"] == {"__type__": "CURVE", "__value__": [[0, 0]]}
    wrapped = {"__type__": "CURVE", "__value__": 1}
    assert values("Curve", wrapped)["curve"] == wrapped


def test_an_unknown_node_keeps_the_values_that_the_file_has_names_for() -> None:
    assert values("Unheard", 1, widgets_values_named={"a": 1, "b": [2], "control_after_generate": "fixed"}) == {
        "a": 1,
        "b": {"__value__": [2]},
    }
    document = saved(node(1, "Unheard", values={"a": 4}))
    assert inputs_of(document)["1"] == {"a": 4}
    sockets = (slot("in", "X"), slot("seed", "INT", None, True), slot("odd", "ODD", None, True))
    assert inputs_of(saved(node(1, "Unheard", *sockets, values=[7, "fixed", "o"])))["1"] == {"seed": 7, "odd": "o"}
    assert inputs_of(saved(node(1, "Unheard", *sockets, values=[7, 8, 9, 10])))["1"] == {}


def test_hidden_inputs_never_come_out() -> None:
    hidden = {"H": {"input": {"required": {"a": ["INT", {}]}, "hidden": {"id": "UNIQUE_ID", "seed": ["INT", {}]}}}}
    document = saved(node(1, "H", values=[3], widgets_values_named={"a": 3, "id": 5, "seed": 1}))
    assert to_prompt(document, Registry.from_catalogue(hidden))["1"]["inputs"] == {"a": 3}


def test_the_order_that_a_catalogue_gives_its_inputs_is_the_order_of_the_values() -> None:
    entry = {"input": {"required": {"b": ["INT", {}], "a": ["INT", {}]}}, "input_order": {"required": ["a", "b"]}}
    made = to_prompt(saved(node(1, "N", values=[1, 2])), Registry.from_catalogue({"N": entry}))
    assert made["1"]["inputs"] == {"a": 1, "b": 2}


def test_a_catalogue_travels_with_dynamic_choices_and_older_ids() -> None:
    again = Registry.from_catalogue(registry().catalogue())
    assert again.catalogue() == registry().catalogue()
    document = saved(node(1, "Video", values=["h264", "again", 30, "sRGB", "end"]))
    assert to_prompt(document, again) == to_prompt(document, registry())
    older = Registry.from_catalogue({"New": CATALOGUE["Load"] | {"was": ["Old"]}})
    assert Registry.from_catalogue(older.catalogue())["Old"].id == "New"
    assert to_prompt(saved(node(1, "Old", values=["v"])), older)["1"]["class_type"] == "New"


@pytest.mark.parametrize("records", [[], 5, {"A": 5}, {"A": {"input": 5}}, {"A": {"input": {"required": 5}}}])
def test_what_is_no_catalogue_is_refused_in_words(records: Any) -> None:
    with pytest.raises(GraphError, match="catalogue"):
        Registry.from_catalogue(records)
