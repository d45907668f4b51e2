"""Hooks in runs: adapters that act on some conditionings only, at strengths that change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, OutOfMemory, WeightsError
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.keyframes import Keyframe, Keyframes
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.family import RunFacts
from model_management.guider import Guider
from model_management.handles import Model
from model_management.weight_hooks import WeightHooks
from model_management.weights import Weights
from nodes.hooks.conditionings import (
    combine_pairs,
    set_default,
    set_pair_default,
    set_pair_properties,
    set_pair_properties_and_combine,
    set_properties,
    set_properties_and_combine,
)
from nodes.hooks.creating import (
    combine_2,
    combine_4,
    combine_8,
    hook_lora,
    hook_lora_into_model,
    hook_model,
    hook_model_into_model,
)
from nodes.hooks.keyframes import set_keyframes
from nodes.loaders.adapters import load_lora, load_lora_into_model
from nodes.merging.models import mix_models
from nodes.sampling.custom import random_noise, sample_custom_advanced
from nodes.sampling.guiders import dual_model_guider, guide_by_cfg
from tests.nodes.fake_context import FakeContext
from tests.nodes.hook_runs import EMPTY, STEPS, Side, percent_before_step, sample, split


def text(seed: int, **more: Any) -> list[Any]:
    return [[torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(seed)), more]]


def with_hooks(seed: int, hooks: WeightHooks, **more: Any) -> list[Any]:
    return set_properties(text(seed, **more), 1.0, "default", hooks=hooks)


def step_at(step: int, before: float, after: float, model: Model) -> Keyframes:
    return Keyframes().with_frames(Keyframe(before), Keyframe(after, percent_before_step(model, step)))


def guess(model: Model, ctx: Any, positive: list[Any]) -> Tensor:
    """One clean guess of one side."""
    x = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(1)) * 5
    with guide_by_cfg(model, positive, [], 1.0).hold(RunFacts((1, 4, 6, 8), x, x), ctx.weights) as denoise:
        return denoise(x, torch.tensor(5.0))


class WatchedWeights(Weights):
    """Counts which states of networks are held at once, and which were ever taken."""

    def __init__(self, **more: Any) -> None:
        super().__init__(torch.device("cpu"), **more)
        self.held: list[Any] = []
        self.taken: list[Any] = []
        self.most = 0

    @contextmanager
    def hold(self, handle: Any, *args: Any, **more: Any) -> Iterator[Any]:
        strengths = tuple(patch.strength for patch in handle.weight_patches)
        with super().hold(handle, *args, **more) as net:
            self.held.append(strengths)
            self.taken.append(strengths)
            self.most = max(self.most, len(self.held))
            try:
                yield net
            finally:
                self.held.remove(strengths)


@pytest.mark.parametrize("strength", [0.7, -1.5])
def test_a_hook_on_all_conditionings_is_the_adapter_in_the_model(
    opened: OpenedCheckpoint, ctx: FakeContext, strength: float
) -> None:
    model = load_lora_into_model(opened.model, "a.safetensors", strength, ctx=ctx)
    positive, negative = set_pair_properties(
        text(1), text(2), 1.0, "default", hooks=hook_lora("a.safetensors", strength, 1.0, ctx=ctx)
    )
    hooked = sample(opened.model, ctx, positive, negative)
    assert torch.equal(hooked, sample(model, ctx, text(1), text(2)))
    assert not torch.allclose(hooked, sample(opened.model, ctx, text(1), text(2)), atol=1e-2)
    assert ctx.notes == ["a.safetensors: 2 of 3 keys match; not: lora_te_text_model_encoder_layers_1_mlp_fc1.diff"] * 2


def test_a_hook_acts_on_the_conditionings_that_carry_it_alone(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    hooks = hook_lora_into_model("a.safetensors", 0.7, ctx=ctx)
    model = load_lora_into_model(opened.model, "a.safetensors", 0.7, ctx=ctx)
    guider = dual_model_guider(model, text(1), 3.0, negative=text(2), model_negative=opened.model)
    levels = SCHEDULERS["normal"](opened.model.predicts.schedule, STEPS)
    two_models, _ = sample_custom_advanced(random_noise(7), guider, SAMPLERS["euler"], levels, EMPTY, ctx)
    assert torch.equal(sample(opened.model, ctx, with_hooks(1, hooks), text(2)), two_models["samples"])


def test_hooked_conditionings_are_mixed_by_their_masks(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    hooks = hook_lora("a.safetensors", 1.0, 0.0, ctx=ctx)
    mask = torch.zeros(1, 6, 8)
    mask[:, :, :3], mask[:, :, 3] = 1, 0.25
    left = set_properties(text(1), 1.0, "default", mask=mask, hooks=hooks)
    both = set_properties_and_combine(left, text(1), 1.0, "default", mask=1 - mask)
    with_default = set_default(left, text(1))
    changed = guess(load_lora_into_model(opened.model, "a.safetensors", 1.0, ctx=ctx), ctx, text(1))
    plain = guess(opened.model, ctx, text(1))
    assert not torch.allclose(changed, plain, atol=1e-2)
    for positive in (both, with_default):
        torch.testing.assert_close(guess(opened.model, ctx, positive), changed * mask + plain * (1 - mask))


def test_keyframes_switch_an_adapter_on_in_the_middle(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    model = load_lora_into_model(opened.model, "a.safetensors", 1.5, ctx=ctx)
    hooks = set_keyframes(hook_lora("a.safetensors", 3.0, 0, ctx=ctx), hook_kf=step_at(3, 0.0, 0.5, opened.model))
    hooked = sample(opened.model, ctx, with_hooks(1, hooks), with_hooks(2, hooks))
    halves = Side(opened.model, text(1), text(2)), Side(model, text(1), text(2))
    by_hand = split(*halves, 3, ctx)
    torch.testing.assert_close(hooked, by_hand, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(hooked, split(*halves, 4, ctx), atol=1e-3)


def test_states_that_are_past_are_let_go(opened: OpenedCheckpoint, base: Path) -> None:
    weights = WatchedWeights()
    ctx = FakeContext(base, weights)
    frames = [Keyframe(strength, number / 6, 0) for number, strength in enumerate((0.0, 0.25, 0.5, 0.5, 1.0, 2.0))]
    hooks = set_keyframes(hook_lora("a.safetensors", 1.0, 0, ctx=ctx), hook_kf=Keyframes().with_frames(*frames))
    sample(opened.model, ctx, with_hooks(1, hooks), text(2))
    assert weights.taken == [(), (0.25,), (0.5,), (1.0,), (2.0,)]
    assert weights.most == 2
    assert not weights.held
    assert len(weights.residents) == 2  # the model, and the last state


def test_nothing_is_held_after_a_run_by_whoever_remembers_it(opened: OpenedCheckpoint, base: Path) -> None:
    weights = WatchedWeights()
    positive = with_hooks(1, hook_lora("a.safetensors", 1.0, 0, ctx=FakeContext(base)))
    x = torch.zeros(1, 4, 6, 8)
    with guide_by_cfg(opened.model, positive, text(2), 3.0).hold(RunFacts((1, 4, 6, 8), x, x), weights) as denoise:
        denoise(x, torch.tensor(5.0))
        assert sorted(weights.held) == [(), (1.0,)]
    assert not weights.held
    del denoise


def test_keyframes_from_before_a_late_start_are_passed_over(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    model = load_lora_into_model(opened.model, "a.safetensors", 0.5, ctx=ctx)
    frames = Keyframes().with_frames(*(Keyframe(each, number / 100) for number, each in enumerate((0.0, 2.0, 0.5))))
    hooks = set_keyframes(hook_lora("a.safetensors", 1.0, 0, ctx=ctx), hook_kf=frames)
    hooked = Side(opened.model, with_hooks(1, hooks), with_hooks(2, hooks))
    late = [
        split(Side(opened.model, text(1), text(2)), side, 3, ctx) for side in (hooked, Side(model, text(1), text(2)))
    ]
    torch.testing.assert_close(*late)


def test_states_share_what_room_there_is(opened: OpenedCheckpoint, base: Path, ctx: FakeContext) -> None:
    positive = with_hooks(1, hook_lora("a.safetensors", 0.7, 0, ctx=ctx))
    weights = WatchedWeights(limit_bytes=opened.model.stored.numel * 4 + 1000)
    there = FakeContext(base, weights)
    assert torch.equal(sample(opened.model, there, positive, text(2)), sample(opened.model, ctx, positive, text(2)))
    assert not weights.held
    with pytest.raises(OutOfMemory):
        sample(opened.model, FakeContext(base, WatchedWeights(limit_bytes=1000)), positive, text(2))


def test_hooks_act_together_in_whatever_order_they_were_combined(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    one, other = (hook_lora(f"{name}.safetensors", 0.5, 0, ctx=ctx) for name in "ab")
    chained = hook_lora("a.safetensors", 0.5, 0, prev_hooks=other, ctx=ctx)
    model = load_lora_into_model(opened.model, "a.safetensors", 0.5, ctx=ctx)
    model = load_lora_into_model(model, "b.safetensors", 0.5, ctx=ctx)
    wanted = guess(model, ctx, text(1))
    combinations = [combine_2(hooks_A=one, hooks_B=other), combine_4(hooks_B=other, hooks_D=one), chained]
    for hooks in (*combinations, combine_8(hooks_A=combinations[0], hooks_H=one)):
        assert torch.equal(guess(opened.model, ctx, with_hooks(1, hooks)), wanted)
    alone = guess(opened.model, ctx, with_hooks(1, one))
    assert not torch.allclose(alone, wanted, atol=1e-3)


def test_a_hook_that_is_carried_twice_counts_once_and_one_that_is_made_twice_counts_twice(
    opened: OpenedCheckpoint, ctx: FakeContext
) -> None:
    once = hook_lora("a.safetensors", 0.5, 0, ctx=ctx)
    again = set_properties(with_hooks(1, once), 1.0, "default", hooks=hook_lora("a.safetensors", 0.5, 0, ctx=ctx))
    assert torch.equal(guess(opened.model, ctx, again), guess(opened.model, ctx, with_hooks(1, once)))
    twice = hook_lora("a.safetensors", 0.5, 0, prev_hooks=once, ctx=ctx)
    doubled = guess(opened.model, ctx, with_hooks(1, hook_lora("a.safetensors", 1.0, 0, ctx=ctx)))
    torch.testing.assert_close(guess(opened.model, ctx, with_hooks(1, twice)), doubled)
    assert not combine_2().hooks
    assert hook_lora("b.safetensors", 0, 0, prev_hooks=once, ctx=ctx) is once


def test_a_model_as_a_hook_is_that_model_or_a_mix(opened: OpenedCheckpoint, base: Path, ctx: FakeContext) -> None:
    other = open_checkpoint(base / "models/checkpoints/other.safetensors", FAMILIES)
    whole = with_hooks(1, hook_model("other.safetensors", 1.0, 1.0, ctx=ctx))
    torch.testing.assert_close(guess(opened.model, ctx, whole), guess(other.model, ctx, text(1)), atol=1e-4, rtol=1e-4)
    half = with_hooks(1, hook_model_into_model("other.safetensors", 0.5, ctx=ctx))
    mixed = mix_models(opened.model, other.model, 0.5)
    torch.testing.assert_close(guess(opened.model, ctx, half), guess(mixed, ctx, text(1)), atol=1e-4, rtol=1e-4)
    count = len(opened.model.stored.shapes)
    assert ctx.notes == []
    sample(opened.model, ctx, whole, whole)
    assert ctx.notes == [f"other.safetensors: {count} of {count} weights match"]


def test_a_model_as_a_hook_leaves_what_was_there_before(opened: OpenedCheckpoint, base: Path, ctx: FakeContext) -> None:
    other = open_checkpoint(base / "models/checkpoints/other.safetensors", FAMILIES)
    loaded, there = (load_lora_into_model(each, "a.safetensors", 1.0, ctx=ctx) for each in (opened.model, other.model))
    whole = with_hooks(1, hook_model("other.safetensors", 1.0, 0, ctx=ctx))
    torch.testing.assert_close(guess(loaded, ctx, whole), guess(there, ctx, text(1)), atol=1e-4, rtol=1e-4)


def test_a_file_that_fits_nothing_of_the_model_is_refused(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    positive = with_hooks(1, hook_lora("alien.safetensors", 1.0, 1.0, ctx=ctx))
    with pytest.raises(WeightsError, match=r"alien\.safetensors fits nothing"):
        sample(opened.model, ctx, positive, text(2))


def test_a_file_for_texts_alone_leaves_the_model_as_it_is(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    positive = with_hooks(1, hook_lora("texts.safetensors", 1.0, 1.0, ctx=ctx))
    assert torch.equal(sample(opened.model, ctx, positive, text(2)), sample(opened.model, ctx, text(1), text(2)))
    assert ctx.notes == ["texts.safetensors has a part for text encoders alone"]


def test_hooks_of_another_house_are_refused(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    with pytest.raises(GraphError, match="hooks of the type list, which is not known here"):
        sample(opened.model, ctx, text(1, hooks=["strange"]), text(2))


def test_what_is_set_on_a_pair_is_set_on_each(ctx: FakeContext) -> None:
    hooks, mask = hook_lora("a.safetensors", 1.0, 1.0, ctx=ctx), torch.ones(6, 8)
    pair = set_pair_properties(text(1), text(2), 0.5, "mask bounds", mask=mask, hooks=hooks, timesteps=(0.1, 0.8))
    for (states, more), was in zip((pair[0][0], pair[1][0]), (text(1), text(2)), strict=True):
        assert torch.equal(states, was[0][0])
        assert (more["mask_strength"], more["set_area_to_bounds"]) == (0.5, True)
        assert more["mask"].shape == (1, 6, 8)
        assert (more["start_percent"], more["end_percent"]) == (0.1, 0.8)
        assert len(more["hooks"].hooks) == 1
    whole = set_pair_properties_and_combine(text(3), text(4), text(1), text(2), 1.0, "default", timesteps=(0.5, 1.0))
    assert [[more.get("start_percent") for _states, more in side] for side in whole] == [[None, 0.5]] * 2
    assert [len(side) for side in combine_pairs(text(1), text(2), text(3), text(4))] == [2, 2]
    filled = set_pair_default(text(1), text(2), text(3), text(4), hooks=hooks)
    assert [[more.get("default", False) for _states, more in side] for side in filled] == [[False, True]] * 2
    assert [["hooks" in more for _states, more in side] for side in filled] == [[False, True]] * 2


def test_a_strength_without_a_mask_says_nothing(ctx: FakeContext) -> None:
    assert set_properties(text(1), 0.5, "default")[0][1] == {}


def test_two_models_of_one_guider_are_hooked_each(opened: OpenedCheckpoint, base: Path, ctx: FakeContext) -> None:
    other = open_checkpoint(base / "models/checkpoints/other.safetensors", FAMILIES)
    hooks = hook_lora("a.safetensors", 1.0, 0, ctx=ctx)
    x = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(1)) * 5

    def both(guider: Guider) -> Tensor:
        with guider.hold(RunFacts((1, 4, 6, 8), x, x), ctx.weights) as denoise:
            return denoise(x, torch.tensor(5.0))

    hooked = dual_model_guider(
        opened.model, with_hooks(1, hooks), 3.0, negative=with_hooks(2, hooks), model_negative=other.model
    )
    loaded = [load_lora(each.model, each.clip, "a.safetensors", 1.0, 0, ctx=ctx)[0] for each in (opened, other)]
    wanted = dual_model_guider(loaded[0], text(1), 3.0, negative=text(2), model_negative=loaded[1])
    assert torch.equal(both(hooked), both(wanted))


def test_a_hook_is_matched_with_the_model_that_guesses_for_its_side(
    opened: OpenedCheckpoint, base: Path, ctx: FakeContext
) -> None:
    other = open_checkpoint(base / "models/checkpoints/other.safetensors", FAMILIES)
    positive = with_hooks(1, hook_lora("model.safetensors", 1.0, 0, ctx=ctx))
    guider = dual_model_guider(opened.model, positive, 3.0, negative=text(2), model_negative=other.model)
    x, notes = torch.zeros(1, 4, 6, 8), []
    with guider.hold(RunFacts((1, 4, 6, 8), x, x), ctx.weights, note=notes.append) as denoise:
        denoise(x, torch.tensor(5.0))
    assert notes == ["model.safetensors: 2 of 2 keys match"]
