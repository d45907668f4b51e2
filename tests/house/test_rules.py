"""The rules that hold in every room, read from the tree or seen in a fresh interpreter."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import launch

ROOT = Path(launch.__file__).resolve().parent
DOORS = (
    "comfy",
    "comfy_api",
    "comfy_execution",
    "comfy_extras",
    "folder_paths",
    "latent_preview",
    "node_helpers",
)
ROOMS = ("heddle", "model_management", "execution", "nodes", "server", "main", "launch", "benchmarks", *DOORS)
TORCH_FREE = (
    "heddle.graph",
    "heddle.settings",
    "heddle.media",
    "heddle.prompts",
    "execution",
    "server",
    "main",
    "launch",
    "nodes.door",
    "folder_paths",
    "comfy_api",
    "comfy_execution",
    "comfy.cli_args",
    "comfy.comfy_types",
)
HEAVY = {"torch", "torchvision", "torchsde", "transformers", "spandrel", "open_clip", "timm", "scipy"}
NOT_OURS = {".git", ".venv", "__pycache__", "node_modules", "output", "temp", "user", "train", "results"}


def tree(*suffixes: str) -> list[Path]:
    """Files of the checkout, of these endings if any are given; what runs leave behind is not among them."""
    found, waiting = [], [ROOT]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            if path.is_dir():
                if path.name not in NOT_OURS and not path.name.endswith("_cache") and path.name != ".hypothesis":
                    waiting.append(path)
            elif not suffixes or path.suffix in suffixes:
                found.append(path)
    return found


def module_names(*rooms: str) -> list[str]:
    """Every module below these rooms, by its dotted name."""
    names = []
    for room in rooms:
        folder = ROOT / Path(*room.split("."))
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]:
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def watch(folder: Path, heavy: list[str], modules: list[str]) -> dict[str, list[str]]:
    script = ROOT / "tests" / "house" / "watch_imports.py"
    command = [sys.executable, "-B", str(script), str(ROOT), json.dumps(heavy), json.dumps(modules)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    modules = module_names(*ROOMS)
    assert len(modules) > 50
    report = watch(tmp_path, ["torch", "numpy", "aiohttp.web", "PIL.Image"], modules)
    del report["loaded"]
    assert report == {}
    assert list(tmp_path.iterdir()) == []


def test_the_watcher_of_imports_sees_what_it_is_there_for(tmp_path: Path) -> None:
    (tmp_path / "restless.py").write_text(
        "import os, sys, threading\nos.mkdir('made')\nopen('written', 'w').close()\nsys.argv[0]\n"
        "threading.Thread(target=str).start()\nos.environ['HEDDLE_RESTLESS'] = '1'\n"
    )
    script = ROOT / "tests" / "house" / "watch_imports.py"
    command = [sys.executable, "-B", str(script), str(tmp_path), "[]", '["restless"]']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    seen = " ".join(json.loads(done.stdout.splitlines()[-1])["restless"])
    for what in (
        "makes a folder",
        "writes 'written'",
        "reads the command line",
        "starts a thread",
        "changes variables",
    ):
        assert what in seen


def test_rooms_without_torch_load_none_of_the_heavy_packages(tmp_path: Path) -> None:
    report = watch(tmp_path, [], module_names(*TORCH_FREE))
    assert set(report["loaded"]) & HEAVY == set()


def test_no_room_imports_main() -> None:
    for path in tree(".py"):
        if path.relative_to(ROOT).parts[0] in ("tests", "benchmarks", "main.py"):  # those stand outside the house
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert "main" not in names, path


def is_a_showing(node: ast.stmt) -> bool:
    """Whether a statement of an `__init__.py` only shows names: a docstring, an import, or `__all__`."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def test_an_init_file_shows_names_and_defines_none() -> None:
    for path in tree(".py"):
        if path.name == "__init__.py" and not path.is_relative_to(ROOT / "tests"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                assert is_a_showing(node), f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_module_says_what_it_holds() -> None:
    for path in tree(".py"):
        if path.name != "__init__.py" and not path.is_relative_to(ROOT / "tests"):
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.relative_to(ROOT)


# Written in pieces, since this file is read as well.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~-])/(?:"
    + "|".join(["work", "root", "home/[a-z]+", "Users/[A-Za-z]+", "opt"])
    + r")/\w",
    "a registry's host": r"\b(?:"
    + "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "registry\\.npm" + "js"])
    + r")\b",
    "an unfinished place": r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b",
}
TEXTS = (".py", ".md", ".txt", ".toml", ".json", ".js", ".mjs", ".css", ".html", ".yaml", ".yml", ".cfg", ".sh", "")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_mentions(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    for path in tree(*TEXTS):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            assert not pattern.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()[:160]}"


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
    for number, title in [(1, "Definitions"), (3, "Grant of Patent License"), (9, "Accepting Warranty or")]:
        assert f"{number}. {title}" in text
    assert "END OF TERMS AND CONDITIONS" in text


# ---- requirements ------------------------------------------------------------------------------------------------


def requirements(name: str) -> dict[str, tuple[str, str]]:
    return launch.read_requirements(str(ROOT / name))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_exactly_and_to_no_local_build(name: str) -> None:
    for line, clauses in requirements(name).values():
        assert re.fullmatch(r"==\d+(\.\d+)*", clauses), line


def test_torchaudio_is_listed_nowhere() -> None:
    for path in [*ROOT.glob("requirements*.txt"), *(ROOT / "requirements-extras").glob("*.txt")]:
        assert "torchaudio" not in launch.read_requirements(str(path)), path.name


def test_what_an_active_environment_may_hold_includes_what_is_pinned() -> None:
    pinned, accepted = requirements("requirements.txt"), requirements("requirements-env.txt")
    assert list(accepted) == list(pinned)
    for name, (line, _) in pinned.items():
        assert launch.fits(line.partition("==")[2], accepted[name][1]), line


# ---- docs --------------------------------------------------------------------------------------------------------


def test_links_between_pages_lead_somewhere() -> None:
    for path in tree(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} -> {target}"


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    command = "python3 launch.py test"
    assert f"{command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(" " + command)
