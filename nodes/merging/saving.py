"""Models written into files, with what was put into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, Hidden, More, Number, Text, Wire, node
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.output_names import plan_name
from heddle.wires import Clip, ClipVision, LoraModel, Model, Vae
from model_management.adapter_saving import adapter_pieces
from model_management.adapter_values import adapter_tensors, file_pieces
from model_management.saving import (
    SavedPart,
    checkpoint_parts,
    image_only_parts,
    model_part,
    net_pieces,
    text_parts,
    vae_part,
)
from model_management.written_predictions import marks_of, prediction_texts
from nodes.metadata import texts_for

CATEGORY = "model/merging"

_TIP = "How the name begins, in the output folder; slashes make folders. Files are numbered, none is overwritten."
_EXTRACTED = More({"default": "loras/ComfyUI_extracted_lora", "multiline": False})
_SINGLE = More({"multiselect": False})
Prompt = Annotated[Any, Hidden("PROMPT")]
Extra = Annotated[Any, Hidden("EXTRA_PNGINFO")]


@node("CheckpointSave", category=CATEGORY, name="Save Checkpoint", effects=True, search=("save", "export", "bake vae"))
def save_checkpoint(
    model: Annotated[Model, Wire("MODEL", tip="The diffusion model, with its adapters and merges.")],
    clip: Annotated[Clip, Wire("CLIP", tip="The text encoders, with theirs.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder that is put in.")],
    filename_prefix: Annotated[str, Text(tip=_TIP)] = "checkpoints/ComfyUI",
    *,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write a full checkpoint that loads as one file: model, text encoders and autoencoder, as they are here.

    Adapters and merges are worked into the weights. Each weight keeps the number type of the file that it came from.
    """
    return _write({"": checkpoint_parts(model, clip, vae)}, filename_prefix, prompt, extra_pnginfo, ctx, model)


@node(
    "ImageOnlyCheckpointSave", category=CATEGORY, name="ImageOnlyCheckpointSave", effects=True,
    search=("save", "export", "svd", "img2vid"),
)  # fmt: skip
def save_image_only_checkpoint(
    model: Annotated[Model, Wire("MODEL", tip="The diffusion model, with its adapters and merges.")],
    clip_vision: Annotated[ClipVision, Wire("CLIP_VISION", tip="What reads the images that the model is shown.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder that is put in.")],
    filename_prefix: Annotated[str, Text(tip=_TIP)] = "checkpoints/ComfyUI",
    *,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write a checkpoint of a model that goes on from images, which ImageOnlyCheckpointLoader loads as one file.

    It holds model, vision encoder and autoencoder as they are here, and no text encoder.
    """
    return _write({"": image_only_parts(model, clip_vision, vae)}, filename_prefix, prompt, extra_pnginfo, ctx, model)


@node("ModelSave", category=CATEGORY, effects=True, search=("save", "export"))
def save_model(
    model: Annotated[Model, Wire("MODEL", tip="The diffusion model, with its adapters and merges.")],
    filename_prefix: Annotated[str, Text(tip=_TIP)] = "diffusion_models/ComfyUI",
    *,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write a diffusion model alone, without text encoders and autoencoder."""
    return _write({"": [model_part(model)]}, filename_prefix, prompt, extra_pnginfo, ctx, model)


@node("CLIPSave", category=CATEGORY, effects=True, search=("save", "export", "text encoder"))
def save_clip(
    clip: Annotated[Clip, Wire("CLIP", tip="The text encoders, with their adapters and merges.")],
    filename_prefix: Annotated[str, Text(tip=_TIP)] = "clip/ComfyUI",
    *,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write text encoders, each into a file of its own; of several, the name says which one it holds."""
    files = {f"_clip_{name}" if len(clip.encoders) > 1 else "": [part] for name, part in text_parts(clip).items()}
    return _write(files, filename_prefix, prompt, extra_pnginfo, ctx)


@node("VAESave", category=CATEGORY, effects=True, search=("save", "export", "autoencoder"))
def save_vae(
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder.")],
    filename_prefix: Annotated[str, Text(tip=_TIP)] = "vae/ComfyUI_vae",
    *,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write an autoencoder into a file of its own."""
    return _write({"": [vae_part(vae)]}, filename_prefix, prompt, extra_pnginfo, ctx)


@node("LoraSave", category="experimental", name="Extract and Save Lora", effects=True, experimental=True)
def save_lora(
    filename_prefix: Annotated[str, Text(tip=_TIP), _EXTRACTED],
    rank: Annotated[
        int,
        Number(default=8, low=1, high=4096, step=1, advanced=True, tip="Higher comes nearer to the difference."),
    ],
    lora_type: Annotated[
        str,
        Choice("standard", "full_diff", advanced=True, tip="A product of the given rank, or the whole difference."),
        _SINGLE,
    ],
    bias_diff: Annotated[bool, Flag(default=True, advanced=True, tip="Whether biases and norms are written too.")],
    *,
    model_diff: Annotated[Model | None, Wire("MODEL", tip="A difference, as ModelMergeSubtract makes it.")] = None,
    text_encoder_diff: Annotated[Clip | None, Wire("CLIP", tip="A difference, as CLIPMergeSubtract makes it.")] = None,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write the difference between two models as an adapter file, which Load LoRA adds to others of the family."""
    if model_diff is None and text_encoder_diff is None:
        raise GraphError(say("nothing to write: connect model_diff or text_encoder_diff"), input_name="model_diff")
    if model_diff is not None and not model_diff.weight_patches:
        ctx.note(say("model_diff is a model as it was loaded, not a difference; connect ModelMergeSubtract"))
    if text_encoder_diff is not None and not any(each.weight_patches for each in text_encoder_diff.encoders):
        ctx.note(say("text_encoder_diff is a CLIP as it was loaded, not a difference; connect CLIPMergeSubtract"))
    texts = texts_for(prompt, extra_pnginfo, ctx)
    kind: Any = lora_type
    pieces = adapter_pieces(model_diff, text_encoder_diff, rank, kind, bias_diff, texts)
    return Shown((), {"files": [_write_file(pieces, filename_prefix, ctx)]})


@node(
    "SaveLoRA", category=CATEGORY, name="Save LoRA Weights", effects=True, experimental=True,
    search=("save", "export", "trained lora"),
)  # fmt: skip
def save_trained_lora(
    lora: Annotated[LoraModel, Wire("LORA_MODEL", tip="An adapter that a node before this one has trained.")],
    prefix: Annotated[str, Text(tip=_TIP), More({"multiline": False})] = "loras/ComfyUI_trained_lora",
    *,
    steps: Annotated[
        int | None, Number(tip="How long it was trained; the name says so. Nothing = it does not.")
    ] = None,
    prompt: Prompt = None,
    extra_pnginfo: Extra = None,
    ctx: Context,
) -> Shown:
    """Write an adapter that was trained in this workflow into a file, which Load LoRA puts into models."""
    named = prefix if steps is None else f"{prefix}_{steps}_steps"
    pieces = file_pieces(adapter_tensors(lora), texts_for(prompt, extra_pnginfo, ctx))
    return Shown((), {"files": [_write_file(pieces, named, ctx)]})


def _write(
    files: Mapping[str, Sequence[SavedPart]],
    prefix: str,
    prompt: Any,
    extra: Any,
    ctx: Context,
    model: Any = None,
) -> Shown:
    """One file for each of these; the key is put behind the prefix. What a model among them predicts is said in it."""
    texts, marks = texts_for(prompt, extra, ctx), {}
    if model is not None:
        texts, marks = {**texts, **prediction_texts(model.predicts)}, marks_of(model.predicts, model.latent)
    written = []
    for ending, parts in files.items():
        written.append(_write_file(net_pieces(parts, texts, marks), prefix + ending, ctx))
    return Shown((), {"files": written})


def _write_file(pieces: Iterable[bytes], prefix: str, ctx: Context) -> dict[str, str]:
    target = plan_name(ctx.folders, "output", prefix, width=0, height=0, now=datetime.now())
    path = target.save_pieces(_unless_cancelled(pieces, ctx), ".safetensors", ctx.next_save())
    return {"filename": path.name, "subfolder": target.subfolder, "type": "output"}


def _unless_cancelled(pieces: Iterable[bytes], ctx: Context) -> Iterator[bytes]:
    for piece in pieces:
        ctx.check_cancelled()
        yield piece
