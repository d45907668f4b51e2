"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

# What a disk that knows no hard links answers to one (FAT, some network and phone storages).
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}


def write_whole(path: Path, data: bytes | Iterable[bytes], *, passing: Path | None = None) -> None:
    """Put a file in place, over an older one of that name. Folders on the way are made.

    Args:
        data: what it holds, whole or piece by piece; what making a piece raises leaves all as it was.
        passing: where it is written first, a path in the same folder; None: under a name made for it.
    Raises: FileProblem with the next step; then an older file is untouched and nothing new is left behind.
    """
    try:
        finished = _write_beside(path, data, passing)
        try:
            os.replace(finished, path)
            _settle(path.parent)
        finally:
            _clear(finished)
    except OSError as error:
        raise _explained(error, path) from error


def keep_aside(path: Path) -> Path:
    """Give a damaged file another name beside its own, `NAME.damaged-1` or the next that is free; returns it.

    Raises: OSError.
    """
    count = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.damaged-{count}")):
        count += 1
    os.replace(path, aside)
    return aside


def write_new(
    paths: Iterable[Path],
    data: bytes | Iterable[bytes],
    about_to: Callable[[Path], None] = lambda path: None,
    *,
    passing: Path | None = None,
    lasting: bool = True,
) -> Path:
    """Put a file at the first of the paths where there is none, also while other processes do the same.

    Args:
        paths: candidates, all in one folder.
        data: what it holds, whole or piece by piece; what making a piece raises leaves nothing behind.
        about_to: is told each path just before it is tried.
        passing: as in `write_whole`.
        lasting: whether it has to be there after a power cut.
    Returns: the path that was taken.
    Raises: FileProblem as `write_whole`, and if every path is taken.
    """
    candidates = iter(paths)
    first = next(candidates)
    try:
        finished = _write_beside(first, data, passing, lasting=lasting)
        try:
            path: Path | None = first
            while path is not None:
                try:
                    about_to(path)
                    _place_new(finished, path)
                except FileExistsError:
                    path = next(candidates, None)
                else:
                    if lasting:
                        _settle(path.parent)
                    return path
        finally:
            _clear(finished)
    except OSError as error:
        raise _explained(error, first) from error
    raise FileProblem(
        say("{first}: it exists, and so does every other name that was tried; choose another name", first=first),
        path=first,
    )


def _write_beside(path: Path, data: bytes | Iterable[bytes], passing: Path | None, *, lasting: bool = True) -> str:
    """Write a file whole under a passing name in the same folder, from where a rename takes it into place in one step.

    Returns: that name; `_clear` takes away what was not renamed. Raises: OSError, nothing is left behind.
    """
    if passing is not None:
        name = os.fspath(passing)
    else:
        # What is only passing is not worth asking the system for chance; two processes that meet are told by O_EXCL.
        chance = secrets.token_hex(8) if lasting else f"{os.getpid():x}-{time.monotonic_ns():x}"
        name = os.path.join(os.path.dirname(path), f".{chance}.part")
    try:
        # O_EXCL: should the name be taken against all odds, it is somebody else's.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(name, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(name, flags, 0o666)
        with open(handle, "wb") as file:
            for piece in (data,) if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            if lasting:
                os.fsync(handle)
    except BaseException:
        _clear(name)
        raise
    return name


def _clear(passing: str) -> None:
    with contextlib.suppress(OSError):  # after a rename there is nothing left to take away
        os.unlink(passing)


def _place_new(finished: str, path: Path) -> None:
    """Give a finished file its name, if that name is free. Raises: FileExistsError."""
    try:
        os.link(finished, path)  # the only way to name a file that never takes an existing name
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # claims the name, empty
    try:
        os.replace(finished, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _settle(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders; the file's bytes are safe either way
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explained(error: OSError, path: Path) -> FileProblem:
    """An error of the system that says what to do."""
    return FileProblem(say("{path}: not written, {why}", path=path, why=_advice(error, path)), path=path)


def _advice(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return say("the disk is full; free some space or choose another folder, such as with --output-directory")
        case errno.EFBIG:
            return say("this disk or account takes no file of that size; choose another folder or a smaller picture")
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return say(
                "{folder} is read-only; allow writing there or choose another with --output-directory",
                folder=path.parent,
            )
        case errno.ENOTDIR | errno.EEXIST | errno.EISDIR:
            return say("a file stands where a folder is needed, or the other way round; choose another name")
        case errno.ENAMETOOLONG:
            return say("the name is too long; shorten it")
    return say("{why}; check the disk and the folder {folder}", why=error.strerror or error, folder=path.parent)
