"""Prompts as one row of tokens."""

from typing import Any

import pytest

from heddle.prompts.embeddings import Embedding, EmbeddingRow
from heddle.prompts.sequences import (
    GEMMA_2,
    PILE_T5_XL,
    QWEN_IMAGE,
    T5_XXL,
    T5_XXL_77,
    SequenceLayout,
    tokenize_sequence,
)


class Letters:
    """A tokenizer in which every letter is a token."""

    def encode(self, text: str, /) -> list[int]:
        return [ord(letter) for letter in text if not letter.isspace()]


def row_of(text: str, layout: SequenceLayout = T5_XXL_77, **keywords: Any) -> list[tuple[Any, float, int]]:
    (row,) = tokenize_sequence(text, Letters(), layout, **keywords).chunks
    return [(token.token, token.weight, token.word) for token in row]


@pytest.mark.parametrize(("layout", "length"), [(T5_XXL, 256), (T5_XXL_77, 77), (PILE_T5_XL, 256)])
def test_a_short_text_is_filled_up_behind_its_end(layout: SequenceLayout, length: int) -> None:
    row = row_of("ab", layout)
    assert row[:2] == [(97, 1.0, 1), (98, 1.0, 1)]
    assert row[2:] == [(layout.end, 1.0, 0), *[(layout.pad, 1.0, 0)] * (length - 3)]


def test_a_long_text_is_one_row_all_the_same() -> None:
    row = row_of("a" * 1000)
    assert len(row) == 1001 and row[-1] == (1, 1.0, 0)


def test_weights_and_words_are_as_in_chunks() -> None:
    assert row_of("a (b:1.5) c")[:3] == [(97, 1.0, 1), (98, 1.5, 2), (99, 1.0, 3)]


def test_what_is_cut_off_is_told() -> None:
    prompt = tokenize_sequence("a" * 300, Letters(), T5_XXL_77, at_most=200)
    assert len(prompt.chunks[0]) == 200 and prompt.chunks[0][-1].token == 1
    assert prompt.notes == ["the prompt has 300 tokens, but 199 fit: the rest was left out"]
    assert tokenize_sequence("a" * 199, Letters(), T5_XXL_77, at_most=200).notes == []


def test_embeddings_stand_where_they_are_named() -> None:
    style = Embedding("style", "t5xxl", ["first", "second"])
    row = row_of("a embedding:style", find_embedding=lambda name: style if name == "style" else None)
    assert [token for token, _, _ in row[1:3]] == [EmbeddingRow(style, 0), EmbeddingRow(style, 1)]
    missing = tokenize_sequence("embedding:no", Letters(), T5_XXL_77, find_embedding=lambda name: None)
    assert missing.notes == ["no embedding file for 'no': left out of the prompt"]


def test_a_template_stands_around_the_text_and_its_weights_are_text() -> None:
    row = row_of("(cat:1.2)", QWEN_IMAGE)
    letters = "".join(chr(token) for token, _, _ in row)
    assert letters.startswith("<|im_start|>system") and letters.endswith("<|im_start|>assistant")
    assert "user(cat:1.2)<|im_end|>" in letters
    assert {weight for _, weight, _ in row} == {1.0}


def test_a_start_stands_before_the_text_which_need_not_end_or_be_filled_up() -> None:
    assert row_of("(ab:1.5)", GEMMA_2) == [(2, 1.0, 0), (97, 1.5, 1), (98, 1.5, 1)]
    assert row_of("", GEMMA_2) == [(2, 1.0, 0)]
    assert row_of("abc", GEMMA_2, at_most=3) == [(2, 1.0, 0), (97, 1.0, 1), (98, 1.0, 1)]
