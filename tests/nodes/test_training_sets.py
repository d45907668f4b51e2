"""Training sets: made, kept in files, grouped; and the picture of a training's loss."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.errors import Cancelled, FileProblem, GraphError, WeightsError
from heddle.graph.object_info import record_of, with_files
from model_management.weights import Weights
from nodes.catalogue import built_in
from nodes.conditioning.texts import encode_prompt
from nodes.latent.autoencoder import encode
from nodes.loaders.checkpoints import load_checkpoint
from nodes.training.charts import plot_loss
from nodes.training.datasets import group_by_size, load_dataset, make_dataset, save_dataset
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint


def latent(mark: float, *shape: int) -> dict[str, Any]:
    return {"samples": torch.full((1, 4, *shape), mark)}


def words(mark: float) -> list[Any]:
    return [[torch.full((1, 3, 8), mark), {"pooled_output": torch.full((1, 8), mark), "strength": 0.5, "name": None}]]


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path, Weights(torch.device("cpu")))


def save(ctx: FakeContext, count: int, name: str = "set/dogs", shard_size: int = 2) -> Any:
    latents, texts = [latent(n, 2, 2) for n in range(count)], [words(n) for n in range(count)]
    return save_dataset(latents, texts, [name], [shard_size], ctx=ctx)


def test_a_set_comes_back_from_its_shards_in_order(ctx: FakeContext, tmp_path: Path) -> None:
    assert save(ctx, 5).ui == {"text": ["set/dogs"]}
    folder = tmp_path / "output/set/dogs"
    assert sorted(each.name for each in folder.iterdir()) == [
        "metadata.json", "shard_0000.pkl", "shard_0001.pkl", "shard_0002.pkl",
    ]  # fmt: skip
    assert json.loads((folder / "metadata.json").read_text()) == {"num_samples": 5, "num_shards": 3, "shard_size": 2}
    # read as other programs do
    shard = torch.load(folder / "shard_0001.pkl", weights_only=True)
    assert (
        shard["latents"][1]["samples"].equal(latent(3, 2, 2)["samples"])
        and shard["conditioning"][1][0][1]["name"] is None
    )

    latents, texts = load_dataset("set/dogs", ctx)
    assert [float(each["samples"][0, 0, 0, 0]) for each in latents] == [0, 1, 2, 3, 4]
    assert [float(entries[0][1]["pooled_output"][0, 0]) for entries in texts] == [0, 1, 2, 3, 4]
    assert texts[0][0][1]["strength"] == 0.5


def test_a_second_set_of_a_name_gets_a_number_and_both_are_offered(ctx: FakeContext) -> None:
    assert [save(ctx, 1).ui["text"], save(ctx, 2).ui["text"]] == [["set/dogs"], ["set/dogs_2"]]
    assert len(load_dataset("set/dogs", ctx)[0]) == 1 and len(load_dataset("set/dogs_2", ctx)[0]) == 2
    record = with_files(record_of(built_in()["LoadTrainingDataset"]), ctx.folders.list_files)
    assert record["input"]["required"]["folder_name"][0] == ["set/dogs", "set/dogs_2"]


def test_what_a_file_cannot_hold_is_refused_and_nothing_is_left(ctx: FakeContext, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"conditioning, control: a value of the kind object"):
        save_dataset([latent(0, 2, 2)], [[[torch.zeros(1), {"control": object()}]]], ["a"], [9], ctx=ctx)
    ctx = FakeContext(tmp_path, cancel_after=1)
    with pytest.raises(Cancelled):
        save(ctx, 4)
    assert [*(tmp_path / "output").rglob("*")] == [tmp_path / "output/set"]


@pytest.mark.parametrize("name", ["", "../a", "/tmp/a", "a/../../b", "a\x00b"])
def test_a_folder_outside_of_the_output_folder_is_refused(ctx: FakeContext, name: str) -> None:
    with pytest.raises((FileProblem, GraphError)):
        save(ctx, 1, name)


def test_what_is_no_set_is_refused_and_nothing_in_it_is_executed(ctx: FakeContext, tmp_path: Path) -> None:
    folder = tmp_path / "output/odd"
    folder.mkdir(parents=True)
    with pytest.raises(FileProblem, match="no training set"):
        load_dataset("odd", ctx)
    with pytest.raises(FileProblem, match="no training set"):
        load_dataset("gone", ctx)
    torch.save({"latents": [latent(0, 2, 2)], "conditioning": []}, folder / "shard_0000.pkl")
    with pytest.raises(FileProblem, match=r"shard_0000\.pkl does not hold as many"):
        load_dataset("odd", ctx)
    torch.save({"latents": [print], "conditioning": []}, folder / "shard_0000.pkl")
    with pytest.raises(WeightsError, match="print"):
        load_dataset("odd", ctx)
    (folder / "shard_0000.pkl").write_bytes(b"")
    with pytest.raises((FileProblem, WeightsError)):
        load_dataset("odd", ctx)


def test_pictures_of_equal_size_come_into_one_batch_with_their_captions() -> None:
    batch = {"samples": torch.stack([torch.full((4, 2, 2), 5.0), torch.full((4, 2, 2), 6.0)])}
    given = [latent(0, 2, 2), latent(1, 3, 2), batch, latent(2, 3, 2)]
    latents, texts = group_by_size(given, [words(0), words(1), [*words(5), *words(6)], words(2)])
    assert [each["samples"].shape for each in latents] == [(3, 4, 2, 2), (2, 4, 3, 2)]
    assert [each["samples"][:, 0, 0, 0].tolist() for each in latents] == [[0, 5, 6], [1, 2]]
    assert [[float(entry[0][0, 0, 0]) for entry in entries] for entries in texts] == [[0, 5, 6], [1, 2]]
    (_,), (shared,) = group_by_size([batch], [words(7)])
    assert len(shared) == 2


def test_lists_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(GraphError, match="2 latents and 1 conditionings"):
        group_by_size([latent(0, 2, 2)] * 2, [words(0)])
    with pytest.raises(GraphError, match="a batch of 1 latents with a conditioning of 2 entries"):
        group_by_size([latent(0, 2, 2)], [[*words(0), *words(1)]])


def test_pictures_and_captions_are_encoded_as_the_model_s_own_nodes_do(ctx: FakeContext, tmp_path: Path) -> None:
    write_tiny_checkpoint(tmp_path / "models/checkpoints/tiny.safetensors")
    _, clip, vae = load_checkpoint("tiny.safetensors", ctx)
    images = [torch.rand(1, 16, 24, 4), torch.rand(1, 17, 16, 3)]
    latents, texts = make_dataset(images, [vae], [clip], texts=["a fox", "a dog"], ctx=ctx)
    assert [each["samples"].shape[-2:] for each in latents] == [(2, 3), (2, 2)]
    assert latents[0]["samples"].equal(encode(images[0][..., :3], vae, ctx)["samples"])
    assert texts[1][0][0].equal(encode_prompt("a dog", clip, ctx)[0][0])
    _, silent = make_dataset(images, [vae], [clip], ctx=ctx)
    assert silent[0][0][0].equal(encode_prompt("", clip, ctx)[0][0]) and len(silent) == 2
    with pytest.raises(GraphError, match="2 pictures and 3 captions"):
        make_dataset(images, [vae], [clip], texts=["a", "b", "c"], ctx=ctx)


@pytest.mark.parametrize("losses", [[0.5, 0.25, 0.1], [1.0], [], [math.nan, 0.5, math.inf]])
def test_a_loss_is_drawn(losses: list[float], ctx: FakeContext, tmp_path: Path) -> None:
    shown = plot_loss({"loss": losses}, "mine/loss", ctx=ctx)
    (file,) = shown.ui["images"]
    assert (file["type"], file["subfolder"]) == ("temp", "mine")
    assert (tmp_path / "temp/mine" / file["filename"]).stat().st_size > 500
