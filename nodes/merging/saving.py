"""Models written into files, with what was put into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Hidden, Text, Wire, node
from heddle.graph.results import Shown
from heddle.media.output_names import plan_name
from heddle.media.pictures import remaking_texts
from heddle.wires import Clip, Model, Vae
from model_management.saving import (
    SavedPart,
    checkpoint_parts,
    model_part,
    safetensors_pieces,
    text_parts,
    vae_part,
)

CATEGORY = "model/merging"

_TIP = "How the name begins, in the output folder; slashes make folders. Files are numbered, none is overwritten."
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
    return _write({"": checkpoint_parts(model, clip, vae)}, filename_prefix, prompt, extra_pnginfo, ctx)


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
    return _write({"": [model_part(model)]}, filename_prefix, prompt, extra_pnginfo, ctx)


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


def _write(files: Mapping[str, Sequence[SavedPart]], prefix: str, prompt: Any, extra: Any, ctx: Context) -> Shown:
    """One file for each of these; the key is put behind the prefix."""
    written = []
    for ending, parts in files.items():
        target = plan_name(ctx.folders, "output", prefix + ending, width=0, height=0, now=datetime.now())
        pieces = _unless_cancelled(safetensors_pieces(parts, remaking_texts(prompt, extra)), ctx)
        path = target.save_pieces(pieces, ".safetensors", ctx.next_save())
        written.append({"filename": path.name, "subfolder": target.subfolder, "type": "output"})
    return Shown((), {"files": written})


def _unless_cancelled(pieces: Iterable[bytes], ctx: Context) -> Iterator[bytes]:
    for piece in pieces:
        ctx.check_cancelled()
        yield piece
