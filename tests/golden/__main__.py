"""`python -m tests.golden DIR`: check golden sets. See README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.golden.runner import run_folder


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden", description="Compute golden sets again and compare."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with NAME.json and NAME.safetensors files")
    parser.add_argument("--formats", type=Path, help="folder with lists of names and shapes; default DIR/../formats")
    parser.add_argument(
        "--cache", type=Path, help="folder for synthetic checkpoints; default in the temporary directory"
    )
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="case id, set, or set/case")
    options = parser.parse_args(arguments)
    if not any(options.folder.glob("*.json")):
        parser.error(f"{options.folder} holds no NAME.json; give the folder with the golden sets")
    cache = options.cache or Path(tempfile.gettempdir()) / "heddle-golden"
    tally = run_folder(options.folder, options.formats or options.folder / ".." / "formats", cache, options.only)
    for reason, count in tally.not_covered.most_common():
        print(f"not covered: {count} cases ({reason})")
    for name, agrees in tally.flagged.items():
        print(f"flagged: {name}: {'agrees' if agrees else 'differs'}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
