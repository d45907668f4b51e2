"""What a configuration beside a checkpoint, or chosen with it, changes; and the averages that it may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.samplers.predictions import Edm, Epsilon, Velocity
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.training_config import TrainingConfig, read_config
from model_management.weights import Weights
from nodes.loaders.checkpoints import load_averages, load_checkpoint_with_config
from tests.model_management import tiny, tiny_xl
from tests.nodes.fake_context import FakeContext

CPU = torch.device("cpu")
UNET = tiny.PREFIXES["unet"]


def with_averages(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    averages = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): each * 2
        for name, each in tensors.items()
        if name.startswith(UNET)
    }
    return {**tensors, **averages, "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(5)}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_the_published_configurations_places_are_read(tmp_path: Path) -> None:
    text = (
        "model:\n  target: ldm.Latent\n  params:\n    parameterization: v\n    use_ema: True\n    scale_factor: 0.2\n"
    )
    assert read_config(written(tmp_path, text)) == TrainingConfig("v", True, 0.2)
    text = "model: {params: {use_ema: False, unet_config: {target: x}, parameterization: x0}}"
    assert read_config(written(tmp_path, text)) == TrainingConfig()
    for text in ("", "3", "model: []", "model: {params: 3}"):
        assert read_config(written(tmp_path, text)) == TrainingConfig()


@pytest.mark.parametrize(
    "text",
    [
        "model: [",
        "!!python/object/apply:os.system ['true']",
        "model: {params: {scale_factor: wide}}",
        "model: {params: {scale_factor: 0}}",
        "model: {params: {scale_factor: .inf}}",
        "a: " + "x" * (1 << 20),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(WeightsError, match=r"config\.yaml, which says how a model is to be used, cannot be read"):
        read_config(written(tmp_path, text))


def first_weight(model) -> Tensor:
    with Weights(CPU).hold(model) as net:
        return net.input_blocks[0][0].weight.clone()


def test_averages_are_used_where_they_are_asked_for(tmp_path: Path) -> None:
    tensors = tiny.tiny_tensors()
    base = tmp_path / "models/checkpoints"
    base.mkdir(parents=True)
    path = tiny.write_checkpoint(base / "m.safetensors", with_averages(tensors))
    own = tensors[f"{UNET}input_blocks.0.0.weight"].float()
    plain = open_checkpoint(path, FAMILIES).model
    assert torch.equal(first_weight(plain), own)
    averaged, clip, vae = load_averages("m.safetensors", FakeContext(tmp_path))
    assert averaged.config == plain.config == tiny.UNET and clip.encoders and vae.config == tiny.VAE
    with Weights(CPU).hold(averaged) as net:
        for name, weight in net.state_dict().items():
            assert torch.equal(weight, 2 * tensors[UNET + name].float()), name
    weights = Weights(CPU)  # both at once: they are two nets
    with weights.hold(plain) as one, weights.hold(averaged) as two:
        assert torch.equal(2 * one.input_blocks[0][0].weight, two.input_blocks[0][0].weight)
    path.with_suffix(".yaml").write_text("model: {params: {use_ema: true}}")
    assert torch.equal(first_weight(open_checkpoint(path, FAMILIES).model), 2 * own)


def test_averages_that_are_not_there_are_refused_where_a_person_asks(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match=r"m\.safetensors holds no averages .* load it with CheckpointLoaderSimple"):
        open_checkpoint(path, FAMILIES, with_averages=True)
    path.with_suffix(".yaml").write_text("model: {params: {use_ema: true}}")
    assert open_checkpoint(path, FAMILIES).model.config == tiny.UNET
    some = with_averages(tiny.tiny_tensors())
    del some["model_ema.diffusion_modelout2weight"]
    path = tiny.write_checkpoint(tmp_path / "some.safetensors", some)
    with pytest.raises(WeightsError, match=r"the tensor model_ema\.diffusion_modelout2weight is missing"):
        open_checkpoint(path, FAMILIES, with_averages=True)


def test_a_configuration_says_what_is_predicted_and_how_latents_are_scaled(tmp_path: Path) -> None:
    for folder in ("models/checkpoints", "models/configs"):
        (tmp_path / folder).mkdir(parents=True)
    path = tiny.write_checkpoint(tmp_path / "models/checkpoints/m.safetensors")
    assert type(open_checkpoint(path, FAMILIES).model.predicts) is Epsilon
    path.with_suffix(".yaml").write_text("model: {params: {parameterization: v, scale_factor: 0.5}}")
    model = open_checkpoint(path, FAMILIES).model
    assert type(model.predicts) is Velocity and model.latent.scale == 0.5
    assert torch.equal(model.latent.inward(torch.ones(1, 4, 2, 2)), torch.full((1, 4, 2, 2), 0.5))
    chosen = tmp_path / "models/configs/c.yaml"
    chosen.write_text("model: {params: {parameterization: eps, scale_factor: 0.25}}")
    model, _, _ = load_checkpoint_with_config("c.yaml", "m.safetensors", FakeContext(tmp_path))
    assert type(model.predicts) is Epsilon and model.latent.scale == 0.25


def test_playground_is_told_by_its_latents_and_reads_their_measure(tmp_path: Path) -> None:
    means, spreads = torch.tensor([1.0, -2.0, 3.0, -4.0]), torch.tensor([2.0, 4.0, 8.0, 16.0])
    marks = {"edm_mean": means.view(1, 4, 1, 1), "edm_std": spreads.view(1, 4, 1, 1)}
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", {**tiny_xl.tensors_of("sdxl"), **marks})
    model = open_checkpoint(path, FAMILIES).model
    assert model.family.name == "sdxl" and type(model.predicts) is Edm
    assert (model.predicts.schedule.sigma_min, model.predicts.schedule.sigma_max) == pytest.approx((0.002, 80))
    # In the network's units a latent of that measure spreads by a half, which is what the levels are made for.
    latent = torch.randn(64, 4, 8, 8, generator=torch.manual_seed(0)) * spreads.view(4, 1, 1) + means.view(4, 1, 1)
    inward = model.latent.inward(latent)
    torch.testing.assert_close(inward.std((0, 2, 3)), torch.full((4,), 0.5), rtol=0.05, atol=0)
    torch.testing.assert_close(inward.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=0.05)
    torch.testing.assert_close(model.latent.outward(inward), latent)
    marks["edm_std"] = torch.zeros(1, 4, 1, 1)
    path = tiny.write_checkpoint(tmp_path / "n.safetensors", {**tiny_xl.tensors_of("sdxl"), **marks})
    with pytest.raises(WeightsError, match=r"n\.safetensors: edm_mean and edm_std are to be 4 numbers each"):
        open_checkpoint(path, FAMILIES)
