"""A1111's AND, and its calls of other networks."""

import time

import pytest

from heddle.prompts.a1111.conditions import split_conditions
from heddle.prompts.a1111.networks import NetworkCall, take_networks


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("", [("", 1)]),
        ("a AND b", [("a", 1), (" b", 1)]),
        ("a :0.5 AND b:+2. ", [("a", 0.5), (" b", 2)]),
        ("a:1:.5", [("a:1", 0.5)]),
        ("(a:1.2) AND SAND", [("(a:1.2)", 1), (" SAND", 1)]),
        ("a : b", [("a : b", 1)]),
        ("a :1e3", [("a :1e3", 1)]),
        ("AND", [("", 1), ("", 1)]),
    ],
)
def test_conditions_and_their_weights(prompt: str, wanted: list[tuple[str, float]]) -> None:
    assert [tuple(one) for one in split_conditions(prompt)] == wanted


def test_calls_are_taken_out() -> None:
    text, calls = take_networks("a <lora:fur:0.8:te=0.5:te=0.6>b<hypernet:h> <b> < lora:x:1> <lora:open")
    assert text == "a b <b> < lora:x:1> <lora:open"
    assert calls == [
        NetworkCall("lora", ["fur", "0.8", "te=0.5", "te=0.6"]),
        NetworkCall("hypernet", ["h"]),
    ]
    assert calls[0].positional == ["fur", "0.8"]
    assert calls[0].named == {"te": "0.6"}


@pytest.mark.parametrize(
    ("call", "network", "text"),
    [
        ("<lora:a>", 1, 1),
        ("<lora:a:0.8>", 0.8, 0.8),
        ("<lora:a:0.8:0.5>", 0.5, 0.8),
        ("<lora:a:te=0.3>", 0.3, 0.3),
        ("<lora:a:0.8:unet=0.1>", 0.1, 0.8),
        ("<lora:a:te=0.2:unet=0.7:dyn=8>", 0.7, 0.2),
        ("<lora:a:much:1e999>", 1, 1),
    ],
)
def test_strengths_are_said_by_place_or_by_name(call: str, network: float, text: float) -> None:
    (found,) = take_networks(call)[1]
    assert found.strengths == (network, text)


def test_only_kinds_that_are_asked_for_are_taken() -> None:
    assert take_networks("<b:x> <LORA:a>c", ("lora",)) == ("<b:x> c", [NetworkCall("LORA", ["a"])])


def test_calls_that_never_end_take_no_more_than_a_moment() -> None:
    text = "<a:" * 50_000
    began = time.process_time()
    assert take_networks(text) == (text, [])
    assert time.process_time() - began < 2
