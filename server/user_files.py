"""The files that front ends keep for a person: saved workflows, templates, styles, settings.

They lie in one folder a person below the user folder, where this ecosystem's programs have them, so an existing folder
goes on being used. No name leads out of it. Everything here touches the disk, so it belongs into a thread.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.said import say
from heddle.media.whole_files import keep_aside, write_new, write_whole
from heddle.settings.folders import Folders

log = logging.getLogger("heddle.server.user_files")

SETTINGS = "comfy.settings.json"
OURS = ".heddle"  # versions and drafts: not for those who write files by name
MOST_LISTED = 50_000


class Taken(HeddleError):
    """There is a file of that name, and it must stay."""


class Absent(HeddleError):
    """There is no such file or folder."""


class UserFiles:
    """The files of one person. Names are relative to that person's folder, with forward slashes.

    Raises: FileProblem, from every method, for a name that would lead out of the folder.
    """

    def __init__(
        self, folders: Folders, person_id: str, changed: Callable[[list[str]], None] = lambda names: None
    ) -> None:
        """changed: told, in the thread that does it, what was written, moved or deleted."""
        # The person's folder as a root of its own: a link in it must not lead to the job database beside it.
        self._folders = replace(folders, user=folders.user / person_id)
        self._changed = changed
        self.writing = threading.RLock()  # held by whoever compares what is there before writing

    @property
    def root(self) -> Path:
        return self._folders.user

    def path(self, name: str) -> Path:
        """Where a file or folder of this name lies, existing or not."""
        return self._folders.resolve("user", "", name)

    def find(self, name: str) -> Path:
        """The path of a file that is there. Raises: Absent."""
        path = self.path(name)
        if self._is_ours(path) or not path.is_file():  # no folder, no pipe
            raise Absent(say("there is no file {name!r}", name=name))
        return path

    def list(self, folder: str, *, recurse: bool) -> list[Path]:
        """The files of a folder, in order; none whose name begins with a dot. Raises: Absent."""
        place = self.path(folder)
        if not place.is_dir():
            raise Absent(say("there is no folder {folder!r}", folder=folder))
        return sorted(self._walk(place, recurse))

    def entries(self, folder: str) -> list[dict[str, Any]]:
        """Files and folders of a folder: name, path, type; of files also size in bytes and time in seconds."""
        place = self.path(folder)
        if not place.is_dir():
            if place == self.path(""):
                return []  # it comes with the person's first file
            raise Absent(say("there is no folder {folder!r}", folder=folder))
        found: list[dict[str, Any]] = []
        for path in sorted(Path(each.path) for each in self._inside(place)):
            told: dict[str, Any] = {"name": path.name, "path": self.name_of(path)}
            if path.is_dir():
                found.append({**told, "type": "directory"})
            elif path.is_file():
                state = path.stat()
                found.append({**told, "type": "file", "size": state.st_size, "modified": state.st_mtime})
        return found

    def name_of(self, path: Path, folder: str = "") -> str:
        """The name of a path, relative to a folder of the person's."""
        return path.relative_to(self.path(folder)).as_posix()

    def describe(self, path: Path, folder: str = "") -> dict[str, Any]:
        """`{path, size, modified, created}` of a file; times in ms since 1970, the name relative to the folder."""
        state = path.stat()
        return {
            "path": self.name_of(path, folder),
            "size": state.st_size,
            "modified": state.st_mtime_ns // 1_000_000,
            "created": state.st_ctime_ns // 1_000_000,
        }

    def write(self, name: str, data: bytes, *, overwrite: bool) -> Path:
        """Write a file whole or not at all. Raises: Taken, if there is one and it may not be overwritten."""
        path = self._target(name)
        with self.writing:
            if overwrite:
                write_whole(path, data)
            else:
                self._write_new(name, path, data)
        self._changed([self.name_of(path)])
        return path

    def _write_new(self, name: str, path: Path, data: bytes) -> None:
        if os.path.lexists(path):
            raise Taken(say("there is already a file {name!r}", name=name))
        try:
            write_new([path], data)
        except FileProblem as problem:
            if os.path.lexists(path):  # somebody else was quicker
                raise Taken(say("there is already a file {name!r}", name=name)) from problem
            raise

    def move(self, name: str, wanted: str, *, overwrite: bool) -> Path:
        """Give a file another name. Raises: Absent, Taken."""
        source, target = self.find(name), self._target(wanted)
        if source == target:
            return target
        if not overwrite and os.path.lexists(target) and not _is_same_file(source, target):
            raise Taken(say("there is already a file {name!r}", name=wanted))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise FileProblem(
                say("{wanted!r}: a file stands where a folder is needed; choose another name", wanted=wanted)
            ) from error
        with self.writing:
            os.replace(source, target)
        self._changed([self.name_of(source), self.name_of(target)])
        return target

    def delete(self, name: str) -> None:
        """Take a file away. Raises: Absent."""
        with self.writing:
            path = self.find(name)
            path.unlink()
        self._changed([self.name_of(path)])

    def _target(self, name: str) -> Path:
        path = self.path(name)
        if path == self.root or name.endswith(("/", "\\")):
            raise FileProblem(say("{name!r}: the name of the file is missing", name=name))
        if self._is_ours(path):
            raise FileProblem(
                say("{name!r}: {ours} holds versions and drafts; choose another name", name=name, ours=OURS)
            )
        if path.is_dir():
            raise FileProblem(say("{name!r} is a folder; choose another name", name=name))
        return path

    def _is_ours(self, path: Path) -> bool:
        return [part.lower() for part in path.relative_to(self.root).parts[:1]] == [OURS]  # some disks know no case

    def _walk(self, place: Path, recurse: bool) -> Iterator[Path]:
        waiting, count = [place], 0
        while waiting:
            for entry in self._inside(waiting.pop()):
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    if recurse:
                        waiting.append(path)
                elif path.is_file():
                    count += 1
                    if count > MOST_LISTED:
                        log.warning("%s holds more than %d files; the rest is not listed", place, MOST_LISTED)
                        return
                    yield path

    def _inside(self, place: Path) -> Iterator[os.DirEntry[str]]:
        """What lies in a folder and may be shown: nothing hidden, no link that leads out, no name that is no text."""
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            log.warning("%s cannot be listed: %s", place, error.strerror or error)
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                self.path(self.name_of(Path(entry.path)))
            except FileProblem:
                continue
            yield entry


class PersonSettings:
    """What a front end remembers: names and JSON values, in one file that is always whole."""

    def __init__(self, files: UserFiles, limit_bytes: int) -> None:
        self._files = files
        self._limit_bytes = limit_bytes
        self._using = threading.RLock()  # `change` reads, too

    def read(self) -> dict[str, Any]:
        """All of them; none if there is no file yet. A file that cannot be read as such is kept under another name."""
        path = self._files.path(SETTINGS)
        with self._using:
            try:
                values = json.loads(path.read_bytes())
                if isinstance(values, dict):
                    return values
                why = "not a JSON object"
            except FileNotFoundError:
                return {}
            except (ValueError, RecursionError) as error:
                why = str(error)
            self._keep_aside(path, why)
            return {}

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some of them; the others stay. Raises: FileProblem, if there is no room for more."""
        with self._using:
            text = json.dumps({**self.read(), **values}, indent=4)
            if len(text) > self._limit_bytes:
                raise FileProblem(
                    say("settings take {limit} kB at most; keep large things as files", limit=self._limit_bytes >> 10)
                )
            write_whole(self._files.path(SETTINGS), text.encode("ascii"))

    def _keep_aside(self, path: Path, why: str) -> None:
        aside = keep_aside(path)
        log.warning(
            "the settings file %s is damaged (%s); it is now %s, and settings begin anew", path, why, aside.name
        )


def _is_same_file(path: Path, other: Path) -> bool:
    """Whether both names mean one file, as `A.json` and `a.json` do on some disks."""
    try:
        return path.samefile(other)
    except OSError:
        return False
