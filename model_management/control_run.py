"""The control nets of one run: held beside the model, their hints brought to the latent's size, asked at each call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.networks.control import ControlNet as ControlNetwork
from heddle.networks.residuals import Residuals
from heddle.numerics.resize import resize
from heddle.samplers.conditions import Area, Call, Condition
from heddle.samplers.fitting import fit_batch
from model_management.control import Control
from model_management.handles import Model
from model_management.stored_net import OnPart, ignore_parts
from model_management.weights import Weights

#: What a network's call is to add: (x [N, C, h, w] as the network gets it, timesteps [N], call) -> residuals or None.
AskControls: TypeAlias = Callable[[Tensor, Tensor, Call], Residuals | None]

Note: TypeAlias = Callable[[str], None]


def no_controls(x: Tensor, timesteps: Tensor, call: Call) -> Residuals | None:
    """For runs without any. Raises: GraphError, if a condition asks for some all the same."""
    if call.control is not None:
        raise GraphError("a control net is asked for that was not held for this run")
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
    with ExitStack() as stack:
        for model, condition in conditions:
            for control in _chain(condition.control):
                check_fits(control, model)
                if id(control) not in held:
                    hint = _fitted(control, shape, note)
                    net = stack.enter_context(weights.hold(control.net, on_part=on_part))
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


def check_fits(control: Control, model: Model) -> None:
    """Raises: GraphError, if the control net was made for a network of another layout than the model's."""
    mine, its = control.net.config.unet, model.config
    for what in ("in_channels", "widths", "blocks", "context_width", "vector_width"):
        found = getattr(mine, what)
        wanted = model.latent.channels if what == "in_channels" else getattr(its, what, None)
        if found != wanted:
            raise GraphError(
                f"the control net {control.net.name} is made for networks with {what.replace('_', ' ')} {found}, but "
                f"the model ({model.family.name}, {model.stored.header.path.name}) has {wanted}; "
                "choose a control net of the model's family",
                found=found,
                wanted=wanted,
            )


@dataclass(eq=False)
class _Held:
    """One control net in a run. `hint` is [1 or B, C, H, W], as large as the whole latent's picture."""

    control: Control
    net: ControlNetwork
    model: Model
    hint: Tensor
    guides: dict[Area | None, Tensor] = field(default_factory=dict)

    def counts_at(self, level: float) -> bool:
        percent_to_sigma = self.model.predicts.schedule.percent_to_sigma
        first, last = percent_to_sigma(self.control.start_percent), percent_to_sigma(self.control.end_percent)
        return last <= level <= first

    def __call__(self, x: Tensor, timesteps: Tensor, call: Call) -> Residuals:
        inputs = {name: tensor.to(self.hint) for name, tensor in call.inputs.items() if name not in call.on_grid}
        areas = call.areas or (None,)
        guide = torch.cat([fit_batch(self.guide(area), len(x) // len(areas)) for area in areas])
        added = self.net(x.to(self.hint), timesteps.to(self.hint.device), guide=guide, **inputs)
        return (added.pooled() if self.control.net.is_pooled else added).scaled(self.control.strength)

    def guide(self, area: Area | None) -> Tensor:
        """What the net reads off the hint, or off the part of it that belongs to an area of the latent."""
        if area not in self.guides:
            cell = self.net.config.px_per_cell
            seen = self.hint
            if area is not None:
                seen = Area(area.height * cell, area.width * cell, area.top * cell, area.left * cell).cut(seen)
            self.guides[area] = self.net.read_hint(seen)
        return self.guides[area]


def _chain(control: Any) -> Iterator[Control]:
    if control is None:
        return
    if not isinstance(control, Control):
        raise GraphError(
            f"the conditioning carries a control of the type {type(control).__name__}, which is not known here; "
            "apply control nets with Apply ControlNet"
        )
    yield from control.chain()


def _fitted(control: Control, shape: tuple[int, ...], note: Note) -> Tensor:
    """The hint [B, C, H, W] at the size of the latent's picture."""
    config = control.net.config
    hint = control.hint[..., : config.hint_channels].movedim(-1, 1)
    if hint.shape[1] != config.hint_channels:
        raise GraphError(
            f"the control net {control.net.name} wants an image of {config.hint_channels} channels, "
            f"but this one has {hint.shape[1]}",
            found=hint.shape[1],
            wanted=config.hint_channels,
        )
    height, width = (size * config.px_per_cell for size in shape[-2:])
    if hint.shape[-2:] != (height, width):
        note(
            f"the image for {control.net.name} is {hint.shape[-1]} x {hint.shape[-2]}, the picture {width} x {height}: "
            "it is resized, and what is too much at two sides is cut"
        )
        hint = resize(hint, width, height, "nearest-exact", "center")
    return fit_batch(hint, shape[0]) if hint.shape[0] > 1 else hint
