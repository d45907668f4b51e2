"""That the benchmarks measure, say and write what they should; never how fast anything is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import benchmarks.__main__ as command
from benchmarks import both_nets, memory, memory_files, memory_steps, net_race, net_speed, saving_race
from benchmarks.checking import CATALOGUE, SHAPES
from benchmarks.checkpoint import published_layout
from benchmarks.figures import CannotMeasure, Figure, Measurement, Place, calibrate
from benchmarks.object_info import catalogue_of
from benchmarks.photos import noise, photo
from benchmarks.previewing import measure_share
from benchmarks.starting import DEMO_CHECKPOINT, ROOT, picture_prompt
from benchmarks.unit_workflows import units
from execution.check import check_prompt
from execution.convert import to_prompt
from heddle.graph.registry import Registry
from heddle.media.pictures import encode_png, to_bytes
from model_management.families.sd15 import family as sd15
from tests.model_management.test_family import SD1_UNET, SDXL_UNET


def fixed(place: Place, runs: int) -> Measurement:
    return Measurement(tuple(range(1, runs + 1)), {"runs": runs})


def impossible(place: Place, runs: int) -> Measurement:
    raise CannotMeasure("the moon is not up")


FIGURES = (Figure("low", "kept", "s", 3.0, fixed), Figure("high", "missed", "s", 2.9, fixed))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "FIGURES", (*FIGURES, Figure("none", "absent", "s", 1.0, impossible)))


def run(folder: Path, *words: str) -> list[dict]:
    assert command.main([*words, "--cache", str(folder / "cache"), "--json", str(folder / "out.json")]) == 0
    return json.loads((folder / "out.json").read_text())["figures"]


@pytest.mark.usefixtures("figures")
def test_a_figure_is_the_median_with_its_runs_and_the_machines_measures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    low, high, none = run(tmp_path)
    assert (low["median"], low["runs"], low["within"]) == (3, [1, 2, 3, 4, 5], True)
    assert not high["within"]
    assert low["loop_s"] > 0
    assert low["sqlite_write_s"] > 0
    assert none["not_measured"] == "the moon is not up"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "not measured: the moon is not up" in lines[3]
    assert list((tmp_path / "cache").iterdir()) == []  # scratch folders are gone


@pytest.mark.usefixtures("figures")
def test_figures_are_chosen_by_name(tmp_path: Path) -> None:
    assert [figure["name"] for figure in run(tmp_path, "high")] == ["high"]


@pytest.mark.parametrize(
    ("words", "said"), [(["nothing"], "no figure is called nothing"), (["--runs", "4"], "at least 5")]
)
def test_what_cannot_be_asked_for_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(words)
    assert said in capsys.readouterr().err


def test_the_catalogue_of_the_benchmark_is_of_the_wanted_size_and_form() -> None:
    records = catalogue_of(900)
    assert len(records) == 900
    registry = Registry.from_catalogue(records)
    assert len(registry) == 900 and "KSampler" in registry
    assert any("files" in str(record["input"]) for record in records.values())


def test_the_calibration_leaves_nothing_behind(tmp_path: Path) -> None:
    calibrate(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_large_checkpoint_has_the_published_size() -> None:
    layout = published_layout()
    # The published v1-5 file: 1,131 tensors of 1,066,235,307 weights and 77 numbered positions.
    assert len(layout) == 1131
    total = 0
    for shape in layout.values():
        size = 1
        for side in shape:
            size *= side
        total += size
    assert total == 1_066_235_307 + 77


def test_the_benchmarks_picture_is_made_by_the_nodes_of_the_shipped_workflow() -> None:
    shipped = json.loads((ROOT / "workflows" / "text_to_image.json").read_text(encoding="utf-8"))
    made_by = {node["type"] for node in shipped["nodes"]} - {"Note", "MarkdownNote"}
    assert {node["class_type"] for node in picture_prompt("x", px=128, steps=20, seed=0).values()} == made_by


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_has_as_many_nodes_as_asked_and_all_are_needed(shape: str) -> None:
    for nodes in (100, 1000):
        graph = SHAPES[shape](nodes)
        report = check_prompt(graph, CATALOGUE, list_files=lambda kind: (), has_file=lambda kind, name: False)
        assert report.plan is not None and len(report.plan.nodes) == len(graph) == nodes


def test_the_share_of_previews_is_measured_beside_what_it_is_a_share_of(tmp_path: Path) -> None:
    measured = measure_share(64, 2)(Place(tmp_path, tmp_path), 1)
    assert len(measured.values) == 1 and 0 <= measured.values[0] < 100
    assert measured.notes["sampling_s"] > 0 and measured.notes["colours_s"] > 0
    assert measured.notes["previews"] in (0, 1)  # one step of two may be shown


def test_a_workflow_of_units_is_whole_and_none_lies_upon_another() -> None:
    workflow = units(1000)
    assert len(workflow["nodes"]) == 1001 and len({node["id"] for node in workflow["nodes"]}) == 1001
    boxes = [(*node["pos"], *node["size"]) for node in workflow["nodes"]]
    for x, y, wide, high in boxes[:70]:
        assert sum(x < b[0] + b[2] and b[0] < x + wide and y < b[1] + b[3] and b[1] < y + high for b in boxes) == 1


def test_every_unit_becomes_the_graph_of_the_shipped_workflow() -> None:
    prompt = to_prompt(units(14), Registry.from_catalogue(catalogue_of(900)))
    assert len(prompt) == 14
    wanted = sorted(node["class_type"] for node in picture_prompt("x", px=128, steps=20, seed=0).values())
    for first in (1, 8):
        unit = {str(first + place): prompt[str(first + place)] for place in range(7)}
        assert sorted(node["class_type"] for node in unit.values()) == wanted
        linked = [value for node in unit.values() for value in node["inputs"].values() if isinstance(value, list)]
        assert len(linked) == 9 and {source for source, _ in linked} <= unit.keys()
        assert unit[str(first)]["inputs"] == {"ckpt_name": DEMO_CHECKPOINT}
        assert unit[str(first + 4)]["inputs"]["steps"] == 4


def test_nets_without_diffusers_are_not_measured_and_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net_speed, "find_spec", lambda name: None)
    for figure in net_speed.NET_FIGURES:
        with pytest.raises(CannotMeasure, match="requirements-dev"):
            figure.measure(Place(scratch=tmp_path, cache=tmp_path), 5)


def test_a_race_is_the_ratio_of_each_round_with_processor_seconds_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raced = {
        "ours_s": [1.0, 2.0, 3.0], "theirs_s": [2.0, 2.0, 2.0], "ours_cpu_s": [1.0, 1.0, 1.0],
        "theirs_cpu_s": [4.0, 2.0, 4.0], "processor": "a", "threads": 2, "difference": 1e-6, "matrix_rate": 1.0,
        "share": 0.5,
    }  # fmt: skip
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(net_speed, "_see_room", lambda name: None)
    monkeypatch.setattr(net_speed, "_run", lambda *words: asked.append(words) or raced)
    monkeypatch.setattr(net_speed, "_others", lambda name: [("cuda", "float16")])
    measured = net_speed.measure_race("unet_sdxl")(Place(scratch=tmp_path, cache=tmp_path), 3)
    assert measured.values == (0.5, 1.0, 1.5)
    assert (measured.notes["ratio"], measured.notes["cpu_ratio"]) == (1.0, 0.25)
    assert measured.notes["cuda_float16"]["ratio"] == 1.0
    assert [words[3:] for words in asked] == [("cpu", "float32"), ("cuda", "float16")]


def test_the_nets_raced_are_those_of_the_published_checkpoints() -> None:
    layout = published_layout()
    assert both_nets.SD15 == SD1_UNET
    assert both_nets.SDXL == SDXL_UNET
    assert layout[f"{sd15.VAE}decoder.conv_in.weight"][0] == both_nets.VAE.widths[-1]


def test_counted_operations_are_those_of_the_formula() -> None:
    a, b = torch.empty(3, 4, device="meta"), torch.empty(4, 5, device="meta")
    assert net_race.count_operations(lambda: a @ b) == 2 * 3 * 4 * 5


def test_the_processor_has_a_name() -> None:
    assert net_race.processor_name(torch.device("cpu"))


def test_a_small_net_is_run_on_small_cards_and_compared(tmp_path: Path) -> None:
    found = memory_steps.measure("tiny", memory_files.unet_file(tmp_path, "tiny"), 64)
    assert found["compute_s"] > 0 and not found["differs"] and not found["exceeds"]
    assert found["ratios"]["100"] == pytest.approx(1, abs=0.15)
    assert found["ratios"].keys() | {str(each) for each in found["refused"]} == {
        str(each) for each in memory_steps.PERCENTS
    }


def test_a_worker_is_measured_over_checkpoints_in_turn_and_after_it_let_go_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_files, "WIDTHS", {"a": (32, 32), "b": (32, 64), "c": (64, 64)})
    monkeypatch.setattr(memory, "ROUNDS", 4)
    place = Place(scratch=tmp_path, cache=tmp_path)
    assert -50 < memory.measure_alternating(place, 2).values[0] < 50
    assert len(memory.measure_switch(place, 2).values) == 2
    assert memory.measure_given_back(place, 2).notes["start_mb"] > 0


@pytest.mark.parametrize("content", ["photo", "noise"])
def test_pictures_are_saved_in_turn_and_looked_at(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving_race, "PICTURES", 3)
    monkeypatch.setattr(saving_race, "PX", 128)
    found = saving_race.run_race(2, content, tmp_path)
    assert len(found["ours_s"]) == len(found["theirs_s"]) == 2
    assert 0.95 < found["ours_bytes"] / found["theirs_bytes"] < 1.05, "the same compression"
    assert len(list((tmp_path / "output").rglob("*.png"))) == 6


def test_photos_pack_as_photos_do_and_noise_does_not() -> None:
    packed = {draw: len(encode_png(to_bytes(draw(256, 256).numpy()))) / (256 * 256 * 3) for draw in (photo, noise)}
    assert 0.3 < packed[photo] < 0.6 and packed[noise] > 0.99
    assert 0.05 < float(photo(256, 256).std()) < 0.4
