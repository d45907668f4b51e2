"""The nodes of latents by their ids, on what their functions in heddle do not know: pixels, dictionaries, lists."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nodes.catalogue import built_in
from tests.execution.toys import graph, run, worker

SAMPLES = torch.randn(2, 4, 12, 16, generator=torch.manual_seed(1))


def call(id: str, **inputs: Any) -> Any:
    run = built_in()[id].call
    assert run is not None
    return run(**{name.replace("__", "."): value for name, value in inputs.items()})[0]


def given(samples: torch.Tensor = SAMPLES) -> dict[str, Any]:
    return {"samples": samples, "noise_mask": torch.ones(1, 8, 8), "batch_index": [3, 1]}


CASES: list[tuple[str, dict[str, Any]]] = [
    ("LatentComposite", {"samples_to": given(), "samples_from": given(), "x": 8, "y": 8, "feather": 8}),
    ("LatentCompositeMasked", {"destination": given(), "source": given(), "x": 8, "y": 8, "resize_source": True}),
    ("LatentBlend", {"samples1": given(), "samples2": given(), "blend_factor": 0.3}),
    ("LatentAdd", {"samples1": given(), "samples2": given()}),
    ("LatentSubtract", {"samples1": given(), "samples2": given()}),
    ("LatentMultiply", {"samples": given(), "multiplier": 2.0}),
    ("LatentInterpolate", {"samples1": given(), "samples2": given(), "ratio": 0.5}),
    ("LatentConcat", {"samples1": given(), "samples2": given(), "dim": "x"}),
    ("LatentCut", {"samples": given(), "dim": "x", "index": 1, "amount": 2}),
    ("LatentCutToBatch", {"samples": given(), "dim": "x", "slice_size": 2}),
    ("LatentCrop", {"samples": given(), "width": 64, "height": 64, "x": 8, "y": 8}),
    ("LatentFlip", {"samples": given(), "flip_method": "x-axis: vertically"}),
    ("LatentRotate", {"samples": given(), "rotation": "90 degrees"}),
]


@pytest.mark.parametrize(("id", "inputs"), CASES, ids=[id for id, _ in CASES])
def test_what_belongs_to_the_first_latent_stays_with_it_and_none_is_changed(id: str, inputs: dict[str, Any]) -> None:
    made = call(id, **inputs)
    first = next(iter(inputs.values()))
    assert made["noise_mask"] is first["noise_mask"] and made["batch_index"] == [3, 1]
    for each in inputs.values():
        assert not isinstance(each, dict) or each["samples"].equal(SAMPLES)
    assert made["samples"] is not first["samples"]


def test_pixels_are_cells_of_eight() -> None:
    made = call("LatentCrop", samples=given(), width=64, height=72, x=24, y=16)
    assert made["samples"].equal(SAMPLES[..., 2:11, 3:11])
    onto = {"samples": torch.zeros(1, 4, 12, 16)}
    made = call("LatentComposite", samples_to=onto, samples_from=given(), x=40, y=15, feather=7)
    assert made["samples"].equal(torch.nn.functional.pad(SAMPLES[:1, :, :11, :11], (5, 0, 1, 0)))


def test_a_mask_decides_which_cells_are_put_on() -> None:
    mask = torch.zeros(1, 12, 16)
    mask[:, :, 8:] = 1
    onto = {"samples": torch.zeros(1, 4, 12, 16)}
    made = call("LatentCompositeMasked", destination=onto, source=given(), x=0, y=0, resize_source=False, mask=mask)
    assert made["samples"][..., 8:].equal(SAMPLES[:1, :, :, 8:]) and made["samples"][..., :8].eq(0).all()


def test_flips_are_named_by_the_axis_around_which_they_turn() -> None:
    assert call("LatentFlip", samples=given(), flip_method="x-axis: vertically")["samples"].equal(SAMPLES.flip(2))
    assert call("LatentFlip", samples=given(), flip_method="y-axis: horizontally")["samples"].equal(SAMPLES.flip(3))


def test_a_batch_grows_with_what_is_linked() -> None:
    made = call("BatchLatentsNode", latents__latent1=given(SAMPLES[:1]), latents__latent0=given(SAMPLES[1:]))
    assert made["samples"].equal(SAMPLES.flip(0))
    assert call("LatentBatch", samples1=given(), samples2=given())["batch_index"] == [3, 1, 3, 1]


def test_batches_that_were_split_run_later_nodes_once_each() -> None:
    ids = ("EmptyLatentImage", "RepeatLatentBatch", "RebatchLatents", "LatentFromBatch", "PreviewAny")
    prompt = graph(
        n1=("EmptyLatentImage", {"width": 16, "height": 16, "batch_size": 5}),
        n2=("RebatchLatents", {"latents": ["1", 0], "batch_size": 2}),
        n3=("LatentFromBatch", {"samples": ["2", 0], "batch_index": -1, "length": 1}),
        n4=("PreviewAny", {"source": ["3", 0]}),
    )
    heard = run(worker(*(built_in()[id] for id in ids)), prompt)
    assert heard.end.status == "success"
    assert ["'batch_index': [1]" in heard.shown()[0], "[3]" in heard.shown()[1], "[4]" in heard.shown()[2]] == [
        True
    ] * 3
