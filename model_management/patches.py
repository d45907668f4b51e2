"""The kinds of things that nodes put into a copy of a `Model`, see `Model.with_patch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from heddle.networks.hooks import ChangeInputs, Hooks, ReplaceAttention
from heddle.numerics.attention import AttentionKernel
from heddle.numerics.rope import PlaceScaling
from heddle.samplers.conditions import Call
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


@dataclass(frozen=True)
class HooksPatch:
    """Steps into the calls of the net.

    at: told what a call is about (level, sides, sizes), says who steps in there. It is asked anew for each call, so
        what its hooks remember lives no longer than that.
    """

    at: Callable[[Call], Hooks]


@dataclass(frozen=True)
class KernelPatch:
    """Computes the net's attention; the last one counts. name: by which it was chosen."""

    kernel: AttentionKernel
    name: str


@dataclass(frozen=True)
class PlacesPatch:
    """Changes the places that a transformer's tokens are told; the last one counts."""

    scaling: PlaceScaling
