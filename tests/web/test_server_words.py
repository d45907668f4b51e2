"""The words that the page has in other languages for what the server says: each sentence, and none too many."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.page_server import HOUSE

ROOMS = ("heddle", "model_management", "execution", "nodes", "server")
LOCALES = HOUSE / "web" / "locales"
SENTENCES = sorted(LOCALES.glob("server.*.json"))
NOTES = sorted(LOCALES.glob("notes.*.json"))
PLACE = re.compile(r"\{(\w+)\}")


def _sources() -> list[ast.Module]:
    paths = (path for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py")))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


@pytest.fixture(scope="module")
def sources() -> list[ast.Module]:
    return _sources()


def _said(sources: list[ast.Module]) -> Iterator[tuple[str, set[str]]]:
    """The name of each sentence that the house says, and the values that it puts in."""
    saying = [tree for tree in sources if any(map(_takes_in_say, tree.body))]
    for each in (node for tree in saying for node in ast.walk(tree)):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "say":
            name = each.args[0]
            assert isinstance(name, ast.Constant) and isinstance(name.value, str), ast.unparse(each)
            given = {word.arg for word in each.keywords}
            # `**told` holds what the template names.
            texts = (word.value for word in ast.walk(each) if isinstance(word, ast.Constant))
            named = {place for text in texts if isinstance(text, str) for place in re.findall(r"\{(\w+)", text)}
            yield name.value, {word for word in given if word is not None} | (named if None in given else set())


def _takes_in_say(line: ast.stmt) -> bool:
    return isinstance(line, ast.ImportFrom) and line.module == "heddle.graph.said"


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: path.name)
def test_every_sentence_has_its_words_with_values_that_there_are(path: Path, sources: list[ast.Module]) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    known = {name.removeprefix("said."): words for name, words in told.items() if name.startswith("said.")}
    said = list(_said(sources))
    assert sorted({name for name, _ in said} - set(known)) == [], "sentences without words"
    assert sorted(set(known) - {name for name, _ in said}) == [], "words for sentences that nobody says"
    strange = [
        f"{name}: {place}" for name, values in said for place in PLACE.findall(known[name]) if place not in values
    ]
    assert strange == [], "values that the sentence does not have"
    assert [*told] == sorted(told)


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: path.name)
def test_words_for_kinds_of_errors_are_for_kinds_that_there_are(path: Path, sources: list[ast.Module]) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    kinds = {each.value for tree in sources for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    kinds |= {each.name for tree in sources for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}
    rest = [name for name in told if not name.startswith("said.")]
    assert {name.partition(".")[0] for name in rest} == {"failed", "refused"}
    assert [name for name in rest if name.partition(".")[2] not in kinds] == []
    assert [name for name in rest if set(PLACE.findall(told[name])) - {"words"}] == []


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.name)
def test_the_notes_of_the_workflows_that_ship_have_their_words(path: Path) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    shipped = {
        node["widgets_values"][0]
        for each in sorted((HOUSE / "workflows").glob("*.json"))
        for node in json.loads(each.read_text(encoding="utf-8"))["nodes"]
        if node["type"] in ("Note", "MarkdownNote")
    }
    assert set(told) == shipped
    assert all(told.values())


def test_the_workflows_that_ship_have_titles_in_the_page_s_language() -> None:
    names = {path.stem for path in (HOUSE / "workflows").glob("*.json")}
    for locale in ("en", "zh-CN"):
        texts: dict[str, str] = json.loads((LOCALES / f"{locale}.json").read_text(encoding="utf-8"))
        told = {tuple(key.split(".")[1:]) for key in texts if key.startswith("example.")}
        assert told == {(name, word) for name in names for word in ("title", "about")}
