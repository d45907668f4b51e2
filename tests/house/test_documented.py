"""Every option, command and route stands in the guides, and the guides name nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from heddle.settings import options
from server.app import SUBJECTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_is_in_the_guide_and_every_line_of_the_guide_is_a_route() -> None:
    routes = {
        f"{route.method} {re.sub(r':[^}]*', '', route.path)}"  # pyright: ignore[reportAttributeAccessIssue]
        for subject in SUBJECTS
        for route in subject.routes
    }
    text = (DOCS / "server.md").read_text()
    told = set(re.findall(r"^\| `((?:GET|POST|PATCH|PUT|DELETE) [^` ]+)`", text, re.MULTILINE))
    assert told == routes - {"GET /ws"}
    assert "`/ws?clientId=ID`" in text


def test_every_option_and_command_is_in_the_guide() -> None:
    text = (DOCS / "command_line.md").read_text()
    told = set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))
    there = {name for action in options._shared_options()._actions for name in action.option_strings}
    assert told == there
    for command in options.COMMANDS:
        assert re.search(rf"^\| `{command}\b", text, re.MULTILINE), command
