"""Nodes that merge models."""

from pathlib import Path

import pytest

from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from nodes.catalogue import built_in
from nodes.merging import models, texts
from tests.model_management import tiny


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    path: Path = tmp_path_factory.mktemp("merging") / "m.safetensors"
    return open_checkpoint(tiny.write_checkpoint(path), FAMILIES)


def test_each_kind_of_merge_says_what_is_done(opened: OpenedCheckpoint) -> None:
    model, clip = opened.model, opened.clip
    found = [
        [(name, patch.strength, patch.source.shares) for name, patch in merged.patches]
        for merged in (
            models.mix_models(model, model, 0.25),
            models.add_models(model, model),
            models.subtract_models(model, model, 3.0),
            models.mix_blocks(model, model, 0.1, 0.2, 0.3),
            texts.subtract_clips(clip, clip, -1.0).encoders[0],
        )
    ]
    assert found == [
        [("mix m.safetensors", 1.0, (("", 0.25),))],
        [("add m.safetensors", 1.0, ())],
        [("subtract m.safetensors", 3.0, ())],
        [("mix m.safetensors", 1.0, (("input", 0.1), ("middle", 0.2), ("out", 0.3)))],
        [("subtract m.safetensors", -1.0, ())],
    ]


def test_a_merge_by_parts_takes_their_names_as_they_are(opened: OpenedCheckpoint) -> None:
    spec = built_in()["ModelMergeSD1"]
    parts = {each.name: number / 100 for number, each in enumerate(spec.inputs[2:])}
    assert spec.call is not None
    (merged,) = spec.call(model1=opened.model, model2=opened.model, **parts)
    assert dict(merged.patches[0][1].source.shares) == parts
    assert len(parts) == 30
