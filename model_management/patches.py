"""The kinds of things that nodes put into a copy of a `Model`, see `Model.with_patch`."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.networks.hooks import ChangeInputs, ReplaceAttention
from heddle.samplers.guiders import BeginChange
from heddle.samplers.keeping import MaskAtLevel


@dataclass(frozen=True)
class GuidancePatch:
    """Alters how the guesses for positive and negative become one."""

    begin: BeginChange


@dataclass(frozen=True)
class MaskPatch:
    """Makes each level's mask of a run that keeps a part of its latent."""

    at: MaskAtLevel


@dataclass(frozen=True)
class AttentionInputPatch:
    """Changes what attention's queries, keys and values are made of."""

    change: ChangeInputs


@dataclass(frozen=True)
class AttentionPatch:
    """Stands in for attention in some places of the net."""

    replace: ReplaceAttention
