"""The Stable Diffusion 4x upscaler: how its files are told, what its net computes, what it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.samplers.conditions import Call
from heddle.samplers.predictions import Velocity
from model_management.checkpoint import open_checkpoint, open_network
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.families.sd_upscaler.family import SD_UPSCALER
from model_management.families.sd_upscaler.low_picture import text_and_low_picture
from model_management.family import RunFacts
from model_management.weights import Weights
from tests.model_management import tiny, tiny_xl
from tests.oracles import diffusers

#: Two levels look at the text alone, the third at itself, as in the published net.
CONFIG = UNetConfig(
    (32, 64, 96), (1, 1, 1), (0, 1, 1), 1, 48, in_channels=7, time_width=128, linear_projections=True, labels=1000,
    text_only=(False, True, True),
)  # fmt: skip
RUN = RunFacts((2, 4, 6, 5), torch.zeros(2, 4, 6, 5), torch.zeros(2, 4, 6, 5), seed=7)
STATES = torch.randn(1, 77, 48)


def whole_checkpoint() -> dict[str, Tensor]:
    config = replace(CONFIG, context_width=tiny_xl.G_WIDTH)
    torch.manual_seed(1)
    tensors = {name: each for name, each in tiny_xl.tensors_of("sd21").items() if not name.startswith(tiny_xl.UNET)}
    return tensors | {tiny_xl.UNET + name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}


def test_a_whole_checkpoint_is_known_with_its_sizes(tmp_path: Path) -> None:
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", whole_checkpoint()), FAMILIES)
    assert opened.model.family is SD_UPSCALER
    assert opened.model.config == replace(CONFIG, context_width=tiny_xl.G_WIDTH)
    assert opened.model.latent.scale == 0.08333
    assert isinstance(opened.model.predicts, Velocity)
    assert [each.last_layer for each in opened.clip.encoders] == [-2]


def test_the_net_computes_what_diffusers_does_and_hands_the_noises_number_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = diffusers().UNet2DConditionModel(
        in_channels=7, out_channels=4, block_out_channels=(32, 64, 96), layers_per_block=1, cross_attention_dim=48,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8, use_linear_projection=True, only_cross_attention=(True, True, True),
        num_class_embeds=1000, norm_num_groups=32,
    ).eval()  # fmt: skip
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", dict(theirs.state_dict()))
    model, weights = open_network(path, FAMILIES), Weights(torch.device("cpu"))
    assert (model.family, model.config) == (SD_UPSCALER, CONFIG)
    x, context, label = torch.randn(2, 7, 6, 5), torch.randn(2, 9, 48), torch.tensor([20, 333])
    with torch.no_grad(), weights.hold(model) as net:
        wanted = theirs(x, 37.0, context, class_labels=label).sample
        torch.testing.assert_close(net(x, torch.full((2,), 37.0), context, label=label), wanted, rtol=1e-4, atol=1e-4)
        # A number beyond what bfloat16 counts exactly stays what it is on the way to the net.
        inputs = {"context": context, "concat": x[:, 4:], "label": label}
        sigma = model.predicts.schedule.sigma(torch.tensor(37.0))
        clean = denoiser_for(model, net)(x[:, :4], sigma, Call(inputs))
        scaled = torch.cat([x[:, :4] / (sigma**2 + 1) ** 0.5, x[:, 4:]], dim=1)
        velocity = theirs(scaled, 37.0, context, class_labels=label).sample
        torch.testing.assert_close(
            clean, x[:, :4] / (sigma**2 + 1) - velocity * sigma / (sigma**2 + 1) ** 0.5, rtol=1e-3, atol=1e-4
        )


def test_the_small_picture_fits_the_latent_and_is_grey_where_there_is_none() -> None:
    none = text_and_low_picture(STATES, {}, RUN)
    assert none["concat"].shape == (2, 3, 6, 5) and not none["concat"].any() and none["label"].tolist() == [0]
    picture = torch.full((1, 3, 12, 10), 0.25)
    shown = text_and_low_picture(STATES, {"concat_image": picture}, RUN)
    torch.testing.assert_close(shown["concat"], torch.full((2, 3, 6, 5), 0.25))


@pytest.mark.parametrize(("share", "level"), [(0.001, 0), (0.5, 175), (1.0, 350)])
def test_noise_over_the_small_picture_is_that_of_its_level_and_of_the_runs_seed(share: float, level: int) -> None:
    betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
    kept = (1 - betas).cumprod(0)[level].float()
    picture = torch.rand(1, 3, 6, 5)
    noise = torch.randn(1, 3, 6, 5, generator=torch.Generator().manual_seed(7 - 10))
    shown = text_and_low_picture(STATES, {"concat_image": picture, "noise_augmentation": share}, RUN)
    wanted = kept.sqrt() * picture + (1 - kept).sqrt() * noise
    torch.testing.assert_close(shown["concat"], wanted.expand(2, -1, -1, -1), rtol=1e-4, atol=1e-5)
    assert shown["label"].tolist() == [level]
