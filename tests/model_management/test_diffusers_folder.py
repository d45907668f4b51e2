"""Whole models in diffusers' folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from heddle.samplers.predictions import Epsilon, Velocity
from model_management import text_files
from model_management.diffusers_folder import open_diffusers_folder
from model_management.families.known import FAMILIES
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
