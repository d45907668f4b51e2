"""Whole models in diffusers' folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from heddle.samplers.predictions import Epsilon, Velocity
from model_management import text_files
from model_management.checkpoint import open_network
from model_management.diffusers_folder import open_diffusers_folder
from model_management.families.known import FAMILIES
from model_management.header import read_header
from model_management.weights import Weights
from tests.model_management import test_diffusers_unet, test_diffusers_vae, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(text_files, "NAMES", {64: "l"})
    config = replace(tiny.UNET, blocks=(2, 2))
    torch.manual_seed(0)
    unet = {name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}
    vae = tiny.part_of(tiny.tiny_tensors(), "vae")
    contents = {
        "unet/diffusion_pytorch_model.fp16": test_diffusers_unet.in_diffusers(unet, config),
        "vae/diffusion_pytorch_model": test_diffusers_vae.in_diffusers(vae, 4, test_diffusers_vae.NEW),
        "text_encoder/model": tiny.clip_tensors(tiny.TEXT),
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir()
        tiny.write_checkpoint(tmp_path / f"{name}.safetensors", content)
    return tmp_path


def test_a_folder_gives_model_text_encoder_and_vae(folder: Path) -> None:
    opened = open_diffusers_folder(folder, FAMILIES)
    assert opened.model.family.name == "sd15"
    assert opened.model.vae is opened.vae
    assert opened.vae.config == tiny.VAE
    assert [each.part.name for each in opened.clip.encoders] == ["l"]
    assert type(opened.model.predicts) is Epsilon


def test_the_folders_schedule_says_what_is_predicted(folder: Path) -> None:
    (folder / "scheduler").mkdir()
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({"prediction_type": "v_prediction"}))
    assert type(open_diffusers_folder(folder, FAMILIES).model.predicts) is Velocity
    path.write_text("{")
    with pytest.raises(WeightsError, match=r"scheduler_config\.json cannot be read"):
        open_diffusers_folder(folder, FAMILIES)


def test_a_missing_part_is_named(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match="vae holds no weights"):
        open_diffusers_folder(folder, FAMILIES)


def test_a_folder_with_a_transformer_says_what_to_load(folder: Path) -> None:
    (folder / "unet").rename(folder / "transformer")
    with pytest.raises(WeightsError, match=r"holds a transformer in place of a UNet, .* with UNETLoader, Dual"):
        open_diffusers_folder(folder, FAMILIES)


@pytest.mark.parametrize("ending", [".fp16.safetensors", ".safetensors"])
def test_a_net_in_several_files_is_read_by_their_index(folder: Path, ending: str) -> None:
    weights = Weights(torch.device("cpu"))
    with weights.hold(open_diffusers_folder(folder, FAMILIES).model) as whole:
        wanted = {name: each.clone() for name, each in whole.state_dict().items()}
    path = folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(path)
    path.unlink()
    stem = f"diffusion_pytorch_model{ending}".removesuffix(".safetensors")
    places = {name: f"{stem}-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(tensors)}
    for shard in set(places.values()):
        content = {name: each for name, each in tensors.items() if places[name] == shard}
        tiny.write_checkpoint(folder / "unet" / shard, content)
    index = folder / "unet" / f"{stem}.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    model = open_diffusers_folder(folder, FAMILIES).model
    with weights.hold(model) as net:
        assert all(torch.equal(weight, wanted[name]) for name, weight in net.state_dict().items())
    for shard in set(places.values()):  # as a person may choose one from a list
        assert open_network(folder / "unet" / shard, FAMILIES).stored.key == model.stored.key
    links = folder / "links"
    links.mkdir()
    for file in (folder / "unet").glob(f"{stem}*"):  # as a cache of downloads has them: named by their content
        file.rename(folder / f"blob{sum(file.name.encode())}")
        (links / file.name).symlink_to(folder / f"blob{sum(file.name.encode())}")
    assert open_network(links / index.name, FAMILIES).config == model.config
    for link in links.iterdir():
        link.resolve().rename(folder / "unet" / link.name)
    first = folder / "unet" / min(places.values())
    tiny.write_checkpoint(first, {**load_file(first), "more": torch.ones(3)})
    weights.release_all()
    with pytest.raises(WeightsError, match=r"-00001-of-00002\.safetensors has changed"), weights.hold(model):
        pass
    assert open_diffusers_folder(folder, FAMILIES).model.stored.key != model.stored.key
    first.unlink()
    with pytest.raises(WeightsError, match=r"index\.json names .*-00001-of-00002\.safetensors, which is not beside it"):
        open_diffusers_folder(folder, FAMILIES)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no index with a weight_map"),
        ("[]", "no index with a weight_map"),
        ('{"weight_map": {}}', "no index with a weight_map"),
        ('{"weight_map": {"a": 3}}', "no index with a weight_map"),
        ('{"weight_map": {"a": "../a.safetensors"}}', "which is no file beside it"),
        ('{"weight_map": {"a": "C:\\\\a.safetensors"}}', "which is no file beside it"),
        ('{"weight_map": {"b": "a.safetensors"}}', "a.safetensors: the tensor b is missing"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    tiny.write_checkpoint(tmp_path / "a.safetensors", {"a": torch.ones(2)})
    path = tmp_path / "m.safetensors.index.json"
    path.write_text(content)
    with pytest.raises(WeightsError, match=words):
        read_header(path)
