"""A front desk whose worker is the real one without torch, as a program to be killed while a file is being saved.

Its arguments are the base folder and the port. Imports stand inside the functions, so that the front desk starts
without those of the worker.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

HOLD_S = 1.9


def work(base: Path, pipe: Any) -> None:
    """The worker. A save that finds the file `hold` renames it and dawdles."""
    from datetime import datetime

    from execution.lifeline import tied_to_front_desk
    from execution.worker import serve_connection
    from heddle.graph.context import Context
    from heddle.graph.declare import node, spec_of
    from heddle.graph.results import Shown
    from heddle.media.claims import Claims
    from heddle.media.output_names import plan_name
    from heddle.settings.folders import Folders
    from heddle.settings.options import Settings
    from tests.execution.toys import Thing, worker

    folders = Folders.from_settings(Settings(base_directory=base))

    @node("Save", category="toys", effects=True)
    def save(thing: Thing, *, ctx: Context) -> Shown:
        """A file with a thing in it."""
        if (base / "hold").exists():
            (base / "hold").rename(base / "held")
            time.sleep(HOLD_S)
        name = plan_name(folders, "output", "thing", width=0, height=0, now=datetime.now())
        return Shown((), {"text": [name.save(thing.encode(), ".txt", claim=ctx.next_save()).name]})

    with tied_to_front_desk(folders.user):
        made = worker(spec_of(save))
        made.house.claims_of = lambda job_id: Claims(folders.user, job_id)
        serve_connection(made, pipe, lambda: {"devices": []}, ready=lambda: None)
    os._exit(0)


def main() -> None:
    import multiprocessing

    from execution.protocol import open_wire
    from heddle.settings.folders import Folders
    from heddle.settings.options import Settings
    from server.serve import serve

    spawn = multiprocessing.get_context("spawn")
    base = Path(sys.argv[1])

    def start() -> Any:
        ours, theirs = open_wire()
        process = spawn.Process(target=work, args=(base, theirs), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    settings = Settings(base_directory=base, port=int(sys.argv[2]), log_level="ERROR")
    serve(settings, Folders.from_settings(settings), start, lambda prompt, nodes, targets: (["2"], None, {}))


if __name__ == "__main__":
    main()
