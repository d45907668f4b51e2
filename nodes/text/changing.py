"""Texts put together and changed."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, Flag, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Growing
from heddle.texts.templates import fill_template

CATEGORY = "text"
SINGLE = More({"multiselect": False})
ONE_LINE = More({"multiline": False})
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")

_CASE_TIP = "Whether large and small letters are different ones."


@node("StringConcatenate", category=CATEGORY, name="Concatenate Text", search=("join", "append", "combine", "string"))
def concatenate(
    string_a: Annotated[str, Text(multiline=True, tip="What comes first.")],
    string_b: Annotated[str, Text(multiline=True, tip="What comes second.")],
    delimiter: Annotated[str, Text(tip="What stands between the two."), ONE_LINE] = "",
) -> str:
    """Put two texts behind each other, with something between them or nothing."""
    return delimiter.join((string_a, string_b))


@node("StringSubstring", category=CATEGORY, name="Substring", search=("cut", "part", "slice"))
def take_part(
    string: Annotated[str, Text(multiline=True, tip="The text of which a part is wanted.")],
    start: Annotated[int, Number(tip="Its first letter, from 0 on; from the end if negative.")],
    end: Annotated[int, Number(tip="The letter before which it ends; from the text's end if negative.")],
) -> str:
    """Take a part of a text by the places of its first letter and of the one behind its last."""
    return string[start:end]


@node("StringLength", category=CATEGORY, name="Text Length", outputs=("length",), search=("count", "characters"))
def measure(string: Annotated[str, Text(multiline=True, tip="The text to measure.")]) -> int:
    """Count the letters of a text, blanks and line breaks among them."""
    return len(string)


_CASES = {"UPPERCASE": str.upper, "lowercase": str.lower, "Capitalize": str.capitalize, "Title Case": str.title}


@node("CaseConverter", category=CATEGORY, name="Convert Text Case", search=("upper", "lower", "title", "capital"))
def convert_case(
    string: Annotated[str, Text(multiline=True, tip="The text to change.")],
    mode: Annotated[
        str,
        Choice(
            *_CASES,
            tip="Capitalize makes the first letter of all a large one, Title Case the first of each word.",
        ),
        SINGLE,
    ],
) -> str:
    """Write a text in large or small letters."""
    return _CASES[mode](string)


_SIDES = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}


@node("StringTrim", category=CATEGORY, name="Trim Text", search=("strip", "whitespace"))
def trim(
    string: Annotated[str, Text(multiline=True, tip="The text to trim.")],
    mode: Annotated[str, Choice(*_SIDES, tip="Left is the beginning, Right the end."), SINGLE],
) -> str:
    """Take away blanks and line breaks at a text's ends."""
    return _SIDES[mode](string)


@node("StringReplace", category=CATEGORY, name="Replace Text", search=("find", "substitute"))
def replace(
    string: Annotated[str, Text(multiline=True, tip="The text to change.")],
    find: Annotated[str, Text(multiline=True, tip="What is replaced, everywhere.")],
    replace: Annotated[str, Text(multiline=True, tip="What comes in its place.")],
) -> str:
    """Replace every occurrence of some words in a text."""
    return string.replace(find, replace)


@node("StringContains", category=CATEGORY, name="Contains Text", outputs=("contains",), search=("find", "search"))
def contains(
    string: Annotated[str, Text(multiline=True, tip="The text to look through.")],
    substring: Annotated[str, Text(multiline=True, tip="What is looked for.")],
    case_sensitive: Annotated[bool, Flag(advanced=True, tip=_CASE_TIP)] = True,
) -> bool:
    """Say whether a text contains another."""
    return substring in string if case_sensitive else substring.lower() in string.lower()


_COMPARISONS = {"Starts With": str.startswith, "Ends With": str.endswith, "Equal": str.__eq__}


@node("StringCompare", category=CATEGORY, name="Compare Text", search=("equal", "starts", "ends"))
def compare(
    string_a: Annotated[str, Text(multiline=True, tip="The text in question.")],
    string_b: Annotated[str, Text(multiline=True, tip="What it is compared with.")],
    mode: Annotated[str, Choice(*_COMPARISONS, tip="Starts With and Ends With look at the ends of the first."), SINGLE],
    case_sensitive: Annotated[bool, Flag(advanced=True, tip=_CASE_TIP)] = True,
) -> bool:
    """Say whether a text is equal to another, or starts or ends with it."""
    if not case_sensitive:
        string_a, string_b = string_a.lower(), string_b.lower()
    return _COMPARISONS[mode](string_a, string_b)


@node("StringFormat", category=CATEGORY, name="Format Text", search=("template", "f-string", "placeholder"))
def format_text(
    values: Annotated[dict[str, Any], Growing("value", Annotated[Any, Wire("*")], low=0, names=LETTERS)],
    f_string: Annotated[
        str, Text(multiline=True, tip="A name in braces is filled in: {a}, or {a:.2f} for a number of two decimals.")
    ] = "{a}",
) -> str:
    """Fill values into a template: {a} stands for the value that is linked to a.

    What stands behind a colon says how, as in Python's format texts. Braces that stand for themselves come twice.
    """
    return fill_template(f_string, values)
