"""What a language model reads before it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from heddle.prompts.chats import GEMMA_2_CHAT, GEMMA_3_CHAT, QWEN_2_5_CHAT, QWEN_3_CHAT, ChatLayout, chat_tokens
from heddle.prompts.vocabularies import BytePairs, PieceTokenizer, read_tokenizer_folder
from tests.heddle.prompts.tables import SENTENCES, trained_byte_pairs, trained_pieces


class Spelling:
    """Each text is one token, whose number stands for it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, text: str, /) -> list[int]:
        self.texts.append(text)
        return [-len(self.texts)]

    def told(self, row: Sequence[int]) -> list[str | int]:
        return [self.texts[-token - 1] if token < 0 else token for token in row]


def read(layout: ChatLayout, prompt: str, *, in_template: bool = True, thinking: bool = False) -> list[str | int]:
    spelling = Spelling()
    return spelling.told(chat_tokens(prompt, spelling, layout, in_template=in_template, thinking=thinking))


@pytest.mark.parametrize(("layout", "turn"), [(GEMMA_2_CHAT, 106), (GEMMA_3_CHAT, 105)])
def test_gemma_is_asked_without_the_blanks_around_a_prompt(layout: ChatLayout, turn: int) -> None:
    assert read(layout, " a (red) cat\n") == [2, turn, "user\na (red) cat", turn + 1, "\n", turn, "model\n"]


def test_qwen_is_asked_with_them_and_thinks_only_if_it_is_to() -> None:
    asked = [151644, "user\n a cat ", 151645, "\n", 151644]
    assert read(QWEN_3_CHAT, " a cat ") == [*asked, "assistant\n", 151667, "\n\n", 151668, "\n\n"]
    assert read(QWEN_3_CHAT, " a cat ", thinking=True) == [*asked, "assistant\n"]
    system = [151644, "system\nYou are a helpful assistant.", 151645, "\n"]
    assert read(QWEN_2_5_CHAT, " a cat ", thinking=True) == [*system, *asked, "assistant\n"]
    assert (QWEN_3_CHAT.thinks, QWEN_2_5_CHAT.thinks, GEMMA_3_CHAT.thinks) == (True, False, False)


def test_a_prompt_that_is_gone_on_from_has_the_start_alone() -> None:
    assert read(GEMMA_2_CHAT, " a cat ", in_template=False) == [2, " a cat "]
    assert read(QWEN_3_CHAT, " a cat ", in_template=False) == [" a cat "]
    assert read(QWEN_3_CHAT, "", in_template=False) == []


def test_texts_beside_each_other_are_one() -> None:
    layout = replace(GEMMA_2_CHAT, before=("a", "b"), after=("c",))
    assert read(layout, "x") == [2, "abxc"]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_was_encoded_is_told_again(tmp_path: Path, sentence: str) -> None:
    pairs = BytePairs(r"\s+|\S+", {"<end>": 900}, {"<think>": 901})
    trained_byte_pairs(tmp_path)
    table, pieces = read_tokenizer_folder(tmp_path, pairs), PieceTokenizer(trained_pieces("bpe"), "here")
    assert table is not None
    assert table.decode(table.encode(sentence)) == sentence
    assert pieces.decode(pieces.encode(sentence)) == sentence
    assert table.encode(f"<think>{sentence}<end>")[0] == 901 and table.encode("a<end>")[-1] == 900
    assert table.decode([901, *table.encode(sentence), 900]) == f"<think>{sentence}"  # a mark is text, the end is none


def test_tokens_that_a_table_does_not_know_have_no_text() -> None:
    pieces = PieceTokenizer(trained_pieces("bpe"), "here")
    assert pieces.decode([*pieces.encode("a cat"), 100_000]) == "a cat"
