"""Clips with hooks: under which changes of its encoders a text is encoded, and for which part of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from heddle.samplers.keyframes import constant_spans
from model_management.clip_hooks import ClipHook, ClipHooks
from model_management.control_run import Note
from model_management.handles import Clip
from model_management.weight_hooks import WeightHooks
from model_management.weight_patches import WeightPatch


class EncodedUnder(NamedTuple):
    """A clip to encode a text with, and what the conditioning that comes of it carries."""

    clip: Clip
    more: Mapping[str, Any]


def hook_clip(clip: Clip, hooks: WeightHooks, *, shows: bool, is_scheduled: bool, note: Note) -> Clip:
    """A copy that encodes under these hooks instead of those that it has.

    Args:
        shows: conditionings carry the hooks too, so that they act on the model as well; else those that they carried
            before, if any.
        is_scheduled: a text is encoded for each part of a run in which no keyframe changes a strength; else once, at
            the strengths without keyframes.
        note: told how much of each file fits.
    Raises: WeightsError, if a hook's file was made for another family.
    """
    changes = tuple(
        ClipHook(hook.source.path.name, hook.source.of_clip(clip, note), hook.clip_strength, hook.keyframes)
        for hook in hooks.hooks
        if hook.clip_strength
    )
    return replace(clip, hooks=ClipHooks(changes, is_scheduled, hooks if shows else clip.hooks.shown))


def clips_for_encoding(clip: Clip) -> list[EncodedUnder]:
    """The clips that a text is to be encoded with, in the order of the parts of a run that they stand for."""
    hooks = clip.hooks
    carried = {} if hooks.shown is None else {"hooks": hooks.shown}
    if not hooks.is_scheduled:
        return [EncodedUnder(_changed(clip, {each: each.strength for each in hooks.changes}), carried)]
    parts = []
    for start, end in constant_spans([each.keyframes for each in hooks.changes]):
        strengths = {each: each.strength * each.keyframes.strength_at(start) for each in hooks.changes}
        more = {"clip_start_percent": start, "clip_end_percent": end, **carried}
        parts.append(EncodedUnder(_changed(clip, strengths), more))
    return parts


def _changed(clip: Clip, strengths: Mapping[ClipHook, float]) -> Clip:
    for hook, strength in strengths.items():
        if strength:
            clip = clip.with_patch(
                hook.name, {encoder: WeightPatch(source, strength) for encoder, source in hook.sources.items()}
            )
    return clip
