"""Language models that remember a text: each new token costs one place, and the states are those of the whole text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from heddle.networks.causal_text import CausalText, NextToken, TextMemory
from heddle.networks.ops import TRAINABLE
from tests.heddle.networks.test_causal_text import GEMMA_2, GEMMA_3, KINDS, TOKENS, seeded


@pytest.mark.parametrize("pieces", [[1] * 7, [4, 1, 2], [3, 4], [7]])
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_read_in_pieces_has_the_states_of_the_whole(kind: str, pieces: list[int]) -> None:
    net, memory = seeded(KINDS[kind]), TextMemory()
    with torch.no_grad():
        wanted = net(TOKENS).states
        found = [net(piece, memory=memory).states for piece in TOKENS.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(found, dim=1), wanted, rtol=1e-4, atol=1e-5)
    assert memory.length == 7 and len(memory.layers) == KINDS[kind].layers


def test_near_layers_remember_what_later_tokens_may_see() -> None:
    memory = TextMemory()
    with torch.no_grad():
        for piece in TOKENS.split([4, 1, 2], dim=1):
            seeded(GEMMA_3)(piece, memory=memory)
    assert [each.keys.shape[1] for each in memory.layers] == [2, 2, 7, 2, 2]  # a window of 3, every third sees all


def test_one_layer_alone_can_see_only_itself() -> None:
    assert GEMMA_3.near is not None
    net, memory = seeded(replace(GEMMA_3, near=replace(GEMMA_3.near, window=1))), TextMemory()
    with torch.no_grad():
        found = [net(piece, memory=memory).states for piece in TOKENS.split([2, 1, 4], dim=1)]
        torch.testing.assert_close(torch.cat(found, dim=1), net(TOKENS).states, rtol=1e-4, atol=1e-5)


def test_a_run_that_breaks_off_can_be_run_again() -> None:
    net, memory = seeded(GEMMA_2), TextMemory()

    def fail(*_: object) -> None:
        raise MemoryError

    with torch.no_grad():
        wanted = net(TOKENS).states[:, 4:]
        net(TOKENS[:, :4], memory=memory)
        hook = net.model.layers[2].register_forward_hook(fail)
        with pytest.raises(MemoryError):
            net(TOKENS[:, 4:], memory=memory)
        hook.remove()
        torch.testing.assert_close(net(TOKENS[:, 4:], memory=memory).states, wanted, rtol=1e-4, atol=1e-5)


def test_scores_come_near_to_their_cap_and_keep_their_order() -> None:
    config = replace(GEMMA_2, score_cap=2.0)
    capped, head = NextToken(config, TRAINABLE), NextToken(GEMMA_2, TRAINABLE)
    head.load_state_dict(capped.state_dict())
    states = 20 * torch.randn(3, config.width, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = head(states)
        torch.testing.assert_close(capped(states), 2 * (scores / 2).tanh())
    assert scores.abs().max() > 2


def test_a_memory_is_of_as_many_layers_as_were_asked() -> None:
    net: CausalText = seeded(GEMMA_2)
    memory = TextMemory()
    with torch.no_grad():
        first = net(TOKENS[:, :3], layer=-2, memory=memory).states
        rest = net(TOKENS[:, 3:], layer=-2, memory=memory).states
        torch.testing.assert_close(torch.cat([first, rest], dim=1), net(TOKENS, layer=-2).states, rtol=1e-4, atol=1e-5)
    assert len(memory.layers) == 2
