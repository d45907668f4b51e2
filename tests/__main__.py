"""The whole test command: `python -m tests [pytest's options]`.

First the tools that read the tree (formatting, types of Python and of the page, floors), each with one line; what they
found is shown when they found something. Then pytest, whose summary comes last. The exit code is 0 only when everything
passed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# What each tool is called on the screen, how it is started, and after how many seconds it counts as hanging.
TOOLS: tuple[tuple[str, list[str], int], ...] = (
    ("ruff check", ["-m", "ruff", "check", "."], 300),
    ("ruff format", ["-m", "ruff", "format", "--check", "."], 300),
    ("pyright", ["-m", "pyright", "--pythonpath", sys.executable], 1800),
    ("tsc", ["-m", "tests.web.node_tools", "tsc"], 900),
    ("import-linter", ["-c", LINT_IMPORTS], 300),
)
PYTEST_TIMEOUT_S = 80 * 60


def run_tool(name: str, arguments: list[str], timeout_s: int) -> bool:
    """Run one tool over the tree and say in a line how it went; its own words follow only when it complains."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
        )
        passed, words = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired:
        passed, words = False, f"no answer after {timeout_s} s"
    print(f"{name:<14} {'passed' if passed else 'FAILED'}  {time.monotonic() - start:.1f} s", flush=True)
    if not passed:
        print(words.rstrip(), flush=True)
    return passed


def run_pytest(arguments: list[str]) -> int:
    """pytest in a process of its own, its output in view; 5 (no test was chosen) counts as a failure like any other."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, timeout=PYTEST_TIMEOUT_S
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"pytest FAILED: not done after {PYTEST_TIMEOUT_S // 60} minutes", flush=True)
        return 1


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests",
        description="Runs ruff, pyright, tsc and import-linter over the tree, then pytest.",
        epilog="Every other option goes to pytest: --slow also runs what takes long, -k WORDS chooses by name.",
    )
    parser.add_argument("--only-tools", action="store_true", help="read the tree and run no test")
    parser.add_argument("--no-tools", action="store_true", help="run pytest alone")
    options, for_pytest = parser.parse_known_args(argv)

    failed = [] if options.no_tools else [tool[0] for tool in TOOLS if not run_tool(*tool)]
    if options.only_tools:
        return 1 if failed else 0
    code = run_pytest(for_pytest)
    if failed:
        # on standard error and after pytest's summary only when something is wrong, so that nobody misses it
        print(f"failed before the tests ran: {', '.join(failed)}", file=sys.stderr, flush=True)
    return code or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
