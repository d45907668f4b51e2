"""What packs bring for the browser, found by name in their folders; no pack is imported.

Scripts lie where the worker says that a pack declared them (`web_directories`); translations, example workflows,
their pictures and subgraphs in folders of known names. Everything here reads the disk, so it belongs into a thread.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heddle.graph.said import say
from heddle.settings.folders import Folders
from server.user_files import Absent

log = logging.getLogger("heddle.server.packs")

EXAMPLE_FOLDERS = ("example_workflows", "example", "examples", "workflow", "workflows")
TRANSLATION_PARTS = ("nodeDefs", "commands", "settings")  # files of a locale, beside main.json
SUBGRAPH_FOLDER = "subgraphs"
MOST_SCRIPTS = 10_000
LARGEST_SUBGRAPH = 8 << 20  # bytes


def script_paths(web_directories: Mapping[str, str], front_end: Path) -> list[str]:
    """The addresses of every module that a page should import: the front end's own, then those of packs."""
    found = [f"/extensions/{name}" for name in _scripts(front_end / "extensions")]
    for pack, folder in web_directories.items():
        found += [f"/extensions/{quote(pack, safe='')}/{name}" for name in _scripts(Path(folder))]
    return found


def find_inside(root: Path, name: str) -> Path:
    """A file below a folder, by a name from outside. Raises: Absent, also for every name that leads out."""
    if not name or "\\" in name or ":" in name or "\0" in name:
        raise Absent(say("there is no file {name!r}", name=name[:200]))
    if any(part.startswith(".") for part in name.split("/")):
        raise Absent(say("there is no file {name!r}", name=name[:200]))
    real_root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(real_root, name))
    try:
        is_there = path.startswith(real_root.rstrip(os.sep) + os.sep) and os.path.isfile(path)
    except ValueError:  # a text that no name of a file can hold
        is_there = False
    if not is_there:
        raise Absent(say("there is no file {name!r}", name=name[:200]))
    return Path(path)


def translations(folders: Folders) -> dict[str, dict[str, Any]]:
    """Locale -> words that packs bring for it: what `main.json` holds, and nodeDefs, commands, settings."""
    found: dict[str, dict[str, Any]] = {}
    for pack in _packs(folders):
        for locale in sorted(_folders_in(pack / "locales")):
            words = dict(_read_object(locale / "main.json"))
            for part in TRANSLATION_PARTS:
                told = _read_object(locale / f"{part}.json")
                if told:
                    words[part] = told
            if words:
                found[locale.name] = _merged(found.get(locale.name, {}), words)
    return found


def example_names(folders: Folders) -> dict[str, list[str]]:
    """Pack -> names of the example workflows that it brings."""
    found: dict[str, list[str]] = {}
    for pack in _packs(folders):
        names = [path.stem for place in EXAMPLE_FOLDERS for path in sorted((pack / place).glob("*.json"))]
        if names:
            found[pack.name] = list(dict.fromkeys(names))
    return found


def find_example(folders: Folders, pack_name: str, name: str) -> Path:
    """An example workflow or its picture. Raises: Absent."""
    for pack in _packs(folders):
        if pack.name == pack_name:
            for place in EXAMPLE_FOLDERS:
                try:
                    return find_inside(pack / place, name)
                except Absent:
                    continue
    raise Absent(say("the pack {pack!r} has no example {name!r}", pack=pack_name[:80], name=name[:200]))


def subgraphs(folders: Folders) -> dict[str, dict[str, Any]]:
    """Id -> a subgraph that a pack offers as a node: `{source, name, info, data}`, data being the file's text."""
    found: dict[str, dict[str, Any]] = {}
    for pack in _packs(folders):
        for path in sorted((pack / SUBGRAPH_FOLDER).glob("*.json")):
            text = _read_subgraph(path)
            if text is not None:
                # The same id after a restart and wherever the pack lies: front ends make node types of it.
                subgraph_id = hashlib.sha256(f"{pack.name}/{path.name}".encode(errors="replace")).hexdigest()
                told = {"source": "custom_node", "name": path.stem, "info": {"node_pack": f"custom_nodes.{pack.name}"}}
                found[subgraph_id] = {**told, "data": text}
    return found


def _read_subgraph(path: Path) -> str | None:
    """The text of a workflow with a subgraph in it; None, with a line in the log, for anything else."""
    try:
        file = find_inside(path.parent, path.name)
        if file.stat().st_size > LARGEST_SUBGRAPH:
            raise ValueError(f"larger than {LARGEST_SUBGRAPH >> 20} MB")
        text = file.read_text(encoding="utf-8")
        workflow = json.loads(text)
        if not workflow["definitions"]["subgraphs"]:
            raise ValueError("no subgraph is defined in it")
    except Absent:  # hidden, or a link that leads out
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("the subgraph %s is left out: %s", path, error)
        return None
    return text


def _packs(folders: Folders) -> Iterator[Path]:
    for root in folders.custom_nodes:
        for folder in sorted(_folders_in(root)):
            if not folder.name.endswith(".disabled") and folder.name != "__pycache__":
                yield folder


def _folders_in(root: Path) -> list[Path]:
    try:
        return [Path(each.path) for each in os.scandir(root) if not each.name.startswith(".") and each.is_dir()]
    except OSError:  # not there, or not ours to read
        return []


def _scripts(root: Path) -> list[str]:
    """Names of the JavaScript files below a folder, quoted for an address."""
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        below = Path(folder).relative_to(root)
        for each in sorted(files):
            name = (below / each).as_posix()
            if each.endswith(".js") and _is_served(root, name):
                names.append(quote(name))
        if len(names) > MOST_SCRIPTS:
            log.warning("%s holds more than %d scripts; the rest is not offered", root, MOST_SCRIPTS)
            return names[:MOST_SCRIPTS]
    return names


def _is_served(root: Path, name: str) -> bool:
    try:
        find_inside(root, name)
        name.encode()  # bytes on the disk that are no UTF-8 cannot travel in JSON
    except (Absent, UnicodeEncodeError):
        return False
    return True


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s is left out: %s", path, error)
        return {}
    return value if isinstance(value, dict) else {}


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            both[key] = _merged(first[key], second[key])
    return both
