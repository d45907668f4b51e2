"""Hooks made of files: LoRAs, and whole models in a LoRA's place; and hooks put together."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, Number, node
from heddle.wires import Hooks
from model_management.adapter_files import open_adapter
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weight_hooks import NO_HOOKS, AdapterHookSource, CheckpointHookSource
from nodes.loaders.adapters import LoraName

CREATE = "advanced/hooks/create"
COMBINE = "advanced/hooks/combine"

CheckpointName = Annotated[
    str, Files("checkpoints", tip="A model of the same family: what its weights have over the model's is the change.")
]
ModelStrength = Annotated[
    float,
    Number(default=1.0, low=-20, high=20, step=0.01, tip="How strongly the model is changed; 0 = not at all."),
]
ClipStrength = Annotated[
    float,
    Number(default=1.0, low=-20, high=20, step=0.01, tip="How strongly the text encoder is changed; 0 = not at all."),
]


@node("CreateHookLora", category=CREATE, name="Create Hook LoRA", search=("lora", "hook"), experimental=True)
def hook_lora(
    lora_name: LoraName,
    strength_model: ModelStrength,
    strength_clip: ClipStrength,
    *,
    prev_hooks: Hooks | None = None,
    ctx: Context,
) -> Hooks:
    """An adapter that acts only on the conditionings that carry it, and on the texts of a CLIP that is set to it.

    Only the file's header is read here; how much of it fits is said where it meets a model or a CLIP.
    """
    source = AdapterHookSource(open_adapter(ctx.folders.find("loras", lora_name)))
    return (prev_hooks or NO_HOOKS).with_hook(source, strength_model, strength_clip)


@node(
    "CreateHookLoraModelOnly", category=CREATE, name="Create Hook LoRA (MO)", search=("lora", "hook"),
    experimental=True,
)  # fmt: skip
def hook_lora_into_model(
    lora_name: LoraName, strength_model: ModelStrength, *, prev_hooks: Hooks | None = None, ctx: Context
) -> Hooks:
    """An adapter that acts on the conditionings that carry it, and leaves text encoders as they are."""
    return hook_lora(lora_name, strength_model, 0, prev_hooks=prev_hooks, ctx=ctx)


@node(
    "CreateHookModelAsLora", category=CREATE, name="Create Hook Model as LoRA", search=("checkpoint", "hook"),
    experimental=True,
)  # fmt: skip
def hook_model(
    ckpt_name: CheckpointName,
    strength_model: ModelStrength,
    strength_clip: ClipStrength,
    *,
    prev_hooks: Hooks | None = None,
    ctx: Context,
) -> Hooks:
    """Another model that acts on the conditionings that carry it: 1 is the other model, 0.5 half way towards it."""
    source = CheckpointHookSource(open_checkpoint(ctx.folders.find("checkpoints", ckpt_name), FAMILIES))
    return (prev_hooks or NO_HOOKS).with_hook(source, strength_model, strength_clip)


@node(
    "CreateHookModelAsLoraModelOnly", category=CREATE, name="Create Hook Model as LoRA (MO)",
    search=("checkpoint", "hook"), experimental=True,
)  # fmt: skip
def hook_model_into_model(
    ckpt_name: CheckpointName, strength_model: ModelStrength, *, prev_hooks: Hooks | None = None, ctx: Context
) -> Hooks:
    """Another model that acts on the conditionings that carry it, and leaves text encoders as they are."""
    return hook_model(ckpt_name, strength_model, 0, prev_hooks=prev_hooks, ctx=ctx)


@node("CombineHooks2", category=COMBINE, name="Combine Hooks [2]", experimental=True)
def combine_2(*, hooks_A: Hooks | None = None, hooks_B: Hooks | None = None) -> Hooks:
    """All of these hooks at once, in whatever order; one that is in both counts once."""
    return NO_HOOKS.joined(*(each for each in (hooks_A, hooks_B) if each is not None))


@node("CombineHooks4", category=COMBINE, name="Combine Hooks [4]", experimental=True)
def combine_4(
    *,
    hooks_A: Hooks | None = None,
    hooks_B: Hooks | None = None,
    hooks_C: Hooks | None = None,
    hooks_D: Hooks | None = None,
) -> Hooks:
    """All of these hooks at once, in whatever order; one that is in several counts once."""
    return NO_HOOKS.joined(*(each for each in (hooks_A, hooks_B, hooks_C, hooks_D) if each is not None))


@node("CombineHooks8", category=COMBINE, name="Combine Hooks [8]", experimental=True)
def combine_8(
    *,
    hooks_A: Hooks | None = None,
    hooks_B: Hooks | None = None,
    hooks_C: Hooks | None = None,
    hooks_D: Hooks | None = None,
    hooks_E: Hooks | None = None,
    hooks_F: Hooks | None = None,
    hooks_G: Hooks | None = None,
    hooks_H: Hooks | None = None,
) -> Hooks:
    """All of these hooks at once, in whatever order; one that is in several counts once."""
    given = (hooks_A, hooks_B, hooks_C, hooks_D, hooks_E, hooks_F, hooks_G, hooks_H)
    return NO_HOOKS.joined(*(each for each in given if each is not None))
