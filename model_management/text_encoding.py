"""From chunks of weighted tokens to what a diffusion network reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.networks.causal_text import CausalText
from heddle.networks.clip_text import ClipText, EncodedText
from heddle.networks.t5 import T5
from heddle.numerics.emphasis import Emphasis
from heddle.prompts.embeddings import EmbeddingRow
from heddle.prompts.sequences import SequenceLayout
from heddle.prompts.tokenizer import END
from model_management.finiteness import refuse_unless_encoded
from model_management.handles import Clip, TextEncoder
from model_management.weights import Weights

#: A token's number, or the vector [D] of a learned word that stands in its place.
Word: TypeAlias = int | Tensor | EmbeddingRow

TEXTS_AT_ONCE = 16  # a very long prompt has hundreds of chunks: as one batch they would take gigabytes


#: The chunks of one prompt: of each token its `Word`, its weight, and anything more.
Chunks: TypeAlias = Sequence[Sequence[tuple[Any, ...]]]


def encode_text(
    clip: Clip,
    chunks: Mapping[str, Chunks],
    weights: Weights,
    on_part: Callable[[int, int], None] = lambda done, total: None,
    emphasis: Emphasis | None = None,
) -> EncodedText:
    """Encode the chunks of one prompt, each alone, weigh their tokens, and join what all encoders say.

    A token of weight w moves away from what the empty prompt has in its place: z = z_empty + (z - z_empty) * w.

    Args:
        chunks: for each of the clip's encoders by its name: all of one length; none leave the encoder out.
        on_part: told how many of how many texts are done, the empty ones counted.
        emphasis: weighs each chunk in another way, such as one of A1111's.
    Returns: states [1, T, D], all chunks in a row; pooled [1, D], of the first chunk. Both float32 on the CPU.
    Raises: ShapeError, if a learned word has another width than the encoder, or the chunks are too long for it;
        WeightsError or GraphError, if what the encoder says is not finite.
    """
    batches = {
        each.part.name: _Batch(each, chunks[each.part.name], emphasis)
        for each in clip.encoders
        if chunks[each.part.name]
    }
    total = sum(len(batch.words) for batch in batches.values())
    texts: dict[str, EncodedText] = {}
    done = 0
    for name, batch in batches.items():
        already = done
        texts[name] = batch.encode(weights, lambda count, before=already: on_part(before + count, total))
        done += len(batch.words)
    return clip.join(texts)


class _Batch:
    """The chunks of one prompt for one encoder, with the empty one behind them where weights ask for it."""

    def __init__(self, encoder: TextEncoder, chunks: Chunks, emphasis: Emphasis | None) -> None:
        self.encoder = encoder
        self.emphasis = emphasis
        width = encoder.config.width
        self.words = [[_as_word(token[0], width) for token in chunk] for chunk in chunks]
        self.factors = torch.tensor([[float(token[1]) for token in chunk] for chunk in chunks])[..., None]
        self.is_compared = emphasis is None and bool((self.factors != 1).any())
        if self.is_compared:
            self.words.append(_empty_chunk(encoder, len(self.words[0])))

    def encode(self, weights: Weights, on_part: Callable[[int], None]) -> EncodedText:
        with weights.hold(self.encoder) as net:
            parts = []
            for start in range(0, len(self.words), TEXTS_AT_ONCE):
                parts.append(_encode(self.encoder, net, self.words[start : start + TEXTS_AT_ONCE]))
                on_part(min(start + TEXTS_AT_ONCE, len(self.words)))
        states = torch.cat([part.states for part in parts]).float().cpu()
        pooled = parts[0].pooled[:1].float().cpu()
        refuse_unless_encoded(states, self.encoder.stored, say("the text"))
        if self.emphasis is not None:
            weighed = zip(states.split(1), self.factors[..., 0].split(1), strict=True)
            states = torch.cat([self.emphasis(state, factor) for state, factor in weighed])
        if self.is_compared:
            states, empty = states[:-1], states[-1:]
            states = torch.where(self.factors == 1, states, empty + (states - empty) * self.factors)
        if not bool(states.isfinite().all()):
            largest = float(self.factors.abs().max())
            raise GraphError(
                say(
                    "the text has a weight of {largest:.3g}, with which numbers are not finite any more; "
                    "write a smaller one, such as (word:1.3), or fewer parentheses, each of which "
                    "multiplies by 1.1",
                    largest=largest,
                ),
                found=largest,
            )
        return EncodedText(states.reshape(1, -1, self.encoder.config.width), pooled)


def _as_word(word: Word, width: int) -> int | Tensor:
    if isinstance(word, int):
        return word
    vector = word.vector if isinstance(word, EmbeddingRow) else word
    if tuple(vector.shape) != (width,):
        raise ShapeError(
            say(
                "a learned word has {shape} numbers, but this model's text encoder wants {width}; use an "
                "embedding that was made for this family",
                shape=tuple(vector.shape),
                width=width,
            ),
            wanted=(width,),
            got=tuple(vector.shape),
        )
    return vector


def _empty_chunk(encoder: TextEncoder, length: int) -> list[int | Tensor]:
    """What the empty prompt looks like: start and end, which are CLIP's vocabulary's last entries, and padding."""
    row = encoder.part.row
    if row is not None:
        layout = row.layout
        around = [each for each in (layout.start, layout.end) if each is not None]
        return [*around, *[layout.pad] * (length - len(around))]
    end = encoder.config.vocabulary - 1
    pad = end if encoder.part.pad == END else encoder.part.pad  # a smaller vocabulary has its own end
    return [end - 1, end, *[pad] * (length - 2)]


def _encode(encoder: TextEncoder, net: ClipText | T5 | CausalText, words: list[list[int | Tensor]]) -> EncodedText:
    place = next(net.parameters())
    # A learned word has no number; 0 stands in, which ends no text.
    numbers = [[word if isinstance(word, int) else 0 for word in chunk] for chunk in words]
    tokens = torch.tensor(numbers, device=place.device)
    vectors = net.embed(tokens)
    for row, chunk in enumerate(words):
        for column, word in enumerate(chunk):
            if isinstance(word, Tensor):
                vectors[row, column] = word.to(place)
    part, row = encoder.part, encoder.part.row
    if isinstance(net, ClipText) or row is None or not row.hides_padding:
        return net(tokens, layer=encoder.last_layer, with_norm=part.with_norm, vectors=vectors)
    allowed = torch.tensor([_is_text(chunk, row.layout) for chunk in words], device=place.device)
    text = net(tokens, layer=encoder.last_layer, with_norm=part.with_norm, vectors=vectors, allowed=allowed)
    return EncodedText(text.states * allowed[..., None], text.pooled) if row.zeros_padding else text


def _is_text(chunk: list[int | Tensor], layout: SequenceLayout) -> list[bool]:
    """Of each token of a row, whether it is the text's: those up to the first end, or before the first padding."""
    last = layout.pad if layout.end is None else layout.end
    length = next((at for at, word in enumerate(chunk) if isinstance(word, int) and word == last), len(chunk))
    return [at < length or (at == length and layout.end is not None) for at in range(len(chunk))]
