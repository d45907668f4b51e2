"""Who uses the server, and where each one's files lie.

Usually that is one person, whose folder is `default`. With several (`--multi-user`) they are those of `users.json` in
the user folder, as this ecosystem's programs write it, each with a folder named after the id there; a request says in
its header `comfy-user` whose it is. That keeps files apart and protects nothing: who may ask may ask as anybody.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.said import say
from heddle.media.whole_files import write_whole
from heddle.settings.folders import Folders
from server.kept import DraftLimits, Drafts, VersionLimits, WorkflowFiles
from server.kept.database import KeptDatabase
from server.user_files import PersonSettings, UserFiles

log = logging.getLogger("heddle.server.people")

HEADER = "comfy-user"
ONLY_PERSON = "default"
NAMES = "users.json"
LONGEST_NAME = 100
MOST_PEOPLE = 1_000

_ID = re.compile(r"[\w-][\w .-]{0,200}")  # is a folder's name: nothing hidden, nothing that leads out
_NO_LETTER = re.compile(r"[^A-Za-z0-9_-]+")


class UnknownPerson(HeddleError):
    """A request of nobody, or of somebody who was not added."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person's files and settings, and what is kept beside them."""

    id: str
    files: UserFiles
    settings: PersonSettings
    workflows: WorkflowFiles
    drafts: Drafts


class People:
    """The persons by id. What `load` and `add` do touches the disk, so it belongs into a thread."""

    def __init__(
        self,
        folders: Folders,
        settings_bytes: int,
        *,
        several: bool = False,
        versions: VersionLimits | None = None,
        drafts: DraftLimits | None = None,
    ) -> None:
        self.several = several
        # Told whose files were changed, and which, in the thread that does it.
        self.files_changed: Callable[[str, list[str]], None] = lambda person_id, names: None
        self._versions = versions or VersionLimits()
        self._drafts = drafts or DraftLimits()
        self._folders = folders
        self._settings_bytes = settings_bytes
        self._names: dict[str, str] = {}
        self._persons: dict[str, Person] = {}  # kept, since what one person's parts share are locks
        self._using = threading.Lock()

    @property
    def names(self) -> dict[str, str]:
        """Id -> name; nobody, unless there may be several."""
        return dict(self._names)

    def load(self) -> None:
        """Read who was added so far. Raises: FileProblem, if the list is damaged: the next `add` would replace it."""
        path = self._folders.user / NAMES
        if not self.several or not path.exists():
            return
        try:
            names = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(path, str(error)) from error
        if not isinstance(names, dict):
            raise _damaged(path, say("it is no JSON object"))
        for person_id, name in names.items():
            if not isinstance(name, str) or not _ID.fullmatch(person_id):
                raise _damaged(path, say("{id!r} is no id with a name", id=person_id[:80]))
        self._names = names

    def person(self, person_id: str | None) -> Person:
        """Whose request it is, by its header. Raises: UnknownPerson."""
        if not self.several:
            person_id = ONLY_PERSON
        elif person_id is None or person_id not in self._names:
            raise UnknownPerson(
                say(
                    "there is no person {person!r}; name one that GET /users lists in the header {header}",
                    person=(person_id or "")[:80],
                    header=HEADER,
                )
            )
        with self._using:
            if person_id not in self._persons:
                files = UserFiles(self._folders, person_id, partial(self._tell, person_id))
                database = KeptDatabase(files)
                self._persons[person_id] = Person(
                    person_id,
                    files,
                    PersonSettings(files, self._settings_bytes),
                    WorkflowFiles(files, database, self._versions),
                    Drafts(database, self._drafts),
                )
            return self._persons[person_id]

    def _tell(self, person_id: str, names: list[str]) -> None:
        self.files_changed(person_id, names)  # whoever is told may have come after the person

    def add(self, name: str) -> str:
        """Take in one more person; their id. Raises: HeddleError, if the name cannot be had."""
        name = name.strip()
        if not self.several:
            raise HeddleError(
                say("this server keeps the files of one person; to add others start it with --multi-user")
            )
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise HeddleError(
                say(
                    "a person's name has 1 to {longest_name} printable characters; found {name!r}",
                    longest_name=LONGEST_NAME,
                    name=name[:80],
                )
            )
        with self._using:
            if name in self._names.values():
                raise HeddleError(say("there is already a person {name!r}; choose another name", name=name))
            if len(self._names) >= MOST_PEOPLE:
                raise HeddleError(
                    say(
                        "there are {most_people} persons already; take some out of {names}",
                        most_people=MOST_PEOPLE,
                        names=NAMES,
                    )
                )
            person_id = f"{_NO_LETTER.sub('-', name)}_{uuid.uuid4()}"
            names = {**self._names, person_id: name}
            write_whole(self._folders.user / NAMES, json.dumps(names, indent=4).encode("ascii"))
            self._names = names
            return person_id


def _damaged(path: object, why: str) -> FileProblem:
    return FileProblem(
        say(
            "{path}: the list of persons cannot be read ({why}); mend it, or move it away to begin anew",
            path=path,
            why=why,
        )
    )
