"""Autoencoders by the names of diffusers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.networks.ops import TRAINABLE
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.checkpoint import open_vae
from model_management.diffusers_vae import names_in_diffusers
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.test_family import PUBLISHED, header_of
from tests.oracles import diffusers

CONFIG = VaeConfig(widths=(32, 64, 64), blocks=2)
NEW = {"q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
OLD = {"q": "query", "k": "key", "v": "value", "proj_out": "proj_attn"}


def in_diffusers(state: dict[str, Tensor], levels: int, attention: dict[str, str]) -> dict[str, Tensor]:
    """A state by diffusers' names; attention as linear layers, as it has them."""
    made = {}
    for name, tensor in state.items():
        new = name.replace("norm_out", "conv_norm_out").replace("nin_shortcut", "conv_shortcut")
        new = new.replace("mid.block_1", "mid_block.resnets.0").replace("mid.block_2", "mid_block.resnets.1")
        for level in range(levels):
            new = new.replace(f"encoder.down.{level}.block.", f"encoder.down_blocks.{level}.resnets.")
            new = new.replace(f"encoder.down.{level}.downsample.", f"encoder.down_blocks.{level}.downsamplers.0.")
            up = levels - 1 - level
            new = new.replace(f"decoder.up.{level}.block.", f"decoder.up_blocks.{up}.resnets.")
            new = new.replace(f"decoder.up.{level}.upsample.", f"decoder.up_blocks.{up}.upsamplers.0.")
        if "mid.attn_1." in new:
            module, kind = new.rpartition("mid.attn_1.")[2].rsplit(".", 1)
            new = f"{new.partition('.')[0]}.mid_block.attentions.0.{attention.get(module, 'group_norm')}.{kind}"
            tensor = tensor[..., 0, 0] if tensor.ndim == 4 else tensor
        made[new] = tensor.contiguous()
    return made


@pytest.mark.parametrize("attention", [NEW, OLD])
def test_an_autoencoder_by_diffusers_names_codes_the_same(tmp_path: Path, attention: dict[str, str]) -> None:
    torch.manual_seed(0)
    net = Autoencoder(CONFIG, TRAINABLE).eval()
    vae = open_vae(tiny.write_checkpoint(tmp_path / "vae.safetensors", in_diffusers(net.state_dict(), 3, attention)))
    assert vae.config == CONFIG
    pixels, z = torch.rand(1, 3, 8, 12), torch.randn(1, 4, 2, 3)
    with torch.no_grad(), Weights(torch.device("cpu")).hold(vae) as held:
        assert torch.equal(held.encode(pixels), net.encode(pixels))
        assert torch.equal(held.decode(z), net.decode(z))


def test_every_name_of_the_published_autoencoder_comes_back() -> None:
    ours = header_of(PUBLISHED["sd15"]).below("first_stage_model.").tensors
    theirs = in_diffusers({name: torch.empty(entry.shape, device="meta") for name, entry in ours.items()}, 4, NEW)
    names = names_in_diffusers(header_of({name: list(tensor.shape) for name, tensor in theirs.items()}))
    assert names.keys() == ours.keys()
    assert names["decoder.up.3.upsample.conv.weight"] == "decoder.up_blocks.0.upsamplers.0.conv.weight"
    assert names["decoder.mid.attn_1.proj_out.bias"] == "decoder.mid_block.attentions.0.to_out.0.bias"
    assert names["encoder.down.2.downsample.conv.weight"] == "encoder.down_blocks.2.downsamplers.0.conv.weight"


def test_a_vae_that_diffusers_wrote_computes_what_it_does_there(tmp_path: Path) -> None:
    torch.manual_seed(0)
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    net = diffusers().AutoencoderKL(block_out_channels=(32, 64), latent_channels=4, **kinds).eval()
    vae = open_vae(tiny.write_checkpoint(tmp_path / "v.safetensors", dict(net.state_dict())))
    pixels, latent = torch.rand(1, 3, 16, 24) * 2 - 1, torch.randn(1, 4, 8, 12)
    with torch.inference_mode(), Weights(torch.device("cpu")).hold(vae) as own:
        torch.testing.assert_close(own.decode(latent), net.decode(latent).sample, rtol=1e-4, atol=1e-4)
        expected = net.encode(pixels).latent_dist.parameters[:, :4]
        torch.testing.assert_close(own.encode(pixels)[:, :4], expected, rtol=1e-4, atol=1e-4)
