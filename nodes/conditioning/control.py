"""Control nets put to work: a conditioning that also says where lines, depths or poses are to be."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.wires import Conditioning, ControlNet, Image, Vae
from model_management.control import Control
from nodes.conditioning.places import with_options

CATEGORY = "model/conditioning/controlnet"

Strength = Annotated[
    float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip="How much of what the net says is added.")
]
Hint = Annotated[Image, Wire("IMAGE", tip="What to follow: an image of the kind that the net was trained on.")]

TASKS = (
    "auto",
    "openpose",
    "depth",
    "hed/pidi/scribble/ted",
    "canny/lineart/anime_lineart/mlsd",
    "normal",
    "segment",
    "tile",
    "repaint",
)


@node("ControlNetApply", category=CATEGORY, name="Apply ControlNet (DEPRECATED)", deprecated=True)
def apply_to_one(conditioning: Conditioning, control_net: ControlNet, image: Hint, strength: Strength) -> Conditioning:
    """Let a control net follow an image for the whole run, for the negative as well."""
    if strength == 0:
        return conditioning
    return with_options(_controlled(conditioning, control_net, image, strength, {}), control_apply_to_uncond=True)


@node(
    "ControlNetApplyAdvanced", category=CATEGORY, name="Apply ControlNet",
    outputs=("positive", "negative"), search=("control", "canny", "depth", "pose"),
)  # fmt: skip
def apply(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Hint,
    strength: Strength,
    start_percent: Annotated[
        float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it begins; 0 = at the start.")
    ],
    end_percent: Annotated[
        float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it ends; 1 = at the end.")
    ],
    *,
    vae: Annotated[Vae | None, Wire("VAE", tip="For nets that look at latents instead of pixels.")] = None,
) -> tuple[Conditioning, Conditioning]:
    """Let a control net follow an image during a part of the run."""
    if strength == 0:
        return positive, negative
    made: dict[int, Control] = {}
    span = (start_percent, end_percent)
    sides = [_controlled(side, control_net, image, strength, made, *span) for side in (positive, negative)]
    controlled, other = (with_options(side, control_apply_to_uncond=False) for side in sides)
    return controlled, other


@node("SetUnionControlNetType", category=CATEGORY, name="Set Union ControlNet Type")
def set_task(
    control_net: ControlNet,
    type: Annotated[
        str, Choice(*TASKS, tip="What the image shows; `auto` leaves it to the net."), More({"multiselect": False})
    ],
    ctx: Context,
) -> ControlNet:
    """Say what kind of image a control net that knows several is going to see."""
    ctx.note(f"{control_net.name} knows one kind of image, so the type changes nothing")
    return control_net


def _controlled(
    side: Conditioning, net: ControlNet, hint: Image, strength: float, made: dict[int, Control], *span: float
) -> list[Any]:
    """Copies of all entries with one control more. Entries of equal controls get the same, so that they run together.

    Args:
        made: controls by what they came after; entries that came after the same one share it.
    """
    entries = []
    for states, more in side:
        previous = more.get("control")
        if id(previous) not in made:
            made[id(previous)] = Control(net, hint, strength, *span, previous=previous)
        entries.append([states, {**more, "control": made[id(previous)]}])
    return entries
