"""Texts that the language model of a clip writes, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import all_of, say
from heddle.networks.causal_text import CausalText, CausalTextConfig, NextToken, TextMemory
from heddle.numerics.next_token import TokenChoice, draw, likeliest
from heddle.prompts.chats import ChatLayout, TwoWayTokenizer
from heddle.prompts.vocabularies import Vocabulary
from heddle.samplers.noise import seeded
from model_management.family import Family, NetPart
from model_management.finiteness import refuse_unless_encoded
from model_management.handles import Clip, TextEncoder
from model_management.language_models import LANGUAGE_MODELS, TOKEN_TABLE
from model_management.places import Place
from model_management.prompt_tokens import tokenizer_of
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch
from model_management.weights import Weights

HEAD = "lm_head.weight"

#: Of a long prompt so many tokens are read at once: each looks at all before it, which takes memory.
READ_AT_ONCE = 512
#: Room is kept for so many tokens. Most texts end before, and a longer one finds it when it needs it.
LIKELY_LENGTH = 1024


@dataclass(frozen=True)
class Head:
    """What tells a language model's next token. Held, it gives a `NextToken`."""

    stored: StoredNet
    weight_patches: tuple[WeightPatch, ...] = ()


@dataclass(frozen=True)
class Writer:
    """The language model of a clip."""

    encoder: TextEncoder
    config: CausalTextConfig
    chat: ChatLayout
    vocabulary: Vocabulary

    def tokenizer(self, folders: Iterable[Path]) -> TwoWayTokenizer:
        """Raises: FileProblem, if it is missing. Args: folders: see `tokenize_for`."""
        return tokenizer_of(self.encoder, self.vocabulary, folders)

    @property
    def head(self) -> Head:
        """What of the model only texts need.

        Raises: WeightsError, if the file lacks it.
        """
        stored = self.encoder.stored
        place = stored.part.place
        has_own = stored.part.prefix + place(HEAD).key in stored.header
        source = place(TOKEN_TABLE if self.config.ties_head and not has_own else HEAD)

        def at(_name: str) -> Place:
            return source

        part = NetPart(stored.part.prefix, stored.part.config, NextToken, at)
        head = replace(stored, part=part)
        head.check()
        return Head(head)


def writer_of(clip: Clip, families: Sequence[Family]) -> Writer:
    """The language model of a clip.

    Args:
        families: all that are known, whose language models are named where the clip has none.
    Raises: GraphError, if the clip has none.
    """
    for encoder in clip.encoders:
        config, chat, row = encoder.config, encoder.part.chat, encoder.part.row
        if isinstance(config, CausalTextConfig) and chat is not None and row is not None:
            return Writer(encoder, config, chat, row.vocabulary)
    found = [encoder.part.name for encoder in clip.encoders]
    known = {part.chat.title: None for family in families for part in family.text if part.chat is not None}
    known |= {kind.chat.title: None for kind in LANGUAGE_MODELS}
    raise GraphError(
        say(
            "this CLIP reads texts and writes none: it holds {found}, but a language model is wanted: {known}; "
            "load one with Load CLIP, or take the CLIP of a checkpoint that has one",
            found=all_of(found),
            known=", ".join(known),
        ),
        input_name="clip",
        found=found,
        wanted=list(known),
    )


def write_text(
    writer: Writer,
    row: Sequence[int],
    weights: Weights,
    *,
    at_most: int,
    choice: TokenChoice | None = None,
    seed: int = 0,
    on_token: Callable[[Sequence[int]], None] = lambda written: None,
) -> list[int]:
    """What comes behind the tokens of a row, up to a token that ends texts, which is left out.

    Args:
        at_most: tokens that are written.
        choice: how each is drawn by chance; None = the likeliest is taken.
        seed: of chance, which has its place on the CPU, so that it gives one text on every device.
        on_token: told of all tokens so far after each, and of none while the row is read; may raise.
    Raises: GraphError, if there is nothing to read, or it has tokens that the model does not know; WeightsError or
        GraphError, if scores are not finite.
    """
    _check_row(writer, row)
    config = writer.config
    per_token = 2 * config.layers * config.kv_heads * config.head_width
    numbers = per_token * (len(row) + min(at_most, LIKELY_LENGTH))
    random, memory = seeded(seed), TextMemory()
    read, written = list(row), list[int]()
    with (
        weights.hold(
            writer.encoder, working_bytes=numbers * weights.compute_dtype(writer.encoder.stored).itemsize
        ) as net,
        weights.hold(writer.head) as head,
    ):
        scores = _scores(net, head, row, memory, lambda: on_token(written))
        while True:
            refuse_unless_encoded(scores, writer.encoder.stored, say("the text"))
            if choice is None:
                token = likeliest(scores)
            else:
                token = draw(scores, choice, torch.tensor(read), torch.tensor(written, dtype=torch.int64), random)
            if token in writer.chat.ends:
                return written
            read.append(token)
            written.append(token)
            on_token(written)
            if len(written) == at_most:
                return written
            scores = _scores(net, head, [token], memory)


def _scores(
    net: CausalText,
    head: NextToken,
    row: Sequence[int],
    memory: TextMemory,
    on_part: Callable[[], None] = lambda: None,
) -> Tensor:
    """The scores of what comes behind tokens, and behind those that are remembered: [V], float32, on the CPU."""
    device = next(net.parameters()).device
    states = None
    for start in range(0, len(row), READ_AT_ONCE):
        if start:
            on_part()
        tokens = torch.tensor([row[start : start + READ_AT_ONCE]], device=device)
        states = net(tokens, memory=memory).states[:, -1]
    assert states is not None, "a row without a token"
    return head(states)[0].float().cpu()


def _check_row(writer: Writer, row: Sequence[int]) -> None:
    if not row:
        raise GraphError(
            say("the prompt is empty, and there is nothing to go on from; write something"), input_name="prompt"
        )
    if max(row) >= writer.config.vocabulary:
        raise GraphError(
            say(
                "the tokenizer gives the token {token}, but {title} knows {vocabulary} tokens; put the tokenizer that "
                "belongs to the model into its folder",
                token=max(row),
                title=writer.chat.title,
                vocabulary=writer.config.vocabulary,
            ),
            input_name="clip",
            found=max(row),
            wanted=f"< {writer.config.vocabulary}",
        )
