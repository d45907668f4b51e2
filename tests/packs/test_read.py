"""What the packs beside this file declare, as specs and as records of the catalogue."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.classic import read_again
from heddle.graph.dynamic_prompt import DynamicPrompt
from heddle.graph.object_info import record_of, spec_of_record
from heddle.graph.registry import Registry
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.running import call_of
from heddle.graph.spec import NodeSpec
from heddle.media.pictures import read_picture
from heddle.settings import current
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from tests.packs.loading import load_test_packs


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders of this test, which packs find, too."""
    settings = Settings(base_directory=tmp_path)
    made = Folders.from_settings(settings)
    monkeypatch.setattr(current, "_settings", settings)
    monkeypatch.setattr(current, "_folders", made)
    return made


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_test_packs()[0]


def inputs_of(spec: NodeSpec, section: str = "required") -> dict[str, Any]:
    return record_of(spec)["input"].get(section, {})


def test_every_record_is_plain_json_and_reads_back(registry: Registry) -> None:
    for id, record in registry.catalogue().items():
        again = json.loads(json.dumps(record, allow_nan=False))
        assert record_of(spec_of_record(id, again))["input"] == record["input"]


def test_a_lazy_switch_asks_for_the_branch_it_takes(registry: Registry) -> None:
    spec = registry["TestLazySwitch"]
    assert spec.display_name == "Lazy switch"
    assert inputs_of(spec)["if_on"] == ["*", {"lazy": True}]
    assert spec.outputs[0].type == "*"
    calls = spec.bind and spec.bind()
    assert calls is not None and calls.ask_lazy is not None
    assert calls.ask_lazy(on=False, if_on=None, if_off=None) == ["if_off"]
    assert calls.ask_lazy(on=True, if_on=1, if_off=None) == []
    assert calls.run(on=True, if_on=5, if_off=None) == (5,)
    large = registry["TestFirstLarge"]
    assert large.ask_lazy is not None
    assert asyncio.run(large.ask_lazy(limit=3, number1=1, number2=None)) == ["number2"]


def test_a_loop_puts_the_next_turn_of_its_body_into_the_graph(registry: Registry) -> None:
    prompt = DynamicPrompt(
        {
            "1": {"class_type": "TestWhileOpen", "inputs": {"condition": True, "value0": 0}},
            "2": {"class_type": "TestCount", "inputs": {"number": ["1", 1], "until": 3}},
            "3": {
                "class_type": "TestWhileClose",
                "inputs": {"flow": ["1", 0], "condition": ["2", 1], "value0": ["2", 0]},
            },
        }
    )
    spec = registry["TestWhileClose"]
    assert inputs_of(spec)["flow"] == ["FLOW_CONTROL", {"rawLink": True}]
    assert inputs_of(spec, "hidden") == {"dynprompt": "DYNPROMPT", "unique_id": "UNIQUE_ID"}
    assert spec.call is not None
    with call_of(None, "3"):
        turn = spec.call(flow=["1", 0], condition=True, value0=1, dynprompt=prompt, unique_id="3")
    assert isinstance(turn, Expanded)
    assert list(turn.graph) == ["3.0.0.1", "3.0.0.2", "3.0.0.3"]
    assert turn.graph["3.0.0.1"]["inputs"] == {"condition": True, "value0": 1}
    assert turn.graph["3.0.0.3"]["inputs"]["flow"] == ["3.0.0.1", 0]
    assert turn.graph["3.0.0.2"]["override_display_id"] == "2"
    assert turn.values == (["3.0.0.3", 0], ["3.0.0.3", 1], ["3.0.0.3", 2])
    assert spec.call(flow=["1", 0], condition=False, value0=3, dynprompt=prompt, unique_id="3") == (3, None, None)
    stopped = registry["TestWhileOpen"].call
    assert stopped is not None and isinstance(stopped(condition=False)[1], ExecutionBlocker)


def test_any_types_and_open_sections_are_read_as_such(registry: Registry) -> None:
    show, join = registry["TestShowAnything"], registry["TestJoinEverything"]
    assert inputs_of(show, "optional") == {"anything": ["*", {}]}
    assert type(show.inputs[0].type) is str
    assert inputs_of(show, "hidden") == {"unique_id": "UNIQUE_ID", "extra_pnginfo": "EXTRA_PNGINFO"}
    assert (show.takes_lists, show.is_output, show.open_input) == (True, True, None)
    assert join.open_input is not None and join.open_input.type == "*"
    assert list(inputs_of(join)) == ["between"]
    assert join.call is not None and join.call(between="-", b=2, a=1) == ("1-2",)


def test_savers_that_build_on_ours_write_where_they_say(registry: Registry, folders: Folders) -> None:
    image = torch.full((1, 4, 6, 3), 0.5)
    saver = registry["TestSaveTwice"]
    assert list(inputs_of(saver)) == ["images", "filename_prefix"] and saver.is_output
    assert saver.call is not None
    shown = saver.call(images=image, filename_prefix="sub/two", prompt={"1": {}}, extra_pnginfo={"workflow": {"a": 1}})
    assert isinstance(shown, Shown) and shown.values[0] is image
    names = [each["filename"] for each in shown.ui["images"]]
    assert names == ["two_00001_.png", "two_again_00001_.png"]
    assert (folders.output / "sub" / names[1]).is_file()
    assert read_picture(folders.output / "sub" / names[0]).as_float().shape == (1, 4, 6, 3)
    quiet = registry["TestQuietPreview"].call
    assert quiet is not None
    seen = quiet(images=image).ui["images"][0]
    assert (seen["type"], seen["filename"]) == ("temp", "mine_quiet_00001_.png")
    assert (folders.temp / seen["filename"]).is_file()


def test_a_pack_may_call_a_built_in_node_by_hand(registry: Registry) -> None:
    half = registry["TestHalfSize"]
    assert inputs_of(half)["method"][1]["options"] == ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
    assert half.call is not None
    (made,) = half.call(image=torch.zeros(1, 8, 6, 3), method="area")
    assert made.shape == (1, 4, 3, 3)


def test_a_schema_class_reads_into_the_records_that_editors_know(registry: Registry) -> None:
    spec = registry["TestJoinTexts"]
    record = record_of(spec)
    template = {
        "input": {"required": {"text": ["STRING", {"forceInput": True, "multiline": False}]}},
        "prefix": "text",
        "min": 2,
        "max": 5,
    }
    assert record["input"]["required"]["texts"] == ["COMFY_AUTOGROW_V3", {"template": template}]
    kind, options = record["input"]["required"]["mode"]
    assert kind == "COMFY_DYNAMICCOMBO_V3"
    assert options["options"] == [
        {"key": "plain", "inputs": {"required": {}}},
        {"key": "between", "inputs": {"required": {"mark": ["STRING", {"default": "-", "multiline": False}]}}},
        {
            "key": "numbered",
            "inputs": {
                "required": {
                    "first": ["INT", {"default": 1, "min": 0}],
                    "case": ["COMBO", {"multiselect": False, "options": ["upper", "lower"]}],
                }
            },
        },
    ]
    assert record["input"]["hidden"] == {"unique_id": "UNIQUE_ID"}
    assert (record["output"], record["output_name"], record["output_node"]) == (["STRING"], ["joined"], True)
    assert (record["display_name"], record["python_module"]) == ("Join texts", "custom_nodes.growing_inputs")
    either = registry["TestEitherOf"]
    same = {"lazy": True, "template": {"template_id": "same", "allowed_types": "*"}}
    assert inputs_of(either, "optional")["a"] == ["COMFY_MATCHTYPE_V3", same]
    assert either.extras == {"output_matchtypes": ["same"]}
    assert either.ask_lazy is not None and either.ask_lazy(first=False, a=None, b=None) == ["b"]


def test_a_schema_class_gets_its_growing_inputs_and_its_choice_as_dictionaries(registry: Registry) -> None:
    call = registry["TestJoinTexts"].call
    assert call is not None
    texts = {"texts.text1": "b", "texts.text0": "a"}
    assert call(**texts, mode="plain", unique_id="4") == Shown(("ab",), {"text": ("4: ab",)})
    between = call(**texts, **{"mode": "between", "mode.mark": "+"}, unique_id="4")
    assert between.values == ("a+b",)
    numbered = call(**texts, **{"mode": "numbered", "mode.first": 3, "mode.case": "upper"}, unique_id="4")
    assert numbered.values == ("3A4B",)


def test_async_nodes_are_awaited_and_each_sees_its_own_hidden_values(registry: Registry) -> None:
    fetch, schema = registry["TestFetch"], registry["TestFetchSchema"]
    assert fetch.call is not None and fetch.fingerprint is not None and schema.call is not None
    assert asyncio.run(fetch.call(what="it", turns=2)) == ("fetched it",)
    assert asyncio.run(fetch.fingerprint(what="it", turns=2)) == "IT"
    call = schema.call

    async def one(id: str) -> Any:
        with call_of(None, id):
            return await call(what=id, unique_id=id)

    async def both() -> Any:
        return await asyncio.gather(one("1"), one("2"))

    assert list(asyncio.run(both())) == [("fetched 1", "1 1"), ("fetched 2", "2 2")]


def test_state_fingerprints_and_fresh_file_lists(registry: Registry, folders: Folders) -> None:
    counter = registry["TestCounter"]
    assert counter.bind is not None and counter.fingerprint is not None
    first, second = counter.bind(), counter.bind()
    assert [first.run(), first.run(), second.run()] == [(1,), (2,), (1,)], "each node of a graph has its own state"
    assert math.isnan(counter.fingerprint())
    assert registry["TestDice"].per_node
    folders.input.mkdir()
    note = read_again(registry["TestReadNote"])
    assert note.inputs[0].choices == ()
    (folders.input / "a.txt").write_text("hello")
    fresh = read_again(note)
    assert fresh.inputs[0].choices == ("a.txt",) and fresh.id == "TestReadNote"
    assert read_again(fresh) is fresh
    assert fresh.fingerprint is not None and fresh.call is not None
    assert fresh.fingerprint(note="a.txt") == (folders.input / "a.txt").stat().st_mtime_ns
    assert fresh.call(note="a.txt") == ("hello",)


def test_own_checks_say_which_inputs_they_answer_for(registry: Registry) -> None:
    sized, anything, types = (registry[id].validation for id in ("TestSized", "TestAnythingGoes", "TestTypesItself"))
    assert sized is not None and anything is not None and types is not None
    assert (sized.names, sized.takes_all, sized.takes_types) == (frozenset({"width"}), False, False)
    assert sized.answers_for("width") and not sized.answers_for("height")
    assert sized.ask is not None and sized.ask(width=9, height=9) == "width 9 is no multiple of 8"
    assert anything.takes_all and anything.answers_for("whatever")
    assert anything.ask is not None and anything.ask(width=13, height=1) is False
    assert (types.names, types.takes_types) == (frozenset(), True)
    assert types.ask is not None and types.ask(input_types={"width": "IMAGE"}) == "not a number: width"


def test_odd_declarations_become_plain(registry: Registry) -> None:
    spec = registry["TestOdd"]
    assert inputs_of(spec) == {
        "words": ["COMBO", {"options": ["a", "b"]}],
        "numbers": ["COMBO", {"options": [1, 2, 3]}],
        "text": ["STRING", {"default": str(Path("a") / "b"), "mine": {"deep": [1, 2]}}],
        "lone": ["IMAGE", {}],
        "level": ["FLOAT", {"default": 0.5}],
    }
    assert inputs_of(spec, "optional") == {}
    hidden = {"id": "UNIQUE_ID", "list": "PROMPT", "nothing": "*", "token": "AUTH_TOKEN_COMFY_ORG"}
    assert inputs_of(spec, "hidden") == hidden
    assert [(each.name, each.type, each.is_list, each.tip) for each in spec.outputs] == [
        ("picture", "IMAGE", True, "It.")
    ]
    assert spec.category == "odd"
    assert spec.call is not None and spec.call(words="a") == ({"words": "a"},)
