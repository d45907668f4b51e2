"""Sentences that remember what they were made of."""

from __future__ import annotations

import json
import pickle

from heddle.graph.said import facts_of, said_in, say


def test_a_sentence_reads_as_english_and_tells_what_it_was_made_of() -> None:
    near = say("near", "; near to it: {names}", names="a, b")
    said = say("gone", "the file {name!r} of {bytes:,} bytes is gone{near}", name="x{y}", bytes=12345, near=near)
    assert said == "the file 'x{y}' of 12,345 bytes is gone; near to it: a, b"
    facts = {
        "name": "gone",
        "values": {"name": "x{y}", "bytes": 12345, "near": {"name": "near", "values": {"names": "a, b"}}},
    }
    assert facts_of(said) == facts and said_in(said) == {"said": facts}
    assert json.loads(json.dumps([said])) == [str(said)]
    assert facts_of(pickle.loads(pickle.dumps(said))) == facts


def test_other_texts_tell_nothing() -> None:
    said = say("gone", "gone")
    assert facts_of(f"node 3: {said}") is None and said_in("gone") == {} and facts_of(None) is None


def test_values_of_any_length_make_sentences_that_can_be_read() -> None:
    said = say("gone", "{name!r} is gone", name="x" * 100_000)
    assert len(said) < 200 and said.endswith("...' is gone")
    assert len(said.facts["values"]["name"]) < 200
