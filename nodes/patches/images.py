"""Models that follow images: by an IP-Adapter, or by reading a reference in their self-attention."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, Wire, node
from heddle.wires import ClipVision, Image, IpAdapter, Latent, Mask, Model
from model_management.ip_adapter import BLOCKS, put_ip_adapter, read_images
from model_management.reference import MODES, Reference, put_reference

Start = Annotated[float, Number(low=0.0, high=1.0, step=0.001, tip="Where in the run it begins; 0 = at the start.")]
End = Annotated[float, Number(low=0.0, high=1.0, step=0.001, tip="Where in the run it ends; 1 = at the end.")]


@node(
    "HeddleIPAdapterApply", category="model/patch", name="Apply IP-Adapter",
    search=("ipadapter", "image prompt", "style transfer", "composition"),
)  # fmt: skip
def apply_ip_adapter(
    model: Model,
    ip_adapter: IpAdapter,
    clip_vision: Annotated[
        ClipVision,
        Wire("CLIP_VISION", tip="The vision encoder that the adapter was trained with: its loader notes which."),
    ],
    image: Annotated[Image, Wire("IMAGE", tip="What to follow; several images are combined.")],
    weight: Annotated[
        float, Number(low=-1.0, high=5.0, step=0.05, tip="How much the image counts beside the text; 0 = not at all.")
    ] = 1.0,
    combine: Annotated[
        str,
        Choice(
            "concat", "average",
            tip="Several images: `concat` shows all of them side by side, `average` the mean of what is read off them.",
        ),
    ] = "concat",
    blocks: Annotated[
        str, Choice(*BLOCKS, tip="What of the image counts. Style or composition alone: Stable Diffusion XL only.")
    ] = "whole",
    crop: Annotated[
        str, Choice("center", "none", tip="`center` keeps the middle square; `none` presses the whole image into one.")
    ] = "center",
    start_percent: Start = 0.0,
    end_percent: End = 1.0,
    *,
    negative_image: Annotated[
        Image | None, Wire("IMAGE", tip="What to keep away from, shown to the negative; else the negative sees none.")
    ] = None,
    mask: Annotated[
        Mask | None, Wire("MASK", tip="White where the image counts, over the whole picture, of any size.")
    ] = None,
    ctx: Context,
) -> Model:  # fmt: skip
    """Let a model follow an image beside the text. Several of these one after another add up.

    Keys and values of the image are worked out here, once for all steps of all runs.
    """
    if weight == 0:
        return model
    sides = []
    for each in (image, negative_image):
        seen = read_images(ip_adapter, clip_vision, each, ctx.weights, is_cropped=crop == "center")
        sides.append(seen.mean(0, keepdim=True) if combine == "average" else seen)
    return put_ip_adapter(
        ip_adapter, model, sides[0], sides[1], ctx.weights,
        weight=weight, start_percent=start_percent, end_percent=end_percent, mask=mask, blocks=blocks,
    )  # fmt: skip


@node(
    "HeddleReferenceOnly", category="model/patch", name="Reference Only",
    search=("reference_only", "reference controlnet", "style", "adain"),
)  # fmt: skip
def reference_only(
    model: Model,
    reference: Annotated[
        Latent, Wire("LATENT", tip="The reference, encoded by the model's VAE; it is brought to the picture's size.")
    ],
    mode: Annotated[
        str,
        Choice(
            *MODES,
            tip="What the picture takes up: the reference's keys and values in self-attention, the mean and spread "
            "of its features (adain), or both.",
        ),
    ] = "attention",
    strength: Annotated[
        float, Number(low=0.0, high=2.0, step=0.05, tip="In how many of the layers, the widest first; 0 = in none.")
    ] = 1.0,
    style_fidelity: Annotated[
        float,
        Number(low=0.0, high=1.0, step=0.05, tip="How much the negative is kept from the reference; more = stronger."),
    ] = 0.5,
    start_percent: Start = 0.0,
    end_percent: End = 1.0,
    seed: Annotated[
        int,
        Number(low=0, high=2**64 - 1, control=True, tip="Of the noise that the reference is given."),
    ] = 0,
) -> Model:
    """Let a model look at a reference while it draws, without any other weights: each step also runs the reference.

    A step takes about twice as long. Before self-attention the reference's tokens are put beside the picture's.
    """
    if strength == 0:
        return model
    what = Reference(reference["samples"], mode, strength, style_fidelity, start_percent, end_percent, seed)
    return put_reference(what, model)
