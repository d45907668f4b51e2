"""Vision encoders from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, node
from heddle.wires import ClipVision
from model_management.match_report import note_unmatched
from model_management.vision import open_clip_vision


@node("CLIPVisionLoader", category="model/loaders", name="Load CLIP Vision", search=("siglip", "image encoder"))
def load_clip_vision(
    clip_name: Annotated[str, Files("clip_vision", tip="A vision encoder: CLIP (L, H, bigG) or SigLIP.")],
    ctx: Context,
) -> ClipVision:
    """Open a vision encoder, which reads what an image shows."""
    vision = open_clip_vision(ctx.folders.find("clip_vision", clip_name))
    note_unmatched([vision.stored], ctx.note)
    return vision
