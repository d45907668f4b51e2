"""Parts of attention made stronger or weaker."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Number, node
from heddle.graph.said import say
from heddle.wires import Clip, Model
from model_management.scaled_weights import looks_along_time, scale_clip_attention, scale_unet_attention

CATEGORY = "experimental/attention_experiments"


def _factor(tip: str) -> Number:
    return Number(default=1.0, low=0.0, high=10.0, step=0.01, advanced=True, tip=tip)


Q = Annotated[float, _factor("What is asked is multiplied by this.")]
K = Annotated[float, _factor("What is compared with the question is multiplied by this.")]
V = Annotated[float, _factor("What is found is multiplied by this.")]
Out = Annotated[float, _factor("What attention adds in the end is multiplied by this.")]


@node("UNetSelfAttentionMultiply", category=CATEGORY, name="UNetSelfAttentionMultiply", experimental=True)
def multiply_self_attention(model: Model, q: Q, k: K, v: V, out: Out) -> Model:
    """Multiply the layers by which a UNet's picture looks at itself."""
    return scale_unet_attention(model, "attn1", {"q": q, "k": k, "v": v, "out": out})


@node("UNetCrossAttentionMultiply", category=CATEGORY, name="UNetCrossAttentionMultiply", experimental=True)
def multiply_cross_attention(model: Model, q: Q, k: K, v: V, out: Out) -> Model:
    """Multiply the layers by which a UNet's picture looks at the text."""
    return scale_unet_attention(model, "attn2", {"q": q, "k": k, "v": v, "out": out})


@node("UNetTemporalAttentionMultiply", category=CATEGORY, name="UNetTemporalAttentionMultiply", experimental=True)
def multiply_attention_in_space_and_time(
    model: Model,
    self_structural: Annotated[float, _factor("What the picture finds in itself is multiplied by this.")],
    self_temporal: Annotated[float, _factor("The same between the frames of a video; pictures have none.")],
    cross_structural: Annotated[float, _factor("What the picture finds in the text is multiplied by this.")],
    cross_temporal: Annotated[float, _factor("The same for layers that look along a video; pictures have none.")],
    ctx: Context,
) -> Model:
    """Multiply what a UNet's attentions add, within a picture and, in networks for videos, along the frames."""
    if (self_temporal, cross_temporal) != (1, 1) and not looks_along_time(model):
        ctx.note(say("this network looks along no frames, so self_temporal and cross_temporal change nothing"))
    model = scale_unet_attention(model, "attn1", {"out": self_structural}, {"out": self_temporal})
    return scale_unet_attention(model, "attn2", {"out": cross_structural}, {"out": cross_temporal})


@node("CLIPAttentionMultiply", category=CATEGORY, name="CLIPAttentionMultiply", experimental=True)
def multiply_clip_attention(clip: Clip, q: Q, k: K, v: V, out: Out) -> Clip:
    """Multiply the attention layers of CLIP text encoders; other encoders stay as they are."""
    return scale_clip_attention(clip, {"q": q, "k": k, "v": v, "out": out})
