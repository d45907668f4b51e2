"""How the next token is chosen, against the steps of transformers' `generate`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from heddle.graph.errors import GraphError
from heddle.numerics.next_token import TokenChoice, draw, likeliest, weigh
from tests import oracles

VOCABULARY = 200
READ = torch.tensor([3, 17, 17, 4, 90, 3])
NONE = torch.tensor([], dtype=torch.int64)


def scores_of(seed: int) -> torch.Tensor:
    scores = 3 * torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed))
    return scores.round() if seed % 2 else scores  # every other with many that are equal


def theirs(choice: TokenChoice) -> Any:
    """What transformers makes of these options, in its own order."""
    transformers = oracles.transformers()
    config = transformers.GenerationConfig(
        do_sample=True,
        temperature=choice.temperature,
        top_k=choice.top_k,
        top_p=choice.top_p,
        min_p=choice.min_p or None,
        repetition_penalty=choice.repetition_penalty,
    )
    net = transformers.GemmaForCausalLM(
        transformers.GemmaConfig(
            vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
            num_key_value_heads=1, head_dim=8,
        )
    )  # fmt: skip
    return net._get_logits_processor(config, input_ids_seq_length=len(READ))


@pytest.mark.parametrize(
    "choice",
    [
        TokenChoice(),
        TokenChoice(temperature=0.7),
        TokenChoice(top_k=12),
        TokenChoice(top_k=1000),
        TokenChoice(top_p=0.8),
        TokenChoice(top_p=0.0),
        TokenChoice(min_p=0.1),
        TokenChoice(min_p=1.0),
        TokenChoice(repetition_penalty=1.3),
        TokenChoice(repetition_penalty=0.4),
        TokenChoice(1.05, 0.0, 0.7, 64, 0.95, 0.05),
        TokenChoice(2.0, 0.0, 1.7, 30, 0.6, 0.02),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_scores_are_weighed_as_transformers_weighs_them(choice: TokenChoice, seed: int) -> None:
    scores = scores_of(seed)
    wanted = theirs(choice)(READ[None], scores[None].clone())[0]
    torch.testing.assert_close(weigh(scores, choice, READ, NONE), wanted, rtol=1e-6, atol=1e-6)


def test_a_seed_draws_what_transformers_draws() -> None:
    choice, scores = TokenChoice(1.05, 0.0, 1.5, 64, 0.95, 0.01), scores_of(2)
    torch.manual_seed(5)
    processed = theirs(choice)(READ[None], scores[None].clone()).softmax(dim=-1)
    torch.manual_seed(5)
    wanted = [int(torch.multinomial(processed, num_samples=1)) for _ in range(20)]
    random = torch.Generator().manual_seed(5)
    assert [draw(scores, choice, READ, NONE, random) for _ in range(20)] == wanted
    assert len(set(wanted)) > 5


def test_what_was_written_is_made_rarer_once_and_the_prompt_is_not() -> None:
    scores = scores_of(0)
    found = weigh(scores, TokenChoice(presence_penalty=1.5), READ, READ[3:])
    wanted = scores.clone()
    wanted[[3, 4, 90]] -= 1.5
    torch.testing.assert_close(found, wanted)


def test_the_likeliest_stays_whatever_is_left_out() -> None:
    strict = TokenChoice(top_k=1, top_p=0.0, min_p=1.0)
    for seed in range(4):
        assert (
            draw(scores_of(seed), strict, READ, NONE, torch.Generator())
            in (scores_of(seed) == scores_of(seed).max()).nonzero()
        )
    assert likeliest(torch.tensor([0.0, 2.0, 1.0])) == 1


@pytest.mark.parametrize("name", ["temperature", "repetition_penalty"])
def test_what_scores_are_divided_by_is_more_than_zero(name: str) -> None:
    with pytest.raises(GraphError, match=f"{name} is 0, but more than 0 is wanted"):
        replace(TokenChoice(), **{name: 0.0})
