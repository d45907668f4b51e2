"""What stands around a prompt that a language model answers, and what ends its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from heddle.prompts.words import Tokenizer

#: A text, or a token by its number, for those that no text may stand for.
Piece: TypeAlias = str | int


class TwoWayTokenizer(Tokenizer, Protocol):
    def decode(self, tokens: Sequence[int], /) -> str: ...


@dataclass(frozen=True)
class ChatLayout:
    """A model's chat template, for one question.

    Attributes:
        title: what people call the model.
        before, after: what stands around the prompt.
        ends: the tokens with which an answer is over.
        start: the token that every text begins with, in a chat or not; None = none.
        trims: blanks around the prompt are taken away.
        not_thinking: what comes behind `after` where the model is to answer at once; None, for models that always do.
    """

    title: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    ends: tuple[int, ...]
    start: int | None = None
    trims: bool = False
    not_thinking: tuple[Piece, ...] | None = None

    @property
    def thinks(self) -> bool:
        """The model can think before it answers."""
        return self.not_thinking is not None


def _gemma_chat(title: str, turn: int, end_of_turn: int) -> ChatLayout:
    return ChatLayout(
        title=title,
        before=(turn, "user\n"),
        after=(end_of_turn, "\n", turn, "model\n"),
        ends=(1, end_of_turn),
        start=2,
        trims=True,
    )


GEMMA_2_CHAT = _gemma_chat("Gemma 2", 106, 107)
GEMMA_3_CHAT = _gemma_chat("Gemma 3", 105, 106)

_QWEN_END_OF_TEXT, _QWEN_TURN, _QWEN_END_OF_TURN, _QWEN_THINK, _QWEN_END_OF_THOUGHT = (
    151643,
    151644,
    151645,
    151667,
    151668,
)
_QWEN_ASKED = (_QWEN_TURN, "user\n")
_QWEN_ANSWER = (_QWEN_END_OF_TURN, "\n", _QWEN_TURN, "assistant\n")
_QWEN_ENDS = (_QWEN_END_OF_TEXT, _QWEN_END_OF_TURN)
QWEN_2_5_CHAT = ChatLayout(
    title="Qwen 2.5",
    before=(_QWEN_TURN, "system\nYou are a helpful assistant.", _QWEN_END_OF_TURN, "\n", *_QWEN_ASKED),
    after=_QWEN_ANSWER,
    ends=_QWEN_ENDS,
)
QWEN_3_CHAT = ChatLayout(
    title="Qwen 3",
    before=_QWEN_ASKED,
    after=_QWEN_ANSWER,
    ends=_QWEN_ENDS,
    not_thinking=(_QWEN_THINK, "\n\n", _QWEN_END_OF_THOUGHT, "\n\n"),
)
"""Numbers and templates are those of the published tokenizer files; of Qwen 2.5, those of its models that see."""


def chat_tokens(
    prompt: str, tokenizer: Tokenizer, layout: ChatLayout, *, in_template: bool = True, thinking: bool = False
) -> list[int]:
    """What a model reads before it writes.

    Args:
        in_template: it answers the prompt; else it goes on where the prompt ends.
    """
    pieces: tuple[Piece, ...] = (prompt,)
    if in_template:
        asked = prompt.strip() if layout.trims else prompt
        pieces = (*layout.before, asked, *layout.after, *(() if thinking else layout.not_thinking or ()))
    row = [] if layout.start is None else [layout.start]
    text = ""  # texts beside each other are one, since tokens reach across
    for piece in (*pieces, None):
        if isinstance(piece, str):
            text += piece
            continue
        row += tokenizer.encode(text) if text else []
        row += [] if piece is None else [piece]
        text = ""
    return row
