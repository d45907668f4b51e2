"""The names that files have for layers, on nets of sizes that no published model has."""

import pytest
import torch

from heddle.adapters.layer_names import network_layers, text_layers
from heddle.adapters.targets import Target
from heddle.networks.lumina import Lumina, LuminaConfig
from heddle.networks.ops import PLAIN
from heddle.networks.unet import UNet, UNetConfig

CONFIG = UNetConfig(
    widths=(32, 64, 64, 96), blocks=(1, 3, 2, 1), depths=(0, 1, 2, 0), middle_depth=2, context_width=16, time_width=64
)


def shapes_of(net: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


@pytest.fixture(scope="module")
def unet() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes_of(UNet(CONFIG, PLAIN))


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("lora_unet_conv_in", "input_blocks.0.0"),
        ("unet.time_embedding.linear_2", "time_embed.2"),
        ("lora_unet_down_blocks_0_resnets_0_conv1", "input_blocks.1.0.in_layers.2"),
        ("down_blocks.0.downsamplers.0.conv", "input_blocks.2.0.op"),
        ("down_blocks.1.resnets.2.time_emb_proj", "input_blocks.5.0.emb_layers.1"),
        ("unet.down_blocks.1.attentions.2.proj_in", "input_blocks.5.1.proj_in"),
        ("down_blocks.2.attentions.1.{T}.ff.net.0.proj", "input_blocks.8.1.{T}.ff.net.0.proj"),
        ("down_blocks.3.resnets.0.conv_shortcut", "input_blocks.10.0.skip_connection"),
        ("mid_block.resnets.1.conv2", "middle_block.2.out_layers.3"),
        ("mid_block.attentions.0.{T}.attn2.processor.to_out", "middle_block.1.{T}.attn2.to_out.0"),
        ("mid_block.attentions.0.{T}.attn2.to_out.0", "middle_block.1.{T}.attn2.to_out.0"),
        ("up_blocks.0.upsamplers.0.conv", "output_blocks.1.1.conv"),
        ("lycoris_up_blocks_1_attentions_2_norm", "output_blocks.4.1.norm"),
        ("up_blocks.1.upsamplers.0.conv", "output_blocks.4.2.conv"),
        ("up_blocks.2.resnets.3.norm2", "output_blocks.8.0.out_layers.0"),
        ("up_blocks.3.resnets.1.conv1", "output_blocks.10.0.in_layers.2"),
        ("diffusion_model.out.2", "out.2"),
        ("base_model.model.conv_out", "out.2"),
        ("lora_unet_output_blocks_4_2_conv", "output_blocks.4.2.conv"),
    ],
)  # fmt: skip
def test_a_unet_of_any_depth_has_its_diffusers_names(unet: dict[str, tuple[int, ...]], name: str, weight: str) -> None:
    block = "transformer_blocks.1"
    assert network_layers(unet)[name.replace("{T}", block)] == Target(f"{weight.replace('{T}', block)}.weight")


def test_every_layer_of_a_unet_has_a_diffusers_name_of_its_own(unet: dict[str, tuple[int, ...]]) -> None:
    layers = network_layers(unet)
    own = {f"unet.{weight.removesuffix('.weight')}" for weight in unet}
    others = {
        name: target.weight
        for name, target in layers.items()
        if name.startswith("unet.") and "processor" not in name and name not in own
    }
    assert sorted(weight for weight in unet if weight.endswith(".weight")) == sorted(others.values())
    assert all(unet.keys() >= {target.weight} for target in layers.values())


def test_rows_of_fused_weights_follow_from_the_nets_width() -> None:
    shapes = {
        "double_blocks.0.img_attn.qkv.weight": (96, 32),
        "double_blocks.0.txt_attn.qkv.weight": (96, 32),
        "single_blocks.0.linear1.weight": (224, 32),
        "single_blocks.0.linear2.weight": (32, 160),
    }
    layers, qkv = network_layers(shapes), "double_blocks.0.img_attn.qkv.weight"
    assert layers["transformer.transformer_blocks.0.attn.to_k"] == Target(qkv, (32, 64))
    assert layers["lora_unet_double_blocks_0_img_attn_qkv"] == Target(qkv)
    single = layers["lora_transformer_single_transformer_blocks_0_proj_mlp"]
    assert single == Target("single_blocks.0.linear1.weight", (96, 224))


def test_a_trainers_name_for_three_parts_of_a_fused_weight_is_known_in_every_block() -> None:
    shapes = {"single_blocks.1.linear1.weight": (224, 32), "single_blocks.1.linear2.weight": (32, 160)}
    name = "lora_unet_single_blocks_1_linear1_qkv"
    assert network_layers(shapes)[name] == Target("single_blocks.1.linear1.weight", (0, 96))


def test_text_encoders_are_counted_and_one_alone_needs_no_number() -> None:
    weights = ["text_model.encoder.layers.0.mlp.fc1.weight"]
    flat = "text_model_encoder_layers_0_mlp_fc1"
    target = Target(weights[0])
    both = text_layers({"clip_l": weights, "clip_g": weights})
    assert both[f"lora_te_{flat}"] == both[f"lora_te1_{flat}"] == ("clip_l", target)
    assert both[f"lora_te2_{flat}"] == both["text_encoder_2.text_model.encoder.layers.0.mlp.fc1"] == ("clip_g", target)
    alone = text_layers({"clip_g": weights})
    assert alone[f"lora_te_{flat}"] == alone[f"lora_te2_{flat}"] == alone[f"lora_prior_te_{flat}"] == ("clip_g", target)
    assert f"lora_te2_{flat}" not in text_layers({"clip_l": weights})


@pytest.mark.parametrize(
    ("name", "weight", "rows"),
    [
        ("lora_unet_layers_1_attention_qkv", "layers.1.attention.qkv", None),
        ("diffusion_model.layers.0.feed_forward.w2", "layers.0.feed_forward.w2", None),
        ("transformer.layers.1.attn.to_q", "layers.1.attention.qkv", (0, 48)),
        ("transformer.layers.1.attn.to_k", "layers.1.attention.qkv", (48, 72)),
        ("transformer.layers.1.attn.to_v", "layers.1.attention.qkv", (72, 96)),
        ("transformer.context_refiner.0.attn.to_out.0", "context_refiner.0.attention.out", None),
        ("lora_transformer_noise_refiner_0_feed_forward_linear_3", "noise_refiner.0.feed_forward.w3", None),
        ("transformer.layers.0.norm1.linear", "layers.0.adaLN_modulation.1", None),
        ("transformer.time_caption_embed.caption_embedder.1", "cap_embedder.1", None),
    ],
)
def test_lumina_has_its_own_names_and_diffusers(name: str, weight: str, rows: tuple[int, int] | None) -> None:
    with torch.device("meta"):
        net = Lumina(LuminaConfig(48, 12, 4, 2, 40, 1, 2, context_width=24, time_width=32), PLAIN)
    assert network_layers(shapes_of(net))[name] == Target(f"{weight}.weight", rows)
