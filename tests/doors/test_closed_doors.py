"""Names that packs know and behind which there is nothing yet: importable, and plain about it when used."""

from __future__ import annotations

import importlib
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest

import comfy
import comfy.model_management
import comfy.samplers
import nodes
from heddle.graph.registry import Registry
from nodes import packs
from nodes.catalogue import built_in
from nodes.closed_doors import MODULES, NAMES, PACKAGES, ClosedDoor, ClosedDoors, closed_base, hang_in
from nodes.packs import load_packs


@pytest.fixture(autouse=True)
def closed_doors() -> Iterator[None]:
    """They hang in their frames for one test."""
    before = set(sys.modules)
    hang_in()
    hang_in()
    assert sum(isinstance(each, ClosedDoors) for each in sys.meta_path) == 1
    yield
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, ClosedDoors)]
    for name in set(sys.modules) - before:
        if name.startswith(("comfy.", "comfy_extras.", "comfy_execution.caching", "custom_nodes")):
            del sys.modules[name]


def test_a_module_can_be_imported_and_its_names_be_named() -> None:
    sd: Any = importlib.import_module("comfy.sd")
    attention: Any = importlib.import_module("comfy.ldm.modules.attention")
    scope: dict[str, Any] = {}
    exec("from comfy_extras.nodes_hunyuan import CLIPTextEncodeHunyuanDiT as Encode", scope)

    class Mine(sd.VAE, ABC):
        @abstractmethod
        def go(self) -> None: ...

    def load(vae: Any, clip: Any = None) -> None: ...

    load.__annotations__ = {"vae": sd.VAE | None, "clip": list[sd.CLIP]}
    assert get_type_hints(load)["vae"] == sd.VAE | None
    assert not isinstance(load, sd.VAE) and not issubclass(int, sd.VAE)
    assert {sd.VAE: 1}[sd.VAE] == 1, "packs keep classes as keys"
    assert closed_base(Mine) == "comfy.sd.VAE" and closed_base(int) is None
    assert closed_base(scope["Encode"]) == "comfy_extras.nodes_hunyuan.CLIPTextEncodeHunyuanDiT"
    assert not hasattr(Mine, "IS_CHANGED"), "what a class of a pack's own lacks it lacks"
    mine: Any = Mine
    for use in (sd.load_lora_for_models, mine, attention.optimized_attention, sd.VAE.decode):
        with pytest.raises(ClosedDoor, match=r"^comfy\.[a-zA-Z_.]+: packs know this name, but there is nothing"):
            use()
    with pytest.raises(ClosedDoor):
        list(sd.MODELS)
    with pytest.raises(ClosedDoor):
        sd.MODELS[0]


def test_names_of_open_doors_too() -> None:
    assert NAMES["nodes"] & set(built_in()) == set(), "nodes that are there by now"
    for name in ("comfy.samplers.CFGGuider", "comfy.model_management.load_models_gpu"):
        module, _, last = name.rpartition(".")
        with pytest.raises(ClosedDoor, match=name):
            getattr(sys.modules[module], last)()
    with pytest.raises(ClosedDoor, match=r"comfy\.samplers\.KSampler"):
        comfy.samplers.KSampler(None, 20)
    assert comfy.samplers.KSampler.SAMPLERS


@pytest.mark.parametrize("module", NAMES)
def test_a_name_that_is_there_is_not_said_to_be_missing(module: str) -> None:
    open_door: Any = importlib.import_module(module)
    there = [name for name in NAMES[module] if name in vars(open_door)]
    assert [name for name in there if closed_base(vars(open_door)[name]) is None] == []


@pytest.mark.parametrize("module", sorted(MODULES | PACKAGES))
def test_a_door_that_was_opened_is_no_closed_one_any_more(module: str) -> None:
    assert isinstance(importlib.import_module(module).__loader__, ClosedDoors)


def test_who_asks_what_an_engine_can_do_is_told_the_truth() -> None:
    for name in ("comfy.made_up", "comfy_extras.made_up", "comfy.samplers.made_up"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)
    assert not hasattr(comfy.samplers, "made_up") and not hasattr(nodes, "MadeUpLoader")
    assert not hasattr(comfy, "made_up") and comfy.utils.PROGRESS_BAR_ENABLED


def test_a_replacement_that_has_no_effect_is_said(caplog: pytest.LogCaptureFixture) -> None:
    sample: Any = importlib.import_module("comfy.sample")
    caplog.set_level(logging.WARNING)
    sample.sample = print
    assert sample.sample is print, "a pack finds what it put there"
    assert "a pack replaces comfy.sample.sample, which has no effect" in caplog.text


PACK = """
import comfy.samplers, comfy.sd
from comfy.ldm.modules.attention import optimized_attention
class Text:
    INPUT_TYPES = {"required": {"a": ("STRING", {})}}
    RETURN_TYPES = ("STRING",)
    FUNCTION = "go"
    def go(self, a): return (a,)
class Needs(Text):
    def go(self, a): return (comfy.sd.load_checkpoint(a),)
class Built(comfy.samplers.CFGGuider):
    pass
NODE_CLASS_MAPPINGS = {"Text": Text, "Needs": Needs, "Built": Built}
"""


def test_a_pack_is_there_with_all_nodes_but_those_built_on_nothing(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "LOADED_MODULE_DIRS", {})
    (tmp_path / "most.py").write_text(PACK)
    registry = Registry()
    (pack,) = load_packs(registry, [tmp_path])
    assert list(registry) == ["Text", "Needs"]
    (failure,) = pack.failures
    assert failure.message == (
        "pack most: node Built: its class is built on comfy.samplers.CFGGuider, and there is nothing behind that name "
        "here yet"
    )
    call = registry["Needs"].call
    assert call is not None
    with pytest.raises(ClosedDoor, match=r"comfy\.sd\.load_checkpoint"):
        call(a="x")
