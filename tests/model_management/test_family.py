import json
import lzma
from pathlib import Path

import pytest
import torch

from heddle.graph.errors import WeightsError
from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.ops import PLAIN
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import VaeConfig
from model_management.checkpoint import stored_net
from model_management.families.known import FAMILIES
from model_management.families.sd15.family import SD15
from model_management.family import recognise
from model_management.header import Header, Stamp, TensorEntry, read_header
from model_management.known_layouts import KNOWN_LAYOUTS
from model_management.net_sizes import clip_text_config, unet_config, vae_config
from tests.model_management import tiny

PUBLISHED = json.loads(
    lzma.decompress((Path(__file__).parents[1] / "data" / "layouts" / "published.json.xz").read_bytes())
)


def header_of(shapes: dict[str, list[int]], name: str = "model") -> Header:
    tensors = {key: TensorEntry("F16", tuple(shape), 0, 0) for key, shape in shapes.items()}
    return Header(Stamp(Path(f"{name}.safetensors"), 0, 0), tensors, {})


def test_the_published_sd15_layout_is_known_with_its_sizes():
    header = header_of(PUBLISHED["sd15"])
    family = recognise(header, FAMILIES)
    assert family is SD15
    assert family.network.config(header, family.network.prefix) == UNetConfig(
        widths=(320, 640, 1280, 1280), blocks=(2, 2, 2, 2), depths=(1, 1, 1, 0), middle_depth=1, context_width=768
    )
    assert family.vae.config(header, family.vae.prefix) == VaeConfig(widths=(128, 256, 512, 512), blocks=2)
    assert family.text[0].config(header, family.text[0].prefix) == ClipTextConfig(768, 12, 3072)


def test_the_nets_want_exactly_the_published_names_and_shapes():
    header = header_of(PUBLISHED["sd15"])
    wanted = set()
    for part in (SD15.network, SD15.vae, *SD15.text):
        wanted |= {part.prefix + name for name in stored_net("network", header, part).shapes}
    assert set(PUBLISHED["sd15"]) - wanted == {
        "cond_stage_model.transformer.text_model.embeddings.position_ids"  # counted, not read
    }
    assert wanted <= set(PUBLISHED["sd15"])


def test_a_small_model_of_the_layout_is_known_with_its_sizes(checkpoint):
    header = read_header(checkpoint)
    assert recognise(header, FAMILIES) is SD15
    assert unet_config(header, tiny.PREFIXES["unet"]) == tiny.UNET
    assert vae_config(header, tiny.PREFIXES["vae"]) == tiny.VAE
    assert clip_text_config(header, tiny.PREFIXES["text"]) == tiny.TEXT


@pytest.mark.parametrize("width", [32, 64, 96])
@pytest.mark.parametrize("depths", [(0, 1, 2), (1, 1, 1)])
def test_sizes_are_read_from_any_unet(width, depths):
    config = UNetConfig((width, 64, 32), (2, 1, 3), depths, 2, 128, time_width=80, linear_projections=True)
    with torch.device("meta"):
        shapes = {f"x.{name}": list(tensor.shape) for name, tensor in UNet(config, PLAIN).state_dict().items()}
    assert unet_config(header_of(shapes), "x.") == config


@pytest.mark.parametrize(
    ("layout", "title"),
    [
        ("sd15_inpainting", "inpainting model"),
        ("sd21_v", "Stable Diffusion 2.x"),
        ("sdxl_base", r"SDXL \(base\)"),
        ("sdxl_refiner", "SDXL refiner"),
        ("sd3_2", "Stable Diffusion 3"),
        ("flux_1_1", "FLUX.1"),
        ("chroma_1_1", "Chroma"),
        ("auraflow_1_1", "AuraFlow"),
        ("hunyuan_video_1_1", "HunyuanVideo"),
        ("lumina2_1", "Lumina"),
        ("ltxv_1", "LTX"),
        ("qwen_image_1", "Qwen-Image"),
        ("wan_1", "Wan"),
        ("pixart_sigma_1", "PixArt"),
        ("sd15_controlnet", "ControlNet"),
        ("flux_ae", "VAE alone"),
        ("clip_vision_l", "CLIP vision"),
        ("t5_small_relu", "T5"),
        ("taesd_decoder", "tiny autoencoder's decoder"),
        ("taesd_encoder", "tiny autoencoder's encoder"),
        ("esrgan_x4_old", "upscaler"),
    ],
)
def test_other_published_layouts_are_refused_by_name(layout, title):
    with pytest.raises(WeightsError, match=f"model.safetensors looks like .*{title}.*; "):
        recognise(header_of(PUBLISHED[layout]), FAMILIES)


def test_adapters_are_refused_by_name():
    shapes = {
        "lora_unet_x.lora_down.weight": [4, 320],
        "lora_unet_x.lora_up.weight": [320, 4],
        "lora_unet_x.alpha": [],
    }
    with pytest.raises(WeightsError, match="looks like a LoRA"):
        recognise(header_of(shapes), FAMILIES)


def test_something_else_is_described_by_some_of_its_names():
    with pytest.raises(WeightsError, match=r"holds 2 tensors, such as one\.weight, two\.weight"):
        recognise(header_of({"one.weight": [3], "two.weight": [3]}), FAMILIES)


def test_a_unet_that_reads_another_width_than_the_text_encoder_writes_is_not_sd15():
    shapes = dict(PUBLISHED["sd15"])
    shapes["model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight"] = [1280, 1024]
    with pytest.raises(WeightsError, match="looks like a UNet beside a text encoder of another width"):
        recognise(header_of(shapes), FAMILIES)


@pytest.mark.parametrize(
    ("left_out", "title"),
    [
        (("first_stage_model.",), "a checkpoint without its VAE"),
        (("cond_stage_model.",), "a UNet of Stable Diffusion's kind with a text encoder in a place not known here"),
        (("first_stage_model.", "cond_stage_model."), "a UNet without text encoder or VAE"),
        (("model.diffusion_model.", "cond_stage_model."), "a VAE alone"),
    ],
)
def test_a_part_of_a_checkpoint_is_refused_as_what_it_is(left_out, title):
    shapes = {key: shape for key, shape in PUBLISHED["sd15"].items() if not key.startswith(left_out)}
    with pytest.raises(WeightsError, match=f"looks like {title}, "):
        recognise(header_of(shapes), FAMILIES)


def test_families_that_both_fit_are_an_error_of_ours_and_said_so(checkpoint):
    with pytest.raises(WeightsError, match="fits the families sd15 and sd15"):
        recognise(read_header(checkpoint), (*FAMILIES, SD15))


def test_each_known_layout_says_what_to_do():
    assert all(layout.next_step and layout.signs for layout in KNOWN_LAYOUTS)
