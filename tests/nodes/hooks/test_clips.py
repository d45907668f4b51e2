"""Texts that are encoded under hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.errors import WeightsError
from heddle.samplers.keyframes import Keyframe, Keyframes
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from nodes.conditioning.texts import encode_prompt, set_last_layer
from nodes.hooks.clips import set_clip_hooks
from nodes.hooks.creating import hook_lora, hook_model
from nodes.hooks.keyframes import set_keyframes
from nodes.loaders.adapters import load_lora
from tests.nodes.fake_context import FakeContext
from tests.nodes.hook_runs import Side, percent_before_step, sample, split


def encoded(clip: Any, ctx: FakeContext) -> Any:
    [(states, more)] = encode_prompt("a (red:1.3) fox", clip, ctx)
    return states, more


def test_a_text_is_encoded_under_hooks_as_with_the_adapter_in_the_clip(
    opened: OpenedCheckpoint, ctx: FakeContext
) -> None:
    _model, clip = load_lora(opened.model, opened.clip, "a.safetensors", 0, 0.8, ctx=ctx)
    hooks = hook_lora("a.safetensors", 0.3, 0.8, ctx=ctx)
    hooked = set_clip_hooks(opened.clip, True, False, hooks=hooks, ctx=ctx)
    states, more = encoded(hooked, ctx)
    wanted, _ = encoded(clip, ctx)
    assert torch.equal(states, wanted)
    assert more.keys() == {"pooled_output", "hooks"} and more["hooks"] is hooks
    assert not torch.allclose(states, encoded(opened.clip, ctx)[0], atol=1e-2)
    assert torch.equal(encoded(set_last_layer(hooked, -2), ctx)[0], encoded(set_last_layer(clip, -2), ctx)[0])


def test_hooks_may_stay_with_the_clip_alone(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    hooks = hook_lora("a.safetensors", 0.3, 0.8, ctx=ctx)
    assert "hooks" not in encoded(set_clip_hooks(opened.clip, False, False, hooks=hooks, ctx=ctx), ctx)[1]
    assert set_clip_hooks(opened.clip, True, True, ctx=ctx) is opened.clip


def test_other_hooks_take_the_place_of_those_before(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    one, other = (hook_lora(f"{name}.safetensors", 1.0, 1.0, ctx=ctx) for name in "ab")
    alone = set_clip_hooks(opened.clip, True, False, hooks=other, ctx=ctx)
    after = set_clip_hooks(
        set_clip_hooks(opened.clip, True, False, hooks=one, ctx=ctx), False, False, hooks=other, ctx=ctx
    )
    assert torch.equal(encoded(after, ctx)[0], encoded(alone, ctx)[0])
    assert encoded(after, ctx)[1]["hooks"] is one


def test_without_a_schedule_keyframes_have_no_say(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    hooks = hook_lora("a.safetensors", 1.0, 0.8, ctx=ctx)
    moving = set_keyframes(hooks, hook_kf=Keyframes().with_frames(Keyframe(0.0)))
    states, _ = encoded(set_clip_hooks(opened.clip, True, False, hooks=moving, ctx=ctx), ctx)
    assert torch.equal(states, encoded(set_clip_hooks(opened.clip, True, False, hooks=hooks, ctx=ctx), ctx)[0])


def test_with_a_schedule_a_text_is_encoded_for_each_part_of_a_run(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    frames = Keyframes().with_frames(Keyframe(0.0), Keyframe(0.5, 0.25), Keyframe(0.5, 0.5), Keyframe(1.0, 0.75))
    hooks = set_keyframes(hook_lora("a.safetensors", 1.0, 0.8, ctx=ctx), hook_kf=frames)
    entries = encode_prompt("a fox", set_clip_hooks(opened.clip, True, True, hooks=hooks, ctx=ctx), ctx)
    assert [(more["clip_start_percent"], more["clip_end_percent"]) for _states, more in entries] == [
        (0, 0.25), (0.25, 0.75), (0.75, 1)
    ]  # fmt: skip
    assert all(more["hooks"] is hooks for _states, more in entries)
    for (states, _more), strength in zip(entries, (0, 0.4, 0.8), strict=True):
        _model, clip = load_lora(opened.model, opened.clip, "a.safetensors", 0, strength, ctx=ctx)
        assert torch.equal(states, encode_prompt("a fox", clip, ctx)[0][0])


def test_a_scheduled_text_changes_within_a_run(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    frames = Keyframes().with_frames(Keyframe(0.0), Keyframe(1.0, percent_before_step(opened.model, 3)))
    hooks = set_keyframes(hook_lora("a.safetensors", 0.5, 0.5, ctx=ctx), hook_kf=frames)
    clip = set_clip_hooks(opened.clip, True, True, hooks=hooks, ctx=ctx)
    hooked = sample(opened.model, ctx, *(encode_prompt(words, clip, ctx) for words in ("a fox", "a hen")))
    model, changed = load_lora(opened.model, opened.clip, "a.safetensors", 0.5, 0.5, ctx=ctx)
    before, after = (
        Side(each, encode_prompt("a fox", its, ctx), encode_prompt("a hen", its, ctx))
        for each, its in ((opened.model, opened.clip), (model, changed))
    )
    torch.testing.assert_close(hooked, split(before, after, 3, ctx), atol=1e-5, rtol=1e-5)


def test_how_much_of_a_file_fits_is_said(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    for name in ("texts", "model"):
        hooks = hook_lora(f"{name}.safetensors", 1.0, 1.0, ctx=ctx)
        set_clip_hooks(opened.clip, True, False, hooks=hooks, ctx=ctx)
    set_clip_hooks(opened.clip, True, False, hooks=hook_lora("a.safetensors", 1.0, 0, ctx=ctx), ctx=ctx)
    assert ctx.notes == [
        "texts.safetensors: 1 of 1 keys match",
        "model.safetensors has no part for text encoders",
    ]


def test_a_file_for_another_familys_texts_is_refused(opened: OpenedCheckpoint, ctx: FakeContext) -> None:
    with pytest.raises(WeightsError, match=r"strange\.safetensors fits nothing"):
        set_clip_hooks(opened.clip, True, False, hooks=hook_lora("strange.safetensors", 1.0, 1.0, ctx=ctx), ctx=ctx)


def test_another_models_text_encoder_can_be_a_hook(opened: OpenedCheckpoint, base: Path, ctx: FakeContext) -> None:
    other = open_checkpoint(base / "models/checkpoints/other.safetensors", FAMILIES)
    hooks = hook_model("other.safetensors", 0, 1.0, ctx=ctx)
    states, _ = encoded(set_clip_hooks(opened.clip, False, False, hooks=hooks, ctx=ctx), ctx)
    torch.testing.assert_close(states, encoded(other.clip, ctx)[0], atol=1e-4, rtol=1e-4)
    count = len(opened.clip.encoders[0].stored.shapes)
    assert ctx.notes == [f"other.safetensors: {count} of {count} weights match"]
