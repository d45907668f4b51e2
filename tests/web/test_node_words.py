"""The words that the page has for built-in nodes and their menus in other languages: all of them, and none too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from heddle.graph.spec import DYNAMIC_COMBO, NodeSpec
from nodes.catalogue import built_in
from tests.web.page_server import HOUSE

WORDS = sorted((HOUSE / "web" / "locales").glob("nodes.*.json"))
MENUS = sorted((HOUSE / "web" / "locales").glob("categories.*.json"))
OF_THE_PAGE = {  # nodes that the server does not know, and what they have words for
    "MarkdownNote": {"display_name"},
    "Note": {"display_name"},
    "PrimitiveNode": {"display_name", "outputs"},
    "Reroute": {"display_name"},
}
MENU_OF_THE_PAGE = "utils"  # where these are


@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.name)
def test_every_built_in_node_has_its_words_and_nothing_else_has(path: Path) -> None:
    words: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    specs = dict(built_in().items())
    troubles = [f"{kind}: there is no such node" for kind in sorted(set(words) - set(specs) - set(OF_THE_PAGE))]
    for kind, names in OF_THE_PAGE.items():
        troubles += _compare(kind, words.get(kind, {}), names)
    for kind, spec in sorted(specs.items()):
        troubles += _troubles(spec, words.get(kind, {}))
    assert not troubles, f"{path.relative_to(HOUSE)}\n" + "\n".join(troubles)


@pytest.mark.parametrize("path", MENUS, ids=lambda path: path.name)
def test_every_menu_of_built_in_nodes_has_its_name_and_nothing_else_has(path: Path) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    menus = {name for _, spec in built_in().items() for name in spec.category.split("/")} | {MENU_OF_THE_PAGE}
    assert sorted(menus - {name for name, word in told.items() if word}) == [], "menus without a name"
    assert sorted(set(told) - menus) == [], "names of menus that are not there"
    assert [each.name.partition(".")[2] for each in MENUS] == [each.name.partition(".")[2] for each in WORDS]


def test_what_lacks_a_word_and_what_has_one_too_many_is_named() -> None:
    spec = built_in()["LatentUpscaleBy"]
    told: dict[str, Any] = {
        "display_name": "缩放",
        "inputs": {
            "samples": {"name": "Latent", "tooltip": "缩放", "colour": "红"},
            "upscale_method": {"name": "方法", "tooltip": "bislerp 保持方差。"},
            "factor": {"name": "倍数"},
        },
        "outputs": {"0": {"name": "Latent", "tooltip": "缩放后"}, "1": {"name": "图像"}},
    }
    assert list(_troubles(spec, told)) == [
        "LatentUpscaleBy: no description",
        "LatentUpscaleBy.inputs: no scale_by",
        "LatentUpscaleBy.inputs: nothing is called factor",
        "LatentUpscaleBy.inputs.samples: nothing is called colour",
        "LatentUpscaleBy.inputs.upscale_method.tooltip: nothing said of bicubic, bilinear, nearest-exact",
        "LatentUpscaleBy.outputs: nothing is called 1",
        "LatentUpscaleBy.outputs.0: nothing is called tooltip",
    ]


def _troubles(spec: NodeSpec, told: dict[str, Any]) -> Iterator[str]:
    """What is missing of a node's words, and what is there for nothing that it has, one line each."""
    inputs = {each.name: each for each in spec.inputs if each.section != "hidden"}
    outputs = {str(at): each for at, each in enumerate(spec.outputs)}
    has = {"description": spec.description, "inputs": inputs, "outputs": outputs}
    yield from _compare(spec.id, told, {"display_name"} | {key for key, value in has.items() if value})
    yield from _compare(f"{spec.id}.inputs", told.get("inputs", {}), set(inputs), wanted=bool(told.get("inputs")))
    for name, each in inputs.items():
        if not (words := told.get("inputs", {}).get(name)):
            continue
        tip = each.options.get("tooltip", "")
        place = f"{spec.id}.inputs.{name}"
        yield from _of_input(place, words, each.type, each.options)
        explained = [str(choice) for choice in each.choices or () if _names(tip, str(choice))]
        if lost := sorted(choice for choice in explained if not _names(words.get("tooltip", choice), choice)):
            yield f"{place}.tooltip: nothing said of {', '.join(lost)}"
    yield from _compare(f"{spec.id}.outputs", told.get("outputs", {}), set(outputs), wanted=bool(told.get("outputs")))
    for at, each in outputs.items():
        if words := told.get("outputs", {}).get(at):
            yield from _compare(f"{spec.id}.outputs.{at}", words, {"name", "tooltip"} if each.tip else {"name"})


def _of_input(place: str, words: dict[str, Any], type: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Of an input, and of those that its choices bring, and theirs."""
    brings = _brought(options) if type == DYNAMIC_COMBO else {}
    has = {"tooltip": options.get("tooltip"), "choices": brings}
    yield from _compare(place, words, {"name", *(key for key, value in has.items() if value)})
    for choice, inside in brings.items():
        of_choice = words.get("choices", {}).get(choice, {})
        yield from _compare(f"{place}.{choice}", of_choice, set(inside))
        for inner in sorted(inside.keys() & of_choice.keys()):
            kind, *more = inside[inner]
            yield from _of_input(f"{place}.{choice}.{inner}", of_choice[inner], kind, more[0] if more else {})


def _brought(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The inputs that choices of a dynamic combo bring, by choice and name."""
    brings = {
        choice["key"]: {name: record for section in choice["inputs"].values() for name, record in section.items()}
        for choice in options["options"]
    }
    return {choice: inside for choice, inside in brings.items() if inside}


def _compare(place: str, told: dict[str, Any], names: set[str], wanted: bool = True) -> Iterator[str]:
    """Args: wanted: False where it is said already that all of it is missing."""
    if lost := sorted(name for name in names if not told.get(name)):
        yield from [f"{place}: no {', '.join(lost)}"] if wanted else []
    if more := sorted(set(told) - names):
        yield f"{place}: nothing is called {', '.join(more)}"


def _names(text: str, choice: str) -> bool:
    """Whether the text speaks of a choice by its name, not of a longer word that begins or ends like it."""
    return re.search(rf"(?<![\w-]){re.escape(choice)}(?![A-Za-z0-9_-])", text) is not None
