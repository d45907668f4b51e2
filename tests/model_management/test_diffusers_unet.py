"""UNets by the names of diffusers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.samplers.predictions import Epsilon, Velocity
from model_management.checkpoint import open_network
from model_management.diffusers_unet import names_in_diffusers
from model_management.families.known import FAMILIES
from model_management.families.sd21.family import TELLING
from model_management.weights import Weights
from tests.model_management import tiny, tiny_xl
from tests.model_management.test_family import PUBLISHED, SD1_UNET, SDXL_UNET, header_of

RESIDUAL = {
    "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
    "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
}  # fmt: skip
PLAIN = {
    "input_blocks.0.0.": "conv_in.", "time_embed.0.": "time_embedding.linear_1.", "out.0.": "conv_norm_out.",
    "time_embed.2.": "time_embedding.linear_2.", "out.2.": "conv_out.", "label_emb.0.0.": "add_embedding.linear_1.",
    "label_emb.0.2.": "add_embedding.linear_2.",
}  # fmt: skip


def renamed(config: UNetConfig) -> dict[str, str]:
    """Beginnings of our names, and what diffusers has for them, for nets with as many blocks on every level."""
    levels, blocks = len(config.widths), config.blocks[0]
    table = dict(PLAIN)
    for level in range(levels):
        for block in range(blocks):
            stage = f"input_blocks.{1 + level * (blocks + 1) + block}."
            table[f"{stage}0."] = f"down_blocks.{level}.resnets.{block}."
            table[f"{stage}1."] = f"down_blocks.{level}.attentions.{block}."
        table[f"input_blocks.{(level + 1) * (blocks + 1)}.0.op."] = f"down_blocks.{level}.downsamplers.0.conv."
        for block in range(blocks + 1):
            stage, up = f"output_blocks.{level * (blocks + 1) + block}.", levels - 1 - level
            table[f"{stage}0."] = f"up_blocks.{level}.resnets.{block}."
            if block < blocks or config.depths[up]:
                table[f"{stage}1."] = f"up_blocks.{level}.attentions.{block}."
        last = f"output_blocks.{level * (blocks + 1) + blocks}."
        table[f"{last}{2 if config.depths[levels - 1 - level] else 1}."] = f"up_blocks.{level}.upsamplers.0."
    middle = {"0": "resnets.0", "1": "attentions.0", "2": "resnets.1"}
    return table | {f"middle_block.{ours}.": f"mid_block.{theirs}." for ours, theirs in middle.items()}


def in_diffusers(state: dict[str, Tensor], config: UNetConfig) -> dict[str, Tensor]:
    table = renamed(config)
    made = {}
    for name, tensor in state.items():
        start = max((start for start in table if name.startswith(start)), key=len)
        rest = name.removeprefix(start)
        for ours, theirs in RESIDUAL.items():
            rest = rest.replace(f"{ours}.", f"{theirs}.")
        made[table[start] + rest] = tensor
    return made


@pytest.mark.parametrize(
    ("layout", "config"), [("sd15", SD1_UNET), ("sdxl_base", SDXL_UNET), ("sd15_inpainting", SD1_UNET)]
)
def test_every_name_of_a_published_unet_comes_back(layout: str, config: UNetConfig) -> None:
    ours = header_of(PUBLISHED[layout]).below("model.diffusion_model.").tensors
    state = {name: torch.empty(entry.shape, device="meta") for name, entry in ours.items()}
    theirs = in_diffusers(state, config)
    header = header_of({name: list(tensor.shape) for name, tensor in theirs.items()})
    names = names_in_diffusers(header)
    assert names.keys() == ours.keys()
    assert {name: header.tensors[key].shape for name, key in names.items()} == {
        name: entry.shape for name, entry in ours.items()
    }


def test_names_that_were_looked_up_in_published_files() -> None:
    ours = header_of(PUBLISHED["sdxl_base"]).below("model.diffusion_model.").tensors
    theirs = in_diffusers({name: torch.empty(entry.shape, device="meta") for name, entry in ours.items()}, SDXL_UNET)
    names = names_in_diffusers(header_of({name: list(tensor.shape) for name, tensor in theirs.items()}))
    assert names["output_blocks.2.2.conv.weight"] == "up_blocks.0.upsamplers.0.conv.weight"
    assert names["input_blocks.6.0.op.bias"] == "down_blocks.1.downsamplers.0.conv.bias"
    assert names["output_blocks.5.1.proj_in.weight"] == "up_blocks.1.attentions.2.proj_in.weight"
    assert names["middle_block.2.out_layers.3.weight"] == "mid_block.resnets.1.conv2.weight"


@pytest.mark.parametrize("name", ["sd21", "sdxl", "sdxl_inpainting"])
def test_a_network_by_diffusers_names_computes_the_same(tmp_path: Path, name: str) -> None:
    config = tiny_xl.UNETS[name.removesuffix("_inpainting")]
    content = tiny_xl.tensors_of(name.removesuffix("_inpainting"))
    state = {key.removeprefix(tiny_xl.UNET): each for key, each in content.items() if key.startswith(tiny_xl.UNET)}
    if name == "sdxl_inpainting":
        state["input_blocks.0.0.weight"] = torch.randn(64, 9, 3, 3).half()
        config = replace(config, in_channels=9)
    families = [replace(family, network_signs=family.network_signs[:3]) for family in FAMILIES]  # of any width
    families = [family for family in families if family.name not in ("sdxl_refiner", "sd21_unclip")]
    models = [
        open_network(tiny.write_checkpoint(tmp_path / f"{number}.safetensors", each), families)
        for number, each in enumerate((state, in_diffusers(state, config)))
    ]
    assert [model.family.name for model in models] == [name, name]
    assert [model.config for model in models] == [config, config]
    inputs = [torch.randn(1, config.in_channels, 5, 6), torch.tensor([7.0]), torch.randn(1, 4, config.context_width)]
    vector = torch.randn(1, config.vector_width) if config.vector_width else None
    weights, made = Weights(torch.device("cpu")), []
    for model in models:
        with torch.no_grad(), weights.hold(model) as net:
            made.append(net(*inputs, vector))
    assert torch.equal(*made)


def test_what_the_weights_tell_is_told_by_any_names(tmp_path: Path) -> None:
    config = replace(tiny_xl.UNETS["sd21"], widths=(64,) * 4, blocks=(2,) * 4, depths=(1,) * 4)
    state = {name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}
    for spread, wanted in ((0.3, Velocity), (0.03, Epsilon)):
        state[TELLING] = torch.linspace(-spread, spread, 64).half()
        path = tiny.write_checkpoint(tmp_path / f"{spread}.safetensors", in_diffusers(state, config))
        assert type(open_network(path, FAMILIES).predicts) is wanted


def test_a_missing_tensor_is_named_and_a_unet_of_no_family_refused(tmp_path: Path) -> None:
    config = tiny_xl.UNETS["sd21"]
    state = {name: each.half() for name, each in UNet(config, TRAINABLE).state_dict().items()}
    theirs = in_diffusers(state, config)
    del theirs["down_blocks.0.resnets.0.conv2.bias"]
    with pytest.raises(WeightsError, match=r"the tensor input_blocks\.1\.0\.out_layers\.3\.bias is missing"):
        open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", theirs), FAMILIES)
    theirs["conv_in.weight"] = torch.zeros(64, 5, 3, 3)
    with pytest.raises(WeightsError, match=r"not like a diffusion model .*; choose a file that holds one"):
        open_network(tiny.write_checkpoint(tmp_path / "n.safetensors", theirs), FAMILIES)
