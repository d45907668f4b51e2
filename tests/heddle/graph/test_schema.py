"""The schema class protocol: inputs of every kind as records, and how nodes are called."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from heddle.graph.classic import spec_of_class
from heddle.graph.dynamic import resolve_inputs
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.schema import dynamic, sockets, widgets, wires
from heddle.graph.schema.node import ComfyNode, Hidden, NodeOutput, PriceBadge, PriceBadgeDepends, Schema
from heddle.graph.schema.reading import gather, spec_of_schema


def node_of(schema: dict[str, Any] | None = None, **methods: Any) -> type[ComfyNode]:
    """A node class with this schema; `execute` returns what it gets."""
    members: dict[str, Any] = {
        "define_schema": classmethod(lambda cls: Schema(**{"node_id": "X", **(schema or {})})),
        "execute": classmethod(lambda cls, **inputs: NodeOutput(inputs)),
    }
    return type("X", (ComfyNode,), members | {name: classmethod(each) for name, each in methods.items()})


def entry_of(declared: Any) -> Any:
    sections = record_of(spec_of_schema(node_of({"inputs": [declared]})))["input"]
    return next(iter(next(iter(sections.values())).values()))


TOPICS: list[tuple[Any, list[Any]]] = [
    (
        dynamic.MatchType.Input("a", template=dynamic.MatchType.Template("t", allowed_types="IMAGE")),
        ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE"}}],
    ),
    (wires.Image.Input("a"), ["IMAGE", {}]),
    (
        wires.Mask.Input("a", tooltip="T", lazy=True, raw_link=True),
        ["MASK", {"tooltip": "T", "lazy": True, "rawLink": True}],
    ),
    (
        widgets.Int.Input(
            "a", default=1, min=0, max=9, step=2, control_after_generate=True, display_mode=widgets.NumberDisplay.slider
        ),
        ["INT", {"default": 1, "min": 0, "max": 9, "step": 2, "control_after_generate": True, "display": "slider"}],
    ),
    (
        widgets.Int.Input("a", default=0, control_after_generate=widgets.ControlAfterGenerate.randomize, advanced=True),
        ["INT", {"default": 0, "control_after_generate": "randomize", "advanced": True}],
    ),
    (widgets.Float.Input("a", default=0.5, round=0.01), ["FLOAT", {"default": 0.5, "round": 0.01}]),
    (
        widgets.String.Input("a", multiline=True, placeholder="P", dynamic_prompts=True, force_input=True),
        ["STRING", {"multiline": True, "placeholder": "P", "dynamicPrompts": True, "forceInput": True}],
    ),
    (
        widgets.Boolean.Input("a", default=False, label_on="yes", label_off="no", socketless=True),
        ["BOOLEAN", {"default": False, "label_on": "yes", "label_off": "no", "socketless": True}],
    ),
    (
        widgets.Combo.Input(
            "a", options=["x", 1], default="x", upload=widgets.UploadType.image, image_folder=widgets.FolderType.output
        ),
        [
            "COMBO",
            {
                "multiselect": False,
                "options": ["x", 1],
                "default": "x",
                "image_upload": True,
                "image_folder": "output",
            },
        ],
    ),
    (
        widgets.Combo.Input("a", remote=widgets.RemoteOptions("/list", refresh_button=True)),
        [
            "COMBO",
            {
                "multiselect": False,
                "options": [],
                "remote": {"route": "/list", "refresh_button": True, "control_after_refresh": "first"},
            },
        ],
    ),
    (
        widgets.MultiCombo.Input("a", options=["x"], placeholder="P", chip=True),
        ["COMBO", {"multiselect": True, "multi_select": True, "options": ["x"], "placeholder": "P", "chip": True}],
    ),
    (sockets.Custom("MINE").Input("a", extra_dict={"odd": [1]}), ["MINE", {"odd": [1]}]),
    (wires.AnyType.Input("a"), ["*", {}]),
    (dynamic.MultiType.Input("a", types=[wires.Image, wires.Mask, "MINE"]), ["IMAGE,MASK,MINE", {}]),
    (
        dynamic.MultiType.Input(widgets.Float.Input("a", default=2.0, min=1.0), types=[widgets.Int], tooltip="T"),
        ["FLOAT,INT", {"default": 2.0, "min": 1.0, "widgetType": "FLOAT", "tooltip": "T"}],
    ),
    (
        dynamic.MatchType.Input("a", template=dynamic.MatchType.Template("t", allowed_types=[wires.Image, wires.Mask])),
        ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE,MASK"}}],
    ),
    (
        dynamic.Autogrow.Input(
            "a", template=dynamic.Autogrow.TemplateNames(widgets.Float.Input("v"), names=["x", "y"], min=1)
        ),
        [
            "COMFY_AUTOGROW_V3",
            {"template": {"input": {"required": {"v": ["FLOAT", {}]}}, "names": ["x", "y"], "min": 1}},
        ],
    ),
    (widgets.Color.Input("a", default="#ffffff"), ["COLOR", {"default": "#ffffff"}]),
]


@pytest.mark.parametrize(("declared", "wanted"), TOPICS)
def test_an_input_reads_into_the_record_that_editors_know(declared: Any, wanted: list[Any]) -> None:
    assert entry_of(declared) == wanted


def test_a_type_of_a_pack_carries_its_name_into_inputs_and_outputs() -> None:
    @sockets.comfytype(io_type="FROG")
    class Frog(sockets.ComfyTypeIO):
        Type = dict

        class Input(sockets.Input):
            def as_dict(self) -> dict[str, Any]:
                return super().as_dict() | {"croaks": True}

    spec = spec_of_schema(node_of({"inputs": [Frog.Input("a")], "outputs": [Frog.Output(is_output_list=True)]}))
    assert record_of(spec)["input"] == {"required": {"a": ["FROG", {"croaks": True}]}}
    assert [(each.name, each.type, each.is_list) for each in spec.outputs] == [("FROG", "FROG", True)]
    assert Frog.Input.Parent is Frog


def test_optional_inputs_stand_behind_the_others_and_hidden_ones_go_by_their_names() -> None:
    schema = {
        "inputs": [widgets.Int.Input("a", optional=True), widgets.Int.Input("b")],
        "hidden": [Hidden.prompt, Hidden.unique_id, Hidden.api_key_comfy_org],
    }
    record = record_of(spec_of_schema(node_of(schema)))
    assert record["input_order"] == {
        "required": ["b"],
        "optional": ["a"],
        "hidden": ["prompt", "unique_id", "api_key_comfy_org"],
    }
    assert record["input"]["hidden"]["prompt"] == "PROMPT"


def test_what_a_schema_says_of_a_node_is_kept() -> None:
    badge = PriceBadge(expr="1", depends_on=PriceBadgeDepends(widgets=["a"]))
    spec = spec_of_schema(
        node_of(
            {
                "display_name": "Shown",
                "category": "c",
                "description": "D",
                "search_aliases": ["s"],
                "is_input_list": True,
                "is_output_node": True,
                "is_deprecated": True,
                "is_experimental": True,
                "is_dev_only": True,
                "is_api_node": True,
                "not_idempotent": True,
                "accept_all_inputs": True,
                "has_intermediate_output": True,
                "essentials_category": "E",
                "price_badge": badge,
                "outputs": [widgets.Int.Output(display_name="o", tooltip="tip"), widgets.Int.Output("id")],
            }
        )
    )
    assert (spec.display_name, spec.category, spec.description, spec.search_aliases) == ("Shown", "c", "D", ("s",))
    flags = (spec.takes_lists, spec.is_output, spec.deprecated, spec.experimental, spec.per_node)
    assert flags == (True,) * 5
    assert spec.open_input is not None
    assert [(each.name, each.tip) for each in spec.outputs] == [("o", "tip"), ("INT", "")]
    assert spec.extras == {
        "api_node": True,
        "dev_only": True,
        "has_intermediate_output": True,
        "essentials_category": "E",
        "price_badge": {
            "engine": "jsonata",
            "depends_on": {"widgets": ["a"], "inputs": [], "input_groups": []},
            "expr": "1",
        },
    }


def test_a_schema_that_is_none_is_refused_with_the_node_named() -> None:
    twice = {"inputs": [widgets.Int.Input("a"), widgets.Float.Input("a")]}
    with pytest.raises(GraphError, match=r"node X: .*two inputs are called a"):
        spec_of_schema(node_of(twice))
    with pytest.raises(GraphError, match=r"node Empty: .*no define_schema"):
        spec_of_schema(type("Empty", (ComfyNode,), {}))
    with pytest.raises(GraphError, match=r"node Idle: .*no method execute"):
        spec_of_schema(type("Idle", (ComfyNode,), {"define_schema": classmethod(lambda cls: Schema("Idle"))}))


OUT = {"outputs": [widgets.Int.Output(), widgets.Int.Output()]}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (NodeOutput(1, 2), (1, 2)),
        (NodeOutput(1, 2, ui={"a": [1]}), Shown((1, 2), {"a": [1]})),
        (NodeOutput(["1", 0], 2, expand={"1": {}}), Expanded((["1", 0], 2), {"1": {}})),
        (NodeOutput(), ()),
        ((1, 2), (1, 2)),
        ({"result": (1, 2), "ui": {"a": [1]}}, Shown((1, 2), {"a": [1]})),
        (None, ()),
        (NodeOutput.from_dict({"result": (1, 2), "ui": {"a": [1]}}), Shown((1, 2), {"a": [1]})),
    ],
)
def test_every_known_form_of_a_result_is_understood(answer: Any, wanted: Any) -> None:
    call = spec_of_schema(node_of(OUT, execute=lambda cls: answer)).call
    assert call is not None and call() == wanted


def test_blocking_gives_a_blocker_for_every_output() -> None:
    call = spec_of_schema(node_of(OUT, execute=lambda cls: NodeOutput(block_execution="wait", ui={"a": [1]}))).call
    assert call is not None
    shown = call()
    assert shown.ui == {"a": [1]}
    assert [(type(each), each.message) for each in shown.values] == [(ExecutionBlocker, "wait")] * 2


def test_dynamic_inputs_nest_as_deep_as_they_are_declared() -> None:
    grow = dynamic.Autogrow.Input(
        "texts", template=dynamic.Autogrow.TemplatePrefix(widgets.String.Input("text"), prefix="text", max=20)
    )
    inner = dynamic.DynamicCombo.Input("how", options=[dynamic.DynamicCombo.Option("x", [widgets.Int.Input("n")])])
    outer = dynamic.DynamicCombo.Input("mode", options=[dynamic.DynamicCombo.Option("m", [inner, grow])])
    flat = {
        "mode": "m",
        "mode.how": "x",
        "mode.how.n": 4,
        "mode.texts.text10": "k",
        "mode.texts.text2": "c",
        "other": 1,
    }
    assert gather([outer, widgets.Int.Input("plain")], flat) == {
        "mode": {"mode": "m", "how": {"how": "x", "n": 4}, "texts": {"text2": "c", "text10": "k"}},
        "other": 1,
    }
    assert gather([grow], {}) == {"texts": {}}
    assert gather([inner], {"how": ["x"], "how.n": [1]}) == {"how": {"how": ["x"], "n": [1]}}


def test_a_slot_brings_inputs_when_it_is_linked() -> None:
    slot = dynamic.DynamicSlot.Input(wires.Image.Input("image", optional=True), [widgets.Int.Input("width", default=8)])
    spec = spec_of_schema(node_of({"inputs": [slot]}))
    (declared,) = spec.inputs
    assert (declared.name, declared.type, declared.section) == ("image", "COMFY_DYNAMICSLOT_V3", "optional")
    assert list(resolve_inputs(spec, {})) == ["image"]
    linked = resolve_inputs(spec, {"image": ["1", 0]})
    assert {name: each.type for name, each in linked.items()} == {"image": "IMAGE", "image.width": "INT"}
    assert gather([slot], {"image": "I", "image.width": 4}) == {"image": {"image": "I", "width": 4}}
    assert gather([slot], {}) == {}


def test_questions_get_nested_inputs_hidden_values_and_only_what_they_name() -> None:
    combo = dynamic.DynamicCombo.Input(
        "mode", options=[dynamic.DynamicCombo.Option("m", [widgets.Int.Input("n", lazy=True)])]
    )
    seen: list[Any] = []
    spec = spec_of_schema(
        node_of(
            {"inputs": [combo, widgets.Int.Input("other")], "hidden": [Hidden.unique_id]},
            validate_inputs=lambda cls, mode: seen.append((mode, cls.hidden.unique_id)) or True,
            fingerprint_inputs=lambda cls, other, **more: (other, sorted(more)),
            check_lazy_status=lambda cls, mode: ["mode.n"] if mode.get("n") is None else None,
        )
    )
    flat = {"mode": "m", "mode.n": 3, "other": 5, "unique_id": "9"}
    assert spec.validation is not None and spec.validation.ask is not None
    assert (spec.validation.names, spec.validation.takes_all) == (frozenset({"mode"}), False)
    assert spec.validation.ask(**flat) is True
    assert seen == [({"mode": "m", "n": 3}, "9")]
    assert spec.fingerprint is not None and spec.fingerprint(**flat) == (5, ["mode"])
    assert spec.ask_lazy is not None
    assert spec.ask_lazy(**{**flat, "mode.n": None}) == ["mode.n"] and spec.ask_lazy(**flat) == []
    plain = spec_of_schema(node_of())
    assert (plain.validation, plain.fingerprint, plain.ask_lazy) == (None, None, None)


def test_async_questions_are_awaited() -> None:
    async def fingerprint(cls: Any, a: Any) -> Any:
        await asyncio.sleep(0)
        return a, cls.hidden.unique_id

    inputs = {"inputs": [widgets.Int.Input("a")], "hidden": [Hidden.unique_id]}
    spec = spec_of_schema(node_of(inputs, fingerprint_inputs=fingerprint))
    assert spec.fingerprint is not None
    assert asyncio.run(spec.fingerprint(a=1, unique_id="2")) == (1, "2")


def test_hidden_values_are_none_where_nobody_asked_or_nothing_runs() -> None:
    spec = spec_of_schema(node_of(execute=lambda cls: NodeOutput(cls.hidden.unique_id, cls.hidden.something_new)))
    assert spec.call is not None and spec.call() == (None, None)
    assert ComfyNode.hidden.prompt is None


def test_a_thread_that_a_node_starts_finds_the_hidden_values_of_its_call() -> None:
    seen: list[Any] = []

    def execute(cls: Any) -> NodeOutput:
        thread = threading.Thread(target=lambda: seen.append(cls.hidden.unique_id))
        thread.start()
        thread.join()
        return NodeOutput()

    call = spec_of_schema(node_of({"hidden": [Hidden.unique_id]}, execute=execute)).call
    other = spec_of_schema(node_of({"hidden": [Hidden.unique_id]}, execute=lambda cls: NodeOutput())).call
    assert call is not None and other is not None
    other(unique_id="8")
    call(unique_id="3")
    assert seen == ["3"] and ComfyNode.hidden.unique_id is None


def test_hidden_values_are_no_lists_where_all_inputs_are() -> None:
    schema = {"inputs": [widgets.Int.Input("a")], "hidden": [Hidden.unique_id], "is_input_list": True}
    spec = spec_of_schema(node_of(schema, execute=lambda cls, a: NodeOutput(a, cls.hidden.unique_id)))
    assert spec.call is not None and spec.call(a=[1, 2], unique_id=["3"]) == ([1, 2], "3")


def test_a_schema_class_answers_as_a_classic_class_and_goes_through_the_same_mapping() -> None:
    cls: Any = node_of(
        {
            "inputs": [widgets.Int.Input("a", default=1)],
            "outputs": [wires.Image.Output("o", "pic")],
            "hidden": [Hidden.prompt],
        }
    )
    assert cls.INPUT_TYPES() == {"required": {"a": ("INT", {"default": 1})}, "hidden": {"prompt": ("PROMPT",)}}
    assert (cls.RETURN_TYPES, cls.RETURN_NAMES, cls.OUTPUT_IS_LIST) == (["IMAGE"], ["pic"], [False])
    assert (cls.OUTPUT_NODE, cls.CATEGORY, cls.INPUT_IS_LIST, cls.DEPRECATED) == (False, "sd", False, False)
    assert getattr(cls(), cls.FUNCTION)(a=3).result == ({"a": 3},)
    spec = spec_of_class("Other", cls, display_name="Mine", python_module="custom_nodes.m")
    assert (spec.id, spec.display_name, spec.python_module, spec.classic) == ("Other", "Mine", "custom_nodes.m", cls)
