"""Prompts spread over chunks of 77 tokens."""

import time
from typing import Any

import pytest

from heddle.graph.errors import FileProblem
from heddle.prompts.chunks import CHUNK_TOKENS, TokenizedPrompt, tokenize_prompt
from heddle.prompts.embeddings import Embedding, EmbeddingRow
from heddle.prompts.tokenizer import END, START, clip_tokenizer


class Letters:
    """A tokenizer in which every letter is a token."""

    def encode(self, text: str, /) -> list[int]:
        return [ord(letter) for letter in text if not letter.isspace()]


STYLE = Embedding("style", "emb_params", ["first", "second"])


def find(name: str) -> Embedding | None:
    if name == "broken":
        raise FileProblem("embedding 'broken' cannot be read")
    return STYLE if name == "style" else None


def chunked(text: str, **keywords: Any) -> TokenizedPrompt:
    return tokenize_prompt(text, Letters(), **keywords)


def middle(prompt: TokenizedPrompt, chunk: int = 0) -> str:
    """The letters between start and the first end; a vector shows as its row's number."""
    letters = ""
    for token in prompt.chunks[chunk][1:]:
        if token.token == END:
            return letters
        letters += str(token.token.row) if isinstance(token.token, EmbeddingRow) else chr(token.token)
    return letters


@pytest.mark.parametrize("pad", [END, 0])
def test_an_empty_prompt_is_one_chunk_of_padding(pad: int) -> None:
    (chunk,) = chunked("", pad=pad).chunks
    assert [token.token for token in chunk] == [START, END, *[pad] * 75]
    assert all((token.weight, token.word) == (1.0, 0) for token in chunk)


def test_tokens_carry_weights_and_the_number_of_their_word() -> None:
    (chunk,) = chunked("ab (c:1.5)").chunks
    assert [tuple(token) for token in chunk[1:5]] == [(97, 1.0, 1), (98, 1.0, 1), (99, 1.5, 2), (END, 1.0, 0)]


def test_a_short_word_moves_to_the_next_chunk_whole() -> None:
    prompt = chunked("a" * 72 + "(bbbbbbb:1.2)")
    assert (middle(prompt, 0), middle(prompt, 1)) == ("a" * 72, "b" * 7)


def test_a_long_word_is_cut() -> None:
    prompt = chunked("a" * 72 + "(bbbbbbbb:1.2)")
    assert (middle(prompt, 0), middle(prompt, 1)) == ("a" * 72 + "bbb", "b" * 5)
    assert {token.word for token in prompt.chunks[1] if token.word} == {2}


def test_a_full_chunk_has_no_padding_and_no_empty_one_behind_it() -> None:
    prompt = chunked("a" * 75)
    assert len(prompt.chunks) == 1
    assert len(chunked("a" * 76).chunks) == 2
    assert all(len(chunk) == CHUNK_TOKENS for chunk in chunked("a" * 500).chunks)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("embedding:style", "01"),
        ("cat embedding:style dog", "cat01dog"),
        ("cat\nembedding:style\ndog", "cat01dog"),
        ("embedding:style, cat", "01,cat"),
        ("embedding:style embedding:style", "0101"),
        ("embedding:missing cat", "cat"),
        ("embedding:", ""),
        ("cat embedding: style dog", "cat01dog"),
        ("cat,embedding:style", "cat,embedding:style"),
        ("Embedding:style", "Embedding:style"),
    ],
)
def test_embeddings_stand_where_they_are_named(text: str, letters: str) -> None:
    assert middle(chunked(text, find_embedding=find)) == letters


def test_an_embedding_takes_its_weight_and_its_vectors() -> None:
    (chunk,) = chunked("(embedding:style:1.2)", find_embedding=find).chunks
    assert [(token.weight, token.word) for token in chunk[1:3]] == [(1.2, 1), (1.2, 1)]
    assert [token.token.vector for token in chunk[1:3] if isinstance(token.token, EmbeddingRow)] == STYLE.rows


def test_without_a_finder_names_are_text() -> None:
    assert middle(chunked("embedding:style")) == "embedding:style"


def test_what_is_missing_or_broken_is_told_once() -> None:
    prompt = chunked("embedding:no embedding:no embedding:nor embedding:broken embedding:broken", find_embedding=find)
    assert prompt.notes == [
        "embedding 'broken' cannot be read",
        "no embedding file for 'no', 'nor': left out of the prompt",
    ]
    assert chunked("cat embedding:style", find_embedding=find).notes == []


def test_hundreds_of_missing_names_make_a_short_note() -> None:
    (note,) = chunked(" ".join(f"embedding:{i}" for i in range(500)), find_embedding=find).notes
    assert "and 490 more" in note
    assert len(note) < 200


def test_what_is_cut_off_is_told() -> None:
    prompt = chunked("a" * 300, max_chunks=2)
    assert len(prompt.chunks) == 2
    assert prompt.notes == ["the prompt has 4 chunks of 75 tokens, but 2 fit: the rest was left out"]
    assert chunked("a" * 150, max_chunks=2).notes == []


def test_parentheses_are_text_where_weights_are_off() -> None:
    prompt = chunked(r"(cat:1.3) \(x\)", weighted=False)
    assert middle(prompt) == "(cat:1.3)(x)"
    assert {token.weight for token in prompt.chunks[0]} == {1.0}


@pytest.mark.parametrize("text", ["a quiet river, " * 6667, "猫" * 100_000, "embedding:x " * 8334, "(a:1.1)" * 14_286])
def test_100000_characters_are_cut_up_in_a_moment(text: str) -> None:
    clip_tokenizer().encode("built before the clock starts")
    started = time.process_time()
    prompt = tokenize_prompt(text, clip_tokenizer(), find_embedding=find)
    assert time.process_time() - started < 5  # about half a second; a quadratic way takes minutes
    assert prompt.chunks
