"""The files of our own page: compressed once, and at addresses whose content never changes.

`index.html` names every file below `/web/VERSION/`, where VERSION follows from the content of all of them. A browser
keeps what it got there for good: a reload asks for `index.html` alone. Modules import each other by relative paths, so
they stay below it; an import by an absolute path, as from a pack's script, is led there by an import map. What is
imported statically is named in `index.html`, too, so that a browser fetches it at once and not level by level.

Everything here reads the disk, so it belongs into a thread.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import posixpath
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

from heddle.graph.said import say
from server.module_imports import static_imports
from server.packs import find_inside
from server.user_files import Absent

OPENING = "index.html"
PREFIX = "web"
_VERSIONED = re.compile(PREFIX + r"/(?P<version>[0-9a-f]{16})/(?P<name>.+)")
_REFERENCE = re.compile(r"""\b(?P<attribute>src|href)="(?P<address>[^"]*)\"""")
_MODULE = re.compile(r"""<script\b[^>]*\btype="module"[^>]*>""")
_SCRIPTS = (".js", ".mjs")
# Scripts of packs have addresses below it as well, so it cannot be led elsewhere as a whole.
_SHARED_FOLDER = "extensions"
# What gains from it; pictures and fonts are compressed already.
_TEXTS = (*_SCRIPTS, ".css", ".html", ".json", ".map", ".md", ".svg", ".txt")


@dataclass(slots=True)
class OwnFile:
    """One file as it was when it was read."""

    path: Path
    signature: tuple[int, int]  # time of change in ns, size in bytes
    digest: str
    imports: tuple[str, ...] = ()
    gzipped: bytes | None = None  # of a text, once somebody has asked for it


@dataclass(frozen=True, slots=True)
class Opening:
    """`index.html` as it is sent."""

    gzipped: bytes
    digest: str
    script_hashes: tuple[str, ...]  # of the scripts inside it, as a content security policy names them


@dataclass(frozen=True, slots=True)
class _Tree:
    """All files of the page at one moment, by name."""

    files: dict[str, OwnFile]
    version: str


class OwnPage:
    """The files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, OwnFile] = {}  # as last read, newer perhaps than the tree
        self._tree: _Tree | None = None
        self._opening: tuple[str, Opening] | None = None  # with the version that it is of
        self._lock = threading.Lock()

    def opening(self) -> Opening:
        """`index.html`, naming the files as they are now. Raises: Absent, if there is none."""
        tree = self._look()
        if OPENING not in tree.files:
            raise Absent(say("there is no file {opening!r}", opening=OPENING))
        if self._opening is None or self._opening[0] != tree.version:
            self._opening = (tree.version, _write_opening(tree))
        return self._opening[1]

    def find(self, path: str) -> tuple[OwnFile, bool]:
        """A file by the path of its address, and whether it stays the same there for good.

        A version that is no longer, or not yet, the current one gets the file as it is now: while the files are being
        replaced a page that is open may ask for either.
        Raises: Absent, also for every name that leads out of the folder.
        """
        versioned = _VERSIONED.fullmatch(path)
        found = find_inside(self.root, versioned["name"] if versioned else path)
        name = found.relative_to(os.path.realpath(self.root)).as_posix()  # one, however the address was written
        file = self._compressed(name, self._examine(name, found))
        if versioned is None:
            return file, False
        tree = self._tree or self._look()
        known = tree.files.get(name)
        return file, versioned["version"] == tree.version and known is not None and known.digest == file.digest

    def _look(self) -> _Tree:
        """The tree as it is on the disk now; what has not changed since the last look is not read again."""
        with self._lock:
            files: dict[str, OwnFile] = {}
            for name, path in _walk(self.root):
                with suppress(FileNotFoundError):  # taken away just now
                    files[name] = self._examine(name, path)
            names = json.dumps([[name, files[name].digest] for name in sorted(files)])
            self._known = dict(files)
            self._tree = _Tree(files, hashlib.sha256(names.encode()).hexdigest()[:16])
            return self._tree

    def _examine(self, name: str, path: Path) -> OwnFile:
        stat = path.stat()
        signature = (stat.st_mtime_ns, stat.st_size)
        known = self._known.get(name)
        if known is None or known.signature != signature:
            content = path.read_bytes()
            imports = static_imports(content.decode("utf-8", "replace")) if name.endswith(_SCRIPTS) else ()
            known = OwnFile(path, signature, _digest(content), imports)
            self._known[name] = known
        return known

    def _compressed(self, name: str, file: OwnFile) -> OwnFile:
        """The file with what is sent of it, if it is a text."""
        while file.gzipped is None and name.endswith(_TEXTS):
            content = file.path.read_bytes()
            if _digest(content) == file.digest:
                file.gzipped = gzip.compress(content, mtime=0)
            else:  # it was written to between the two readings
                self._known.pop(name, None)
                file = self._examine(name, file.path)
        return file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _walk(root: Path, below: str = "") -> Iterator[tuple[str, Path]]:
    """Every file that `find_inside` would find, by name, without following links."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:  # not there, or taken away just now
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{below}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield f"{below}{entry.name}", Path(entry.path)


def _write_opening(tree: _Tree) -> Opening:
    text = tree.files[OPENING].path.read_text(encoding="utf-8")
    base = f"/{PREFIX}/{tree.version}/"
    entries: list[str] = []

    def lead(match: re.Match[str]) -> str:
        name = _resolve(OPENING, unquote(match["address"]))
        if name not in tree.files or name == OPENING:
            return match[0]
        if match["attribute"] == "src" and name.endswith(_SCRIPTS):
            entries.append(name)
        return f'{match["attribute"]}="{base}{quote(name)}"'

    text = _REFERENCE.sub(lead, text)
    hashes: tuple[str, ...] = ()
    first = _MODULE.search(text)
    if first is not None and entries:
        imports = json.dumps({"imports": _import_map(tree, base)}, separators=(",", ":"))
        hashes = (f"sha256-{base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()}",)
        lines = [f'<script type="importmap">{imports}</script>']
        for name in _imported(tree, entries):
            lines.append(f'<link rel="modulepreload" href="{escape(base + quote(name))}">')
        text = text[: first.start()] + "\n".join([*lines, text[first.start() :]])
    content = text.encode()
    return Opening(gzip.compress(content, mtime=0), _digest(content), hashes)


def _import_map(tree: _Tree, base: str) -> dict[str, str]:
    """Whoever imports `/core/x.js` gets the very module that the page has from below its version."""
    tops = {name.split("/")[0] + ("/" if "/" in name else "") for name in tree.files if name.endswith(_SCRIPTS)}
    return {f"/{quote(top)}": base + quote(top) for top in sorted(tops - {f"{_SHARED_FOLDER}/"})}


def _imported(tree: _Tree, entries: list[str]) -> list[str]:
    """What modules import statically, these in turn, and so on; nearest first, without the entries."""
    reached = dict.fromkeys(entries)
    waiting = list(entries)
    while waiting:
        importer = waiting.pop(0)
        for each in tree.files[importer].imports:
            name = _resolve(importer, each) if each.startswith((".", "/")) else ""
            if name in tree.files and name not in reached:
                reached[name] = None
                waiting.append(name)
    return [name for name in reached if name not in entries]


def _resolve(importer: str, address: str) -> str:
    """The name of the file that an address in another one means; no file has that of an address elsewhere."""
    if "//" in address:
        return ""
    if address.startswith("/"):
        return posixpath.normpath(address.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), address))
