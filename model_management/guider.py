"""What flows along GUIDER wires: a model, the conditionings of its sides, and how their guesses become one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.nn import Module

from heddle.samplers.conditions import BASE, ChangeCall, ConditionedDenoiser, SideGuesses, condition_sides
from heddle.samplers.guiders import BeginChange
from heddle.samplers.keeping import MaskAtLevel
from heddle.samplers.predictions import Prediction
from heddle.samplers.sampler import Denoiser
from heddle.samplers.windowed_guesses import windowed_sides
from model_management.conditioning import conditions_for
from model_management.control import shared_controls
from model_management.control_run import Note, hold_controls
from model_management.denoiser import denoiser_for
from model_management.family import RunFacts
from model_management.gligen_run import hold_boxes, shared_boxes
from model_management.handles import Model
from model_management.hooked_nets import hold_nets
from model_management.mask_remarks import remarks_on_areas, remarks_on_masks
from model_management.patches import DenoiserPatch, GuidancePatch, MaskPatch, WindowsPatch
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.weights import Weights

#: Makes a denoiser of the guesses for a guider's sides; the kinds are in `heddle.samplers.guiders`.
MakeDenoiser = Callable[[SideGuesses, Prediction, Sequence[BeginChange]], Denoiser]


@dataclass(frozen=True)
class Guider:
    """A model with what guides it.

    sides: conditionings by name, of which `make` says what they mean.
    other_models: sides for which another model than the main one guesses.
    """

    model: Model
    sides: Mapping[str, Sequence[Any]]
    make: MakeDenoiser
    other_models: Mapping[str, Model] = field(default_factory=dict)

    @property
    def nets(self) -> list[StoredNet]:
        """All that run: the models', then those of controls, each once."""
        controls = [
            each.net.stored
            for side in self.sides.values()
            for _states, more in side
            if (control := more.get("control")) is not None
            for each in control.chain()
        ]
        models = [self.model.stored, *(other.stored for other in self.other_models.values())]
        return list({net.key: net for net in (*models, *controls)}.values())

    @property
    def mask_at(self) -> MaskAtLevel | None:
        """How a mask changes from level to level; the last patch counts."""
        patches = self.model.patches_of(MaskPatch)
        return patches[-1].at if patches else None

    def model_of(self, side: str) -> Model:
        """The one that guesses for a side."""
        return self.other_models.get(side, self.model)

    @contextmanager
    def hold(
        self, run: RunFacts, weights: Weights, on_part: OnPart = ignore_parts, note: Note = lambda text: None
    ) -> Iterator[Denoiser]:
        """The guided denoiser of one run, with all weights that it needs in place until the block ends.

        Args:
            note: told what was brought to another size, which masks are empty, and where nothing steers the picture.
        Raises: GraphError or ShapeError for conditionings that are none, and what `Weights.hold` raises.
        """
        for model in (self.model, *self.other_models.values()):
            for patch in model.patches_of(WindowsPatch)[-1:]:
                patch.plan.check(run.shape)
        guidance = self.model.patches_of(GuidancePatch)
        sides = {name: side for patch in guidance for name, side in patch.sides.items()} | dict(self.sides)
        conditions = {
            name: conditions_for(self.model_of(name), side, run, name)
            for name, side in shared_boxes(shared_controls(sides)).items()
        }
        shown = [(self.model_of(name), one) for name, side in conditions.items() for one in side]
        for line in (*remarks_on_masks(self.sides, run), *remarks_on_areas(conditions, run)):
            note(line)
        with ExitStack() as stack:
            ask = stack.enter_context(hold_controls(shown, run.shape, weights, note, on_part))
            boxes = stack.enter_context(hold_boxes(shown, run.shape, weights, on_part))

            def make(changed: Model, net: Module) -> ConditionedDenoiser:
                return denoiser_for(changed if boxes is None else changed.with_patch("gligen", boxes), net, ask, note)

            def guesses_of(model: Model, base: SideGuesses | None = None) -> SideGuesses:
                own = [one for each, one in shown if each is model]
                nets = stack.enter_context(hold_nets(model, own, run.first_sigma, weights, make, note, on_part))
                windows = model.patches_of(WindowsPatch)
                if not windows:
                    return condition_sides(nets, conditions, nets.net_of, note, base)
                levels = () if run.sigmas is None else run.sigmas.tolist()
                return windowed_sides(nets, conditions, windows[-1].plan, levels, nets.net_of, note, base)

            others = {name: _asked_once(guesses_of(model)) for name, model in self.other_models.items()}
            guess = guesses_of(self.model, others.get(BASE))
            if others:
                guess = _by_side(guess, others)
            denoise = self.make(guess, self.model.predicts, [patch.begin for patch in guidance])
            for patch in self.model.patches_of(DenoiserPatch):
                denoise = patch.begin(denoise, self.model.predicts, note)
            yield denoise


def _asked_once(guess: SideGuesses) -> SideGuesses:
    """Gives what it gave where it is asked about the very same again: as a base, and as a side."""
    last: list[Any] = []

    def ask(x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None) -> dict[str, Tensor]:
        if not last or last[0] is not x or last[1] is not sigma or last[2:4] != [list(names), change]:
            last[:] = [x, sigma, list(names), change, guess(x, sigma, names, change)]
        return dict(last[4])

    return ask


def _by_side(guess: SideGuesses, others: Mapping[str, SideGuesses]) -> SideGuesses:
    def by_side(
        x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None
    ) -> dict[str, Tensor]:
        made = guess(x, sigma, [name for name in names if name not in others], change)
        for name in names:
            if name in others:
                made |= others[name](x, sigma, [name], change)
        return made

    return by_side
