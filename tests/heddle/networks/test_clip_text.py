from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests.heddle.networks import plain

TINY = ClipTextConfig(width=128, layers=3, mlp_width=96, vocabulary=50, positions=12)
START, END = 48, 49


@pytest.fixture
def net() -> ClipText:
    torch.manual_seed(0)
    net = ClipText(TINY, TRAINABLE)
    for weight in net.parameters():  # far enough from the small start that a mixed-up layer shows
        torch.nn.init.normal_(weight, std=0.2)
    return net


TOKENS = torch.tensor([[START, 5, 17, 3, END, END, END], [START, 9, END, END, 7, END, END]])


@pytest.mark.parametrize("layer", [-1, -2, -3])
def test_each_layer_gives_what_the_formulas_say(net, layer):
    with torch.no_grad():
        wanted = plain.clip_text(net.state_dict(), TOKENS, skip=-1 - layer)
        found = net(TOKENS, layer=layer, with_norm=False).states
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
        normed = plain.layer_norm(net.state_dict(), "text_model.final_layer_norm", wanted)
        torch.testing.assert_close(net(TOKENS, layer=layer).states, normed, rtol=1e-4, atol=1e-4)


def test_pooled_is_the_normed_last_layer_where_each_text_first_ends(net):
    with torch.no_grad():
        states = net(TOKENS).states
        pooled = net(TOKENS, layer=-2, with_norm=False).pooled
    torch.testing.assert_close(pooled, torch.stack([states[0, 4], states[1, 2]]))


def test_an_exact_gate_and_a_projection():
    torch.manual_seed(0)
    quick = ClipText(TINY, TRAINABLE)
    exact = ClipText(replace(TINY, quick_gate=False, projection_width=40), TRAINABLE)
    exact.load_state_dict({**quick.state_dict(), "text_projection.weight": torch.randn(40, 128)})
    with torch.no_grad():
        states = exact(TOKENS).states
        # The two gates stand near each other, and are not the same.
        assert 1e-5 < (states - quick(TOKENS).states).abs().max() < 0.1
        torch.testing.assert_close(
            exact(TOKENS).pooled, torch.stack([states[0, 4], states[1, 2]]) @ exact.text_projection.weight.T
        )


def test_a_token_changes_nothing_before_it(net):
    changed = TOKENS.clone()
    changed[0, 3] = 30
    with torch.no_grad():
        before, after = net(TOKENS).states, net(changed).states
    torch.testing.assert_close(before[0, :3], after[0, :3])
    assert not torch.allclose(before[0, 3:], after[0, 3:])


def test_vectors_can_stand_in_for_tokens(net):
    with torch.no_grad():
        torch.testing.assert_close(net(TOKENS, vectors=net.embed(TOKENS)).states, net(TOKENS).states)


def test_positions_are_counted_by_the_net_itself_also_on_the_meta_device():
    with torch.device("meta"):
        net = ClipText(TINY, PLAIN)
    assert net.state_dict()["text_model.embeddings.position_ids"].tolist() == [list(range(12))]


def test_heads_are_64_wide():
    assert ClipTextConfig(width=768, layers=1, mlp_width=1).heads == 12
    with pytest.raises(ShapeError, match="width of 96"):
        ClipTextConfig(width=96, layers=1, mlp_width=1)


@pytest.mark.parametrize("layer", [0, 1, -4])
def test_a_layer_that_is_not_there_is_refused(net, layer):
    with pytest.raises(ShapeError, match="has 3 layers"):
        net(TOKENS, layer=layer)


def test_a_text_longer_than_the_net_reads_is_refused(net):
    with pytest.raises(ShapeError, match="12 tokens at once, 13"):
        net(torch.zeros(1, 13, dtype=torch.long))
