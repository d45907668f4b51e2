"""Whole models in diffusers' folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from heddle.graph.errors import FileProblem, WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from heddle.networks.vae import Autoencoder
from heddle.samplers.noise_schedules import FlowSchedule
from heddle.samplers.predictions import Epsilon, Flow, Velocity
from model_management import text_files
from model_management.checkpoint import open_network
from model_management.diffusers_folder import open_diffusers_folder
from model_management.families.known import FAMILIES
from model_management.header import read_header
from model_management.prompt_tokens import tokenize_for
from model_management.weights import Weights
from tests.model_management import test_diffusers_unet, test_diffusers_vae, tiny, tiny_transformers
from tests.model_management.test_diffusers_transformers import CASES, built, written


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


def write_transformer(folder: Path, name: str, texts: dict[str, dict[str, Tensor]], schedule: dict[str, Any]) -> Path:
    """A folder of a model with a transformer; `texts` are its text encoders by their folders."""
    vae = in_sixteen_channels()
    parts = {"transformer": {}, "vae": vae, **texts}
    for part, content in parts.items():
        (folder / part).mkdir(parents=True)
        if content:
            tiny.write_checkpoint(folder / part / "model.safetensors", content)
    written(built(CASES[name]), folder / "transformer")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    return folder


def in_sixteen_channels() -> dict[str, Tensor]:
    state = {name: each.half() for name, each in Autoencoder(tiny_transformers.VAE, TRAINABLE).state_dict().items()}
    return test_diffusers_vae.in_diffusers(state, 4, test_diffusers_vae.NEW)


def test_a_folder_with_a_transformer_gives_its_three_text_encoders_and_its_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l", 128: "g"})
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "t5xxl"})
    wide = tiny.clip_tensors(replace(tiny.TEXT, width=128, vocabulary=49408, positions=77))
    texts = {
        "text_encoder": tiny_transformers.clip_tensors(""),
        "text_encoder_2": wide,
        "text_encoder_3": tiny_transformers.t5_tensors(),
    }
    schedule = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 5.0}
    opened = open_diffusers_folder(write_transformer(tmp_path, "sd35_medium", texts, schedule), FAMILIES)
    assert opened.model.family.name == "sd3"
    assert opened.model.vae is opened.vae
    assert isinstance(opened.model.predicts, Flow) and isinstance(opened.model.predicts.schedule, FlowSchedule)
    assert opened.model.predicts.schedule.shift == 5
    assert [each.part.name for each in opened.clip.encoders] == ["l", "g", "t5xxl"]


def test_a_language_model_without_its_words_is_a_text_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "GEMMA_NAMES", {48: "gemma2_2b"})
    whole = tiny_transformers.gemma2_tensors()
    texts = {"text_encoder": {name.removeprefix("model."): each for name, each in whole.items()}}
    opened = open_diffusers_folder(write_transformer(tmp_path, "lumina2", texts, {"shift": 6.0}), FAMILIES)
    assert opened.model.family.name == "lumina2"
    (encoder,) = opened.clip.encoders
    assert encoder.part.name == "gemma2_2b"
    with Weights(torch.device("cpu")).hold(encoder) as net:
        assert all(torch.equal(weight, whole[name].float()) for name, weight in net.state_dict().items())


def test_a_tokenizer_in_the_folder_is_its_text_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l"})
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "t5xxl"})
    texts = {"text_encoder": tiny_transformers.clip_tensors(""), "text_encoder_2": tiny_transformers.t5_tensors()}
    schedule = {"shift": 3.0, "use_dynamic_shifting": True}
    folder = write_transformer(tmp_path / "model", "flux", texts, schedule)
    opened = open_diffusers_folder(folder, FAMILIES)
    assert opened.model.predicts is opened.model.family.predicts  # the shift follows the picture's size
    with pytest.raises(FileProblem, match="the tokenizer of T5"):
        tokenize_for(opened.clip, "a cat", [])
    tiny_transformers.write_t5_table(tmp_path)
    (tmp_path / "t5").rename(folder / "tokenizer_2")
    tokens = tokenize_for(open_diffusers_folder(folder, FAMILIES).clip, "ab", []).chunks["t5xxl"][0]
    assert [token.token for token in tokens[:3]] == [3, 4, 1]


def test_the_index_of_a_variant_may_say_so_behind_the_word(folder: Path) -> None:
    """As diffusers and transformers name it."""
    path = folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(path)
    path.unlink()
    shard = folder / "unet" / "diffusion_pytorch_model.fp16-00001-of-00001.safetensors"
    tiny.write_checkpoint(shard, tensors)
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.fp16.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(tensors, shard.name)}))
    model = open_diffusers_folder(folder, FAMILIES).model
    assert model.stored.header.path == index
    assert open_network(shard, FAMILIES).stored.key == open_network(index, FAMILIES).stored.key == model.stored.key


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
