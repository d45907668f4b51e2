"""The kinds of files that the house knows: which folders hold them, and what their names end in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

WEIGHTS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf"})
PICTURES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".apng", ".ico", ".tga"}
)
FLOAT_PICTURES = frozenset({".exr", ".hdr", ".pfm"})
"""Pictures that browsers do not show."""
VIDEOS = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".flv", ".wmv", ".3gp"}
)
SOUNDS = frozenset(
    {".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".mka", ".weba"}
)
_VOCABULARIES = frozenset({".json", ".txt", ".model", ".gz", ".bpe", ".tiktoken"})
_SETTINGS_FILES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: the folders below models/ that hold it, the first being its own, and its extensions."""

    folders: tuple[str, ...]
    extensions: frozenset[str] = WEIGHTS
    marker: str | None = None  # set: a folder with this file in it is the thing that is listed

    def takes(self, name: str) -> bool:
        """Whether a file of this name is one, by its extension; without any, every file is."""
        return not self.extensions or os.path.splitext(name)[1].lower() in self.extensions


#: What of the folders of pictures and people's files is listed, by what is asked for behind a colon: `input:latents`.
PLACED: Mapping[str, Kind] = MappingProxyType(
    {
        "": Kind((), PICTURES | FLOAT_PICTURES),
        "latents": Kind((), frozenset({".latent"})),
        "datasets": Kind((), marker="shard_0000.pkl"),
        "videos": Kind((), VIDEOS),
        "sounds": Kind((), SOUNDS | VIDEOS),  # a video's sound is one, too
    }
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "checkpoints": Kind(("checkpoints",)),
        "diffusion_models": Kind(("diffusion_models", "unet")),
        "vae": Kind(("vae",)),
        "vae_approx": Kind(("vae_approx",)),
        "text_encoders": Kind(("text_encoders", "clip")),
        "clip_vision": Kind(("clip_vision",)),
        "tokenizers": Kind(("tokenizers",), _VOCABULARIES),
        "loras": Kind(("loras",)),
        "embeddings": Kind(("embeddings",)),
        "hypernetworks": Kind(("hypernetworks",)),
        "controlnet": Kind(("controlnet", "t2i_adapter")),
        "style_models": Kind(("style_models",)),
        "gligen": Kind(("gligen",)),
        "photomaker": Kind(("photomaker",)),
        "ipadapter": Kind(("ipadapter",)),
        "model_patches": Kind(("model_patches",)),
        "upscale_models": Kind(("upscale_models",)),
        "latent_upscale_models": Kind(("latent_upscale_models",)),
        "audio_encoders": Kind(("audio_encoders",)),
        "background_removal": Kind(("background_removal",)),
        "frame_interpolation": Kind(("frame_interpolation",)),
        "optical_flow": Kind(("optical_flow",)),
        "classifiers": Kind(("classifiers",), frozenset({""}) | WEIGHTS),
        "configs": Kind(("configs",), _SETTINGS_FILES),
        "diffusers": Kind(("diffusers",), marker="model_index.json"),
    }
)

# Older names of kinds, as packs and extra_model_paths.yaml write them.
KIND_NAMES: Mapping[str, str] = MappingProxyType(
    {"clip": "text_encoders", "unet": "diffusion_models", "t2i_adapter": "controlnet"}
)

# What AUTOMATIC1111's program calls its folders, below its own base folder.
A1111_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "checkpoints": ("models/Stable-diffusion",),
        "configs": ("models/Stable-diffusion",),
        "vae": ("models/VAE",),
        "loras": ("models/Lora", "models/LyCORIS"),
        "upscale_models": (
            *("models/ESRGAN", "models/RealESRGAN", "models/SwinIR", "models/DAT", "models/ScuNET", "models/GFPGAN"),
        ),
        "embeddings": ("embeddings",),
        "hypernetworks": ("models/hypernetworks",),
        "controlnet": ("models/ControlNet",),
    }
)
