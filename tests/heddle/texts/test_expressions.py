"""Arithmetic that people type."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from heddle.graph.errors import GraphError
from heddle.texts.expressions import FUNCTIONS, BadExpression, compute, read_number

VALUES = {"a": 3, "b": 4.5, "c": True, "e": 2}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("a + b", 7.5),
        (" \n a * 2 - -1", 7),
        ("a // 2", 1),
        ("a / 2", 1.5),
        ("-a % 2", 1),
        ("a ** 2 ** 2", 81),
        ("2 ** -1", 0.5),
        ("a > 2 and b < 2", False),
        ("1 < a < 4", True),
        ("0 or a", 3),
        ("a and e", 2),
        ("not c", False),
        ("a if c else b", 3),
        ("c + 1", 2),
        ("6 & 3 | 8 ^ 1", 6 & 3 | 8 ^ 1),
        ("~a << 2 >> 1", ~3 << 2 >> 1),
        ("min(a, b) + max([1, 2], 9)", 12),
        ("sum(values)", 10.5),
        ("sum([a, 1], 2)", 6),
        ("values[0] * values[-1]", 6),
        ("len(values)", 4),
        ("avg(1, 2, 3)", 2),
        ("a in (1, 3)", True),
        ("round(b * 1.11, 1)", 5.0),
        ("round(2.5)", 2),
        ("clamp(12, 0, 10) + sign(-5)", 9),
        ("sqrt(16) + hypot(3, 4)", 9),
        ("floor(-0.5) + ceil(0.2) + trunc(-1.7) + int(b)", 3),
        ("log(8, 2) + log2(8) + log10(1000)", 9),
        ("gcd(12, 18) + lcm(4, 6) + factorial(4)", 42),
        ("pow(2, 10)", 1024),
        ("2 * pi - tau", 0),
        ("1e3 + 0x10 + 1_000", 2016),
    ],
)
def test_an_expression_gives_what_it_says(expression: str, result: float) -> None:
    got = compute(expression, VALUES)
    assert got == pytest.approx(result)
    assert type(got) is type(result) or isinstance(got, float)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("a +", "invalid syntax"),
        ("a = 1", "cannot be computed"),
        ("z + 1", "z is not linked; there are: pi, tau, a, b, c, e"),
        ("a.real", "a.real is nothing that an expression can hold"),
        ("().__class__", "nothing that an expression can hold"),
        ("'x' * 3", "is no real number"),
        ("[1] * 9", "is a list, and a number is wanted there"),
        ("[1]", "gives a list, but a number is wanted"),
        ("[1, 2][5]", "list index out of range"),
        ("a[0]", "only lists have places"),
        ("1 / 0", "division by zero"),
        ("1e308 * 10", "gives inf"),
        ("(-8) ** 0.5", "is no real number"),
        ("9 ** 9 ** 9", "too large"),
        ("1 << 99999999", "too far"),
        ("factorial(99999)", "too large"),
        ("sqrt(-1)", "cannot be computed"),
        ("sqrt()", "cannot be computed"),
        ("open('x')", "there is no function open; there are: abs"),
        ("__import__('os')", "there is no function __import__"),
        ("(lambda: 1)()", "there is no function"),
        ("[x for x in values]", "nothing that an expression can hold"),
        ("(x := 1)", "nothing that an expression can hold"),
        ("f'{a}'", "nothing that an expression can hold"),
        ("min(1, key=2)", "there is no function"),
        ("(" * 999 + "1" + ")" * 999, "cannot be computed"),
        ("-" * 5000 + "1", "cannot be computed"),
        ("1+" * 6000 + "1", "over 10000 letters"),
        ("avg([])", "division by zero"),
        ("values[0.5]", "only lists have places"),
    ],
)
def test_what_cannot_be_computed_is_said(expression: str, why: str) -> None:
    began = time.monotonic()
    with pytest.raises(BadExpression, match=why.replace("(", r"\(").replace("[", r"\[")) as caught:
        compute(expression, VALUES)
    assert time.monotonic() - began < 2
    assert caught.value.input_name == "expression"


def test_every_function_takes_numbers() -> None:
    once = {"clamp": (1, 0, 2), "hypot": (1, 2), "atan2": (1, 2), "fmod": (3, 2), "pow": (2, 3), "len": ([1],)}
    for name in FUNCTIONS:
        given = once.get(name, (1,))
        assert math.isfinite(compute(f"{name}({', '.join(map(str, given))})", {}))


@pytest.mark.parametrize(
    ("value", "real", "whole"),
    [
        (3, 3.0, 3), (2.9, 2.9, 2), (-2.9, -2.9, -2), (True, 1.0, 1), (" 12 ", 12.0, 12), ("1e3", 1000.0, 1000),
        ("-0.5", -0.5, 0), (str(2**60 + 1), float(2**60 + 1), 2**60 + 1),
    ],
)  # fmt: skip
def test_numbers_are_read_from_values_of_all_kinds(value: Any, real: float, whole: int) -> None:
    assert read_number(value) == (real, whole)


@pytest.mark.parametrize("value", ["", "five", "nan", "inf", math.nan, math.inf, 10**400, None, [1], "9" * 5000])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(GraphError):
        read_number(value)
