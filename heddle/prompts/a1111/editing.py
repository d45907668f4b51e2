"""A1111's prompt editing: `a [cat:dog:0.5]`, `[red|blue] hat` -> which text holds at which step of a run.

- `[before:after:when]` changes at a step, `[after:when]` puts something in, `[before::when]` takes it out. `when` is a
  step, or with a point in it a share of all steps.
- `[a|b|c]` takes the next at each step, and begins again.
- Both may stand in each other and in parentheses. Brackets that make no such group are text for the weight grammar.
- A `|` outside of such a group, or a backslash before nothing, makes the whole text plain: nothing in it changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_SIGN = re.compile(r"(?P<text>(?:[^\\\[\]():|]|\\.)+)|(?P<open>[(\[])|(?P<close>[)\]])|(?P<between>[:|])")
_CLOSER = {"(": ")", "[": "]"}


class TextUntil(NamedTuple):
    """The text that holds up to a step, that one included. Steps count from 1."""

    last_step: int
    text: str


def read_schedule(
    text: str, steps: int, *, hires_steps: int | None = None, by_old_rule: bool = False
) -> list[TextUntil]:
    """The texts of a run, in order; the last one holds up to its end.

    Args:
        steps: of the run, or of its first pass.
        hires_steps: of the second pass, if that is what is asked about. It goes on where the first one ended: there
            whole numbers from `steps` on and shares from 1 on have their place.
        by_old_rule: as before version 1.6: what is below 1 is a share, and a second pass reads the text like the first.
    """
    nodes = _parse(text)
    if nodes is None:
        return [TextUntil(steps if hires_steps is None or by_old_rule else hires_steps, text)]
    clock = _Clock(steps, 0, 0.0, by_old_rule)
    if hires_steps is not None and not by_old_rule:
        clock = _Clock(hires_steps, steps, 1.0, False)
    changes = sorted(_changes(nodes, clock))
    return [TextUntil(step, _text_at(nodes, step, clock)) for step in changes]


@dataclass(frozen=True)
class _Clock:
    """How the `when` of a group becomes a step of one pass."""

    steps: int
    earlier_steps: int
    earlier_share: float
    by_old_rule: bool

    def step(self, when: str) -> int:
        number = float(when)
        if self.by_old_rule:
            number = number * self.steps if number < 1 else number
        elif "." in when:
            number = (number - self.earlier_share) * self.steps
        else:
            number -= self.earlier_steps
        return int(max(-1.0, min(number, self.steps)))


class _Switch(NamedTuple):
    before: Sequence[_Node]
    after: Sequence[_Node]
    when: str


class _Turns(NamedTuple):
    choices: Sequence[Sequence[_Node]]


class _Bracketed(NamedTuple):
    parts: Sequence[_Node]


_Node: TypeAlias = str | _Switch | _Turns | _Bracketed


@dataclass
class _Open:
    """A bracket whose end has not been read yet: the parts in it, and the `:` and `|` between them."""

    bracket: str
    parts: list[list[_Node]] = field(default_factory=lambda: [[]])
    between: list[str] = field(default_factory=list)

    def closed(self) -> _Node | None:
        """The group that this is, None if it is none."""
        kinds = set(self.between)
        if self.bracket == "(":
            return self._bracketed() if kinds <= {":"} and len(self.between) <= 1 else None
        if not kinds:
            return self._bracketed()
        if kinds == {"|"}:
            return _Turns(self.parts)
        if kinds == {":"} and len(self.between) <= 2 and (when := _number(self.parts[-1])) is not None:
            before = self.parts[0] if len(self.parts) == 3 else []
            return _Switch(before, self.parts[-2], when)
        return None

    def _bracketed(self) -> _Bracketed:
        return _Bracketed([*self.loose(), _CLOSER[self.bracket]])

    def loose(self) -> list[_Node]:
        """All that was read of it, as parts of what is around."""
        nodes: list[_Node] = [self.bracket, *self.parts[0]]
        for sign, part in zip(self.between, self.parts[1:], strict=True):
            nodes += [sign, *part]
        return nodes


def _number(part: Sequence[_Node]) -> str | None:
    if len(part) != 1 or not isinstance(part[0], str):
        return None
    match = _NUMBER.fullmatch(part[0])
    return match[1] if match else None


def _parse(text: str) -> Sequence[_Node] | None:
    """The text as a sequence of groups and plain pieces, None if it cannot be read.

    Inside a group every bracket belongs to a group. So one that does not makes all those around it plain, too.
    """
    top: list[_Node] = []
    opened: list[_Open] = []
    at, is_readable = 0, True

    def give_up() -> None:
        nonlocal is_readable
        for one in opened:
            top.extend(one.loose())
            is_readable = is_readable and "|" not in one.between
        opened.clear()

    while at < len(text):
        match = _SIGN.match(text, at)
        if match is None:  # a backslash before nothing
            return None
        at = match.end()
        sign = match[0]
        current = opened[-1].parts[-1] if opened else top
        if match["text"]:
            current.append(sign)
        elif match["open"]:
            opened.append(_Open(sign))
        elif match["between"]:
            if opened:
                opened[-1].between.append(sign)
                opened[-1].parts.append([])
            else:
                top.append(sign)
                is_readable = is_readable and sign != "|"
        elif opened and _CLOSER[opened[-1].bracket] == sign and (group := opened[-1].closed()) is not None:
            opened.pop()
            (opened[-1].parts[-1] if opened else top).append(group)
        else:
            give_up()
            top.append(sign)
    give_up()
    return top if is_readable else None


def _changes(nodes: Sequence[_Node], clock: _Clock) -> set[int]:
    """Every step that is the last of a text."""
    found = {clock.steps}
    waiting = [nodes]  # a stack rather than recursion: brackets may be nested as deep as the text is long
    while waiting:
        for node in waiting.pop():
            if isinstance(node, _Switch):
                if (step := clock.step(node.when)) >= 1:
                    found.add(step)
                waiting += [node.before, node.after]
            elif isinstance(node, _Turns):
                found.update(range(1, clock.steps + 1))
                waiting += node.choices
            elif isinstance(node, _Bracketed):
                waiting.append(node.parts)
    return found


def _text_at(nodes: Sequence[_Node], step: int, clock: _Clock) -> str:
    texts: list[str] = []
    waiting = [*reversed(nodes)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            texts.append(node)
        elif isinstance(node, _Switch):
            waiting += reversed(node.before if step <= clock.step(node.when) else node.after)
        elif isinstance(node, _Turns):
            waiting += reversed(node.choices[(step - 1) % len(node.choices)])
        else:
            waiting += reversed(node.parts)
    return "".join(texts)
