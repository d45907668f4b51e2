"""Training of LoRA and its kin."""

from __future__ import annotations

import re
from typing import Annotated, Any

import torch

from heddle.adapters.fresh import ALGORITHMS
from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Flag, More, Number, Wire, node
from heddle.graph.said import say
from heddle.training.buckets import pairs_of
from heddle.wires import LoraModel, LossMap
from model_management.adapter_files import open_adapter
from model_management.lora_training import LOSSES, OPTIMIZERS, LoraPlan, train_lora
from nodes.training.datasets import CATEGORY

_NONE = "[None]"
_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "none": None}


@node(
    "TrainLoraNode", category=CATEGORY, name="Train LoRA", outputs=("lora", "loss_map", "steps"), takes_lists=True,
    experimental=True, search=("finetune", "learn", "lycoris"),
)  # fmt: skip
def train(
    model: Annotated[Any, Wire("MODEL", tip="The model that is to learn. It is not changed itself.")],
    latents: Annotated[Any, Wire("LATENT", tip="The encoded pictures, a list of them.")],
    positive: Annotated[
        Any, Wire("CONDITIONING", tip="The encoded captions, one for each picture, or one for all of them.")
    ],
    batch_size: Annotated[list[int], Number(default=1, low=1, high=10000, tip="How many pictures each step sees.")],
    grad_accumulation_steps: Annotated[
        list[int], Number(default=1, low=1, high=1024, tip="So many steps change the LoRA once, by their mean.")
    ],
    steps: Annotated[list[int], Number(default=16, low=1, high=100000, tip="How many steps the training takes.")],
    learning_rate: Annotated[
        list[float],
        Number(default=0.0005, low=1e-07, high=1.0, step=1e-07, tip="How far each step goes; too far, and it fails."),
    ],
    rank: Annotated[
        list[int],
        Number(
            default=8,
            low=1,
            high=128,
            tip="How much it can learn: of LoRA and LoHa the rank, of LoKr and OFT the number of pieces.",
        ),
    ],
    optimizer: Annotated[
        list[str],
        Choice(*OPTIMIZERS, tip="How steps follow from gradients. AdamW suits nearly always."),
        More({"multiselect": False, "default": "AdamW"}),
    ],
    loss_function: Annotated[
        list[str],
        Choice(*LOSSES, tip="How a guess is compared with the picture. L1 and Huber mind outliers less."),
        More({"multiselect": False, "default": "MSE"}),
    ],
    seed: Annotated[
        list[int],
        Number(default=0, low=0, high=2**64 - 1, tip="The same seed draws the same pictures, levels and noise."),
    ],
    training_dtype: Annotated[
        list[str],
        Choice(*_DTYPES, tip="What the model is computed in. none leaves it as it is."),
        More({"multiselect": False, "default": "bf16"}),
    ],
    lora_dtype: Annotated[
        list[str],
        Choice("bf16", "fp32", tip="What the LoRA is kept in. fp32 learns more finely."),
        More({"multiselect": False, "default": "bf16"}),
    ],
    quantized_backward: Annotated[
        list[bool],
        Flag(default=False, tip="For models in few bits. Here they are widened first, so it changes nothing."),
    ],
    algorithm: Annotated[
        list[str],
        Choice(*ALGORITHMS, tip="What is trained: LoRA, or another of its kin."),
        More({"multiselect": False, "default": "LoRA"}),
    ],
    gradient_checkpointing: Annotated[
        list[bool], Flag(default=True, tip="Computes parts of the model twice, which takes much less memory.")
    ],
    checkpoint_depth: Annotated[
        list[int],
        Number(
            default=1, low=1, high=5, tip="How small the parts are that are computed twice; deeper ones are smaller."
        ),
    ],
    offloading: Annotated[
        list[bool],
        Flag(default=False, tip="For other engines. Here the ledger of memory sees to it, so it changes nothing."),
    ],
    existing_lora: Annotated[
        list[str],
        Files("loras", also=(_NONE,), tip="A LoRA that is trained further; [None] begins a new one."),
        More({"default": _NONE, "multiselect": False}),
    ],
    bucket_mode: Annotated[
        list[bool],
        Flag(default=False, tip="Pictures come in batches of one size each, as Resolution Bucket makes them."),
    ],
    bypass_mode: Annotated[
        list[bool], Flag(default=False, tip="For other engines. The result is the same, so it changes nothing here.")
    ],
    ctx: Context,
) -> tuple[LoraModel, LossMap, int]:
    """Train a LoRA on pictures and captions, for the diffusion model alone.

    Load LoRA Model tries it out at once, Save LoRA Weights writes it into a file. Each step's loss comes beside it.
    """
    captions = list(positive)
    if len(captions) == 1 and len(latents) > 1:
        captions *= len(latents)
    pairs = pairs_of(latents, captions)
    buckets = [pairs]
    if bucket_mode[0]:
        buckets = [pairs_of([latent], [entries]) for latent, entries in zip(latents, captions, strict=True)]
    name = existing_lora[0]
    begin = None if name == _NONE else open_adapter(ctx.folders.find("loras", name))
    for is_set, words in (
        (quantized_backward[0], "quantized_backward"),
        (offloading[0], "offloading"),
        (bypass_mode[0], "bypass_mode"),
    ):
        if is_set:
            ctx.note(say("{name} is on, which changes nothing here", name=words))
    trained = train_lora(
        model[0],
        buckets,
        LoraPlan(
            steps[0],
            rank[0],
            batch_size[0],
            grad_accumulation_steps[0],
            learning_rate[0],
            optimizer[0],
            loss_function[0],
            algorithm[0],
            seed[0],
            _DTYPES[training_dtype[0]],
            _DTYPES[lora_dtype[0]] or torch.float32,
            checkpoint_depth[0] if gradient_checkpointing[0] else 0,
        ),
        ctx.weights,
        begin=begin,
        on_progress=lambda progress: ctx.progress(progress.step, progress.steps),
        note=ctx.note,
    )
    return trained.tensors, {"loss": trained.losses}, steps[0] + steps_said_by(name)


def steps_said_by(name: str) -> int:
    """How many steps a LoRA was trained for, as Save LoRA Weights writes it into the name; 0 where it says nothing."""
    found = re.search(r"(?:^|_)(\d{1,9})_steps", name)
    return int(found[1]) if found else 0
