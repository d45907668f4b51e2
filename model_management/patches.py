"""The kinds of things that nodes put into a copy of a `Model`, see `Model.with_patch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from heddle.networks.hooks import ChangeInputs, Hooks, ReplaceAttention
from heddle.samplers.conditions import Call
from heddle.samplers.guiders import BeginChange
from heddle.samplers.keeping import MaskAtLevel
from model_management.handles import Model


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


#: `(x, hooks) -> output`: the net's raw output for another latent [N, C, h, w], scaled as the net is given it. The rest
#: is as in the call at hand; but no control nets, and of what was put in only what always changes attention.
RunAgain: TypeAlias = Callable[[Tensor, Hooks], Tensor]


@dataclass(frozen=True, eq=False)
class NetCall:
    """One call of the net, as those see it that are begun for a run. x: [N, C, h, w], scaled, of the latent alone."""

    x: Tensor
    call: Call
    again: RunAgain

    @property
    def whole(self) -> tuple[int, int]:
        """Height and width of the whole latent, in cells, of which the call may have pieces."""
        height, width = self.x.shape[-2:]
        return self.call.whole if any(self.call.areas) else (height, width)


@dataclass(frozen=True)
class RunHooksPatch:
    """Steps into the calls of one run, and may remember things from one to the next.

    begin: told the model that runs, gives what is asked at each call for who steps in there.
    """

    begin: Callable[[Model], Callable[[NetCall], Hooks]]
