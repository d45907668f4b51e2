"""Regular expressions: texts searched, taken apart and replaced by patterns."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, Number, Text, node
from heddle.texts.patterns import BadPattern, Patterns, flags_of
from nodes.text.changing import CATEGORY, SINGLE

_PATTERNS = Patterns()  # starts its program with the first pattern

Searched = Annotated[str, Text(multiline=True, tip="The text to look through.")]
Pattern = Annotated[str, Text(multiline=True, tip=r"A regular expression, as Python reads it: \d+ finds numbers.")]
IgnoreCase = Annotated[
    bool, Flag(default=True, advanced=True, tip="Whether large and small letters count as the same.")
]
Multiline = Annotated[bool, Flag(default=False, advanced=True, tip="Whether ^ and $ also mean the ends of each line.")]
DotAll = Annotated[bool, Flag(default=False, advanced=True, tip="Whether a dot also stands for a line break.")]

_FIRST, _ALL, _FIRST_GROUP, _ALL_GROUPS = "First Match", "All Matches", "First Group", "All Groups"


@node("RegexMatch", category=CATEGORY, name="Match Text", outputs=("matches",), search=("regex", "test", "find"))
def match(
    string: Searched,
    regex_pattern: Pattern,
    case_insensitive: IgnoreCase,
    multiline: Multiline,
    dotall: DotAll,
    ctx: Context,
) -> bool:
    """Say whether a regular expression is found anywhere in a text. One that cannot be read finds nothing."""
    flags = flags_of(case_insensitive, multiline, dotall)
    try:
        return _PATTERNS.matches(regex_pattern, string, flags)
    except BadPattern as problem:
        ctx.note(problem.message)
        return False


@node("RegexExtract", category=CATEGORY, name="Extract Text", search=("regex", "find", "groups"))
def extract(
    string: Searched,
    regex_pattern: Pattern,
    mode: Annotated[
        str,
        Choice(
            *(_FIRST, _ALL, _FIRST_GROUP, _ALL_GROUPS),
            tip="All Matches and All Groups give a line for each. A pattern with groups gives the first group's text "
            "for All Matches.",
        ),
        SINGLE,
    ],
    case_insensitive: IgnoreCase,
    multiline: Multiline,
    dotall: DotAll,
    group_index: Annotated[
        int,
        Number(default=1, low=0, high=100, advanced=True, tip="Which group in parentheses; 0 is the whole match."),
    ],
    ctx: Context,
) -> str:
    """Take out of a text what a regular expression finds; nothing found gives an empty text."""
    flags = flags_of(case_insensitive, multiline, dotall)
    try:
        if mode in (_FIRST, _FIRST_GROUP):
            found = _PATTERNS.first(regex_pattern, string, flags)
        else:
            found = _PATTERNS.all(regex_pattern, string, flags)
    except BadPattern as problem:
        ctx.note(problem.message)
        return ""
    if mode == _FIRST:
        return "".join(each[0] or "" for each in found)
    if mode == _ALL:  # groups stand in for the whole match where there are any
        return "\n".join(each[min(1, len(each) - 1)] or "" for each in found)
    counted = [each for each in found if mode == _FIRST_GROUP or len(each) > 1]  # of all groups, where there are any
    return "\n".join(each[group_index] or "" for each in counted if group_index < len(each))


@node("RegexReplace", category=CATEGORY, name="Replace Text (Regex)", search=("regex", "substitute"))
def replace(
    string: Annotated[str, Text(multiline=True, tip="The text to change.")],
    regex_pattern: Pattern,
    replace: Annotated[
        str, Text(multiline=True, tip=r"What comes in place of each match; \1 stands for its first group.")
    ],
    *,
    case_insensitive: IgnoreCase = True,
    multiline: Multiline = False,
    dotall: DotAll = False,
    count: Annotated[
        int, Number(default=0, low=0, high=100, advanced=True, tip="How many are replaced at most; 0 means all.")
    ] = 0,
) -> str:
    """Replace in a text what a regular expression finds."""
    return _PATTERNS.replaced(regex_pattern, string, replace, flags_of(case_insensitive, multiline, dotall), count)
