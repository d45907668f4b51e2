"""Hooks in text encoders."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Flag, node
from heddle.wires import Clip, Hooks
from model_management.hooked_clip import hook_clip


@node("SetClipHooks", category="advanced/hooks/clip", name="Set CLIP Hooks", search=("lora", "hook"), experimental=True)
def set_clip_hooks(
    clip: Clip,
    apply_to_conds: Annotated[
        bool,
        Flag(default=True, advanced=True, tip="Conditionings made with this CLIP carry the hooks to the model too."),
    ],
    schedule_clip: Annotated[
        bool,
        Flag(
            default=False,
            advanced=True,
            tip="Encode each text anew wherever a keyframe changes a strength; else once, as if without keyframes.",
        ),
    ],
    *,
    hooks: Hooks | None = None,
    ctx: Context,
) -> Clip:
    """Encode texts under hooks, in place of those that were set before."""
    if hooks is None:
        return clip
    return hook_clip(clip, hooks, shows=apply_to_conds, is_scheduled=schedule_clip, note=ctx.note)
