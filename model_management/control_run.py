"""The control nets of one run: held beside the model, their hints brought to the latent's size, asked at each call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.residuals import Residuals
from heddle.samplers.conditions import Area, Call, Condition
from heddle.samplers.fitting import fit_batch
from heddle.samplers.windows import Window
from model_management.conditioning import FOR_CONTROLS
from model_management.control import Control, ControlNet
from model_management.control_hints import Note, fitted_hint, hint_of_area, hint_of_window
from model_management.handles import Model
from model_management.stored_net import OnPart, ignore_parts
from model_management.weights import Weights

#: What a network's call is to add: (x [N, C, h, w] as the network gets it, timesteps [N], call) -> residuals or None.
AskControls: TypeAlias = Callable[[Tensor, Tensor, Call], Residuals | None]


def no_controls(x: Tensor, timesteps: Tensor, call: Call) -> Residuals | None:
    """For runs without any. Raises: GraphError, if a condition asks for some all the same."""
    if call.control is not None:
        raise GraphError(say("a control net is asked for that was not held for this run"))
    return None


@contextmanager
def hold_controls(
    conditions: Iterable[tuple[Model, Condition]],
    shape: tuple[int, ...],
    weights: Weights,
    note: Note = lambda text: None,
    on_part: OnPart = ignore_parts,
) -> Iterator[AskControls]:
    """The controls of these conditions, with their weights in place until the block ends.

    Args:
        conditions: each with the model that is shown it.
        shape: of the run's latent, [B, C, h, w].
        note: told of hints that are resized.
    Raises: GraphError, if what a condition carries is no control, or one for another family than its model's.
    """
    held: dict[int, _Held] = {}
    # All hints first: those that become latents need a VAE, which may leave before the nets come.
    ready: dict[int, tuple[Control, ControlNet, Model, Tensor]] = {}
    for model, condition in conditions:
        for control in _chain(condition.control):
            net = control.net.fitted(model)
            if id(control) not in ready:
                ready[id(control)] = (control, net, model, fitted_hint(control, model, shape, weights, note))
    with ExitStack() as stack:
        for control, handle, model, hint in ready.values():
            net = stack.enter_context(weights.hold(handle, on_part=on_part))
            held[id(control)] = _Held(control, net, model, hint.to(next(net.parameters())))

        def ask(x: Tensor, timesteps: Tensor, call: Call) -> Residuals | None:
            total: Residuals | None = None
            for control in _chain(call.control):
                one = held[id(control)]
                if one.counts_at(call.level):
                    added = one(x, timesteps, call)
                    total = added if total is None else total + added
            return total

        yield ask if held else no_controls


@dataclass(eq=False)
class _Held:
    """One control net in a run. `hint` is that of the whole picture, [1 or B, C, H, W]."""

    control: Control
    net: Any
    model: Model
    hint: Tensor
    guides: dict[Area | None, tuple[Tensor, ...]] = field(default_factory=dict)
    # Windows may lie elsewhere at each step; what was read for one goes with it.
    guides_of: WeakKeyDictionary[Window, dict[Area | None, tuple[Tensor, ...]]] = field(
        default_factory=WeakKeyDictionary
    )

    def counts_at(self, level: float) -> bool:
        percent_to_sigma = self.model.predicts.schedule.percent_to_sigma
        first, last = percent_to_sigma(self.control.start_percent), percent_to_sigma(self.control.end_percent)
        return last <= level <= first

    def __call__(self, x: Tensor, timesteps: Tensor, call: Call) -> Residuals:
        handle = self.control.net
        given = {name: call.inputs.get(FOR_CONTROLS + name, call.inputs.get(name)) for name in handle.kind.reads}
        inputs = {name: tensor.to(self.hint) for name, tensor in given.items() if tensor is not None}
        areas = call.areas or (None,)
        each = len(x) // len(areas)
        guides = zip(*(self.guide(area, call.window) for area in areas), strict=True)
        guide = tuple(torch.cat([fit_batch(part, each) for part in parts]) for parts in guides)
        added = self.net(x.to(self.hint), timesteps.to(self.hint.device), guide=guide, kind=handle.type, **inputs)
        added = handle.kind.place(added, self.model.config)
        return (added.pooled() if handle.is_pooled else added).scaled(self.control.strength)

    def guide(self, area: Area | None, window: Window | None = None) -> tuple[Tensor, ...]:
        """What the net reads off the hint, or off the part of it that belongs to an area of the latent or a window."""
        guides = self.guides if window is None else self.guides_of.setdefault(window, {})
        if area not in guides:
            wanted = self.control.net.kind.hint
            hint = hint_of_window(self.hint, wanted, window)
            guides[area] = self.net.read_hint(hint_of_area(hint, wanted, area))
        return guides[area]


def _chain(control: Any) -> Iterator[Control]:
    if control is None:
        return
    if not isinstance(control, Control):
        raise GraphError(
            say(
                "the conditioning carries a control of the type {kind}, which is not known here; apply "
                "control nets with Apply ControlNet",
                kind=type(control).__name__,
            )
        )
    yield from control.chain()
