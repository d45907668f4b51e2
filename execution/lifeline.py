"""What ties a worker to its front desk: it ends with it, and the next front desk waits until it has ended.

A worker whose front desk was killed may be in the middle of a file. Were the next one's worker to begin with the same
job meanwhile, both would write that file.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("heddle.worker")

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


@contextlib.contextmanager
def tied_to_front_desk(user_folder: Path) -> Iterator[None]:
    """Inside the block, this process ends with the one that started it, and is seen by `is_worker_alive` until then."""
    _end_with_parent()
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(contextlib.closing(_connect(user_folder)))
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # this takes a shared lock
        except (OSError, sqlite3.Error) as error:  # no reason not to work
            log.warning("this worker cannot be seen by the next front desk (%s: %s)", user_folder, error)
        yield


def is_worker_alive(user_folder: Path) -> bool:
    """Whether a worker of this folder is alive, whichever front desk started it."""
    try:
        with contextlib.closing(_connect(user_folder)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return True
        log.warning("whether other workers use %s is not known (%s)", user_folder, error)
    except (OSError, sqlite3.Error) as error:
        log.warning("whether other workers use %s is not known (%s)", user_folder, error)
    return False


def _connect(user_folder: Path) -> sqlite3.Connection:
    # SQLite's own file locks are there on every system, and gone with the process that holds one.
    user_folder.mkdir(parents=True, exist_ok=True)
    path = user_folder / "workers.alive"
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _end_with_parent() -> None:
    # Linux ends us with the thread that started us. Elsewhere the end of the pipe must do, which is not noticed while a
    # node holds the interpreter, or the process is suspended.
    if sys.platform != "linux" or (parent := multiprocessing.parent_process()) is None:
        return
    import ctypes  # for this alone

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:  # it went before we asked
        os._exit(0)
