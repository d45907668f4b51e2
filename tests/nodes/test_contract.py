"""The built-in nodes against what existing workflows rely on.

`tests/data/core_nodes.json` holds ids, inputs, outputs and defaults of this ecosystem's nodes as workflows, front ends
and API clients know them: facts, recorded from its published catalogue.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heddle.graph.dynamic import inputs_of_choice, keys_of_choices
from heddle.graph.object_info import record_of
from nodes.catalogue import built_in

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "core_nodes.json").read_text())
RECORDS = {id: record_of(spec) for id, spec in built_in().items()}

#: Inputs that offer what a machine has installed: what was recorded, on a bare one, comes first.
OFFER_MORE = {("ModelAttentionBackend", "attention")}

#: Nodes of our own. Their ids begin with the name of the house, so that no pack's node of that kind is replaced.
OWN = {id for id in RECORDS if id.startswith("Heddle")}


def without_tip(entry: Any) -> list[Any]:
    kind, options = (*entry, {})[:2]
    return [kind, without_tips(options)]


def without_tips(value: Any) -> Any:
    """Options as they were recorded; a choice has those of the inputs that it brings."""
    if isinstance(value, dict):
        return {key: without_tips(each) for key, each in value.items() if key != "tooltip"}
    return [without_tips(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("id", [id for id in RECORDS if id not in OWN])
def test_a_node_has_the_inputs_outputs_and_defaults_that_workflows_rely_on(id: str) -> None:
    wanted, found = CONTRACT[id], RECORDS[id]
    assert found["category"] == wanted["category"]
    assert found["display_name"] == wanted["display_name"]
    assert found["output_node"] == wanted.get("output_node", False)
    outputs = zip(found["output_name"], found["output"], found["output_is_list"], strict=True)
    assert [list(each) for each in outputs] == [
        [name, kind, found["output_is_list"][at] if is_list is None else is_list]  # None: their class does not say
        for at, (name, kind, is_list) in enumerate(wanted["outputs"])
    ]
    assert list(found["input"]) == list(wanted["inputs"])
    for section, entries in wanted["inputs"].items():
        assert list(found["input"][section]) == list(entries)
        for name, entry in entries.items():
            if section == "hidden":
                # Some are recorded in a list: so their own way of declaring nodes writes what clients never fill in.
                assert entry in (found["input"][section][name], [found["input"][section][name]])
                continue
            kind, options = without_tip(found["input"][section][name])
            wanted_kind, wanted_options = without_tip(entry)
            assert kind == wanted_kind, name
            if wanted_options.get("options") == {"files": "?"}:
                wanted_options["options"] = []  # what a person writes on the node
            if isinstance(wanted_options.get("options"), list) and isinstance(options.get("options"), dict):
                wanted_options["options"] = {"files": options["options"]["files"], "also": wanted_options["options"]}
            if isinstance(options.get("options"), dict):  # files, and names that are offered beside them
                more = set(options["options"].pop("also", ()))
                options["options"].pop("which", None)  # was recorded as what was there
                assert more <= set(wanted_options["options"].pop("also", ()))
            if (id, name) in OFFER_MORE:
                wanted, offered = wanted_options.pop("options"), options.pop("options")
                assert offered[: len(wanted)] == wanted
            assert options == wanted_options, name


def test_every_loader_is_there_that_a_front_end_built_elsewhere_takes_for_granted() -> None:
    """Release 1.27.10 draws no list of model files if one of them is missing."""
    taken_for_granted = (
        "CheckpointLoaderSimple ImageOnlyCheckpointLoader LoraLoader LoraLoaderModelOnly VAELoader ControlNetLoader "
        "UNETLoader UpscaleModelLoader StyleModelLoader GLIGENLoader"
    )
    assert set(taken_for_granted.split()) <= set(RECORDS)


def test_every_node_is_in_the_contract_or_our_own() -> None:
    assert set(RECORDS) - set(CONTRACT) == OWN


@pytest.mark.parametrize("id", RECORDS)
def test_every_node_explains_itself_and_every_input_has_a_tip(id: str) -> None:
    spec = built_in()[id]
    assert len(spec.description) > 20
    brought = [
        each for combo in spec.inputs for choice in keys_of_choices(combo) for each in inputs_of_choice(combo, choice)
    ]
    seen = [each for each in (*spec.inputs, *brought) if each.section != "hidden"]
    assert [each.name for each in seen if not each.options.get("tooltip")] == []
