"""Names that a job took for its files, so that a job which is tried again after a crash writes none twice.

A worker may die between a file and the word that it is there; the job then runs again. Before a file appears, its name
and a digest of its bytes are written down in a small file of the job. The next try finds the name, sees by the digest
that the file there is its own, and writes over it; a name that another has taken meanwhile is left alone. The passing
name under which a file is written is noted as well, so that a half that was left behind is taken away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

#: Below the user folder.
FOLDER = "unfinished"

#: How the names of files that are not whole yet end.
PASSING = ".part"


def claims_path(user_folder: Path, job_id: str) -> Path:
    """Where a job's claims lie. Ids come from outside, so their digest is the name."""
    return user_folder.joinpath(FOLDER, _name_of(job_id))


def _name_of(job_id: str) -> str:
    return f"{hashlib.sha256(job_id.encode('utf-8', 'replace')).hexdigest()[:32]}.jsonl"


def forget_claims(user_folder: Path, job_id: str) -> None:
    """A job has ended for good: its claims go, and what a try of it left half written."""
    if os.path.lexists(os.path.join(user_folder, FOLDER, _name_of(job_id))):  # most jobs have none
        _forget(claims_path(user_folder, job_id))


def forget_other_claims(user_folder: Path, job_ids: Collection[str]) -> None:
    """No job but these will be tried again; what others left goes."""
    try:
        found = {path.name: path for path in (user_folder / FOLDER).iterdir()}
    except OSError:
        return
    for job_id in job_ids if found else ():
        found.pop(claims_path(user_folder, job_id).name, None)
    for path in found.values():
        _forget(path)


class Claims:
    """The claims of one try of a job; what earlier tries left is read when it is first asked for.

    Args:
        user_folder, job_id: as in `claims_path`, which most jobs never need.
    """

    def __init__(self, user_folder: Path, job_id: str) -> None:
        self._of = user_folder, job_id
        self._earlier: dict[tuple[str, int], tuple[Path, set[str]]] | None = None
        self._counts: dict[str, int] = {}
        self._is_looked_after = False

    @cached_property
    def _path(self) -> Path:
        return claims_path(*self._of)

    def next_of(self, node_id: str) -> Claim:
        """The claim for the next file that a node writes."""
        number = self._counts.get(node_id, 0)
        self._counts[node_id] = number + 1
        return Claim(self, node_id, number)

    def earlier(self, node_id: str, number: int) -> tuple[Path, set[str]] | None:
        """The last name that an earlier try took for this file, and the digests of what it may hold."""
        if self._earlier is None:
            self._earlier = self._read()
        return self._earlier.get((node_id, number))

    def write(self, node_id: str, number: int, path: Path, digest: str) -> None:
        """Write a claim down; it outlives this process, whatever ends it."""
        self.earlier(node_id, number)  # read before our own lines are there
        self._append([node_id, number, str(path), digest])

    def passing_name(self, folder: Path) -> Path:
        """A path in a folder for what is not whole yet; halves that earlier tries left are taken away first."""
        if not self._is_looked_after:
            self._is_looked_after = True
            _take_halves_away(self._path)
        path = folder / f".{secrets.token_hex(8)}{PASSING}"
        self._append([str(path)])
        return path

    def _append(self, line: list[Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        try:
            file = self._path.open("ab")
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("ab")
        with file:
            file.write(data)

    def _read(self) -> dict[tuple[str, int], tuple[Path, set[str]]]:
        found: dict[tuple[str, int], tuple[Path, set[str]]] = {}
        for line in _lines_of(self._path):
            with contextlib.suppress(ValueError, TypeError):  # a passing name
                node_id, number, text, digest = line
                path, digests = Path(text), {str(digest)}
                before = found.get((node_id, number))
                if before is not None and before[0] == path:
                    digests |= before[1]
                found[node_id, number] = (path, digests)
        return found


class Claim:
    """The claim for one file of one node."""

    def __init__(self, claims: Claims, node_id: str, number: int) -> None:
        self._claims, self._node_id, self._number = claims, node_id, number

    def own_file(self, folder: Path) -> Path | None:
        """The file in this folder that an earlier try wrote, if it is there and nobody changed it."""
        earlier = self._claims.earlier(self._node_id, self._number)
        if earlier is None or earlier[0].parent != folder:
            return None
        try:
            with earlier[0].open("rb") as file:  # never whole in memory: it may be a model
                digest = hashlib.file_digest(file, hashlib.sha256).hexdigest()
        except OSError:
            return None
        return earlier[0] if digest in earlier[1] else None

    def take(self, path: Path, data: bytes) -> None:
        self.take_digest(path, digest_of(data))

    def take_digest(self, path: Path, digest: str) -> None:
        """Claim a name for a file of which only the digest is at hand."""
        self._claims.write(self._node_id, self._number, path, digest)

    def passing_name(self, folder: Path) -> Path:
        """A path in this folder under which the file may be written before it gets its name."""
        return self._claims.passing_name(folder)


def _lines_of(path: Path) -> list[Any]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):  # the last one may be cut short
            found.append(json.loads(line))
    return found


def _take_halves_away(claims: Path) -> None:
    for line in _lines_of(claims):
        if isinstance(line, list) and len(line) == 1 and isinstance(line[0], str) and line[0].endswith(PASSING):
            with contextlib.suppress(OSError, ValueError):
                Path(line[0]).unlink()


def _forget(claims: Path) -> None:
    _take_halves_away(claims)
    with contextlib.suppress(OSError):
        claims.unlink()


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
