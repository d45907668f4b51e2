"""A1111's chunks, with a tokenizer that takes each letter for a token."""

from typing import Any

import pytest

from heddle.graph.errors import FileProblem
from heddle.prompts.a1111.chunks import ChunkedPrompt, EmbeddingNames, chunk_prompt
from heddle.prompts.embeddings import Embedding, EmbeddingRow
from heddle.prompts.tokenizer import END, START


class Letters:
    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text if not letter.isspace()]


def embeddings(**sizes: int) -> dict[str, Any]:
    return {
        "names": EmbeddingNames(sizes, Letters()),
        "find_embedding": lambda name: Embedding(name, "key", [name] * sizes[name]),
    }


def chunked(text: str, **keywords: Any) -> ChunkedPrompt:
    return chunk_prompt(text, Letters(), **keywords)


def rows(prompt: ChunkedPrompt) -> list[str]:
    """What stands in each chunk before its end, an embedding's row as `#`."""
    found: list[str] = []
    for chunk in prompt.chunks:
        assert len(chunk) == 77 and chunk[0].token == START
        ids = [token.token for token in chunk]
        inner = ids[1 : ids.index(END)]
        found.append("".join("#" if isinstance(one, EmbeddingRow) else chr(one) for one in inner))
    return found


def test_an_empty_prompt_is_one_chunk_without_a_token() -> None:
    assert (rows(chunked("")), chunked("").token_count) == ([""], 0)


def test_a_break_ends_a_chunk_and_counts_as_a_full_one() -> None:
    assert (rows(chunked("ab BREAK c")), chunked("ab BREAK c").token_count) == (["ab", "c"], 76)
    assert (rows(chunked("ab BREAK")), chunked("ab BREAK").token_count) == (["ab"], 75)
    weighted = chunked("(ab BREAK c:2)")  # under a weight it is a word, which nobody wanted but pictures rest on
    assert rows(weighted) == ["abBREAKc"]
    assert [token.weight for token in weighted.chunks[0][1:9]] == [2, 2, -2, -2, -2, -2, -2, 2]


def test_what_follows_the_last_comma_moves_to_the_next_chunk() -> None:
    near = chunked("a" * 55 + "," + "b" * 30)
    assert rows(near) == ["a" * 55 + ",", "b" * 30]
    assert near.token_count == 75 + 30
    assert rows(chunked("a" * 54 + "," + "b" * 30)) == ["a" * 54 + "," + "b" * 20, "b" * 10]  # too far back
    assert rows(chunked("a" * 70 + "," + "b" * 30, backtrack=0)) == ["a" * 70 + "," + "b" * 4, "b" * 26]
    assert rows(chunked("a" * 75 + ",b")) == ["a" * 75, ",b"]


def test_the_longest_name_is_meant_whatever_its_case_in_tokens() -> None:
    assert rows(chunked("x cat caty z", **embeddings(cat=2, caty=3))) == ["x#####z"]
    assert rows(chunked("ca t", **embeddings(cat=2))) == ["##"]  # it is tokens that are compared


def test_an_embedding_is_torn_by_no_chunk_unless_it_is_longer() -> None:
    assert rows(chunked("a" * 74 + "E", **embeddings(E=2))) == ["a" * 74, "##"]
    assert rows(chunked("aE", **embeddings(E=80))) == ["a", "#" * 75, "#" * 5]


def test_an_embedding_moves_with_what_follows_a_comma() -> None:
    moved = chunked("a" * 70 + ",E" + "bb" + "c", **embeddings(E=2))
    assert rows(moved) == ["a" * 70 + ",", "##bbc"]


def test_an_embedding_that_cannot_be_used_stays_text_with_a_note() -> None:
    def find(name: str) -> Embedding:
        raise FileProblem("embedding 'cat': 1280 numbers, but 768 are wanted")

    got = chunked("a cat, cat", names=EmbeddingNames(["cat"], Letters()), find_embedding=find)
    assert rows(got) == ["acat,cat"]
    assert got.notes == ["embedding 'cat': 1280 numbers, but 768 are wanted"]


@pytest.mark.parametrize("pad", [END, 0])
def test_a_chunk_is_filled_up_behind_its_end(pad: int) -> None:
    (chunk,) = chunked("ab", pad=pad).chunks
    assert [token.token for token in chunk[3:]] == [END, *[pad] * 73]
    assert {token.weight for token in chunk[3:]} == {1.0}


def test_without_weights_all_signs_are_text() -> None:
    assert rows(chunked("(a:2) BREAK [b]", weighted=False)) == ["(a:2)BREAK[b]"]
