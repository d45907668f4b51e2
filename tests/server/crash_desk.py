"""A front desk whose workers need no torch, as a program to be killed: its arguments are the base folder and the port.

Imports stand inside the function, so that the workers, which read this file too, start without them.
"""

import sys


def main() -> None:
    from pathlib import Path

    from heddle.settings.folders import Folders
    from heddle.settings.options import Settings
    from server import supervisor
    from server.serve import serve
    from tests.server.fake_worker import in_a_process

    def check(prompt, nodes, targets):
        return [node_id for node_id, node in prompt.items() if node["class_type"] == "Save"], None, {}

    supervisor.FIRST_PAUSE_S = supervisor.LONGEST_PAUSE_S = 0.05
    settings = Settings(base_directory=Path(sys.argv[1]), port=int(sys.argv[2]), log_level="ERROR")
    folders = Folders.from_settings(settings)
    serve(settings, folders, [in_a_process(folders.output)] * 2, check)


if __name__ == "__main__":
    main()
