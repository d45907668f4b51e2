"""Models and text encoders that run on the CPU, though the others run on a graphics card.

A worker computes on one device; `--devices` starts a worker for each card.
"""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, More, Number, node
from heddle.graph.said import say
from heddle.wires import Clip, Model, Vae

CATEGORY = "advanced/multigpu"

_ONE = More({"multiselect": False})
Device = Annotated[
    str, Choice("default", "cpu", tip="Where it runs: where the other models do, or on the CPU, which is slow."), _ONE
]


@node("SelectModelDevice", category=CATEGORY, name="Select Model Device", search=("gpu", "cpu", "offload"))
def place_model(model: Model, device: Device) -> Model:
    """Run a diffusion model on the CPU, or where the other models run."""
    return model.placed(on_cpu=device == "cpu")


@node("SelectCLIPDevice", category=CATEGORY, name="Select CLIP Device", search=("gpu", "cpu", "offload"))
def place_clip(clip: Clip, device: Device) -> Clip:
    """Run text encoders on the CPU, which leaves the graphics card's memory to other models; or where those run."""
    return clip.placed(on_cpu=device == "cpu")


@node("SelectVAEDevice", category=CATEGORY, name="Select VAE Device", search=("gpu", "offload"))
def place_vae(
    vae: Vae, device: Annotated[str, Choice("default", tip="Where it runs: where the other models do."), _ONE]
) -> Vae:
    """Run an autoencoder where the other models run."""
    return vae


@node("MultiGPU_WorkUnits", category=CATEGORY, name="MultiGPU CFG Split", search=("gpu", "parallel"))
def split_over_cards(
    model: Model,
    max_gpus: Annotated[int, Number(default=2, low=1, step=1, tip="How many graphics cards may work on one picture.")],
    ctx: Context,
) -> Model:
    """Let several graphics cards work on one picture, where a worker has several.

    Here each card has a worker of its own, and cards work on pictures side by side: the model stays as it is.
    """
    if max_gpus > 1:
        ctx.note(say("a worker computes on one device: this run is not split"))
    return model
