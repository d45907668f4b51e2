"""Guidance that looks into a network: away from what it says with a part of it made weaker, or inside its attention."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import More, Number, Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.hooks import BlockKind, BlockPlace
from heddle.networks.unet import UNetConfig
from heddle.samplers.weaker_guidance import away_from_weaker, self_attention_guidance, weaker_negative
from heddle.wires import Model
from model_management.attention_guidance import (
    look_nowhere,
    normalized_attention,
    positive_meets_negative,
    skip_blocks,
    watch_middle,
)
from model_management.patches import GuidancePatch

_LAYERS_TIP = "Numbers of the blocks to leave out, from 0 on, with anything between them."
_ONE_LINE = More({"advanced": True, "multiline": False})
DoubleLayers = Annotated[
    str,
    Text(tip=f"{_LAYERS_TIP} Those with weights of their own for text and picture."),
    More({"advanced": True, "multiline": False}),
]
SingleLayers = Annotated[
    str,
    Text(tip=f"{_LAYERS_TIP} Those that have text and picture in one sequence."),
    More({"advanced": True, "multiline": False}),
]
SkipScale = Annotated[
    float,
    Number(low=0.0, high=10.0, step=0.1, tip="How far to go away from what is said without the blocks; 0 is off."),
]
Start = Annotated[
    float, Number(low=0.0, high=1.0, step=0.001, advanced=True, tip="Where in the run it begins, 0 to 1.")
]
End = Annotated[float, Number(low=0.0, high=1.0, step=0.001, advanced=True, tip="Where in the run it ends, 0 to 1.")]


@node("PerturbedAttentionGuidance", category="model/patch/unet", name="PerturbedAttentionGuidance", search=("pag",))
def perturbed_attention(
    model: Model,
    scale: Annotated[
        float,
        Number(
            default=3.0, low=0.0, high=100.0, step=0.01, round=0.01,
            tip="How far to go away from what is said without self-attention; 0 is off.",
        ),
    ],
) -> Model:  # fmt: skip
    """Better structure, also without a negative: away from what a UNet says whose middle does not look around.

    Each step calls the network once more.
    """
    _needs_middle_attention(model, "PerturbedAttentionGuidance")
    change = away_from_weaker(look_nowhere, scale, "perturbed attention")
    return model.with_patch("PerturbedAttentionGuidance", GuidancePatch(change))


@node("SelfAttentionGuidance", category="experimental", name="Self-Attention Guidance", experimental=True,
      search=("sag",))  # fmt: skip
def self_attention(
    model: Model,
    scale: Annotated[
        float,
        Number(default=0.5, low=-2.0, high=5.0, step=0.01, tip="How far to go away from what is said of the blurred."),
    ],
    blur_sigma: Annotated[
        float, Number(default=2.0, low=0.0, high=10.0, step=0.1, advanced=True, tip="Width of the blur, in cells.")
    ],
) -> Model:
    """More detail where it matters: away from what a UNet says of a picture that is blurred where it looks most.

    Each step calls the network once more, and the negative is evaluated also with a cfg of 1.
    """
    _needs_middle_attention(model, "SelfAttentionGuidance")
    change = self_attention_guidance(watch_middle, scale, blur_sigma)
    return model.with_patch("SelfAttentionGuidance", GuidancePatch(change))


@node("SkipLayerGuidanceDiT", category="advanced/guidance", name="SkipLayerGuidanceDiT", experimental=True,
      search=("slg",))  # fmt: skip
def skip_layers(
    model: Model,
    double_layers: DoubleLayers = "7, 8, 9",
    single_layers: SingleLayers = "7, 8, 9",
    scale: SkipScale = 3.0,
    start_percent: Start = 0.01,
    end_percent: End = 0.15,
    rescaling_scale: Annotated[
        float, Number(low=0.0, high=10.0, step=0.01, tip="How far the result gets the spread of the positive; 0 = not.")
    ] = 0.0,
    *,
    ctx: Context,
) -> Model:
    """Better structure: away from what a diffusion transformer says with some of its blocks left out.

    Each step of its part of the run calls the network once more.
    """
    places = _blocks(model, {"double": double_layers, "single": single_layers}, "SkipLayerGuidanceDiT", ctx)
    return _with_skipping(model, places, scale, start_percent, end_percent, rescaling_scale)


@node("SkipLayerGuidanceSD3", category="advanced/guidance", name="SkipLayerGuidanceSD3", experimental=True,
      search=("slg",))  # fmt: skip
def skip_layers_sd3(
    model: Model,
    layers: Annotated[str, Text(tip=_LAYERS_TIP), _ONE_LINE] = "7, 8, 9",
    scale: SkipScale = 3.0,
    start_percent: Start = 0.01,
    end_percent: End = 0.15,
    *,
    ctx: Context,
) -> Model:
    """Better hands and bodies from Stable Diffusion 3.5: away from what it says with some of its blocks left out.

    Each step of its part of the run calls the network once more.
    """
    places = _blocks(model, {"double": layers}, "SkipLayerGuidanceSD3", ctx)
    return _with_skipping(model, places, scale, start_percent, end_percent, 0.0)


@node("SkipLayerGuidanceDiTSimple", category="advanced/guidance", name="SkipLayerGuidanceDiTSimple", experimental=True,
      search=("slg",))  # fmt: skip
def skip_layers_of_negative(
    model: Model,
    double_layers: DoubleLayers = "7, 8, 9",
    single_layers: SingleLayers = "7, 8, 9",
    start_percent: Start = 0.0,
    end_percent: End = 1.0,
    *,
    ctx: Context,
) -> Model:
    """Skip layer guidance without a further call: the negative's own guess is made with some blocks left out."""
    places = _blocks(model, {"double": double_layers, "single": single_layers}, "SkipLayerGuidanceDiTSimple", ctx)
    if not places:
        return model
    first, last = _levels(model, start_percent, end_percent)
    change = weaker_negative(skip_blocks(places), "skipped layers", first_sigma=first, last_sigma=last)
    return model.with_patch("SkipLayerGuidanceDiTSimple", GuidancePatch(change))


@node("NAGuidance", category="advanced/guidance", name="Normalized Attention Guidance", experimental=True,
      search=("nag",))  # fmt: skip
def normalized_attention_guidance(
    model: Model,
    nag_scale: Annotated[
        float, Number(default=5.0, low=0.0, high=50.0, step=0.1, tip="How far to go away from the negative; 1 is off.")
    ],
    nag_alpha: Annotated[
        float,
        Number(default=0.5, low=0.0, high=1.0, step=0.01, tip="How much of the guided features; 0 is off, 1 is all."),
    ],
    nag_tau: Annotated[
        float,
        Number(default=1.5, low=1.0, high=10.0, step=0.01, tip="The longest guided feature, in lengths of its own."),
    ],
) -> Model:
    """Negative prompts also for distilled models, with a cfg of 1: guidance inside the network's attention."""
    if not isinstance(model.config, UNetConfig):
        _block_counts(model, "NAGuidance")
    guided = model.with_patch("NAGuidance", normalized_attention(nag_scale, nag_alpha, nag_tau))
    return guided.with_patch("NAGuidance", GuidancePatch(positive_meets_negative()))


def _with_skipping(
    model: Model, places: list[BlockPlace], scale: float, start: float, end: float, rescaled: float
) -> Model:
    if not places:
        return model
    first, last = _levels(model, start, end)
    change = away_from_weaker(
        skip_blocks(places), scale, "skipped layers", first_sigma=first, last_sigma=last, rescaled=rescaled
    )
    return model.with_patch("SkipLayerGuidance", GuidancePatch(change))


def _levels(model: Model, start: float, end: float) -> tuple[float, float]:
    return model.predicts.schedule.percent_to_sigma(start), model.predicts.schedule.percent_to_sigma(end)


def _needs_middle_attention(model: Model, node_id: str) -> None:
    config = model.config
    if isinstance(config, UNetConfig) and config.middle_depth:
        return
    found = say("a UNet without attention in its middle") if isinstance(config, UNetConfig) else say("no UNet")
    raise GraphError(
        say(
            "model: {node} changes self-attention in the middle of a UNet, but this {family} is {found}; "
            "leave it out, or guide a diffusion transformer by SkipLayerGuidanceDiT",
            node=node_id,
            family=model.family.name,
            found=found,
        ),
        input_name="model",
        found=model.family.name,
        wanted="a UNet with attention in its middle",
    )


def _block_counts(model: Model, node_id: str) -> Mapping[BlockKind, int]:
    counts = getattr(model.config, "block_counts", None)
    if counts is None:
        raise GraphError(
            say(
                "model: {node} works on blocks of a diffusion transformer, but {family} has none that "
                "can be reached; a UNet is guided by PerturbedAttentionGuidance",
                node=node_id,
                family=model.family.name,
            ),
            input_name="model",
            found=model.family.name,
            wanted="a diffusion transformer",
        )
    return counts


def _blocks(model: Model, layers: Mapping[BlockKind, str], node_id: str, ctx: Context) -> list[BlockPlace]:
    """The blocks that are named and that there are; others are noted, unless the net has none of their kind."""
    counts = _block_counts(model, node_id)
    places: list[BlockPlace] = []
    for kind, text in layers.items():
        count = counts.get(kind, 0)
        named = [int(number) for number in re.findall(r"\d+", text)]
        places += [BlockPlace(kind, number) for number in named if number < count]
        beyond = [str(number) for number in named if number >= count]
        if count and beyond:
            ctx.note(
                say(
                    "{family} has {count} {kind} blocks, 0 to {last}; not there: {beyond}",
                    family=model.family.name,
                    count=count,
                    kind=kind,
                    last=count - 1,
                    beyond=", ".join(beyond),
                )
            )
    return places
