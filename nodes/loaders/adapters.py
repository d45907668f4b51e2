"""LoRA and its kin, put into models and text encoders."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, Flag, More, Number, Wire, node
from heddle.wires import Clip, LoraModel, Model
from model_management.adapter_files import open_adapter, put_adapter
from model_management.adapter_values import adapter_tensors, open_tensors_as_adapter
from model_management.hypernetwork_files import open_hypernetwork, put_hypernetwork

LoraName = Annotated[str, Files("loras", tip="An adapter file: LoRA, LoHa, LoKr, OFT, GLoRA or a plain difference.")]
ModelStrength = Annotated[
    float, Number(low=-100, high=100, step=0.01, tip="How strongly the diffusion model is changed; 0 = not at all.")
]
ClipStrength = Annotated[
    float, Number(low=-100, high=100, step=0.01, tip="How strongly the text encoder is changed; 0 = not at all.")
]


@node("LoraLoader", category="model/loaders", name="Load LoRA (Model and CLIP)", search=("lora", "lycoris", "style"))
def load_lora(
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: ModelStrength = 1.0,
    strength_clip: ClipStrength = 1.0,
    *,
    ctx: Context,
) -> tuple[Model, Clip]:
    """Put an adapter into a model and its text encoder, after those that are in them already.

    Only the file's header is read here; what fits nothing of the model is noted, a file that does not fit is refused.
    """
    if not strength_model and not strength_clip:
        return model, clip
    file = open_adapter(ctx.folders.find("loras", lora_name))
    adapted = put_adapter(file, model, clip, strength_model, strength_clip)
    ctx.note(str(adapted.report))
    return adapted.model, adapted.clip


@node("LoraLoaderModelOnly", category="model/loaders", name="Load LoRA", search=("lora", "lycoris", "style"))
def load_lora_into_model(
    model: Model, lora_name: LoraName, strength_model: ModelStrength = 1.0, *, ctx: Context
) -> Model:
    """Put an adapter into a model and leave the text encoder as it is."""
    if not strength_model:
        return model
    file = open_adapter(ctx.folders.find("loras", lora_name))
    adapted = put_adapter(file, model, None, strength_model)
    ctx.note(str(adapted.report))
    return adapted.model


@node("LoraLoaderBypass", category="model/loaders", name="Load LoRA (Bypass) (For debugging)", experimental=True)
def load_lora_beside(
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: ModelStrength = 1.0,
    strength_clip: ClipStrength = 1.0,
    *,
    ctx: Context,
) -> tuple[Model, Clip]:
    """The same as Load LoRA, for workflows that have this node: no adapter here changes the model's own weights."""
    return load_lora(model, clip, lora_name, strength_model, strength_clip, ctx=ctx)


@node(
    "LoraLoaderBypassModelOnly",
    category="model/loaders",
    name="Load LoRA (Bypass, Model Only) (for debugging)",
    experimental=True,
)
def load_lora_beside_model(
    model: Model, lora_name: LoraName, strength_model: ModelStrength = 1.0, *, ctx: Context
) -> Model:
    """The same as Load LoRA for the model alone, for workflows that have this node."""
    return load_lora_into_model(model, lora_name, strength_model, ctx=ctx)


@node(
    "LoraModelLoader", category="model/loaders", name="Load LoRA Model", outputs=("model",), experimental=True,
    search=("lora", "trained"),
)  # fmt: skip
def put_trained_lora(
    model: Model,
    lora: Annotated[LoraModel, Wire("LORA_MODEL", tip="An adapter that a node before this one has trained.")],
    strength_model: Annotated[
        float, Number(low=-100, high=100, tip="How strongly the diffusion model is changed; 0 = not at all.")
    ] = 1.0,
    bypass: Annotated[
        bool, Flag(tip="For workflows that have it set: no adapter here changes the model's own weights.")
    ] = False,
    *,
    ctx: Context,
) -> Model:
    """Put an adapter into a model that was trained in this workflow and lies in no file."""
    tensors = adapter_tensors(lora)
    if not strength_model:
        return model
    adapted = put_adapter(open_tensors_as_adapter(tensors, ctx.folders.temp), model, None, strength_model)
    ctx.note(str(adapted.report))
    return adapted.model


@node("HypernetworkLoader", category="model/loaders", name="Load Hypernetwork", search=("hypernetwork",))
def load_hypernetwork(
    model: Model,
    hypernetwork_name: Annotated[
        str, Files("hypernetworks", tip="A hypernetwork file of the web UI."), More({"multiselect": False})
    ],
    strength: Annotated[
        float, Number(low=-10, high=10, step=0.01, tip="How strongly keys and values are changed; 0 = not at all.")
    ] = 1.0,
    *,
    ctx: Context,
) -> Model:
    """Put a hypernetwork into a model: small nets that change what attention's keys and values are made of."""
    hypernetwork = open_hypernetwork(ctx.folders.find("hypernetworks", hypernetwork_name))
    model, report = put_hypernetwork(hypernetwork, model, strength)
    ctx.note(report)
    return model
