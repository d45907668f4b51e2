"""Checkpoints without text encoder or VAE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.image_coding import decode_latent
from model_management.prompt_tokens import tokenize_for
from model_management.saving import checkpoint_parts
from model_management.weights import Weights
from tests.model_management import test_diffusers_unet, tiny, tiny_transformers

CPU = torch.device("cpu")
UNET, VAE, TEXT = (tiny.PREFIXES[part] for part in ("unet", "vae", "text"))


def without(tensors: dict[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    return {name: each for name, each in tensors.items() if not name.startswith(prefixes)}


def test_what_a_checkpoint_lacks_is_told_when_it_is_used(tmp_path: Path) -> None:
    tensors, weights = tiny.tiny_tensors(), Weights(CPU)
    bare = {name.removeprefix(UNET): each for name, each in without(tensors, VAE, TEXT).items()}
    whole = open_checkpoint(tiny.write_checkpoint(tmp_path / "whole.safetensors", tensors), FAMILIES)
    for name, content in (("without", without(tensors, VAE, TEXT)), ("bare", bare)):
        opened = open_checkpoint(tiny.write_checkpoint(tmp_path / f"{name}.safetensors", content), FAMILIES)
        assert (opened.model.family.name, opened.model.config, opened.model.vae) == ("sd15", tiny.UNET, None)
        with weights.hold(opened.model) as net, weights.hold(whole.model) as wanted:
            assert all(torch.equal(net.state_dict()[key], each) for key, each in wanted.state_dict().items())
        text = rf"{name}\.safetensors does not hold the text encoder that .* reads; load it with CLIPLoader and connect"
        with pytest.raises(WeightsError, match=text) as refused:
            tokenize_for(opened.clip, "a cat", [])
        assert refused.value.file == str(tmp_path / f"{name}.safetensors")
        picture = rf"{name}\.safetensors holds no VAE; load the one of its family with VAELoader"
        with pytest.raises(WeightsError, match=picture):
            decode_latent(opened.vae, torch.zeros(1, 4, 4, 4), weights)
        with pytest.raises(WeightsError, match=picture), weights.hold(opened.vae):
            pass
        for use in (lambda clip: clip.with_last_layer(-2), lambda clip: clip.with_patch("x", {})):
            with pytest.raises(WeightsError, match=text):
                use(opened.clip)
        with pytest.raises(WeightsError, match=picture):
            checkpoint_parts(opened.model, whole.clip, opened.vae)


def test_one_part_may_lack_alone(tmp_path: Path) -> None:
    tensors = tiny.tiny_tensors()
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", without(tensors, VAE))
    opened = open_checkpoint(path, FAMILIES)
    assert [each.part.name for each in opened.clip.encoders] == ["l"]
    with pytest.raises(WeightsError, match="VAELoader"):
        opened.vae.px_per_cell  # noqa: B018
    path = tiny.write_checkpoint(tmp_path / "n.safetensors", without(tensors, TEXT))
    opened = open_checkpoint(path, FAMILIES)
    assert opened.vae.config == tiny.VAE and opened.model.vae is opened.vae


def test_some_of_the_text_encoders_are_not_enough(tmp_path: Path) -> None:
    tensors = without(tiny_transformers.flux_tensors(), tiny_transformers.TEXT_T5)
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    assert opened.model.family.name == "flux" and opened.vae.latent_channels == 16
    with pytest.raises(WeightsError, match=r"does not hold the text encoders .*; load them with DualCLIPLoader"):
        tokenize_for(opened.clip, "a cat", [])


def test_a_network_by_diffusers_names_stands_in_for_a_checkpoint(tmp_path: Path) -> None:
    config = replace(tiny.UNET, blocks=(2, 2))
    unet = {name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}
    tensors = test_diffusers_unet.in_diffusers(unet, config)
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    assert opened.model.config == config
    with pytest.raises(WeightsError, match="holds no VAE"):
        opened.vae.config  # noqa: B018


def test_what_is_absent_can_be_shown_and_compared(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", without(tiny.tiny_tensors(), VAE, TEXT))
    first, second = open_checkpoint(path, FAMILIES), open_checkpoint(path, FAMILIES)
    assert "holds no VAE" in repr(first.vae) and "text encoder" in repr(first.clip)
    assert first.vae != second.vae and len({first.vae, second.vae, first.clip}) == 3
    assert not hasattr(first.vae, "__fspath__")
