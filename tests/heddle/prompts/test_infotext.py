"""The settings text of A1111's web UI; the golden set `c_infotext_a1111` has what its fields become."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.prompts.infotext import Infotext, fields_of, quoted, read_infotext, unquoted, version_of, write_infotext

TEXT = (
    "a cat, (red:1.2)\nwith a hat\nNegative prompt: dog\nand more\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5"
)

_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_/-]{1,8}( [A-Za-z0-9_/-]{1,8})?", fullmatch=True)
_LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=30)


def _prompt(lines: list[str]) -> str:
    """As prompts are: no blanks at the ends of lines, and no line that begins another part."""
    kept = [line.strip() for line in lines if not line.strip().startswith("Negative prompt:")]
    return "\n".join(kept).strip("\n")


@given(
    st.lists(_LINES, max_size=3).map(_prompt),
    st.lists(_LINES, max_size=3).map(_prompt),
    st.dictionaries(_NAMES, _LINES, min_size=3, max_size=6),
)
def test_what_is_written_is_read_again(prompt: str, negative: str, settings: dict[str, str]) -> None:
    infotext = Infotext(prompt, negative, settings)
    assert read_infotext(write_infotext(infotext)) == infotext


@given(st.text(max_size=200) | st.lists(st.sampled_from([*',:"{}[]\\\n ', "a b", "Steps", TEXT])).map("".join))
def test_any_text_is_read(text: str) -> None:
    found = read_infotext(text)
    fields_of(found)
    is_blank = not "".join(text.split()).strip(":")
    assert found.settings or found.prompt or found.negative or is_blank or "Negative prompt:" in text


@given(st.text(max_size=60))
def test_a_value_in_quotes_is_the_value(value: str) -> None:
    assert unquoted(quoted(value)) == value


def test_the_parts_have_their_lines() -> None:
    found = read_infotext(TEXT)
    assert found.prompt == "a cat, (red:1.2)\nwith a hat" and found.negative == "dog\nand more"
    assert dict(found.settings) == {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "Seed": "5"}


def test_values_that_are_json_stay_whole() -> None:
    line = 'Steps: 20, Resources: [{"name": "a, b: c", "n": 1}], Meta: {"x": [1, 2]}, Odd: [a, Seed: 5, "x: ", Last: {'
    settings = read_infotext(f"x\n{line}").settings
    assert settings["Resources"] == '[{"name": "a, b: c", "n": 1}]' and settings["Meta"] == '{"x": [1, 2]}'
    assert (settings["Odd"], settings["Seed"], settings["Last"]) == ("[a", "5", "{")


@pytest.mark.parametrize(
    "line", ["a" * 200_000, "a:" * 100_000, '"' * 200_000, 'Steps: "' + "\\" * 200_000, "( " * 100_000, "[" * 200_000]
)
def test_a_long_line_takes_time_in_proportion(line: str) -> None:
    began = time.perf_counter()
    fields_of(read_infotext(f"{line}\nSteps: 20, Sampler: {line}, Seed: 5"))
    assert time.perf_counter() - began < 8


def test_a_version_is_known() -> None:
    assert version_of(Infotext(settings={"Version": "v1.10.1-89-g1234"})) == (1, 10, 1, 89)
    assert version_of(Infotext(settings={"Version": "f2.0.1v1.10.1"})) is None
    assert version_of(Infotext()) is None


@pytest.mark.parametrize(("prompt", "has"), [("a \\(b\\)", False), ("a (b)", True), ("[ ]", False), ("x \\\\(b", True)])
def test_emphasis_is_told(prompt: str, has: bool) -> None:
    assert ("Emphasis" in fields_of(Infotext(prompt))) is has
