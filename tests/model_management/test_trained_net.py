"""Nets of every kind computed with changes that are trained: in blocks, of which only inputs are kept, or whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heddle.adapters.fresh import fresh_parts
from heddle.networks.auraflow import AuraFlow
from heddle.networks.chroma import Chroma
from heddle.networks.lumina import Lumina
from model_management.trained_net import blocks_at, trainable_weights, trained_net
from tests.heddle.networks.test_block_hooks import NETS, made


def changes_of(net: nn.Module) -> dict[str, dict[str, Tensor]]:
    chance = torch.Generator().manual_seed(3)
    changes: dict[str, dict[str, Tensor]] = {}
    for name, shape in trainable_weights(net):
        if len(shape) > 1:
            changes[name] = fresh_parts("LoRA", tuple(shape), 2, chance)
            changes[name]["up"] = (changes[name]["up"] + 0.1).requires_grad_()
        else:
            changes[name] = {"diff": torch.full(tuple(shape), 0.01).requires_grad_()}
    return changes


def computed(net: nn.Module, twin: nn.Module) -> Tensor:
    torch.manual_seed(1)
    given = {"x": torch.randn(1, 4, 4, 6), "timesteps": torch.rand(1) / 20, "context": torch.randn(1, 5, 24)}
    if not isinstance(net, (Chroma, AuraFlow, Lumina)):
        given["vector"] = torch.randn(1, 12)
    return twin(**given)


def gradients(changes: dict[str, dict[str, Tensor]]) -> dict[str, Tensor | None]:
    return {name: next(part.grad for part in parts.values() if part.requires_grad) for name, parts in changes.items()}


@pytest.mark.parametrize("name", NETS)
def test_blocks_of_which_inputs_are_kept_give_the_same_and_learn_the_same(name: str) -> None:
    net: Any = made(name).requires_grad_(False)
    with torch.enable_grad():
        whole, in_blocks = changes_of(net), changes_of(net)
        outs = [computed(net, trained_net(net, whole, 0)), computed(net, trained_net(net, in_blocks, 1))]
        assert list(blocks_at(net, 1)), "there are blocks"
        torch.testing.assert_close(outs[0], outs[1])
        for out in outs:
            out.square().mean().backward()
    first, second = gradients(whole), gradients(in_blocks)
    for weight, gradient in first.items():
        other = second[weight]
        assert (gradient is None) == (other is None), weight
        if gradient is not None and other is not None:
            torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-6)
    assert sum(gradient is not None for gradient in first.values()) > 0.9 * len(first)
    assert not computed(net, net).equal(outs[0]), "the net itself is as it was"
