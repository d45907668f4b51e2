"""Names that a job took for its files, so that a job which is tried again after a crash writes none twice.

A worker may die between a file and the word that it is there; the job then runs again. Before a file appears, its name
and a digest of its bytes are written down in a small file of the job. The next try finds the name, sees by the digest
that the file there is its own, and writes over it; a name that another has taken meanwhile is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

#: Below the user folder.
FOLDER = "unfinished"


def claims_path(user_folder: Path, job_id: str) -> Path:
    """Where a job's claims lie. Ids come from outside, so their digest is the name."""
    return user_folder / FOLDER / f"{hashlib.sha256(job_id.encode('utf-8', 'replace')).hexdigest()[:32]}.jsonl"


def forget_claims(user_folder: Path, job_id: str) -> None:
    """A job has ended for good."""
    with contextlib.suppress(OSError):
        claims_path(user_folder, job_id).unlink()


class Claims:
    """The claims of one try of a job; what earlier tries left is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._earlier: dict[tuple[str, int], tuple[Path, set[str]]] | None = None
        self._counts: dict[str, int] = {}

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
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(json.dumps([node_id, number, str(path), digest]).encode() + b"\n")

    def _read(self) -> dict[tuple[str, int], tuple[Path, set[str]]]:
        found: dict[tuple[str, int], tuple[Path, set[str]]] = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return found
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # the last one may be cut short
                node_id, number, text, digest = json.loads(line)
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
            digest = digest_of(earlier[0].read_bytes())
        except OSError:
            return None
        return earlier[0] if digest in earlier[1] else None

    def take(self, path: Path, data: bytes) -> None:
        self._claims.write(self._node_id, self._number, path, digest_of(data))


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
