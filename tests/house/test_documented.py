"""Every option, command and route stands in the guides, and the guides name nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from heddle.settings.command_line import shared_options
from heddle.settings.folders import Folders
from heddle.settings.options import COMMANDS, Settings
from server.app import build_app
from server.serve import gather_parts
from tests.house.test_rules import DOORS, module_names

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_is_in_the_guide_and_every_line_of_the_guide_is_a_route(tmp_path: Path) -> None:
    settings = Settings(base_directory=tmp_path)
    nothing: Any = None  # an app that is built and never started asks nothing of these
    app = build_app(gather_parts(settings, Folders.from_settings(settings), [], nothing, nothing, tmp_path, tmp_path))
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    ours = {(method, path) for method, path in routes if path.startswith("/api/v1/")}
    bare = {(method, path) for method, path in routes if not path.startswith("/api/")}
    assert routes - bare - ours == {(method, f"/api{path}") for method, path in bare if path != "/{path}"}
    line = re.compile(r"^\| `((?:GET|POST|PATCH|PUT|DELETE)) ([^` ]+)`", re.MULTILINE)
    assert set(line.findall((DOCS / "api.md").read_text())) == ours
    text = (DOCS / "http.md").read_text()
    assert set(line.findall(text)) == bare - {("GET", "/ws")}
    assert "`/ws?clientId=ID`" in text


def test_every_door_is_in_the_guide_to_packs() -> None:
    told = set(re.findall(r"`([^` ]+)`", (DOCS / "packs.md").read_text()))
    there = {name for name in module_names(*DOORS, "server", "nodes") if name.partition(".")[0] in DOORS}
    for name in there - {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "comfy.options"}:
        if not name.rpartition(".")[2].startswith("_") and name != "comfy.comfy_types.node_typing":
            package, _, module = name.rpartition(".")
            assert {name, f".{module}"} & told or (package == "comfy_api" and module in told), name


def test_every_option_and_command_is_in_the_guide() -> None:
    text = (DOCS / "command_line.md").read_text()
    rows = re.findall(r"^\| (`--[^|]*)", text, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(--[a-z0-9_-]+)", row)}
    there = {name for action in shared_options()._actions for name in action.option_strings}
    assert told == there
    for command in COMMANDS:
        assert re.search(rf"^\| `{command}\b", text, re.MULTILINE), command
