"""Texts as editors finish them when a workflow is handed over: comments, choices, dates, values of other widgets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

# A text, a group of alternatives (a list of rows), or a row of pieces (a tuple, or a list within a group).
_Piece = Any

_COMMENT = re.compile(r"/[*/]")
_SIGNS = re.compile(r"\\[{}|]|[{}|]")
_DATE_PARTS = re.compile(r"yyyy|yy|MM|M|dd|d|hh|h|mm|m|ss|s")
_PLACEHOLDER = re.compile(r"%([^%]+)%")
_NOT_IN_NAMES = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')


def choose_words(text: str, seed: int, origin: str) -> str:
    """A text without its comments, and with one word for each `{a|b|c}`; `\\{`, `\\|` and `\\}` stand for themselves.

    The same seed and origin give the same words, whatever else the workflow holds.

    Args:
        origin: names the widget that holds the text.
    """
    said: list[str] = []
    waiting: list[_Piece] = [_read_choices(_without_comments(text))]
    picked = 0
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            said.append(piece)
        elif isinstance(piece, tuple):
            waiting += reversed(piece)
        else:
            digest = hashlib.sha256(f"{seed}\n{origin}\n{picked}".encode("utf-8", "surrogatepass")).digest()
            waiting += reversed(piece[int.from_bytes(digest[:8]) % len(piece)])
            picked += 1
    return "".join(said)


def fill_name(text: str, find_value: Callable[[str, str], Any], now: datetime | None) -> str:
    """A file name's prefix with `%date:FORMAT%` and `%Node.widget%` filled in; what is unknown stays as it is.

    Args:
        find_value: (node's name, widget) -> its value, None if there is no such widget.
        now: left to others if None.
    """

    def fill(match: re.Match[str]) -> str:
        asked = match[1]
        if asked.startswith("date:"):
            return match[0] if now is None else _write_date(asked[5:], now)
        node, dot, widget = asked.rpartition(".")
        value = find_value(node, widget) if dot else None
        return _NOT_IN_NAMES.sub("_", _as_text(value)) if isinstance(value, (str, int, float)) else match[0]

    return _PLACEHOLDER.sub(fill, text)


def _without_comments(text: str) -> str:
    kept, position = [], 0
    while found := _COMMENT.search(text, position):
        if found[0] == "//":
            end = text.find("\n", found.end())
            end = len(text) if end < 0 else end
        else:
            end = text.find("*/", found.end()) + 2
            if end < 2:  # nothing closes it, nor any other behind it
                break
        kept.append(text[position : found.start()])
        position = end
    rest = text[position:]
    if found:  # an open /* is no comment, but line comments behind it are
        rest = re.sub(r"//[^\n]*", "", rest)
    return "".join(kept) + rest


def _read_choices(text: str) -> _Piece:
    """The text as pieces; a brace without its partner is a letter."""
    row: list[_Piece] = []
    open_rows: list[
        tuple[list[_Piece], list[list[_Piece]]]
    ] = []  # the row around each open brace, and its alternatives
    position = 0
    for sign in _SIGNS.finditer(text):
        row.append(text[position : sign.start()])
        position = sign.end()
        if len(sign[0]) == 2:
            row.append(sign[0][1])
        elif sign[0] == "{":
            open_rows.append((row, []))
            row = []
        elif not open_rows:
            row.append(sign[0])
        elif sign[0] == "|":
            open_rows[-1][1].append(row)
            row = []
        else:
            around, alternatives = open_rows.pop()
            around.append([*alternatives, row])
            row = around
    row.append(text[position:])
    while open_rows:
        around, alternatives = open_rows.pop()
        around.append("{")
        for each in alternatives:
            around += [tuple(each), "|"]
        around.append(tuple(row))
        row = around
    return tuple(row)


def _write_date(form: str, now: datetime) -> str:
    numbers = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}

    def write(match: re.Match[str]) -> str:
        part = match[0]
        return f"{now.year:04}"[-len(part) :] if part[0] == "y" else f"{numbers[part[0]]:0{len(part)}}"

    return _DATE_PARTS.sub(write, form)


def _as_text(value: str | float) -> str:
    """As editors write a value: true, 8 for 8.0, and no quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    # Python refuses to write thousands of decimals; no widget holds a number beyond 64 bits.
    return f"{value:x}" if isinstance(value, int) and value.bit_length() > 64 else str(value)
