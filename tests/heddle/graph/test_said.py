"""Sentences that remember what they were made of."""

from __future__ import annotations

import json
import pickle

from heddle.graph.errors import GraphError
from heddle.graph.said import all_of, each_of, facts_of, listed, one_of, said_in, say


def test_a_sentence_reads_as_english_and_tells_what_it_was_made_of() -> None:
    near = say("; near to it: {names}", names="a, b")
    words = "the file {name!r} of {bytes:,} bytes is gone{near}"
    said = say(words, name="x{y}", bytes=12345, near=near)
    assert said == "the file 'x{y}' of 12,345 bytes is gone; near to it: a, b"
    facts = {
        "words": words,
        "values": {
            "name": "x{y}",
            "bytes": "12,345",
            "near": {"words": "; near to it: {names}", "values": {"names": "a, b"}},
        },
    }
    assert facts_of(said) == facts and said_in(said) == {"said": facts}
    assert json.loads(json.dumps([said])) == [str(said)]
    assert facts_of(pickle.loads(pickle.dumps(said))) == facts


def test_other_texts_tell_nothing() -> None:
    said = say("gone")
    assert facts_of(f"node 3: {said}") is None and said_in("gone") == {} and facts_of(None) is None


def test_an_error_that_is_put_into_a_sentence_is_remembered_too() -> None:
    why = say("it has {count} layers", count=3)
    for error in (GraphError(why), ValueError(why)):
        said = say("{file}: {why}", file="a", why=error)
        assert said == "a: it has 3 layers"
        assert said.facts["values"] == {"file": "a", "why": {"words": "it has {count} layers", "values": {"count": 3}}}
        assert facts_of(str(error)) == facts_of(why)
    assert say("{why}", why=OSError(2, "no such file")).facts["values"] == {"why": "[Errno 2] no such file"}


def test_what_json_has_not_is_told_as_it_stands_in_the_sentence() -> None:
    said = say(
        "{shape} {level:.4g} {odd} {name!r} {long!r}",
        shape=[1, 4],
        level=0.123456,
        odd=float("nan"),
        name=None,
        long="a",
    )
    assert said == "[1, 4] 0.1235 nan None 'a'"
    assert said.facts["values"] == {"shape": "[1, 4]", "level": "0.1235", "odd": "nan", "name": "None", "long": "a"}


def test_several_things_are_named_together() -> None:
    assert all_of(["a", "b", "c"]) == "a and b and c" and one_of(["a", "b"]) == "a or b"
    assert listed(["a", "b"]) == "a, b" and each_of(["a", "b"]) == "a; b"
    assert all_of(["a"]) == "a" and all_of([]) == ""
    inner = say("{count} more", count=2)
    said = say("found {names}", names=listed(["a", inner, 3]))
    assert said == "found a, 2 more, 3"
    assert said.facts["values"]["names"] == {"words": ", ", "values": ["a", facts_of(inner), 3]}


def test_values_of_any_length_make_sentences_that_can_be_read() -> None:
    said = say("{name!r} is gone", name="x" * 100_000)
    assert len(said) < 600 and said.endswith("...' is gone")
    assert len(said.facts["values"]["name"]) < 600
