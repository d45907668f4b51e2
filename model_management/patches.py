"""The kinds of things that nodes put into a copy of a `Model`, see `Model.with_patch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from heddle.networks.hooks import ChangeInputs, Hooks, ReplaceAttention
from heddle.numerics.attention import AttentionKernel
from heddle.numerics.rope import PlaceScaling
from heddle.samplers.conditions import Call, Network
from heddle.samplers.guiders import BeginChange
from heddle.samplers.keeping import MaskAtLevel
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser
from heddle.samplers.windowed_guesses import WindowPlan
from model_management.control_run import Note


@dataclass(frozen=True)
class GuidancePatch:
    """Alters how the guesses for positive and negative become one.

    sides: conditionings, by name, that it asks for beside those of the guider.
    """

    begin: BeginChange
    sides: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class NetworkPatch:
    """Stands around the network, its control nets included, for one run of a model that predicts so."""

    begin: Callable[[Network, Prediction, Note], Network]


@dataclass(frozen=True)
class DenoiserPatch:
    """Stands around the guided denoiser for one run of a model that predicts so."""

    begin: Callable[[Denoiser, Prediction, Note], Denoiser]


@dataclass(frozen=True)
class NoisePatch:
    """All noise of a run has this deviation instead of 1."""

    scale: float


@dataclass(frozen=True)
class StartNoisePatch:
    """Changes the noise that a run begins with, by its seed; in its shape, and not in place."""

    change: Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class WindowsPatch:
    """Shows the model latents in windows; the last one counts."""

    plan: WindowPlan


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


def with_hooks(call: Call, hooks: Hooks) -> Call:
    """The call into which these step, before those that do already."""
    return replace(call, hooks=hooks if call.hooks is None else hooks + call.hooks)
