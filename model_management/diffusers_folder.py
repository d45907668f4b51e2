"""Whole models as diffusers keeps them: a folder with one for each net."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.samplers.noise_schedules import FlowSchedule
from heddle.samplers.predictions import Flow, Prediction, Velocity
from model_management.checkpoint import OpenedCheckpoint, open_network, open_vae
from model_management.family import Family
from model_management.text_files import open_text_encoders

#: What the file of a net is called, the best first.
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_ENDINGS = tuple(
    name
    for ending in (".safetensors", ".bin")
    for name in (
        *(ending, f"{ending}.index.json"),
        *(f".fp16{ending}", f".fp16{ending}.index.json", f"{ending}.index.fp16.json"),
    )
)

#: Of each text encoder and of its tokenizer.
_TEXT_FOLDERS = {f"text_encoder{number}": f"tokenizer{number}" for number in ("", "_2", "_3")}


def open_diffusers_folder(folder: Path, families: Sequence[Family]) -> OpenedCheckpoint:
    """The handles of a model in a folder: unet or transformer, text_encoder, perhaps text_encoder_2 and _3, vae.

    Raises: WeightsError, if a part is missing, damaged or of no family among these; GraphError, if the text encoders
        are not those that the family reads.
    """
    is_transformer = (folder / "transformer").is_dir() and not (folder / "unet").is_dir()
    model = open_network(find_weights(folder / ("transformer" if is_transformer else "unet")), families)
    model = replace(model, predicts=_told(_scheduler(folder), model.predicts))
    texts = {
        find_weights(folder / name): folder / tokenizer
        for name, tokenizer in _TEXT_FOLDERS.items()
        if (folder / name).is_dir()
    }
    vae = open_vae(find_weights(folder / "vae"))
    clip = open_text_encoders(list(texts), model.family.text_type, families)
    tokenizers = {path.resolve(): tokenizer for path, tokenizer in texts.items()}
    encoders = (replace(each, tokenizer=tokenizers[each.stored.header.path]) for each in clip.encoders)
    return OpenedCheckpoint(replace(model, vae=vae), replace(clip, encoders=tuple(encoders)), vae)


def _told(scheduler: Mapping[str, Any], predicts: Prediction) -> Prediction:
    """What the network predicts, and along which levels, where the folder's schedule says so."""
    if scheduler.get("prediction_type") == "v_prediction":
        return Velocity(predicts.schedule)
    shift = scheduler.get("shift")
    if not isinstance(shift, int | float) or shift <= 0 or scheduler.get("use_dynamic_shifting"):
        return predicts
    if isinstance(predicts, Flow) and isinstance(predicts.schedule, FlowSchedule):
        return Flow(replace(predicts.schedule, shift=float(shift)))
    return predicts


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
