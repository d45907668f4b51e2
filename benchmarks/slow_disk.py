"""The server on a disk that is slower than this machine's: `python -m benchmarks.slow_disk MS main.py's words`.

Each transaction of the job store that has to be on the disk takes MS milliseconds at least, as on disks where a durable
write takes so long. What a server does with more of them than it needs shows here, and hardly where they cost nothing.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from main import main
from server.store.writer import GroupWriter


def hold_up_durable_writes(milliseconds: float) -> None:
    """From now on they take this long, in this process."""
    write_at_once = GroupWriter._transaction

    def write(self: GroupWriter, group: list[Any]) -> bool:
        end = time.perf_counter() + milliseconds / 1000
        done = write_at_once(self, group)
        if any(task.durable for task in group):
            time.sleep(max(0.0, end - time.perf_counter()))
        return done

    GroupWriter._transaction = write


if __name__ == "__main__":
    hold_up_durable_writes(float(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
