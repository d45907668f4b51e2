"""Changes of text encoders that a `Clip` carries beside its patches: they may change in the course of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heddle.samplers.keyframes import Keyframes
from model_management.weight_patches import WeightSource


@dataclass(frozen=True, eq=False)
class ClipHook:
    """One change.

    sources: what it does to the encoders, by their names.
    strength: times what the keyframes say.
    """

    name: str
    sources: Mapping[str, WeightSource]
    strength: float
    keyframes: Keyframes


@dataclass(frozen=True)
class ClipHooks:
    """What a clip is hooked with.

    changes: what every text is encoded under, after the patches of the encoders.
    is_scheduled: a text is encoded once for each part of a run in which no strength changes; else once, without regard
        to keyframes.
    shown: the "hooks" that conditionings made with the clip carry, None = none.
    """

    changes: tuple[ClipHook, ...] = ()
    is_scheduled: bool = False
    shown: Any = None


NO_CLIP_HOOKS = ClipHooks()
