from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.ops import PLAIN, TRAINABLE
from heddle.networks.t5 import T5, T5Config, distance_buckets
from tests.heddle.networks import plain_transformers as plain

GATED = T5Config(width=24, layers=3, heads=4, inner_width=20, mlp_width=40, vocabulary=30)
KINDS = {
    "1.0": replace(GATED, has_gate=False),
    "1.1": GATED,
    "umt5": replace(GATED, bias_in_each_layer=True, buckets=16),
}
TOKENS = torch.tensor([[5, 17, 3, 9, 1, 0, 0], [9, 2, 7, 7, 21, 4, 1]])


def seeded_t5(config: T5Config) -> T5:
    torch.manual_seed(0)
    net = T5(config, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float("layer_norm" in name), std=0.3)
    return net


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS.keys())
def test_it_computes_what_the_formulas_say(config):
    net = seeded_t5(config)
    with torch.no_grad():
        torch.testing.assert_close(net(TOKENS).states, plain.t5(net.state_dict(), TOKENS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS.keys())
def test_tokens_that_may_not_be_looked_at_change_nothing(config):
    net, allowed = seeded_t5(config), TOKENS != 0
    other = TOKENS.where(allowed, 13)
    with torch.no_grad():
        found = net(TOKENS, allowed=allowed).states
        torch.testing.assert_close(found, plain.t5(net.state_dict(), TOKENS, allowed), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net(other, allowed=allowed).states[allowed], found[allowed])
        assert not torch.allclose(net(other).states[allowed], net(TOKENS).states[allowed])


def test_vectors_can_stand_in_for_tokens():
    net = seeded_t5(GATED)
    with torch.no_grad():
        torch.testing.assert_close(net(TOKENS, vectors=net.embed(TOKENS)).states, net(TOKENS).states)


def test_an_earlier_layer_can_be_asked_for():
    net = seeded_t5(GATED)
    shorter = {name: weight for name, weight in net.state_dict().items() if not name.startswith("encoder.block.2.")}
    with torch.no_grad():
        normed, bare = net(TOKENS, layer=-2).states, net(TOKENS, layer=-2, with_norm=False).states
        torch.testing.assert_close(normed, plain.t5(shorter, TOKENS), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net.encoder.final_layer_norm(bare), normed)
    with pytest.raises(ShapeError, match="has 3 layers"):
        net(TOKENS, layer=-4)


def test_near_tokens_have_a_distance_each_and_far_ones_share():
    kinds = distance_buckets(300, 32, torch.device("cpu"))
    row = kinds[150].tolist()
    assert row[150:159] == [0, 17, 18, 19, 20, 21, 22, 23, 24]
    assert row[142:151] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert set(row[:22]) == {15} and set(row[279:]) == {31}
    assert row[:151] == sorted(row[:151], reverse=True) and row[151:] == sorted(row[151:])


def test_lengths_beyond_the_farthest_distance_are_computed_alike():
    net = seeded_t5(GATED)
    tokens = torch.randint(30, (1, 150), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(net(tokens).states, plain.t5(net.state_dict(), tokens), rtol=1e-4, atol=1e-4)


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights():
    with torch.device("meta"):
        net = T5(T5Config(width=4096, layers=24, heads=64, inner_width=4096, mlp_width=10240), PLAIN)
    assert sum(weight.numel() for weight in net.parameters()) == 4_762_310_656


def test_queries_that_do_not_split_into_heads_are_refused():
    with pytest.raises(ShapeError, match="21 wide"):
        replace(GATED, inner_width=21)
