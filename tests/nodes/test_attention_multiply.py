"""Nodes that multiply parts of attention."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import GraphError
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.patches.attention import (
    multiply_attention_in_space_and_time,
    multiply_clip_attention,
    multiply_cross_attention,
    multiply_self_attention,
)
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


def factors_found(handle, changed) -> dict[str, float]:
    """How many times each weight of a changed handle's net is what it was, where it is not."""
    weights, found = Weights(torch.device("cpu")), {}
    with weights.hold(handle) as net, weights.hold(changed) as other:
        before, after = net.state_dict(), other.state_dict()
        for name in before:
            if after[name] is not before[name] and not torch.equal(after[name], before[name]):
                factor = (after[name] / before[name])[before[name] != 0]
                torch.testing.assert_close(factor, factor[:1].expand_as(factor), rtol=1e-3, atol=1e-3)
                found[name] = round(float(factor[0]), 3)
    return found


def by_layer(found: dict[str, float]) -> dict[str, float]:
    """Of all attentions, that all have the same."""
    layers: dict[str, float] = {}
    for name, factor in found.items():
        place = name.partition("transformer_blocks.0.")[2] or name.partition("self_attn.")[2]
        assert layers.setdefault(place, factor) == factor
    return layers


def test_self_attention_has_its_weights_multiplied_and_text_attention_its_own(opened: OpenedCheckpoint) -> None:
    model = opened.model
    found = factors_found(model, multiply_self_attention(model, 0.5, 1.0, 2.0, 3.0))
    wanted = {"to_q.weight": 0.5, "to_v.weight": 2.0, "to_out.0.weight": 3.0, "to_out.0.bias": 3.0}
    assert by_layer(found) == {f"attn1.{name}": factor for name, factor in wanted.items()}
    assert len(found) == 4 * 7  # attentions of the tiny net
    found = factors_found(model, multiply_cross_attention(model, 1.0, 0.25, 1.0, 1.0))
    assert by_layer(found) == {"attn2.to_k.weight": 0.25}


def test_what_attention_adds_is_multiplied_in_space_and_what_would_be_in_time_is_told(opened: OpenedCheckpoint) -> None:
    model, ctx = opened.model, FakeContext()
    found = factors_found(model, multiply_attention_in_space_and_time(model, 0.5, 1.0, 2.0, 1.0, ctx))
    assert by_layer(found) == {
        "attn1.to_out.0.weight": 0.5, "attn1.to_out.0.bias": 0.5,
        "attn2.to_out.0.weight": 2.0, "attn2.to_out.0.bias": 2.0,
    }  # fmt: skip
    assert ctx.notes == []
    assert multiply_attention_in_space_and_time(model, 1.0, 3.0, 1.0, 1.0, ctx) is model
    assert ctx.notes == ["this network looks along no frames, so self_temporal and cross_temporal change nothing"]


def test_a_clip_has_its_encoders_multiplied_biases_too(opened: OpenedCheckpoint) -> None:
    changed = multiply_clip_attention(opened.clip, 2.0, 1.0, 1.0, 0.0)
    found = factors_found(opened.clip.encoders[0], changed.encoders[0])
    assert by_layer(found) == {
        "q_proj.weight": 2.0, "q_proj.bias": 2.0, "out_proj.weight": 0.0, "out_proj.bias": 0.0
    }  # fmt: skip


def test_ones_change_nothing_and_two_nodes_multiply(opened: OpenedCheckpoint) -> None:
    model = opened.model
    assert multiply_self_attention(model, 1.0, 1.0, 1.0, 1.0) is model
    assert multiply_clip_attention(opened.clip, 1.0, 1.0, 1.0, 1.0) is opened.clip
    twice = multiply_self_attention(multiply_self_attention(model, 2.0, 1.0, 1.0, 1.0), 3.0, 1.0, 1.0, 1.0)
    assert by_layer(factors_found(model, twice)) == {"attn1.to_q.weight": 6.0}


def test_what_has_no_such_attention_is_refused(opened: OpenedCheckpoint) -> None:
    text = opened.clip.encoders[0].stored
    with pytest.raises(GraphError, match=r"of sd15 \(tiny\.safetensors\) has no attention of a UNet"):
        multiply_self_attention(replace(opened.model, stored=text), 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(GraphError, match=r"\(none\) have no attention of CLIP"):
        multiply_clip_attention(replace(opened.clip, encoders=()), 1.0, 1.0, 1.0, 1.0)
