import json
import lzma
from dataclasses import replace
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
from model_management.families.sd15_inpainting.family import SD15_INPAINTING
from model_management.families.sd21.family import SD21
from model_management.families.sdxl.family import SDXL
from model_management.families.sdxl_refiner.family import SDXL_REFINER
from model_management.family import has_its_texts, recognise, recognise_network
from model_management.header import Header, Stamp, TensorEntry, read_header
from model_management.known_layouts import KNOWN_LAYOUTS
from model_management.net_sizes import clip_text_config, unet_config, vae_config
from model_management.signs import holds
from tests.model_management import tiny

PUBLISHED = json.loads(
    lzma.decompress((Path(__file__).parents[1] / "data" / "layouts" / "published.json.xz").read_bytes())
)


def header_of(shapes: dict[str, list[int]], name: str = "model") -> Header:
    tensors = {key: TensorEntry("F16", tuple(shape), 0, 0) for key, shape in shapes.items()}
    return Header(Stamp(Path(f"{name}.safetensors"), 0, 0), tensors, {})


SD_VAE = VaeConfig(widths=(128, 256, 512, 512), blocks=2)
SD1_UNET = UNetConfig((320, 640, 1280, 1280), (2,) * 4, (1, 1, 1, 0), middle_depth=1, context_width=768)
SD2_UNET = replace(SD1_UNET, context_width=1024, head_width=64, linear_projections=True)
SDXL_UNET = UNetConfig(
    (320, 640, 1280), (2, 2, 2), (0, 2, 10), 10, 2048, head_width=64, linear_projections=True, vector_width=2816
)
REFINER_UNET = UNetConfig(
    (384, 768, 1536, 1536), (2,) * 4, (0, 4, 4, 0), 4, 1280, time_width=1536, head_width=64,
    linear_projections=True, vector_width=2560,
)  # fmt: skip
CLIP_L = ClipTextConfig(768, 12, 3072)
CLIP_H = ClipTextConfig(1024, 24, 4096, quick_gate=False, projection_width=1024)
CLIP_G = ClipTextConfig(1280, 32, 5120, quick_gate=False, projection_width=1280)

CHECKPOINTS = [
    ("sd15", SD15, SD1_UNET, [CLIP_L]),
    ("sd15_inpainting", SD15_INPAINTING, replace(SD1_UNET, in_channels=9), [CLIP_L]),
    ("sd21_v", SD21, SD2_UNET, [CLIP_H]),
    ("sdxl_base", SDXL, SDXL_UNET, [CLIP_L, CLIP_G]),
    ("sdxl_refiner", SDXL_REFINER, REFINER_UNET, [CLIP_G]),
]


@pytest.mark.parametrize(("layout", "wanted", "unet", "texts"), CHECKPOINTS)
def test_a_published_checkpoint_is_known_with_its_sizes(layout, wanted, unet, texts):
    header = header_of(PUBLISHED[layout])
    family, prefix = recognise(header, FAMILIES)
    assert (family, prefix) == (wanted, "model.diffusion_model.")
    assert family.network.config(header, family.network.prefix) == unet
    assert family.vae.config(header, family.vae.prefix) == SD_VAE
    assert [part.config(header, part.prefix) for part in family.text] == texts


@pytest.mark.parametrize(("layout", "family", "unet", "texts"), CHECKPOINTS)
def test_the_nets_want_exactly_the_published_names_and_shapes(layout, family, unet, texts):
    header = header_of(PUBLISHED[layout])
    wanted = set()
    for part in (family.network, family.vae, *family.text):
        stored = stored_net("network", header, part)
        wanted |= {stored.key_of(name) for name in stored.shapes}
    assert wanted <= set(PUBLISHED[layout])
    # The positions are counted, not read; the scale is that of training against pictures.
    left = {name.rpartition(".")[2] for name in set(PUBLISHED[layout]) - wanted}
    assert left <= {"position_ids", "logit_scale"}


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize(("layout", "wanted", "unet", "texts"), CHECKPOINTS)
def test_a_published_network_alone_is_known_bare_or_by_its_place_in_a_checkpoint(layout, wanted, unet, texts, prefix):
    inner = header_of(PUBLISHED[layout]).below("model.diffusion_model.").tensors
    header = header_of({prefix + key: list(entry.shape) for key, entry in inner.items()})
    assert recognise_network(header, FAMILIES) == (wanted, prefix)
    assert unet_config(header, prefix) == unet


def test_each_published_layout_is_recognised_by_one_family_at_most():
    for shapes in PUBLISHED.values():
        fitting = [family.name for family in FAMILIES if holds(family.signs, header_of(shapes))]
        alone = [family.name for family in FAMILIES if holds(family.network_signs, header_of(shapes))]
        assert len(fitting) <= 1 and len(alone) <= 1


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        # SSD-1B, Vega and KOALA 700M, as their publishers describe them.
        ({"depths": (0, 2, 4), "up_depths": (0, (2, 1, 1), (4, 4, 10)), "middle_depth": 0}, SDXL),
        ({"depths": (0, 1, 2), "middle_depth": 0}, SDXL),
        ({"depths": (0, 2, 5), "blocks": (1, 1, 1), "middle_depth": None}, SDXL),
    ],
)
def test_distilled_widths_of_sdxl_are_read_from_the_file(sizes, wanted):
    config = replace(SDXL_UNET, **sizes)
    with torch.device("meta"):
        shapes = {name: list(tensor.shape) for name, tensor in UNet(config, PLAIN).state_dict().items()}
    assert recognise_network(header_of(shapes), FAMILIES) == (wanted, "")
    assert unet_config(header_of(shapes), "") == config


def test_a_network_of_no_family_is_refused():
    with pytest.raises(WeightsError, match=r"looks like LTX-Video, not like a diffusion model of a family"):
        recognise_network(header_of(PUBLISHED["ltxv_1"]), FAMILIES)


def test_a_small_model_of_the_layout_is_known_with_its_sizes(checkpoint):
    header = read_header(checkpoint)
    assert recognise(header, FAMILIES)[0] is SD15
    assert unet_config(header, tiny.PREFIXES["unet"]) == tiny.UNET
    assert vae_config(header, tiny.PREFIXES["vae"]) == tiny.VAE
    assert clip_text_config(header, tiny.PREFIXES["text"]) == tiny.TEXT


LINEAR = {"head_width": 64, "linear_projections": True}


@pytest.mark.parametrize("width", [32, 64, 96])
@pytest.mark.parametrize(
    "config",
    [
        {"depths": (0, 1, 2), "middle_depth": 2},
        {"depths": (0, 1, 2), "middle_depth": 2, "vector_width": 24, **LINEAR},
        {"depths": (0, 1, (0, 1, 2)), "middle_depth": 0, "up_depths": (0, (2, 1), (1, 1, 4, 0)), **LINEAR},
        {"depths": (0, 0, 1), "middle_depth": None, "up_depths": (0, 0, 0), "in_channels": 9, "out_channels": 3},
    ],
)
def test_sizes_are_read_from_any_unet(width, config):
    config = UNetConfig((width, 64, 128), (2, 1, 3), context_width=128, time_width=80, **config)
    with torch.device("meta"):
        shapes = {f"x.{name}": list(tensor.shape) for name, tensor in UNet(config, PLAIN).state_dict().items()}
    assert unet_config(header_of(shapes), "x.") == config


@pytest.mark.parametrize(
    ("layout", "title"),
    [
        ("hunyuan_video_1_1", "HunyuanVideo"),
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


def test_transformers_by_diffusers_names_are_refused_by_name():
    shapes = {"transformer_blocks.0.attn.add_k_proj.weight": [64, 64], "context_embedder.weight": [64, 4096]}
    for look in (recognise, recognise_network):
        with pytest.raises(WeightsError, match=r"looks like a transformer in diffusers' layout, .*authors' layout"):
            look(header_of(shapes), FAMILIES)


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
    with pytest.raises(WeightsError, match="its UNet and its text encoder do not belong together"):
        recognise(header_of(shapes), FAMILIES)


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", "diffusion_model.", "model.", "net.", ""])
@pytest.mark.parametrize(("layout", "wanted", "unet", "texts"), CHECKPOINTS)
def test_a_checkpoint_without_text_encoders_is_told_by_its_network(layout, wanted, unet, texts, prefix):
    inner = header_of(PUBLISHED[layout]).below("model.diffusion_model.").tensors
    header = header_of({prefix + key: list(entry.shape) for key, entry in inner.items()})
    assert recognise(header, FAMILIES) == recognise_network(header, FAMILIES) == (wanted, prefix)


def test_a_text_encoder_that_another_network_reads_does_not_count():
    shapes = {
        **{key: each for key, each in PUBLISHED["sd21_v"].items() if not key.startswith("cond_stage_model.")},
        **{key: each for key, each in PUBLISHED["sd15"].items() if key.startswith("cond_stage_model.")},
    }
    header = header_of(shapes)
    assert recognise(header, FAMILIES)[0] is SD21 and not has_its_texts(header, SD21)


def test_a_part_of_a_checkpoint_is_refused_as_what_it_is():
    shapes = {key: shape for key, shape in PUBLISHED["sd15"].items() if key.startswith("first_stage_model.")}
    with pytest.raises(WeightsError, match=r"looks like a VAE alone, .* load it with VAELoader"):
        recognise(header_of(shapes), FAMILIES)


@pytest.mark.parametrize("prefix", ["control_model.", ""])
def test_a_control_net_is_no_network(prefix):
    shapes = {prefix + key.removeprefix("control_model."): shape for key, shape in PUBLISHED["sd15_controlnet"].items()}
    for look in (recognise, recognise_network):
        with pytest.raises(WeightsError, match=r"looks like a ControlNet, .* load it with ControlNetLoader"):
            look(header_of(shapes), FAMILIES)


def test_families_that_both_fit_are_an_error_of_ours_and_said_so(checkpoint):
    with pytest.raises(WeightsError, match="fits the families sd15 and sd15, "):
        recognise(read_header(checkpoint), (*FAMILIES, SD15))


def test_each_known_layout_has_a_title_and_signs():
    for layout in KNOWN_LAYOUTS:
        assert layout.title and layout.signs and not layout.next_step.endswith(".")
