"""Which token comes next, by the scores that a language model gives to all of them.

Source: the order of the steps and what each does where scores are equal is that of `generate` in transformers, whose
texts a seed gives, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say


@dataclass(frozen=True)
class TokenChoice:
    """How a token is drawn. The fields stand in the order in which they act.

    repetition_penalty: what the scores of tokens that the text has, prompt included, are divided by if positive, else
        multiplied by: more than 1 makes them rarer. Source: Keskar et al. 2019, arXiv:1909.05858, section 4.1.
    presence_penalty: what is taken off the scores of tokens that were written before.
    temperature: what scores are divided by: below 1 the likely tokens become likelier.
    top_k: so many tokens with the highest scores stay, and those whose score is that of the last; 0 = all.
    top_p: the likeliest stay whose probabilities make this sum; 1 = all. Source: Holtzman et al. 2019,
        arXiv:1904.09751, section 3.1.
    min_p: those stay that are at least this share as likely as the likeliest; 0 = all. Source: Nguyen et al. 2024,
        arXiv:2407.01082, section 3.
    """

    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        for name in ("repetition_penalty", "temperature"):
            if not getattr(self, name) > 0:
                raise GraphError(
                    say(
                        "{name} is {found:g}, but more than 0 is wanted, since scores are divided by it; 1 leaves "
                        "them as they are",
                        name=name,
                        found=getattr(self, name),
                    ),
                    input_name=name,
                    found=getattr(self, name),
                    wanted="> 0",
                )


def likeliest(scores: Tensor) -> int:
    """The token with the highest score. scores: [V]."""
    return int(scores.argmax())


def draw(scores: Tensor, choice: TokenChoice, read: Tensor, written: Tensor, random: torch.Generator) -> int:
    """A token by chance, the likelier the higher its score.

    Args: as `weigh`. random: on the device of the scores.
    """
    return int(torch.multinomial(weigh(scores, choice, read, written).softmax(dim=-1), 1, generator=random))


def weigh(scores: Tensor, choice: TokenChoice, read: Tensor, written: Tensor) -> Tensor:
    """The scores by which a token is drawn: what may not be drawn has none, -inf.

    Args:
        scores: [V], finite.
        read: all tokens of the text so far, int64. written: those of them that are not the prompt's.
    Returns: [V]; the highest score is never left out.
    """
    if choice.repetition_penalty != 1:
        repeated = scores[read]
        factor = choice.repetition_penalty
        repeated = torch.where(repeated < 0, repeated * factor, repeated / factor)
        scores = scores.scatter(0, read, repeated)
    if choice.presence_penalty:
        scores = scores.scatter(0, written, scores[written] - choice.presence_penalty)
    scores = scores / choice.temperature
    if 0 < choice.top_k < len(scores):
        scores = _without(scores, scores < scores.topk(choice.top_k).values[-1])
    if choice.top_p < 1:
        scores = _without(scores, _beyond(scores, choice.top_p))
    if choice.min_p > 0:
        shares = (scores - scores.max()).exp()
        scores = _without(scores, shares < min(choice.min_p, 1))
    return scores


def _without(scores: Tensor, left_out: Tensor) -> Tensor:
    return scores.masked_fill(left_out, -torch.inf)


def _beyond(scores: Tensor, sum_wanted: float) -> Tensor:
    """[V], bool: the unlikely tokens that are not needed for the sum."""
    there = scores.isfinite().nonzero()[:, 0]  # after the step before, few of a large vocabulary
    ordered, order = scores[there].sort()
    is_beyond = ordered.softmax(dim=-1).cumsum(dim=-1) <= 1 - sum_wanted
    is_beyond[-1] = False
    return torch.zeros_like(scores, dtype=torch.bool).scatter(0, there[order], is_beyond)
