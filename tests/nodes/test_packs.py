"""Packs in a folder: which are taken in, what they bring, and what becomes of those that fail."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nodes
from heddle.graph.errors import HeddleError
from heddle.graph.registry import Registry
from heddle.settings import current
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from nodes import door, packs
from nodes.catalogue import built_in
from nodes.packs import Pack, load_packs, read_packs_again
from tests.packs.loading import NAMES, load_test_packs

warned = threading.Event()

NODE = """
class Node:
    @classmethod
    def INPUT_TYPES(cls): return {"required": {"a": ("INT", {"default": 1})}}
    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    def go(self, a): return (a,)
"""


SCHEMA_ENTRY = """
from comfy_api.latest import ComfyExtension, io
class Schematic(io.ComfyNode):
    @classmethod
    def define_schema(cls): return io.Schema("OfSchema", outputs=[io.Int.Output()])
    @classmethod
    def execute(cls): return io.NodeOutput(1)
class All(ComfyExtension):
    async def get_node_list(self): return [Schematic]
def comfy_entrypoint(): return All()
"""


@pytest.fixture(autouse=True)
def forget_packs() -> Iterator[None]:
    """Modules of one test's packs are not there in the next."""
    before = set(sys.modules)
    web, places, path = dict(door.EXTENSION_WEB_DIRS), dict(door.LOADED_MODULE_DIRS), list(sys.path)
    yield
    for name in [name for name in sys.modules if name.startswith("custom_nodes") and name not in before]:
        del sys.modules[name]
    door.EXTENSION_WEB_DIRS.clear()
    door.LOADED_MODULE_DIRS.clear()
    door.EXTENSION_WEB_DIRS.update(web)
    door.LOADED_MODULE_DIRS.update(places)
    sys.path[:] = path
    sys.modules.pop("told_by_test", None)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def load(folder: Path, registry: Registry | None = None, **more: Any) -> tuple[Registry, dict[str, Pack]]:
    registry = Registry() if registry is None else registry
    return registry, {pack.name: pack for pack in load_packs(registry, [folder], **more)}


def words_of(failures: list[HeddleError]) -> str:
    return "\n".join(each.message for each in failures)


def test_files_and_folders_are_packs_and_what_is_switched_off_or_hidden_is_none(tmp_path: Path) -> None:
    body = NODE + "NODE_CLASS_MAPPINGS = {__name__: Node}\n"
    names = ("one.py", "two/__init__.py", "off.py.disabled", "gone.disabled/__init__.py", ".hidden/__init__.py")
    write(tmp_path, dict.fromkeys((*names, "empty/readme.py", "__pycache__/x.py"), body))
    registry, packs = load(tmp_path)
    assert list(registry) == ["custom_nodes.one", "custom_nodes.two"]
    assert [pack.failures for pack in packs.values()] == [[], []]
    assert registry["custom_nodes.two"].python_module == "custom_nodes.two"


def test_a_pack_finds_its_own_modules_and_those_of_other_packs(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a-pack.v2/__init__.py": "from .parts import Node\nfrom ..zeta import WORD\n"
            "NODE_CLASS_MAPPINGS = {WORD: Node}\n",
            "a-pack.v2/parts.py": NODE,
            "own_path/__init__.py": "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n"
            "import parts_of_own_path\nNODE_CLASS_MAPPINGS = {'Own': parts_of_own_path.Node}\n",
            "own_path/parts_of_own_path.py": NODE,
            "zeta.py": "import sys\nTIMES = sys.modules.setdefault('told_by_test', [])\nTIMES.append(1)\n"
            "WORD = 'Zeta'\nNODE_CLASS_MAPPINGS = {}\n",
            "zz/__init__.py": "import custom_nodes.zeta as z\n"
            + NODE
            + "NODE_CLASS_MAPPINGS = {str(len(z.TIMES)): Node}",
        },
    )
    registry, packs = load(tmp_path)
    assert words_of([each for pack in packs.values() for each in pack.failures]) == ""
    assert list(registry) == ["Zeta", "Own", "1"], "zeta was imported once"
    assert registry["Zeta"].python_module == "custom_nodes.a-pack.v2"


def test_a_pack_that_adds_to_the_mapping_of_all_brings_its_own_nodes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_registry", registry := built_in())
    ours = dict(registry)
    found = "import nodes\nfrom nodes import NODE_CLASS_MAPPINGS\n"
    write(
        tmp_path,
        {
            "a_adds.py": found + NODE + "NODE_CLASS_MAPPINGS['Added'] = Node\n",
            "b_joins.py": found + NODE + "NODE_CLASS_MAPPINGS = {**NODE_CLASS_MAPPINGS, 'Joined': Node}\n",
            "c_entry.py": found + SCHEMA_ENTRY,
            "d_replaces.py": NODE + "NODE_CLASS_MAPPINGS = {'SaveImage': Node}\n",
        },
    )
    _, packs = load(tmp_path, registry)
    assert {name: pack.node_ids for name, pack in packs.items()} == {
        "a_adds": ["Added"],
        "b_joins": ["Joined"],
        "c_entry": ["OfSchema"],
        "d_replaces": ["SaveImage"],
    }
    assert words_of([each for pack in packs.values() for each in pack.failures]) == ""
    assert registry["Added"].python_module == "custom_nodes.a_adds"
    assert [id for id in ours if registry[id] is not ours[id]] == ["SaveImage"]


async def test_packs_that_look_after_others_load_one_more_and_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(door, "_registry", registry := Registry())
    entry = "async def comfy_entrypoint():\n    return {}\n"
    write(tmp_path, {"new/__init__.py": NODE + "NODE_CLASS_MAPPINGS = {'New': Node, 'Kept': Node}", "bad.py": entry})
    assert await nodes.load_custom_node(str(tmp_path / "new"), {"Kept"})
    assert list(registry) == ["New"]
    write(tmp_path, {"new/__init__.py": NODE + "NODE_CLASS_MAPPINGS = {'Newer': Node}"})
    assert await nodes.load_custom_node(str(tmp_path / "new"))
    assert list(registry) == ["New", "Newer"]
    assert not await nodes.load_custom_node(str(tmp_path / "bad.py"))
    assert "pack bad: cannot list its nodes (AttributeError" in caplog.text, "and not that a loop runs already"


async def test_a_script_that_imports_the_house_gets_its_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_registry", registry := Registry())
    settings = Settings(base_directory=tmp_path)
    monkeypatch.setattr(current, "_settings", settings)
    monkeypatch.setattr(current, "_folders", Folders.from_settings(settings))
    door.LOADED_MODULE_DIRS.clear()
    write(tmp_path / "custom_nodes", {"own.py": NODE + "NODE_CLASS_MAPPINGS = {'Own': Node}"})
    await nodes.init_extra_nodes()
    await nodes.init_extra_nodes()
    assert list(registry) == ["Own"]


def test_one_that_fails_is_reported_and_the_others_are_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "bad.py": "import no_such_library_here",
            "half/__init__.py": "from . import part\nraise RuntimeError('no card')",
            "half/part.py": "",
            "leaves.py": "import sys; sys.exit(3)",
            "skips.py": "class Skipped(BaseException): pass\nraise Skipped('no tests here')",
            "nothing.py": "X = 1",
            "some.py": NODE + "class Broken(Node):\n    FUNCTION = 'gone'\n"
            "class Leaves(Node):\n    @classmethod\n    def INPUT_TYPES(cls): raise SystemExit(3)\n"
            "NODE_CLASS_MAPPINGS = {'Broken': Broken, 'Leaves': Leaves, 'Good': Node, 'None': None}",
        },
    )
    registry, packs = load(tmp_path)
    assert list(registry) == ["Good"]
    assert (
        packs["bad"]
        .failures[0]
        .message.startswith(
            "pack bad.py: cannot be loaded (ModuleNotFoundError: No module named 'no_such_library_here')"
        )
    )
    assert "RuntimeError: no card" in words_of(packs["half"].failures)
    assert not [name for name in sys.modules if name.startswith("custom_nodes.half")]
    assert "SystemExit: 3" in words_of(packs["leaves"].failures)
    assert "Skipped: no tests here" in words_of(packs["skips"].failures)
    assert "neither NODE_CLASS_MAPPINGS nor comfy_entrypoint" in words_of(packs["nothing"].failures)
    assert "node Broken: FUNCTION names 'gone'" in words_of(packs["some"].failures)
    assert "node Leaves: " in words_of(packs["some"].failures)
    assert "node None:" in words_of(packs["some"].failures)


@pytest.mark.parametrize(("names", "shown"), [("[('Own', 'My own')]", "My own"), ("5", "Own"), ("None", "Own")])
def test_odd_display_names_cost_no_nodes(tmp_path: Path, names: str, shown: str) -> None:
    mappings = f"NODE_CLASS_MAPPINGS = {{'Own': Node}}\nNODE_DISPLAY_NAME_MAPPINGS = {names}\n"
    registry, packs = load(write(tmp_path, {"own.py": NODE + mappings}))
    assert (registry["Own"].display_name, packs["own"].failures) == (shown, [])


def test_prestartup_scripts_run_before_the_first_pack_and_one_that_fails_stops_no_pack(tmp_path: Path) -> None:
    tell = "import sys; sys.modules.setdefault('told_by_test', []).append(%r)"
    body = NODE + "NODE_CLASS_MAPPINGS = {__name__[-1]: Node}\n"
    write(
        tmp_path,
        {
            "a/__init__.py": tell % "a" + "\n" + body,
            "b/__init__.py": tell % "b" + "\n" + body,
            "b/prestartup_script.py": tell % "before b",
            "a/prestartup_script.py": "1 / 0",
        },
    )
    registry, packs = load(tmp_path)
    told: Any = sys.modules["told_by_test"]
    assert told == ["before b", "a", "b"]
    assert list(registry) == ["a", "b"]
    assert "prestartup_script.py failed (ZeroDivisionError" in words_of(packs["a"].failures)


def test_a_pack_of_the_same_name_in_another_folder_is_another_pack(tmp_path: Path) -> None:
    for word in ("first", "second"):
        write(
            tmp_path / word,
            {"same/__init__.py": "from .part import Node\nNODE_CLASS_MAPPINGS = {Node.ID: Node}",
             "same/part.py": NODE + f"    ID = '{word}'\n"},
        )  # fmt: skip
        registry, packs = load(tmp_path / word)
        assert (list(registry), packs["same"].failures) == ([word], [])


def test_only_the_packs_asked_for_are_imported(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.py": NODE + f"NODE_CLASS_MAPPINGS = {{'{name}': Node}}" for name in ("one", "two")})
    assert list(load(tmp_path, only=("two.py", "three"))[0]) == ["two"]
    assert list(load(tmp_path, only=())[0]) == []


def test_browser_scripts_are_found_by_the_module_or_by_its_project_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a/__init__.py": "WEB_DIRECTORY = './js'",
            "a/js/x.js": "",
            "b/__init__.py": "NODE_CLASS_MAPPINGS = {}",
            "b/web/x.js": "",
            "b/pyproject.toml": "[tool.comfy]\nweb = 'web'\n",
            "c/__init__.py": "WEB_DIRECTORY = './gone'\nNODE_CLASS_MAPPINGS = {}",
            "d/__init__.py": "NODE_CLASS_MAPPINGS = {}",
            "d/pyproject.toml": "not [toml",
        },
    )
    _, packs = load(tmp_path)
    assert [packs[name].web for name in "abcd"] == [tmp_path / "a/js", tmp_path / "b/web", None, None]
    assert {name: door.EXTENSION_WEB_DIRS.get(name) for name in "ac"} == {"a": str(tmp_path / "a/js"), "c": None}
    assert words_of(packs["a"].failures) == ""
    assert "'./gone'" in words_of(packs["c"].failures)


def test_a_pack_replaces_a_built_in_node_and_the_log_says_so_and_how_long_it_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"mine.py": NODE + "NODE_CLASS_MAPPINGS = {'KSampler': Node}"})
    with caplog.at_level(logging.INFO, "nodes.packs"):
        registry, _ = load(tmp_path, built_in())
    assert registry["KSampler"].python_module == "custom_nodes.mine"
    assert "pack mine: its node KSampler replaces the built-in one" in caplog.messages
    assert any(line.startswith("pack mine: 1 nodes in ") for line in caplog.messages)


def test_extensions_list_their_nodes_whether_they_wait_or_not(tmp_path: Path) -> None:
    schema = """
from comfy_api.latest import ComfyExtension, io
class Node(io.ComfyNode):
    @classmethod
    def define_schema(cls): return io.Schema(node_id=__name__, inputs=[], outputs=[])
    @classmethod
    def execute(cls): return io.NodeOutput()
class Extension(ComfyExtension):
    %s
def comfy_entrypoint(): return Extension()
"""
    write(
        tmp_path,
        {
            "plain.py": schema % "def get_node_list(self): return [Node]",
            "waits.py": schema % "async def get_node_list(self): return [Node]",
            "none.py": schema % "pass",
        },
    )
    registry, packs = load(tmp_path)
    assert list(registry) == ["custom_nodes.plain", "custom_nodes.waits"]
    assert "cannot list its nodes (NotImplementedError: Extension has no get_node_list" in words_of(
        packs["none"].failures
    )


def test_declarations_are_read_again_and_those_that_fail_stay_as_they_were(tmp_path: Path) -> None:
    listing = NODE.replace('{"a": ("INT", {"default": 1})}', '{"file": (os.listdir(%r),)}')
    presets, gone = tmp_path / "presets", tmp_path / "gone"
    presets.mkdir()
    gone.mkdir()
    packs = write(
        tmp_path / "packs",
        {
            "a.py": "import os" + listing % str(presets) + "NODE_CLASS_MAPPINGS = {'A': Node}\n",
            "b.py": "import os" + listing % str(gone) + "NODE_CLASS_MAPPINGS = {'B': Node}\n",
        },
    )
    registry, _ = load(packs, built_in())
    own, before = registry["KSampler"], registry["B"]
    assert registry["A"].inputs[0].choices == () and read_packs_again(registry) == []
    (presets / "one.txt").touch()
    gone.rmdir()
    (failure,) = read_packs_again(registry)
    assert "node B: its class cannot list" in failure.message
    assert registry["A"].inputs[0].choices == ("one.txt",)
    assert registry["B"] is before and registry["KSampler"] is own


def test_the_packs_of_the_tests_load_but_for_the_one_node_that_cannot_be_listed() -> None:
    registry, packs = load_test_packs()
    assert [pack.name for pack in packs] == list(NAMES)
    failures = [each for pack in packs for each in pack.failures]
    assert words_of(failures) == (
        "pack odd_types: node TestUnlistable: its class cannot list its inputs and outputs "
        "(FileNotFoundError: no folder of presets)"
    )
    assert len(registry) >= 20


def test_a_pack_that_hangs_at_its_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pack goes on when the line is there: without the line, it would wait for ever."""
    waits = "import time\nfrom tests.nodes.test_packs import warned\nassert warned.wait(60)\n" + NODE
    folder = write(tmp_path, {"patient/__init__.py": waits + "NODE_CLASS_MAPPINGS = {'Patient': Node}"})
    monkeypatch.setattr(packs, "SLOW_IMPORT_S", 0.0)
    warned.clear()
    handler = logging.Handler()
    handler.emit = lambda record: warned.set() if "pack patient has been loading" in record.getMessage() else None
    packs.log.addHandler(handler)
    try:
        (pack,) = load_packs(Registry(), [folder])
    finally:
        packs.log.removeHandler(handler)
    assert pack.node_ids == ["Patient"] and pack.failures == []
    assert ".disabled" in caplog.text


def test_a_pack_that_loads_in_time_is_not_complained_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_packs(Registry(), [write(tmp_path, {"quick.py": NODE + "NODE_CLASS_MAPPINGS = {'Quick': Node}"})])
    assert "quick has been loading" not in caplog.text
