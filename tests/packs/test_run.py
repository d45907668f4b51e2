"""The packs beside this file, run by a worker: each with a graph and what must come of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from execution.cache import ResultCache
from execution.fingerprints import Fingerprints
from execution.job import House
from execution.worker import Worker
from heddle.graph.registry import Registry
from heddle.media.pictures import read_picture
from heddle.numerics.sizes import bytes_of
from heddle.settings import current
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from model_management.guards import node_guard
from model_management.weights import Weights
from nodes.catalogue import built_in
from nodes.packs import read_packs_again
from tests.execution.toys import Heard, graph, run
from tests.packs.loading import load_test_packs

Node = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry([*built_in().values(), *load_test_packs()[0].values()])


@pytest.fixture
def made(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker as main.py builds it, without a disk cache; packs find its folders, too."""
    settings = Settings(base_directory=tmp_path)
    folders = Folders.from_settings(settings)
    monkeypatch.setattr(current, "_settings", settings)
    monkeypatch.setattr(current, "_folders", folders)
    fingerprints = Fingerprints(folders)
    cache = ResultCache(1 << 24, bytes_of)
    house = House(folders, Weights(torch.device("cpu")), fingerprints.of, node_guard, cache)
    return Worker(registry, house, fingerprints)


def fetch(what: str) -> Node:
    return ("TestFetch", {"what": what, "turns": 2})


def show(source: str, output: int = 0) -> Node:
    return ("TestShowAnything", {"anything": [source, output]})


def number(value: int) -> Node:
    return ("TestCount", {"number": value - 1, "until": 0})


def blue_picture(made: Worker) -> Node:
    """Loads a picture 16 px wide and 8 high."""
    made.house.folders.input.mkdir(parents=True)
    Image.new("RGB", (16, 8), (0, 0, 255)).save(made.house.folders.input / "blue.png")
    return ("LoadImage", {"image": "blue.png"})


def started(heard: Heard) -> list[str]:
    return [each.node_id for each in heard.of("node_started")]


def shown(made: Worker, **nodes: Node) -> list[str]:
    heard = run(made, graph(**nodes))
    assert heard.end.status == "success", [each.message for each in heard.of("node_failed")] or heard.end.message
    return heard.shown()


@pytest.mark.parametrize(("on", "taken", "left"), [(True, "1", "2"), (False, "2", "1")])
def test_only_the_branch_that_a_switch_takes_runs(made: Worker, on: bool, taken: str, left: str) -> None:
    switch = ("TestLazySwitch", {"on": on, "if_on": ["1", 0], "if_off": ["2", 0]})
    heard = run(made, graph(n1=fetch("one"), n2=fetch("two"), n3=switch, n4=show("3")))
    assert heard.shown() == ["fetched one" if on else "fetched two"]
    assert taken in started(heard) and left not in started(heard)


def test_a_switch_that_asks_twice_stops_at_the_first_that_is_large(made: Worker) -> None:
    links = {f"number{i}": [f"{i}", 0] for i in (1, 2, 3)}
    chooser = ("TestFirstLarge", {"limit": 10, **links})
    heard = run(made, graph(n1=number(3), n2=number(12), n3=number(20), n4=chooser, n5=show("4")))
    assert heard.shown() == ["12"] and "3" not in started(heard)


@pytest.mark.parametrize("until", [1, 3, 40])
def test_a_loop_turns_until_its_condition_is_false(made: Worker, until: int) -> None:
    turns = shown(
        made,
        n1=("TestWhileOpen", {"condition": True, "value0": 0}),
        n2=("TestCount", {"number": ["1", 1], "until": until}),
        n3=("TestWhileClose", {"flow": ["1", 0], "condition": ["2", 1], "value0": ["2", 0]}),
        n4=show("3"),
    )
    assert turns == [f"{until}"]


def test_a_loop_inside_a_loop_turns_for_each_turn_of_the_outer(made: Worker) -> None:
    inner = {
        "n3": ("TestWhileOpen", {"condition": True, "value0": 0, "value1": ["2", 0]}),
        "n4": ("TestCount", {"number": ["3", 1], "until": 2}),
        "n5": ("TestWhileClose", {"flow": ["3", 0], "condition": ["4", 1], "value0": ["4", 0], "value1": ["3", 2]}),
        "n6": ("TestJoinEverything", {"between": "", "a": ["1", 2], "b": ["5", 0], "c": ["5", 1]}),
    }
    told = shown(
        made,
        n1=("TestWhileOpen", {"condition": True, "value0": 0, "value1": ""}),
        n2=("TestCount", {"number": ["1", 1], "until": 3}),
        **inner,
        n7=("TestWhileClose", {"flow": ["1", 0], "condition": ["2", 1], "value0": ["2", 0], "value1": ["6", 0]}),
        n8=show("7", 1),
    )
    assert told == ["212223"], "each outer turn adds the inner loop's count and its own number"


def test_values_of_every_type_arrive_under_every_name(made: Worker) -> None:
    joined = ("TestJoinEverything", {"between": "-", "b": ["1", 0], "a": ["2", 0], "of any name": 5})
    assert shown(made, n1=fetch("it"), n2=number(2), n3=joined, n4=show("3")) == ["2-fetched it-5"]


def test_savers_that_build_on_ours_leave_their_files(made: Worker) -> None:
    half = ("TestHalfSize", {"image": ["1", 0], "method": "area"})
    saver = ("TestSaveTwice", {"images": ["2", 0], "filename_prefix": "sub/two"})
    quiet = ("TestQuietPreview", {"images": ["3", 0]})
    heard = run(made, graph(n1=blue_picture(made), n2=half, n3=saver, n4=quiet))
    assert heard.end.status == "success"
    outputs = {each.node_id: each.output["images"] for each in heard.of("node_finished") if each.output}
    assert [each["filename"] for each in outputs["3"]] == ["two_00001_.png", "two_again_00001_.png"]
    assert outputs["4"][0]["type"] == "temp"
    saved = read_picture(made.house.folders.output / "sub" / "two_again_00001_.png")
    assert saved.as_float().shape == (1, 4, 8, 3)
    assert saved.as_float()[0, 0, 0].tolist() == [0.0, 0.0, 1.0]


def test_growing_inputs_and_a_choice_with_inputs_of_its_own(made: Worker) -> None:
    texts = {"texts.text0": ["1", 0], "texts.text1": ["2", 0]}
    chosen = {"mode": "numbered", "mode.first": 3, "mode.case": "upper"}
    joined = ("TestJoinTexts", {**texts, **chosen})
    assert shown(made, n1=fetch("a"), n2=fetch("b"), n3=joined) == ["3: 3FETCHED A4FETCHED B"]
    joined = ("TestJoinTexts", {**texts, "mode": "between", "mode.mark": "+"})
    assert shown(made, n1=fetch("a"), n2=fetch("b"), n3=joined) == ["3: fetched a+fetched b"]


def test_a_schema_switch_takes_one_of_two_of_the_same_type(made: Worker) -> None:
    either = ("TestEitherOf", {"first": False, "a": ["1", 0], "b": ["2", 0]})
    heard = run(made, graph(n1=fetch("a"), n2=fetch("b"), n3=either, n4=show("3")))
    assert heard.shown() == ["fetched b"] and "1" not in started(heard)


def test_async_nodes_of_both_kinds_give_what_they_waited_for(made: Worker) -> None:
    told = shown(
        made,
        n1=("TestFetchSchema", {"what": "x"}),
        n2=("TestFetchSchema", {"what": "y"}),
        n3=("TestJoinEverything", {"between": "|", "a": ["1", 0], "b": ["1", 1], "c": ["2", 1]}),
        n4=show("3"),
    )
    assert told == ["fetched x|1 1|2 2"], "each knows its own id after it waited"


def test_a_node_that_says_it_has_changed_runs_again_with_what_it_kept(made: Worker) -> None:
    assert [shown(made, n1=("TestCounter", {}), n2=show("1")) for _ in range(3)] == [["1"], ["2"], ["3"]]


def test_a_note_is_read_again_only_when_its_file_changed(made: Worker) -> None:
    note = made.house.folders.input / "a.txt"
    note.parent.mkdir()
    note.write_text("first")
    nodes = graph(n1=("TestReadNote", {"note": "a.txt"}), n2=show("1"))
    read_packs_again(made.registry)  # the new file is listed from here on
    assert run(made, nodes).shown() == ["first"]
    assert started(run(made, nodes)) == []
    note.write_text("second")
    os.utime(note, ns=(1, 1))
    assert run(made, nodes).shown() == ["second"]


def test_two_nodes_that_never_share_a_result_give_two(made: Worker) -> None:
    dice = ("TestDice", {})
    joined = ("TestJoinEverything", {"between": "/", "a": ["1", 0], "b": ["2", 0]})
    first, _, second = shown(made, n1=dice, n2=dice, n3=joined, n4=show("3"))[0].partition("/")
    assert first != second


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        ("TestSized", {"width": 9, "height": 16}, "width 9 is no multiple of 8"),
        ("TestAnythingGoes", {"width": 13, "height": 16}, "refuses its inputs"),
        ("TestTypesItself", {"width": ["1", 0], "height": 16}, "not a number: width"),
    ],
)
def test_what_a_nodes_own_check_refuses_does_not_run(
    made: Worker, kind: str, inputs: dict[str, Any], words: str
) -> None:
    heard = run(made, graph(n1=fetch("a"), n2=(kind, inputs), n3=show("2")))
    assert heard.end.status == "error" and started(heard) == []
    assert kind in heard.end.message and words in heard.end.message


@pytest.mark.parametrize("kind", ["TestSized", "TestAnythingGoes", "TestTypesItself"])
def test_what_a_nodes_own_check_takes_runs(made: Worker, kind: str) -> None:
    assert shown(made, n1=(kind, {"width": 16, "height": 24}), n2=show("1")) == ["16x24"]


def test_a_node_with_odd_declarations_runs(made: Worker) -> None:
    odd = ("TestOdd", {"words": "a", "numbers": 2, "text": "t", "lone": ["1", 0], "level": 0.5})
    heard = run(made, graph(n1=blue_picture(made), n2=odd, n3=show("2")))
    assert heard.end.status == "success", heard.end.message
