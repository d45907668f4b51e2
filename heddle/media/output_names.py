"""Names of result files: patterns filled in, made safe, and numbered so that nothing is ever overwritten."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.claims import Claim
from heddle.media.whole_files import write_new, write_whole
from heddle.settings.file_names import is_device_name
from heddle.settings.folders import Folders

_MAX_STEM_BYTES = 200  # leaves room for the counter and the extension below the 255 that disks allow
# What some system refuses, controls, and what turns the direction of letters, so that a name reads as another.
_TURNS = r"\u200e\u200f\u2028-\u202e\u2066-\u2069"
_NOT_ALLOWED = re.compile(rf'[<>:"|?*\x00-\x1f\x7f-\x9f{_TURNS}]')
_NUMBER = re.compile(r"(\d+)_?(?:\.|$)")
_DATE_PARTS = re.compile(r"y{2,4}|M{1,2}|d{1,2}|[hH]{1,2}|m{1,2}|s{1,2}")


@dataclass(frozen=True)
class OutputName:
    """A folder and the beginning of the names that one node writes there."""

    root_type: str  # "output" or "temp"
    subfolder: str  # below the root, with forward slashes; "" for the root itself
    folder: Path
    stem: str

    def save(self, data: bytes, extension: str = ".png", batch_number: int = 0, claim: Claim | None = None) -> Path:
        """Write a new file under the next free number. Safe with several processes at once.

        Args:
            claim: of the job that writes it; a file that an earlier try of the job wrote is written over. What is
                only passing, in the temp folder, is not worth one.
        Raises: FileProblem; then nothing is left behind.
        """
        candidates = self._candidates(extension, batch_number)
        if self.root_type == "temp":
            return write_new(candidates, data, lasting=False)
        if claim is None:
            return write_new(candidates, data)
        own, passing = claim.own_file(self.folder), claim.passing_name(self.folder)
        if own is None:
            return write_new(candidates, data, lambda path: claim.take(path, data), passing=passing)
        claim.take(own, data)
        write_whole(own, data, passing=passing)
        return own

    def save_pieces(self, pieces: Iterable[bytes], extension: str, claim: Claim | None = None) -> Path:
        """Write a new file, too large to be held, as `save` does. It lasts.

        Args:
            pieces: its bytes, made one after the other while it is written.
            claim: as in `save`, but what an earlier try of the job finished is left as it is.
        Raises: FileProblem, and what making a piece raises; then nothing is left behind.
        """
        candidates = self._candidates(extension, 0)
        if claim is None:
            return write_new(candidates, pieces)
        own = claim.own_file(self.folder)
        if own is not None:
            return own
        digest = hashlib.sha256()

        def digested() -> Iterator[bytes]:
            for piece in pieces:
                digest.update(piece)
                yield piece

        return write_new(
            candidates,
            digested(),
            lambda path: claim.take_digest(path, digest.hexdigest()),
            passing=claim.passing_name(self.folder),
        )

    def next_number(self) -> int:
        """The number after the highest in use; another process may take it first, which `save` would notice."""
        return self._last_number(self.stem.replace("%batch_num%", "0")) + 1

    def _candidates(self, extension: str, batch_number: int) -> Iterator[Path]:
        stem = self.stem.replace("%batch_num%", str(batch_number))
        # Names in the temp folder begin with something of their own: nothing to look for among thousands of others.
        last = batch_number if self.root_type == "temp" else self._last_number(stem)
        for number in itertools.count(last + 1):
            yield self.folder / f"{stem}_{number:05}_{extension}"

    def _last_number(self, stem: str) -> int:
        """The highest number in use, whatever the extension."""
        beginning = os.path.normcase(stem) + "_"
        try:
            names = os.listdir(self.folder)
        except OSError:  # not made yet; whatever else is wrong shows when the file is written
            return 0
        own = (name for name in map(os.path.normcase, names) if name.startswith(beginning))
        matches = (_NUMBER.match(name, len(beginning)) for name in own)
        return max((int(match[1]) for match in matches if match), default=0)


def plan_name(folders: Folders, root_type: str, prefix: str, *, width: int, height: int, now: datetime) -> OutputName:
    """Where the files of a node with this `filename_prefix` go.

    Args:
        prefix: may hold folders (`/`) and the patterns that `fill_pattern` knows.
        width, height: of the picture, px.
    Raises: FileProblem, if the prefix leads out of the root.
    """
    filled = fill_pattern(prefix, width=width, height=height, now=now)
    if filled.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", filled):
        raise FileProblem(
            say(
                "filename_prefix {prefix!r}: an absolute path; give a name inside the {root_type} "
                "folder, or choose that folder with --{root_type}-directory",
                prefix=prefix,
                root_type=root_type,
            )
        )
    *parents, stem = filled.replace("\\", "/").split("/")
    if ".." in (part.strip() for part in (*parents, stem)):
        raise FileProblem(
            say(
                "filename_prefix {prefix!r}: leads out of the {root_type} folder; leave out '..'",
                prefix=prefix,
                root_type=root_type,
            )
        )
    subfolder = "/".join(cleaned for part in parents if (cleaned := _clean_folder(part)))
    stem = _clip(_clean(stem).strip())
    folder = folders.resolve(root_type, subfolder, "")
    return OutputName(root_type, subfolder, folder, stem)


def fill_pattern(text: str, *, width: int, height: int, now: datetime) -> str:
    """Fill in %width% %height% %year% %month% %day% %hour% %minute% %second% and %date:FORMAT%.

    FORMAT is made of yyyy, yy, MM, M, dd, d, hh, h (0..23), mm, m, ss, s. Anything else between percent signs stands
    as it is: `%KSampler.seed%` is filled in from the graph before a job is queued, `%batch_num%` for each picture.
    """
    values = {
        "width": str(width),
        "height": str(height),
        "year": f"{now.year:04}",
        "month": f"{now.month:02}",
        "day": f"{now.day:02}",
        "hour": f"{now.hour:02}",
        "minute": f"{now.minute:02}",
        "second": f"{now.second:02}",
    }

    def fill(match: re.Match[str]) -> str:
        if match["format"] is None:
            return values[match["name"]]
        return _DATE_PARTS.sub(lambda part: _date_part(part[0], now), match["format"])

    return re.sub(rf"%(?:(?P<name>{'|'.join(values)})|date:(?P<format>[^%]+))%", fill, text)


def without_turns(text: str) -> str:
    """A name without the marks that turn the direction of letters."""
    return re.sub(f"[{_TURNS}]", "_", text)


def _date_part(token: str, now: datetime) -> str:
    value = {
        "y": now.year,
        "M": now.month,
        "d": now.day,
        "h": now.hour,
        "H": now.hour,
        "m": now.minute,
        "s": now.second,
    }
    if token[0] == "y":
        return f"{now.year:04}"[-2:] if len(token) == 2 else f"{now.year:04}"
    return f"{value[token[0]]:0{len(token)}}"


def _clean(part: str) -> str:
    """Characters that some system refuses in names become underscores."""
    return _NOT_ALLOWED.sub("_", part.encode("utf-8", "replace").decode())


def _clean_folder(part: str) -> str:
    part = _clip(_clean(part)).strip().rstrip(". ")  # Windows drops a folder's last dots and blanks
    return re.sub(r"^[^.]*", r"\g<0>_", part) if is_device_name(part) else part


def _clip(text: str) -> str:
    return text.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
