"""Whole checkpoints and single autoencoders."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, node
from heddle.wires import Clip, ClipVision, Model, Vae
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_vae
from model_management.diffusers_folder import open_diffusers_folder
from model_management.families.known import FAMILIES
from model_management.match_report import note_unmatched
from model_management.small_vae import LATENTS, open_small_vae
from model_management.training_config import read_config
from model_management.vision import open_clip_vision


@node("CheckpointLoaderSimple", category="model/loaders", name="Load Checkpoint", search=("model", "safetensors"))
def load_checkpoint(
    ckpt_name: Annotated[str, Files("checkpoints", tip="A checkpoint file that holds model, text encoder and VAE.")],
    ctx: Context,
) -> tuple[Model, Clip, Vae]:
    """Open a checkpoint: the diffusion model, its text encoder and its autoencoder.

    Only the file's header is read here; weights are brought in when a node first needs them.
    """
    return _told(open_checkpoint(ctx.folders.find("checkpoints", ckpt_name), FAMILIES), ctx)


@node("unCLIPCheckpointLoader", category="model/loaders", name="Load unCLIP Checkpoint", search=("image", "vision"))
def load_unclip_checkpoint(
    ckpt_name: Annotated[str, Files("checkpoints", tip="An unCLIP checkpoint, which also holds a vision encoder.")],
    ctx: Context,
) -> tuple[Model, Clip, Vae, ClipVision]:
    """Open a checkpoint that draws after pictures: with the encoder that reads them as it was trained to be shown."""
    path = ctx.folders.find("checkpoints", ckpt_name)
    opened, vision = open_checkpoint(path, FAMILIES), open_clip_vision(path)
    note_unmatched([*opened.nets, vision.stored], ctx.note, is_whole=True)
    return opened.model, opened.clip, opened.vae, vision


@node(
    "ImageOnlyCheckpointLoader", category="model/loaders", name="Load Checkpoint Image Only (img2vid model)",
    search=("svd", "video", "image to video"),
)  # fmt: skip
def load_image_only_checkpoint(
    ckpt_name: Annotated[
        str, Files("checkpoints", tip="A checkpoint that holds model, vision encoder and VAE, such as Stable Video's.")
    ],
    ctx: Context,
) -> tuple[Model, ClipVision, Vae]:
    """Open a checkpoint that goes on from an image: the diffusion model, what reads the image, and the autoencoder.

    For Stable Video Diffusion; unCLIP checkpoints are opened too, without their text encoder.
    """
    path = ctx.folders.find("checkpoints", ckpt_name)
    opened, vision = open_checkpoint(path, FAMILIES), open_clip_vision(path)
    note_unmatched([*opened.nets, vision.stored], ctx.note, is_whole=True)
    return opened.model, vision, opened.vae


@node(
    "CheckpointLoader", category="model/loaders", name="Load Checkpoint With Config (DEPRECATED)", deprecated=True,
    search=("model", "yaml"),
)  # fmt: skip
def load_checkpoint_with_config(
    config_name: Annotated[str, Files("configs", tip="The configuration that the model was trained with.")],
    ckpt_name: Annotated[str, Files("checkpoints", tip="A checkpoint file that holds model, text encoder and VAE.")],
    ctx: Context,
) -> tuple[Model, Clip, Vae]:
    """Open a checkpoint whose configuration says what its network predicts, how its latents are scaled, and whether
    the averages of its training are used; all else the file says itself.
    """
    config = read_config(ctx.folders.find("configs", config_name))
    return _told(open_checkpoint(ctx.folders.find("checkpoints", ckpt_name), FAMILIES, config), ctx)


@node(
    "HeddleCheckpointLoaderAverages", category="model/loaders", name="Load Checkpoint (EMA weights)",
    search=("ema", "average", "model"),
)  # fmt: skip
def load_averages(
    ckpt_name: Annotated[str, Files("checkpoints", tip="A checkpoint file that holds averages of its weights too.")],
    ctx: Context,
) -> tuple[Model, Clip, Vae]:
    """Open a checkpoint with the averages of its training (EMA) in place of the weights that it ended with.

    Training code keeps them beside the weights (model_ema.*); a file without them is refused.
    """
    return open_checkpoint(ctx.folders.find("checkpoints", ckpt_name), FAMILIES, with_averages=True)


def _told(opened: OpenedCheckpoint, ctx: Context) -> OpenedCheckpoint:
    """The same; what of its file no net takes is noted."""
    note_unmatched(opened.nets, ctx.note, is_whole=True)
    return opened


@node(
    "DiffusersLoader", category="model/loaders", name="Load Diffusers Model (DEPRECATED)", deprecated=True,
    search=("folder", "huggingface"),
)  # fmt: skip
def load_diffusers_folder(
    model_path: Annotated[str, Files("diffusers", tip="A folder with model_index.json, and one for each net.")],
    ctx: Context,
) -> tuple[Model, Clip, Vae]:
    """Open a model that lies in a folder, as diffusers keeps them."""
    return open_diffusers_folder(ctx.folders.find("diffusers", model_path), FAMILIES)


@node("VAELoader", category="model/loaders", name="Load VAE", search=("autoencoder",))
def load_vae(
    vae_name: Annotated[str, Files("vae", tip="An autoencoder file, to use in place of a checkpoint's own.")],
    ctx: Context,
) -> Vae:
    """Open an autoencoder that lies in a file of its own, or a small one by its name, such as taesd."""
    if vae_name in LATENTS:
        return open_small_vae(vae_name, ctx.folders)
    vae = open_vae(ctx.folders.find("vae", vae_name))
    note_unmatched([vae.stored], ctx.note)
    return vae
