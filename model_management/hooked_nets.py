"""The networks of one run of a model whose weights differ from condition to condition and from level to level.

Each state of the weights is a copy of the model with patches, lent by the ledger, which copies no weight that no patch
changes. A state is held while some condition asks for it; keyframes that are past leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

from torch import Tensor
from torch.nn import Module

from heddle.samplers.conditions import Call, Condition, ConditionedDenoiser
from heddle.samplers.keyframes import KeyframeCursor, Keyframes
from model_management.control_run import Note
from model_management.handles import Model
from model_management.stored_net import OnPart
from model_management.weight_hooks import WeightHook, hooks_in
from model_management.weight_patches import WeightPatch, WeightSource
from model_management.weights import Weights

MakeConditioned: TypeAlias = Callable[[Model, Module], ConditionedDenoiser]


@contextmanager
def hold_nets(
    model: Model,
    conditions: Sequence[Condition],
    first_sigma: float,
    weights: Weights,
    make: MakeConditioned,
    note: Note,
    on_part: OnPart,
) -> Iterator[HookedNets]:
    """The networks that these conditions ask for, each in place when it is called, until the block ends.

    Args:
        first_sigma: the highest level of the run.
        make: makes a denoiser of a copy of the model and its net.
        note: told how much of each hook's file fits the model.
    Raises: GraphError for hooks that are none, WeightsError for those of another family, and what `Weights.hold` does.
    """

    def hold(changed: Model, stack: ExitStack) -> ConditionedDenoiser:
        return make(changed, stack.enter_context(weights.hold(changed, on_part=on_part)))

    nets = HookedNets(model, conditions, first_sigma, hold, note)
    try:
        yield nets
    finally:
        nets.let_all_go()


class HookedNets:
    """A denoiser that asks the network which a call names, see `hold_nets`."""

    def __init__(
        self,
        model: Model,
        conditions: Sequence[Condition],
        first_sigma: float,
        hold: Callable[[Model, ExitStack], ConditionedDenoiser],
        note: Note,
    ) -> None:
        self._model = model
        self._conditions = conditions
        self._first_sigma = first_sigma
        self._hold = hold
        self._note = note
        self._sources: dict[Hashable, WeightSource | None] = {}
        self._cursors: dict[Keyframes, KeyframeCursor] = {}
        self._models: dict[Hashable, Model] = {}
        self._held: dict[Hashable, tuple[ExitStack, ConditionedDenoiser]] = {}
        self._level: float | None = None
        hooks = [hook for one in conditions for hook in hooks_in(one.weight_hooks).hooks]
        for hook in hooks:
            self._source_of(hook)
        if not hooks:
            self._held_one(self.net_of(None, first_sigma))

    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        if call.level != self._level:
            self._level = call.level
            wanted = {
                self.net_of(one.weight_hooks, call.level) for one in self._conditions if one.counts_at(call.level)
            }
            for key in self._held.keys() - wanted:
                self._let_go(key)
        return self._held_one(call.net)(x, sigma, call)

    def net_of(self, hooks: Any, level: float) -> Hashable:
        """What names the network for a condition that carries these hooks, see `heddle.samplers.conditions.NetOf`."""
        patches: list[tuple[str, WeightPatch]] = []
        for hook in hooks_in(hooks).hooks:
            source = self._source_of(hook)
            strength = hook.model_strength * self._cursor_of(hook.keyframes).strength_at(level)
            if source is not None and strength:
                patches.append((hook.source.path.name, WeightPatch(source, strength)))
        key = tuple(patch.key for _name, patch in patches)
        if key not in self._models:
            changed = self._model
            for name, patch in patches:
                changed = changed.with_patch(name, patch)
            self._models[key] = changed
        return key

    def let_all_go(self) -> None:
        for key in list(self._held):
            self._let_go(key)

    def _source_of(self, hook: WeightHook) -> WeightSource | None:
        key = (hook.source.key, bool(hook.model_strength))
        if key not in self._sources:
            self._sources[key] = hook.source.of_model(self._model, self._note) if hook.model_strength else None
        return self._sources[key]

    def _cursor_of(self, keyframes: Keyframes) -> KeyframeCursor:
        if keyframes not in self._cursors:
            percent_to_sigma = self._model.predicts.schedule.percent_to_sigma
            self._cursors[keyframes] = KeyframeCursor(keyframes, percent_to_sigma, self._first_sigma)
        return self._cursors[keyframes]

    def _held_one(self, key: Hashable) -> ConditionedDenoiser:
        if key not in self._held:
            self._take(key)
        return self._held[key][1]

    def _take(self, key: Hashable) -> None:
        with ExitStack() as stack:
            denoise = self._hold(self._models[key], stack)
            self._held[key] = (stack.pop_all(), denoise)

    def _let_go(self, key: Hashable) -> None:
        self._held.pop(key)[0].close()
