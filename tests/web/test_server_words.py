"""The words that the page has in other languages for what the server says: each sentence, and none too many."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from heddle.graph.logged import words_of
from heddle.graph.said import BETWEEN
from tests.web.page_server import HOUSE

ROOMS = ("heddle", "model_management", "execution", "nodes", "server", "comfy_api")
LOCALES = HOUSE / "web" / "locales"
KINDS = sorted(LOCALES.glob("server.*.json"))
SENTENCES = sorted(LOCALES.glob("said.*.json"))
NOTES = sorted(LOCALES.glob("notes.*.json"))
PLACE = re.compile(r"\{(\w+)\}")

#: What is logged in these is shown in the page's console; what is logged for those who look for faults is not.
LOGGED = {"info", "warning", "error", "exception", "critical"}

#: Errors whose words people read who never see a page: the command line's, and answers to programs.
NOT_SHOWN = {"SettingsError", "Refused", "Cancelled"}


#: What takes part of a sentence, and in which places.
PARTS = {"refuse": (1, 3), "_problem": (1,), "damage": (0, 2), "Unfit": (2,), "Damage": (0,), "too_large": (2,)}


class Source(NamedTuple):
    path: Path
    tree: ast.Module
    calls: list[tuple[ast.Call, ast.AST]]


class Sentence(NamedTuple):
    place: str
    words: str
    values: set[str]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    paths = [HOUSE / "main.py", *(path for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py")))]
    trees = ((path.relative_to(HOUSE), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)
    return [Source(path, tree, _calls(tree)) for path, tree in trees]


def _said(sources: list[Source]) -> Iterator[Sentence]:
    """Each sentence that the house says, with the values that it puts in."""
    for path, tree, calls in sources:
        for call, scope in calls if any(map(_takes_in_say, tree.body)) else ():
            if isinstance(call.func, ast.Name) and call.func.id == "say":
                place = f"{path}:{call.lineno}"
                words = list(_texts(call.args[0], scope, call.lineno))
                assert words, f"{place}: the words of a sentence stand in its call, or in a name right before it"
                given = {word.arg for word in call.keywords}
                for text in words:
                    named = set(re.findall(r"\{(\w+)", text)) if None in given else set[str]()  # `**told`
                    yield Sentence(place, text, {word for word in given if word is not None} | named)


def _logged(sources: list[Source]) -> Iterator[Sentence]:
    """Each line of the log."""
    for path, _, calls in sources:
        for call, _ in calls:
            if isinstance(called := call.func, ast.Attribute) and called.attr in LOGGED and _is_a_log(called.value):
                place, form = f"{path}:{call.lineno}", call.args[0]
                assert isinstance(form, ast.Constant) and isinstance(form.value, str), (
                    f"{place}: log a form and its values, log.info('... %s', value)"
                )
                words = words_of(form.value)
                yield Sentence(place, words, set(re.findall(r"\{(\d+)\}", words)))


def _is_a_log(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.strip("_") == "log"


def _takes_in_say(line: ast.stmt) -> bool:
    return isinstance(line, ast.ImportFrom) and line.module == "heddle.graph.said"


def _calls(tree: ast.Module) -> list[tuple[ast.Call, ast.AST]]:
    """The calls in a file, each with the function that it stands in."""
    found: list[tuple[ast.Call, ast.AST]] = []
    waiting: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, ast.Call):
            found.append((node, scope))
        inner = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else scope
        waiting += [(each, inner) for each in ast.iter_child_nodes(node)]
    return found


def _texts(node: ast.expr, scope: ast.AST, line: int) -> Iterator[str]:
    """The texts that an expression may be: itself, or what its name was last set to above the line."""
    if isinstance(node, ast.Name):
        if (last := _last_set(node.id, scope, line)) is not None:
            yield from _texts(last.value, scope, last.lineno)
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, scope, line), *_texts(node.orelse, scope, line))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _last_set(name: str, scope: ast.AST, line: int) -> ast.Assign | None:
    found = [
        each
        for each in ast.walk(scope)
        if isinstance(each, ast.Assign) and each.lineno < line and _is_named(each.targets[0], name)
    ]
    return max(found, key=lambda each: each.lineno, default=None)


def _is_named(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _errors(sources: list[Source]) -> set[str]:
    """The names of the classes of errors that tell people something."""
    bases = {
        each.name: {base.id for base in each.bases if isinstance(base, ast.Name)}
        for _, tree, _ in sources
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
    }
    known = {"HeddleError"}
    while more := {name for name, of in bases.items() if of & known and name not in known | NOT_SHOWN}:
        known |= more
    return known


def _is_plain(node: ast.expr, scope: ast.AST, line: int) -> bool:
    """Whether a text is put together without `say`, so that only English has it."""
    if isinstance(node, ast.Name):
        last = _last_set(node.id, scope, line)
        return last is not None and _is_plain(last.value, scope, last.lineno)
    if isinstance(node, ast.IfExp):
        return _is_plain(node.body, scope, line) or _is_plain(node.orelse, scope, line)
    if isinstance(node, ast.BinOp):
        return _is_plain(node.left, scope, line) or _is_plain(node.right, scope, line)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_what_people_read_of_errors_and_notes_is_said(sources: list[Source]) -> None:
    errors = _errors(sources)
    assert {"GraphError", "WeightsError", "ShapeError", "FileProblem", "OutOfMemory"} <= errors
    plain = [
        f"{path}:{call.lineno}: {ast.unparse(part)[:100]}"
        for path, _, calls in sources
        for call, scope in calls
        for part in _told(call, errors)
        if _is_plain(part, scope, call.lineno)
    ]
    assert not plain, "\n".join(('put the words of errors and notes into say("...{value}...", value=...):', *plain))


def _told(call: ast.Call, errors: set[str]) -> list[ast.expr]:
    """What of a call people read, if anything: words of an error or a note, parts of a sentence."""
    called = call.func
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    if name in PARTS:
        named = [word.value for word in call.keywords if word.arg == "next_step"]
        return [*(call.args[i] for i in PARTS[name] if i < len(call.args)), *named]
    is_told = name == "note" or (isinstance(called, ast.Name) and name in errors)
    return call.args[:1] if is_told else []


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: path.name)
def test_every_sentence_has_its_words_with_values_that_there_are(path: Path, sources: list[Source]) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    said = [*_said(sources), *_logged(sources), *(Sentence("heddle/graph/said.py", words, set()) for words in BETWEEN)]
    lacking = sorted({f"{each.place}: {each.words}" for each in said if not told.get(each.words)})
    assert not lacking, "\n".join((f"{path.name} lacks", *lacking))
    unsaid = sorted(set(told) - {each.words for each in said})
    assert not unsaid, "\n".join((f"{path.name} has words for what nobody says", *unsaid))
    strange = [
        f"{each.words}: {place}"
        for each in said
        for place in PLACE.findall(told[each.words])
        if place not in each.values
    ]
    assert strange == [], "values that the sentence does not have"
    assert [*told] == sorted(told)


@pytest.mark.parametrize("path", KINDS, ids=lambda path: path.name)
def test_words_for_kinds_of_errors_are_for_kinds_that_there_are(path: Path, sources: list[Source]) -> None:
    told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    kinds = {each.value for _, tree, _ in sources for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    kinds |= {each.name for _, tree, _ in sources for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}
    assert {name.partition(".")[0] for name in told} == {"failed", "refused"}
    assert [name for name in told if name.partition(".")[2] not in kinds] == []
    assert [name for name in told if set(PLACE.findall(told[name])) - {"words"}] == []
    assert [*told] == sorted(told)


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
