"""launch.py without a network: its parts alone, then whole set-ups from wheels that the tests write themselves."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import launch

ROOT = Path(launch.__file__).resolve().parent
OFFLINE = ["--no-index"]


# ---- its parts ---------------------------------------------------------------------------------------------------


def test_it_needs_the_standard_library_alone() -> None:
    tree = ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_a_python_too_old_to_run_heddle_can_still_read_it() -> None:
    ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_a_python_outside_the_range_is_told_which_one_to_use(version: tuple[int, int]) -> None:
    with pytest.raises(launch.SetupProblem, match=r"3\.11 to 3\.13, and this is {}\.{}".format(*version)):
        launch.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_pythons_of_the_range_are_taken(version: tuple[int, int]) -> None:
    launch.check_python(version)


def test_what_is_not_a_launch_option_goes_to_main_in_its_order() -> None:
    options = launch.read_options(["--use-env", "run", "a b.json", "--set", "3.seed=7", "--index-url", "X", "--cpu"])
    assert options.use_env
    assert options.pip_args == ["--index-url", "X"]
    assert options.rest == ["run", "a b.json", "--set", "3.seed=7", "--cpu"]


def test_after_a_bare_double_dash_nothing_is_ours() -> None:
    assert launch.read_options(["--", "--use-env"]).rest == ["--", "--use-env"]
    assert not launch.read_options(["--", "--use-env"]).use_env


def test_pip_args_are_split_as_a_shell_would() -> None:
    options = launch.read_options(["--pip-args", "--retries 9 --find-links 'a b'", "--find-links=c d"])
    assert options.pip_args == ["--retries", "9", "--find-links", "a b", "--find-links", "c d"]


def test_an_option_without_its_value_is_named() -> None:
    with pytest.raises(launch.SetupProblem, match="--pip-args wants a value"):
        launch.read_options(["run", "--pip-args"])


def test_help_after_a_command_is_that_commands_help() -> None:
    assert launch.read_options(["--help"]).help
    options = launch.read_options(["run", "--help"])
    assert not options.help
    assert options.rest == ["run", "--help"]


@pytest.mark.parametrize(
    ("version", "clauses", "answer"),
    [
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.13", "==2.13.0", True),
        ("2.13.1", "==2.13.0", False),
        ("2.10.0", ">=2.6", True),
        ("3.0", ">=1.26,<3", False),
        ("2.15.0a0+git1", ">=2.6", True),
        ("1.9", "", True),
        ("4.0", "!=4.0.0", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, clauses: str, answer: bool) -> None:
    assert launch.fits(version, clauses) is answer


def test_every_requirement_of_the_house_can_be_read_and_compared() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-env.txt"):
        for line, clauses in launch.read_requirements(str(ROOT / name)).values():
            assert isinstance(launch.fits("1.0", clauses), bool), line


def test_the_fingerprint_follows_the_words_and_not_the_line_endings(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"a==1\nb==2\n")
    first = launch.fingerprint(str(tmp_path), launch.RUN_FILES)
    path.write_bytes(b"a==1\r\nb==2\r\n")
    assert launch.fingerprint(str(tmp_path), launch.RUN_FILES) == first
    path.write_bytes(b"a==1\nb==3\n")
    assert launch.fingerprint(str(tmp_path), launch.RUN_FILES) != first


def a_finished_environment(root: Path) -> launch.OwnEnvironment:
    (root / "requirements.txt").write_text("a==1\n")
    environment = launch.OwnEnvironment(str(root / ".venv"))
    python = Path(environment.python)
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    environment.write_stamp(str(root), launch.RUN_FILES, sys.executable)
    return environment


def test_a_second_start_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = a_finished_environment(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    options = launch.read_options(["run", "x.json"])
    assert launch.prepare_own(options, launch.RUN_FILES, str(tmp_path)) == environment.python


def test_an_environment_is_not_ready_once_its_requirements_changed(tmp_path: Path) -> None:
    environment = a_finished_environment(tmp_path)
    assert environment.is_ready(str(tmp_path), launch.RUN_FILES)
    (tmp_path / "requirements.txt").write_text("a==2\n")
    assert not environment.is_ready(str(tmp_path), launch.RUN_FILES)


def test_an_environment_whose_python_went_away_is_not_ready(tmp_path: Path) -> None:
    environment = a_finished_environment(tmp_path)
    os.remove(environment.python)
    assert not environment.is_ready(str(tmp_path), launch.RUN_FILES)


def test_an_environment_whose_base_python_was_removed_is_not_ready(tmp_path: Path) -> None:
    environment = a_finished_environment(tmp_path)
    environment.write_stamp(str(tmp_path), launch.RUN_FILES, str(tmp_path / "gone"))
    assert not environment.is_ready(str(tmp_path), launch.RUN_FILES)


@pytest.mark.parametrize("words", ["", "one line", "\0\n\0"])
def test_a_damaged_stamp_counts_as_none(tmp_path: Path, words: str) -> None:
    environment = a_finished_environment(tmp_path)
    Path(environment.stamp(launch.RUN_FILES)).write_text(words)
    assert not environment.is_ready(str(tmp_path), launch.RUN_FILES)


def test_what_was_cut_short_is_found_and_what_is_whole_stays(tmp_path: Path) -> None:
    for name, size, record in [("whole", 3, True), ("short", 2, True), ("killed", 3, False)]:
        (tmp_path / f"{name}.py").write_bytes(b"x" * size)
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        if record:
            (info / "RECORD").write_text(f"{name}.py,sha256=x,3\n{name}-1.dist-info/RECORD,,\n")
    (tmp_path / "~alf").mkdir()
    assert launch.remove_half_installed([str(tmp_path)]) == ["killed-1", "short-1"]
    assert sorted(path.name for path in tmp_path.glob("*-info")) == ["whole-1.dist-info"]
    assert not (tmp_path / "~alf").exists()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError(...): Temporary failure in name resolution", "could not be reached"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no set of packages fits"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("error: externally-managed-environment", "belongs to the system"),
        ("[Errno 13] Permission denied: '/x'", "cannot be written"),
        ("something else", "see above"),
    ],
)
def test_a_failure_of_pip_is_explained_with_the_next_step(log: str, words: str) -> None:
    told = launch.explain_pip_failure(log, "pip.log", "folder", 1)
    assert words in told
    assert "Next: " in told
    assert "pip.log" in told


def test_a_full_disk_is_noticed_before_anything_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**7, 10**7))
    with pytest.raises(launch.SetupProblem, match="10 MB free"):
        launch.announce(str(tmp_path), [3, 11, 7], ["torch", "numpy"], launch.Options())


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, **_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "requirements.txt").write_text("a==1\n")
    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(launch.SetupProblem, match=r"cannot be written(.|\n)*--use-env"):
        launch.prepare_own(launch.Options(), launch.RUN_FILES, str(tmp_path))


def test_rebuild_and_use_env_exclude_each_other() -> None:
    with pytest.raises(launch.SetupProblem, match="give one of the two"):
        launch.prepare_active(launch.read_options(["--use-env", "--rebuild"]), launch.RUN_FILES)


def an_active_environment_with(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    versions = {name.replace("_", "-"): version for name, version in versions.items()}
    monkeypatch.setattr(
        launch, "installed_versions", lambda names: {name: versions[name] for name in names if name in versions}
    )


def test_an_active_environment_without_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    an_active_environment_with(monkeypatch, numpy="2.0.0")
    with pytest.raises(launch.SetupProblem, match=r"has none(.|\n)*install torch there"):
        launch.prepare_active(launch.Options(), launch.RUN_FILES)


def test_an_unsuitable_package_of_the_active_environment_is_named_with_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    an_active_environment_with(monkeypatch, torch="2.1.0", numpy="2.0.0")
    with pytest.raises(launch.SetupProblem, match=r"torch 2\.1\.0, but Heddle wants torch>=2\.6"):
        launch.prepare_active(launch.Options(), launch.RUN_FILES)


# ---- whole set-ups -----------------------------------------------------------------------------------------------


def write_wheel(folder: Path, name: str, version: str, requires: str = "") -> Path:
    """A wheel with one module of one line, as small as pip accepts."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        (path, base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()), text) for path, text in files.items()
    ]
    files[f"{info}/RECORD"] = "".join(
        f"{path},sha256={code.decode().rstrip('=')},{len(text)}\n" for path, code, text in rows
    )
    files[f"{info}/RECORD"] += f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


MAIN = """
import sys, os
import loom
print("main", loom.VERSION, os.getcwd(), sys.argv[1:], flush=True)
if "--fail" in sys.argv:
    sys.exit(7)
"""


class House:
    """A checkout with a space in its path, whose one requirement comes from a folder of wheels."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a house with spaces"
        self.wheels = folder / "wheels of ours"
        self.elsewhere = folder / "else where"
        for path in (self.root, self.elsewhere):
            path.mkdir(parents=True)
        write_wheel(self.wheels, "loom", "1.0")
        shutil.copy(ROOT / "launch.py", self.root)
        (self.root / "main.py").write_text(MAIN)
        (self.root / "requirements.txt").write_text("loom==1.0\n")
        (self.root / "requirements-dev.txt").write_text("")
        (self.root / "requirements-env.txt").write_text("torch>=2.6\nloom>=1.0\n")

    @property
    def environment(self) -> launch.OwnEnvironment:
        return launch.OwnEnvironment(str(self.root / ".venv"))

    def start(self, *words: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, str(self.root / "launch.py"), *words],
            cwd=self.elsewhere,
            env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": self.wheels.as_uri()},
            capture_output=True,
            text=True,
            timeout=100,
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One set-up for the tests that follow: making an environment takes seconds."""
    house = House(tmp_path_factory.mktemp("houses"))
    first = house.start("--no-index", "run", "a file.json")
    assert first.returncode == 0, first.stderr
    assert f"main 1.0 {house.elsewhere} ['run', 'a file.json']" in first.stdout
    assert "To install: loom" in first.stderr
    assert "Download: about" in first.stderr
    assert first.stderr.index("Download: about") < first.stderr.index("complete")
    return house


def test_the_second_start_says_nothing_of_its_own_and_keeps_the_exit_code(house: House) -> None:
    again = house.start("run", "x.json", "--fail")
    assert again.returncode == 7
    assert again.stdout.strip() == f"main 1.0 {house.elsewhere} ['run', 'x.json', '--fail']"
    assert again.stderr == ""


def test_two_starts_at_once_both_get_there(house: House) -> None:
    for path in Path(house.environment.folder).glob("*.stamp"):
        path.unlink()
    command = [sys.executable, str(house.root / "launch.py"), *OFFLINE]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=house.elsewhere)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=100) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    said = [words for _, words in ended]
    assert sum("The environment is complete." in words for words in said) == 1, said


def test_an_interrupted_set_up_is_mended(house: House) -> None:
    for path in Path(house.environment.folder).glob("*.stamp"):
        path.unlink()
    (module,) = Path(house.environment.folder).rglob("loom.py")
    module.write_text("")  # as a power cut leaves a file whose name was written and whose bytes were not
    mended = house.start(*OFFLINE)
    assert mended.returncode == 0, mended.stderr
    assert "loom-1.0 was only half installed" in mended.stderr
    assert "main 1.0" in mended.stdout


def test_a_set_up_that_cannot_find_a_package_says_so_and_the_next_one_succeeds(house: House) -> None:
    (house.root / "requirements.txt").write_text("loom==2.0\n")
    try:
        failed = house.start(*OFFLINE)
        assert failed.returncode == 1
        assert "no set of packages fits" in failed.stderr
        assert "Next: " in failed.stderr
        assert "Traceback" not in failed.stderr
    finally:
        (house.root / "requirements.txt").write_text("loom==1.0\n")
    good = house.start(*OFFLINE)
    assert good.returncode == 0, good.stderr
    assert "main 1.0" in good.stdout


def test_help_shows_our_options_and_then_mains(house: House) -> None:
    told = house.start("--help")
    assert told.returncode == 0
    assert told.stdout.index("--use-env") < told.stdout.index("main 1.0")


def test_use_env_installs_what_is_missing_and_never_replaces_torch(house: House, tmp_path: Path) -> None:
    python = house.environment.python
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    kept = write_wheel(tmp_path, "torch", "2.7.0+ours")
    subprocess.run([*pip, "uninstall", "-q", "-y", "loom"], check=True)
    subprocess.run([*pip, "install", "-q", "--no-index", "--no-deps", str(kept)], check=True)
    write_wheel(house.wheels, "torch", "2.9.0")
    write_wheel(house.wheels, "loom", "1.5", requires="torch>=2.8")  # the newest, and it would replace torch
    started = house.start("--use-env", *OFFLINE, python=python)
    assert started.returncode == 0, started.stderr
    assert "torch 2.7.0+ours stays as it is" in started.stderr
    assert "main 1.0 " in started.stdout
    found = subprocess.run([python, "-c", "import torch; print(torch.VERSION)"], capture_output=True, text=True)
    assert found.stdout.strip() == "2.7.0+ours"
    again = house.start("--use-env", python=python)
    assert again.stderr == ""
