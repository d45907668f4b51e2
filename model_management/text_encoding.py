"""From chunks of weighted tokens to what a diffusion network reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.networks.clip_text import ClipText, ClipTextConfig, EncodedText
from heddle.numerics.emphasis import Emphasis
from heddle.prompts.embeddings import EmbeddingRow
from model_management.handles import Clip
from model_management.weights import Weights

#: A token's number, or the vector [D] of a learned word that stands in its place.
Word: TypeAlias = int | Tensor | EmbeddingRow

TEXTS_AT_ONCE = 16  # a very long prompt has hundreds of chunks: as one batch they would take gigabytes


class Conditions(NamedTuple):
    """states: [1, T, D], all chunks in a row. pooled: [1, D], of the first chunk. Both float32 on the CPU."""

    states: Tensor
    pooled: Tensor


def encode_text(
    clip: Clip,
    chunks: Sequence[Sequence[tuple[Any, ...]]],
    weights: Weights,
    on_part: Callable[[int, int], None] = lambda done, total: None,
    emphasis: Emphasis | None = None,
) -> Conditions:
    """Encode the chunks of one prompt, each alone, and weigh their tokens.

    A token of weight w moves away from what the empty prompt has in its place: z = z_empty + (z - z_empty) * w.

    Args:
        emphasis: weighs each chunk in another way, such as one of A1111's.
        chunks: at least one, all of one length; of each token its `Word`, its weight, and anything more.
        on_part: told how many of how many texts are done, the empty one counted.
    Raises: ShapeError, if a learned word has another width than the encoder, or the chunks are too long for it.
    """
    width = clip.config.width
    words = [[_as_word(token[0], width) for token in chunk] for chunk in chunks]
    factors = torch.tensor([[float(token[1]) for token in chunk] for chunk in chunks])[..., None]
    is_weighted = emphasis is None and bool((factors != 1).any())
    if is_weighted:
        words.append(_empty_chunk(clip.config, len(words[0])))
    with weights.hold(clip) as net:
        parts = []
        for start in range(0, len(words), TEXTS_AT_ONCE):
            parts.append(_encode(clip, net, words[start : start + TEXTS_AT_ONCE]))
            on_part(min(start + TEXTS_AT_ONCE, len(words)), len(words))
    states = torch.cat([part.states for part in parts]).float().cpu()
    pooled = parts[0].pooled[:1].float().cpu()
    if emphasis is not None:
        weighed = zip(states.split(1), factors[..., 0].split(1), strict=True)
        states = torch.cat([emphasis(state, factor) for state, factor in weighed])
    if is_weighted:
        states, empty = states[:-1], states[-1:]
        states = torch.where(factors == 1, states, empty + (states - empty) * factors)
    return Conditions(states.reshape(1, -1, width), pooled)


def _as_word(word: Word, width: int) -> int | Tensor:
    if isinstance(word, int):
        return word
    vector = word.vector if isinstance(word, EmbeddingRow) else word
    if tuple(vector.shape) != (width,):
        raise ShapeError(
            f"a learned word has {tuple(vector.shape)} numbers, but this model's text encoder wants {width}; "
            "use an embedding that was made for this family",
            wanted=(width,),
            got=tuple(vector.shape),
        )
    return vector


def _empty_chunk(config: ClipTextConfig, length: int) -> list[int | Tensor]:
    """What the empty prompt looks like: the start, then ends. The two are the vocabulary's last entries."""
    return [config.end_token - 1, *[config.end_token] * (length - 1)]


def _encode(clip: Clip, net: ClipText, words: list[list[int | Tensor]]) -> EncodedText:
    place = net.text_model.final_layer_norm.weight
    # A learned word has no number; 0 stands in, which ends no text.
    numbers = [[word if isinstance(word, int) else 0 for word in chunk] for chunk in words]
    tokens = torch.tensor(numbers, device=place.device)
    vectors = net.embed(tokens)
    for row, chunk in enumerate(words):
        for column, word in enumerate(chunk):
            if isinstance(word, Tensor):
                vectors[row, column] = word.to(place)
    return net(tokens, layer=clip.last_layer, with_norm=clip.with_norm, vectors=vectors)
