"""Control nets put to work: a conditioning that also says where lines, depths or poses are to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.graph.said import say
from heddle.numerics.resize import resize
from heddle.samplers.fitting import fit_batch
from heddle.wires import Conditioning, ControlNet, Image, Mask, Vae
from model_management.control import Control
from nodes.conditioning.places import with_options

CATEGORY = "model/conditioning/controlnet"

Strength = Annotated[
    float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip="How much of what the net says is added.")
]
Hint = Annotated[Image, Wire("IMAGE", tip="What to follow: an image of the kind that the net was trained on.")]

START_TIP = "Where in the run it begins; 0 = at the start."
END_TIP = "Where in the run it ends; 1 = at the end."
Start = Annotated[float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip=START_TIP)]
End = Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip=END_TIP)]

TYPES = (
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
    control = Control(control_net, image, strength)
    return with_options(_controlled(conditioning, control, {}), control_apply_to_uncond=True)


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
    start_percent: Start,
    end_percent: End,
    *,
    vae: Annotated[Vae | None, Wire("VAE", tip="For nets that look at latents instead of pixels.")] = None,
) -> tuple[Conditioning, Conditioning]:
    """Let a control net follow an image during a part of the run."""
    if strength == 0:
        return positive, negative
    return _on_both(positive, negative, Control(control_net, image, strength, start_percent, end_percent, vae=vae))


@node(
    "ControlNetApplySD3", category=CATEGORY, name="Apply Controlnet with VAE", deprecated=True,
    outputs=("positive", "negative"), search=("control", "sd3", "flux"),
)  # fmt: skip
def apply_with_vae(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Annotated[Vae, Wire("VAE", tip="Makes the latent of the image, for nets that look at that.")],
    image: Hint,
    strength: Strength,
    start_percent: Start,
    end_percent: End,
) -> tuple[Conditioning, Conditioning]:
    """Let a control net follow an image during a part of the run. Apply ControlNet does the same."""
    return apply(positive, negative, control_net, image, strength, start_percent, end_percent, vae=vae)


@node(
    "ControlNetInpaintingAliMamaApply", category=CATEGORY, name="Apply ControlNet Inpainting (AliMama)",
    outputs=("positive", "negative"), search=("control", "inpaint", "mask"),
)  # fmt: skip
def apply_for_inpainting(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Annotated[Vae, Wire("VAE", tip="Makes the latent of the image, for nets that look at that.")],
    image: Annotated[Image, Wire("IMAGE", tip="The picture to fill in.")],
    mask: Annotated[Mask, Wire("MASK", tip="White where the picture is drawn anew.")],
    strength: Strength,
    start_percent: Annotated[float, Number(default=0.0, low=0.0, high=1.0, step=0.001, advanced=True, tip=START_TIP)],
    end_percent: Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.001, advanced=True, tip=END_TIP)],
    ctx: Context,
) -> tuple[Conditioning, Conditioning]:
    """Show an inpainting control net a picture, black where it is to be drawn anew, and the mask.

    A mask of another size is resized to the picture's. Nets that look at no mask are shown the picture as it is.
    """
    if strength == 0:
        return positive, negative
    keep = None
    if control_net.kind.looks_at_mask:
        keep = 1 - mask.reshape(-1, 1, *mask.shape[-2:])
        shown = resize(keep, image.shape[2], image.shape[1], "bilinear", "center").round()
        image = image * fit_batch(shown, len(image)).movedim(1, -1)
    else:
        ctx.note(say("{net} looks at no mask, so the mask changes nothing", net=control_net.name))
    control = Control(control_net, image, strength, start_percent, end_percent, vae=vae, keep=keep)
    return _on_both(positive, negative, control)


@node("SetUnionControlNetType", category=CATEGORY, name="Set Union ControlNet Type")
def set_type(
    control_net: ControlNet,
    type: Annotated[
        str, Choice(*TYPES, tip="What the image shows; `auto` leaves it to the net."), More({"multiselect": False})
    ],
    ctx: Context,
) -> ControlNet:
    """Say what kind of image a control net that knows several is going to see."""
    if not control_net.kind.types:
        ctx.note(say("{net} knows one kind of image, so the type changes nothing", net=control_net.name))
        return control_net
    return replace(control_net, type=None) if type == "auto" else control_net.told(type)


def _on_both(positive: Conditioning, negative: Conditioning, control: Control) -> tuple[Conditioning, Conditioning]:
    made: dict[int, Control] = {}
    one, other = (_controlled(side, control, made) for side in (positive, negative))
    return with_options(one, control_apply_to_uncond=False), with_options(other, control_apply_to_uncond=False)


def _controlled(side: Conditioning, control: Control, made: dict[int, Control]) -> list[Any]:
    """Copies of all entries with one control more. Entries of equal controls get the same, so that they run together.

    Args:
        made: controls by what they came after; entries that came after the same one share it.
    """
    entries = []
    for states, more in side:
        previous = more.get("control")
        if id(previous) not in made:
            made[id(previous)] = replace(control, previous=previous)
        entries.append([states, {**more, "control": made[id(previous)]}])
    return entries
