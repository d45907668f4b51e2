"""Folders of pictures, with texts beside them, that models are trained on: listed, read, written."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.claims import Claim
from heddle.media.output_names import without_turns
from heddle.media.whole_files import write_new, write_whole
from heddle.settings.file_names import is_inside
from heddle.settings.folders import Folders
from heddle.settings.kinds import FLOAT_PICTURES, PICTURES

MOST_PICTURES = 100_000
MAX_TEXT_BYTES = 1 << 20

#: How often the pictures of a folder count, as the trainers of kohya-ss read it off its name: `10_cats`.
_REPEATS = re.compile(r"(\d{1,6})_")


def list_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and, behind them, those in its folders, by name; some as often as a folder's name says.

    Raises: FileProblem, if there are none, or far too many.
    """
    own, inner = _pictures_in(folder), []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and is_inside(entry, folder):
            match = _REPEATS.match(entry.name)
            times = int(match[1]) if match else 1
            found = _pictures_in(entry)
            if len(own) + len(inner) + len(found) * times > MOST_PICTURES:
                words = "{folder}: more than {most} pictures, counted as often as the names of folders say; use fewer"
                raise FileProblem(say(words, folder=str(folder), most=MOST_PICTURES), path=folder)
            inner += found * times
    if not own and not inner:
        words = "{folder}: no picture in it or in its folders; put some there, or choose another folder"
        raise FileProblem(say(words, folder=str(folder)), path=folder)
    return own + inner


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURES | FLOAT_PICTURES
        and not path.name.startswith(".")
        and is_inside(path, folder)
        and path.is_file()
    )


def state_of(folder: Path) -> str:
    """A text that changes when a picture or text in a folder or its folders does."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and is_inside(path, folder))
    return "\n".join(f"{path} {(stat := path.stat()).st_size} {stat.st_mtime_ns}" for path in paths)


def text_beside(picture: Path) -> str:
    """What the text file of a picture's name says, "" if there is none. Raises: FileProblem, if it is no text."""
    path = picture.with_suffix(".txt")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        words = "{name}: cannot be read ({why}); check who may read it"
        raise FileProblem(say(words, name=path.name, why=str(error.strerror)), path=path) from error
    try:
        if len(data) <= MAX_TEXT_BYTES:
            return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        pass
    words = "{name}: no text in UTF-8 of a megabyte at most; save it as such"
    raise FileProblem(say(words, name=path.name), path=path)


class DatasetFolder:
    """A folder below the output folder that pictures are written into, `PREFIX_00000.png` and so on.

    Args:
        is_overwritten: numbers begin at 0 and files of the same names are written over; else behind the highest there.
    Raises: FileProblem, if a name leads elsewhere.
    """

    def __init__(self, folders: Folders, name: str, prefix: str, *, is_overwritten: bool) -> None:
        name, prefix = without_turns(name), without_turns(prefix)
        self.name = name.replace("\\", "/").strip("/")
        self._path_of = lambda number: folders.resolve("output", name, f"{prefix}_{number:05}.png")
        self._path_of(0)
        self._prefix, self._is_overwritten = prefix, is_overwritten
        self._next = 0 if is_overwritten else self._behind_last(folders.resolve("output", name, ""))

    def _behind_last(self, folder: Path) -> int:
        names = re.compile(re.escape(self._prefix) + r"_(\d{5,12})\.png")
        found = (names.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
        return max((int(match[1]) for match in found if match), default=-1) + 1

    def write(self, picture: bytes, text: str | None, claim: Claim | None = None) -> Path:
        """Write a picture, and a text beside it. Returns the picture's path. Raises: FileProblem.

        Args:
            claim: of the job, for the picture; of an earlier try of the job it is written over.
        """
        own = None if claim is None or self._is_overwritten else claim.own_file(self._path_of(0).parent)
        if own is not None or self._is_overwritten:
            path = own or self._path_of(self._next)
            write_whole(path, picture)
        elif claim is not None:
            path = write_new(map(self._path_of, count(self._next)), picture, lambda at: claim.take(at, picture))
        else:
            path = write_new(map(self._path_of, count(self._next)), picture)
        self._next = int(path.stem.rpartition("_")[2]) + 1
        if text is not None:
            write_whole(path.with_suffix(".txt"), text.encode("utf-8", "replace"))
        return path
