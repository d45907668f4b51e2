"""Whole models as diffusers keeps them: a folder with one for each net."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.samplers.predictions import Velocity
from model_management.checkpoint import OpenedCheckpoint, open_network, open_vae
from model_management.family import Family
from model_management.text_files import open_text_encoders

#: What the file of a net is called, the best first.
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_ENDINGS = (
    *(".safetensors", ".safetensors.index.json", ".fp16.safetensors", ".fp16.safetensors.index.json"),
    *(".bin", ".bin.index.json", ".fp16.bin", ".fp16.bin.index.json"),
)

_TEXT_FOLDERS = ("text_encoder", "text_encoder_2")


def open_diffusers_folder(folder: Path, families: Sequence[Family]) -> OpenedCheckpoint:
    """The handles of a model in a folder: unet, text_encoder, perhaps text_encoder_2, vae.

    Raises: WeightsError, if a part is missing, damaged or of no family among these; GraphError, if the text encoders
        are not those that the family reads.
    """
    if (folder / "transformer").is_dir() and not (folder / "unet").is_dir():
        raise WeightsError(
            say(
                "{folder} holds a transformer in place of a UNet, which is not read in this layout; load "
                "the model's files in its authors' layout with UNETLoader, DualCLIPLoader and VAELoader",
                folder=folder,
            ),
            file=folder,
        )
    model = open_network(find_weights(folder / "unet"), families)
    if _scheduler(folder).get("prediction_type") == "v_prediction":
        model = replace(model, predicts=Velocity(model.predicts.schedule))
    texts = [find_weights(folder / name) for name in _TEXT_FOLDERS if (folder / name).is_dir()]
    vae = open_vae(find_weights(folder / "vae"))
    clip = open_text_encoders(texts, model.family.text_type, families)
    return OpenedCheckpoint(replace(model, vae=vae), clip, vae)


def find_weights(folder: Path) -> Path:
    """The file with a net's weights, or the index of several. Raises: WeightsError, if there is none."""
    for stem in _STEMS:
        for ending in _ENDINGS:
            if (path := folder / f"{stem}{ending}").is_file():
                return path
    raise WeightsError(
        say(
            "{folder} holds no weights: {first}.safetensors or {second}.safetensors is wanted, or the "
            "index of such in several files; download the folder again, or choose the model's "
            "single-file checkpoint",
            folder=folder,
            first=_STEMS[0],
            second=_STEMS[1],
        ),
        file=folder,
    )


def _scheduler(folder: Path) -> dict[str, Any]:
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise WeightsError(
            say(
                "{path} cannot be read: {why}; it says what the network predicts: download it again",
                path=path,
                why=problem,
            ),
            file=path,
        ) from problem
    return content if isinstance(content, dict) else {}
