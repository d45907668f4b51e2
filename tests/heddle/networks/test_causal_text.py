"""Language models as text encoders, against transformers' classes with the same random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers, RaisedNorm
from heddle.networks.ops import PLAIN, TRAINABLE
from tests import oracles

LLAMA = CausalTextConfig(24, 3, 4, 2, 8, 40, vocabulary=30, norm_eps=1e-5, theta=5e5)
GEMMA_2 = replace(LLAMA, activation="gelu", norm_eps=1e-6, theta=1e4, is_gemma=True)
GEMMA_3 = replace(
    GEMMA_2, layers=5, has_qk_norm=True, theta=1e6, places_per_token=1 / 8, near=NearLayers(every=3, window=3)
)
KINDS = {
    "llama": LLAMA,
    "qwen2.5": replace(LLAMA, has_qkv_bias=True, norm_eps=1e-6, theta=1e6),
    "qwen3": replace(LLAMA, has_qk_norm=True, norm_eps=1e-6, theta=1e6),
    "gemma2": GEMMA_2,
    "gemma3": GEMMA_3,
}
TOKENS = torch.tensor([[5, 17, 3, 9, 1, 0, 0], [9, 2, 7, 7, 21, 4, 1]])


def seeded(config: CausalTextConfig) -> CausalText:
    torch.manual_seed(0)
    net = CausalText(config, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name and not config.is_gemma), std=0.3)
    return net


def theirs(kind: str, net: CausalText) -> torch.nn.Module:
    """transformers' net of this kind, with these weights."""
    transformers, config = oracles.transformers(), KINDS[kind]
    sizes = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "rms_norm_eps": config.norm_eps,
        "pad_token_id": 0,
        "attn_implementation": "eager",
    }
    turned = {"rope_type": "default", "rope_theta": config.theta}
    scale = {"query_pre_attn_scalar": config.head_width, "attn_logit_softcapping": None}
    near_and_far = {
        "layer_types": ["sliding_attention" if number % 3 else "full_attention" for number in range(1, 6)],
        "sliding_window": 3,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            "full_attention": {"rope_type": "linear", "rope_theta": config.theta, "factor": 8.0},
        },
    }
    made = {
        "llama": lambda: transformers.LlamaModel(transformers.LlamaConfig(**sizes, rope_parameters=turned)),
        "qwen2.5": lambda: transformers.Qwen2Model(transformers.Qwen2Config(**sizes, rope_parameters=turned)),
        "qwen3": lambda: transformers.Qwen3Model(transformers.Qwen3Config(**sizes, rope_parameters=turned)),
        "gemma2": lambda: transformers.Gemma2Model(
            transformers.Gemma2Config(**sizes, **scale, rope_parameters=turned, sliding_window=100)
        ),
        "gemma3": lambda: transformers.Gemma3TextModel(
            transformers.Gemma3TextConfig(**sizes, query_pre_attn_scalar=config.head_width, **near_and_far)
        ),
    }[kind]()
    made.load_state_dict({name.removeprefix("model."): weight for name, weight in net.state_dict().items()})
    return made.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_transformers_computes(kind: str) -> None:
    net = seeded(KINDS[kind])
    with torch.no_grad():
        wanted = theirs(kind, net)(TOKENS, output_hidden_states=True)
        torch.testing.assert_close(net(TOKENS).states, wanted.last_hidden_state, rtol=1e-4, atol=1e-4)
        before_last = net(TOKENS, layer=-2, with_norm=False).states
        torch.testing.assert_close(before_last, wanted.hidden_states[-2], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net(TOKENS, layer=-2).states, net.model.norm(before_last))


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_may_not_be_looked_at_change_nothing(kind: str) -> None:
    net, allowed = seeded(KINDS[kind]), torch.tensor([[True, True, False, True, True, False, True]] * 2)
    with torch.no_grad():
        wanted = theirs(kind, net)(TOKENS, attention_mask=allowed.long(), position_ids=torch.arange(7)[None])
        found = net(TOKENS, allowed=allowed).states
        torch.testing.assert_close(found[allowed], wanted.last_hidden_state[allowed], rtol=1e-4, atol=1e-4)
        other = net(TOKENS.where(allowed, 13), allowed=allowed).states
    torch.testing.assert_close(other[allowed], found[allowed])


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_later_is_not_seen(kind: str) -> None:
    net = seeded(KINDS[kind])
    with torch.no_grad():
        torch.testing.assert_close(net(TOKENS[:, :4]).states, net(TOKENS).states[:, :4], rtol=1e-4, atol=1e-5)


def test_vectors_can_stand_in_for_tokens() -> None:
    net = seeded(GEMMA_2)
    with torch.no_grad():
        torch.testing.assert_close(net(TOKENS, vectors=net.embed(TOKENS)).states, net(TOKENS).states)


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(ShapeError, match="has 3 layers"):
        seeded(LLAMA)(TOKENS, layer=-4)


def test_heads_that_cannot_be_shared_are_refused() -> None:
    with pytest.raises(ShapeError, match="4 heads cannot share 3 heads of keys evenly"):
        replace(LLAMA, kv_heads=3)


def test_norms_of_gemma_are_computed_in_single_precision() -> None:
    norm, x = RaisedNorm(24, eps=1e-6), torch.randn(2, 24, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        norm.weight.fill_(0.003)  # in bfloat16, 1.003 is 1
        wanted = norm(x.bfloat16().float())
        norm.bfloat16()
        found = norm(x.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, wanted.bfloat16())


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        net = CausalText(
            CausalTextConfig(2304, 26, 8, 4, 256, 9216, vocabulary=256000, activation="gelu", is_gemma=True), PLAIN
        )
    assert sum(weight.numel() for weight in net.parameters()) == 2_614_341_888
