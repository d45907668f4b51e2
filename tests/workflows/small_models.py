"""Small random models of the right layouts, under the names that the workflows that ship ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.flux import Flux
from heddle.networks.ops import TRAINABLE
from heddle.networks.t5 import T5
from heddle.networks.vae import Autoencoder
from tests.model_management import tiny, tiny_transformers, tiny_xl, upscalers
from tests.tiny_checkpoint import UNET, write_tiny_checkpoint

ATTENTION = "mid_block_attentions_0_transformer_blocks_0_attn2_to_q"
MLP = "text_model_encoder_layers_1_mlp_fc1"

#: By their widths files of one encoder each are told apart.
CLIP_L = ClipTextConfig(width=768, layers=1, mlp_width=64)
T5_XXL = replace(tiny_transformers.T5_TINY, width=4096, layers=1)


def write_small_models(base: Path) -> None:
    """Fill the folder `models` of a base directory."""
    models = base / "models"
    for seed, name in enumerate(("tiny", "v1-5-pruned-emaonly-fp16", "dreamshaper_8")):
        write_tiny_checkpoint(models / "checkpoints" / f"{name}.safetensors", seed)
    for family, name in (("sdxl", "sd_xl_base_1.0"), ("sdxl_refiner", "sd_xl_refiner_1.0")):
        _save(models / "checkpoints" / f"{name}.safetensors", tiny_xl.tensors_of(family, 49408, 77))
    sd3 = "sd3.5_medium_incl_clips_t5xxlfp8scaled.safetensors"
    t5 = tiny_transformers.drawn(T5(T5_XXL, TRAINABLE), tiny_transformers.TEXT_T5, 3)
    _save(models / "checkpoints" / sd3, tiny_transformers.sd3_tensors("l", "g") | t5)
    _write_flux(models)
    tiny_transformers.write_t5_table(models / "tokenizers")

    torch.manual_seed(2)
    control = ControlNet(ControlNetConfig(UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40)), TRAINABLE)
    for parameter in control.parameters():  # made ready for training, what it says begins with nothing
        torch.nn.init.normal_(parameter, std=0.1)
    _save(models / "controlnet" / "control_v11p_sd15_canny_fp16.safetensors", control.state_dict())
    for seed, name in enumerate(("blindbox_v1_mix", "MoXinV1")):
        random = torch.Generator().manual_seed(seed)
        lora = {f"lora_unet_{ATTENTION}.diff": torch.randn(64, 64, generator=random)}
        lora[f"lora_te_{MLP}.diff"] = torch.randn(128, 64, generator=random)
        _save(models / "loras" / f"{name}.safetensors", lora)
    (models / "upscale_models").mkdir(parents=True)
    torch.save(upscalers.weights_of("ESRGAN"), models / "upscale_models" / "RealESRGAN_x4plus.pth")  # doubles


def _write_flux(models: Path) -> None:
    """FLUX.1 in four files."""
    config = replace(tiny_transformers.FLUX, context_width=T5_XXL.width, vector_width=CLIP_L.width)
    flux = tiny_transformers.drawn(Flux(config, TRAINABLE), "", 1)
    _save(models / "diffusion_models" / "flux1-dev.safetensors", flux)
    _save(models / "text_encoders" / "clip_l.safetensors", tiny.clip_tensors(CLIP_L))
    _save(models / "text_encoders" / "t5xxl_fp16.safetensors", tiny_transformers.drawn(T5(T5_XXL, TRAINABLE), "", 3))
    vae = tiny_transformers.drawn(Autoencoder(tiny_transformers.VAE, TRAINABLE), "", 2)
    _save(models / "vae" / "ae.safetensors", vae)


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
