"""The command line, read into one frozen `Settings`.

What the folders hold is the business of `folders.py`; what a command does, that of `main.py`.
"""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

from heddle.graph.errors import SettingsError
from heddle.settings.brought_along import REFUSED, leave_out

Number = TypeVar("Number", int, float)
HOUSE = Path(__file__).resolve().parents[2]
"""The folder that holds main.py: the base directory unless told otherwise, and where shipped models lie."""

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0,::"  # what a bare --listen means to users of this ecosystem
PORT = 8188
DURABILITIES = ("full", "normal")
MOST_WORKERS = 64
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
CACHE_BYTES = 1 << 30
DISK_CACHE_BYTES = 4 << 30
DISK_CACHE_WORTH_S = 1.0
HEADROOM_GB = 4
UPLOAD_BYTES = 100 << 20
VERSIONS_EACH = 200
VERSIONS_BYTES = 1 << 30
PREVIEW_METHODS = ("none", "auto", "latent2rgb", "taesd")
PREVIEW_PX = 512

COMMANDS = {
    "serve": "start the server (also without any command)",
    "run": "run one workflow without a server and print the files it made",
    "check": "check one workflow against the nodes that exist, without running it",
    "convert": "print the API form of one workflow as JSON",
    "nodes": "list the nodes",
    "train-demo": "train the demo model",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line. Paths are absolute; None means: below the base directory."""

    command: str = "serve"
    listen: tuple[str, ...] = (LOOPBACK,)
    port: int = PORT
    tls: tuple[Path, Path] | None = None  # certificate and key: HTTPS
    cors_origin: str | None = None  # whose pages may use the server as well; * for all
    upload_bytes: int = UPLOAD_BYTES
    front_end: Path | None = None  # None: our own page
    multi_user: bool = False  # several people, each with files and settings of their own
    versions_each: int = VERSIONS_EACH  # of one workflow
    versions_days: int = 0  # how old they grow; 0: however old
    versions_bytes: int = VERSIONS_BYTES  # of all of a person's workflows
    base_directory: Path = HOUSE
    input_directory: Path | None = None
    output_directory: Path | None = None
    temp_directory: Path | None = None
    user_directory: Path | None = None
    extra_model_paths: tuple[Path, ...] = ()
    cpu: bool = False
    log_level: str = "INFO"
    cache_bytes: int = CACHE_BYTES
    cache_results: int | None = None  # at most so many results, whatever their size up to cache_bytes
    cache_headroom: int | None = None  # bytes of free memory that the cache leaves; then cache_bytes does not count
    disk_cache_bytes: int = DISK_CACHE_BYTES
    disk_cache_worth_s: float = DISK_CACHE_WORTH_S  # what a result took that is worth a file
    no_packs: bool = False
    packs_only: tuple[str, ...] = ()  # packs to load, all others left alone; also with no_packs
    preview_method: str = "auto"
    previews_were_asked_for: bool = False  # on the command line; else they are for clients that say they read them
    preview_px: int = PREVIEW_PX  # the longer side
    worker_devices: tuple[str, ...] = ("",)  # one worker each: "cpu", "cuda:1"; "": the first accelerator, else the CPU
    job_durability: str = "full"
    keep_events_of: int = 1000
    cancel_patience_s: float = 5.0
    node_timeout_s: float | None = None
    worker_memory_bytes: int | None = None
    webhook_secret: str | None = field(default=None, repr=False)  # signs what other programs are told of jobs
    private_webhooks: bool = False  # they may be on this machine or a private network, although others can reach us
    workflow: Path | None = None  # run, check, convert
    changes: tuple[str, ...] = ()  # run: the texts of --set, for `read_change`
    catalogue: Path | None = None  # convert: nodes that are not here, as /object_info answers
    seed: int | None = None  # run, check, convert: chooses among {a|b} in texts
    as_json: bool = False  # nodes
    only_packs: bool = False  # serve: load the packs, then end
    left_out: tuple[str, ...] = ()  # options of other engines that say nothing here
    rest: tuple[str, ...] = ()  # train-demo: what its own reader gets

    @property
    def is_private(self) -> bool:
        """True if only this machine can reach the server."""
        return all(address in ("localhost", "::1") or address.startswith("127.") for address in self.listen)


def parse(argv: Sequence[str]) -> Settings:
    """Read the command line (without the program's name).

    Raises: SettingsError, whose message says what to write instead. `--help` prints and exits, as everywhere.
    """
    words, left_out = leave_out(argv)
    words = _fill_optional_values(words)
    shared = _shared_options()
    found, left = shared.parse_known_args(words)
    command = "serve"
    if left and left[0] in COMMANDS:
        command = left.pop(0)
    elif left and not left[0].startswith("-"):
        raise SettingsError(_unknown_command(left[0]))
    if command == "train-demo":
        return _settings(command, found, left_out, rest=tuple(left))
    found = _command_parser(command, shared).parse_args(left, namespace=found)
    return _settings(command, found, left_out)


def read_change(text: str, names: Collection[str]) -> tuple[str, str, str]:
    """Split one `NODE.INPUT=VALUE` of --set.

    Args:
        names: the ids and titles of the workflow's nodes. They decide where NODE ends, since a title may hold dots
            and equal signs of its own; the longest that fits is taken.
    Returns: name, input, value (the text as it stands).
    Raises: SettingsError, if no name fits.
    """
    fitting = [name for name in names if text.startswith(name + ".")]
    for name in sorted(fitting, key=len, reverse=True):
        input_name, equals, value = text[len(name) + 1 :].partition("=")
        if equals and input_name:
            return name, input_name, value
    asked = text.partition("=")[0]
    similar = difflib.get_close_matches(asked.rpartition(".")[0], sorted(names), n=3)
    hint = f"; similar: {', '.join(similar)}" if similar else ""
    raise SettingsError(f"--set {asked}: the workflow has no node of that id or title{hint}. Write NODE.INPUT=VALUE")


def parse_size(text: str) -> int:
    """Bytes of a size such as `512M`, `2GB`, `1.5 GiB` or `0`. K, M, G and T are powers of 1024 here."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?\s*", text, re.IGNORECASE)
    if match is None:
        raise SettingsError(f"{text!r} is no size; write for example 512MB, 2GB or 0")
    power = " kmgt".index((match[2] or " ").lower())
    return int(float(match[1]) * 1024**power)


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the process, and knows what people bring along."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (.*)", message)
        if unknown:
            raise SettingsError(self._explain(unknown[1]))
        raise SettingsError(f"{self.prog}: {message}; {self.prog} --help shows what it takes")

    def _explain(self, words: str) -> str:
        option = next((word for word in words.split() if word.startswith("-")), "").partition("=")[0]
        if not option:
            return f"{words}: more than {self.prog} can take; put quotes around a name that holds blanks"
        if option in REFUSED:
            return f"{option}: {REFUSED[option]}"
        known = [name for action in self._actions for name in action.option_strings]
        similar = difflib.get_close_matches(option, known, n=2)
        hint = f"did you mean {' or '.join(similar)}?" if similar else f"{self.prog} --help shows what it takes"
        return f"{option}: {self.prog} knows no such option; {hint}"


def _shared_options() -> _Parser:
    """The options that may stand before and after the command."""
    parser = _Parser(prog="main.py", add_help=False, allow_abbrev=False)
    net = parser.add_argument_group("server")
    net.add_argument(
        "--listen",
        metavar="ADDR",
        default=LOOPBACK,
        help=f"addresses to answer on, with commas between; alone: {EVERYWHERE}; not given: {LOOPBACK}",
    )
    net.add_argument("--port", type=int, default=PORT, metavar="N", help="default %(default)s; 0 takes a free one")
    net.add_argument("--tls-keyfile", metavar="FILE", help="answer over HTTPS; with --tls-certfile")
    net.add_argument("--tls-certfile", metavar="FILE", help="the certificate in PEM form; with --tls-keyfile")
    net.add_argument(
        "--enable-cors-header",
        metavar="ORIGIN",
        help="let pages of another site use the server, such as http://localhost:3000; alone: every site",
    )
    net.add_argument("--max-upload-size", type=float, metavar="MB", help="largest file that is taken; default 100")
    net.add_argument("--front-end-root", metavar="DIR", help="serve the front end in DIR in place of our own page")
    net.add_argument(
        "--multi-user", action="store_true", help="keep settings and workflows of several people apart, by name"
    )
    net.add_argument(
        "--versions-each",
        type=int,
        default=VERSIONS_EACH,
        metavar="N",
        help="versions of one saved workflow that are kept; default %(default)s, at least 1",
    )
    net.add_argument(
        "--versions-days", type=int, default=0, metavar="N", help="days that older versions are kept; default: no limit"
    )
    net.add_argument(
        "--versions-size", metavar="SIZE", help="disk space for the versions of a person's workflows; default 1GB"
    )
    places = parser.add_argument_group("folders")
    places.add_argument("--base-directory", metavar="DIR", help="holds models, input, output, user ...; default: here")
    places.add_argument("--output-directory", metavar="DIR", help="where results go; default: BASE/output")
    places.add_argument("--input-directory", metavar="DIR", help="where uploads lie; default: BASE/input")
    places.add_argument("--user-directory", metavar="DIR", help="settings, workflows, jobs; default: BASE/user")
    places.add_argument("--temp-directory", metavar="DIR", help="previews go to DIR/temp; default: BASE/temp")
    places.add_argument(
        "--extra-model-paths-config",
        metavar="FILE",
        action="append",
        help="a YAML file that names more model folders; may be given several times",
    )
    work = parser.add_argument_group("work")
    work.add_argument("--cpu", action="store_true", help="leave any graphics card alone")
    work.add_argument(
        "--cache-size", metavar="SIZE", help="memory for results kept between runs, e.g. 2GB; default 1GB"
    )
    kept = work.add_mutually_exclusive_group()
    kept.add_argument("--cache-classic", action="store_true", help="keep results up to --cache-size; the default")
    kept.add_argument("--cache-lru", type=int, metavar="N", help="keep the last N results that were used")
    kept.add_argument("--cache-none", action="store_true", help="keep no results, neither in memory nor on disk")
    kept.add_argument(
        "--cache-ram", type=float, metavar="GB", help="keep results until only so much memory is free; alone: 4"
    )
    work.add_argument(
        "--disk-cache-size",
        metavar="SIZE",
        help="disk space for results that took long, so that a job goes on after a crash; 0 for none, default 4GB",
    )
    work.add_argument(
        "--disk-cache-worth-s",
        type=float,
        default=DISK_CACHE_WORTH_S,
        metavar="S",
        help="what a result must have taken, with all behind it that is not on disk, to get there; default %(default)s",
    )
    work.add_argument("--disable-all-custom-nodes", action="store_true", help="load no packs")
    work.add_argument(
        "--whitelist-custom-nodes",
        metavar="NAME",
        action="append",
        help="load these packs only; several names may follow",
    )
    work.add_argument(
        "--preview-method",
        choices=PREVIEW_METHODS,
        help="pictures of what is being sampled; default auto: the best there is, for clients that read previews",
    )
    work.add_argument(
        "--preview-size",
        type=int,
        metavar="N",
        default=PREVIEW_PX,
        help="the longer side of previews in pixels; default %(default)s",
    )
    jobs = parser.add_argument_group("jobs of the server")
    jobs.add_argument("--workers", type=int, metavar="N", help="worker processes; default: one per device")
    jobs.add_argument(
        "--devices", metavar="LIST", help="what they compute on, with commas between: cpu, cuda:0, cuda:1 ..."
    )
    jobs.add_argument(
        "--job-durability",
        choices=DURABILITIES,
        default="full",
        help="full: an accepted job survives a power cut; normal: only the end of programs, for less waiting",
    )
    jobs.add_argument(
        "--cancel-patience-s",
        type=float,
        default=5.0,
        metavar="S",
        help="time that a cancelled node has to stop before its worker is ended; default %(default)s",
    )
    jobs.add_argument("--node-timeout-s", type=float, metavar="S", help="end a node that runs longer; default: never")
    jobs.add_argument(
        "--worker-memory-mb", type=float, metavar="MB", help="end a worker that takes more memory; default: never"
    )
    jobs.add_argument(
        "--keep-events-of",
        type=int,
        default=1000,
        metavar="N",
        help="ended jobs whose events are kept; default %(default)s",
    )
    jobs.add_argument("--webhook-secret", metavar="TEXT", help="signs what jobs' webhooks are told")
    jobs.add_argument(
        "--allow-private-webhooks",
        action="store_true",
        help="with --listen: webhooks may lead to this machine and to private networks",
    )
    work.add_argument("--quick-test-for-ci", action="store_true", help="only load the packs, as the server does")
    work.add_argument("--verbose", metavar="LEVEL", default="INFO", help=f"{', '.join(LEVELS)}; alone: DEBUG")
    return parser


def _command_parser(command: str, shared: argparse.ArgumentParser) -> _Parser:
    prog = "main.py" if command == "serve" else f"main.py {command}"
    parser = _Parser(
        prog=prog,
        description=COMMANDS[command].capitalize() + ".",
        parents=[shared],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if command == "serve":
        lines = (f"  {name:<12} {what}" for name, what in COMMANDS.items())
        parser.usage = "main.py [command] [options]"
        parser.epilog = "commands (each explains itself with --help):\n" + "\n".join(lines)
    if command in ("run", "check", "convert"):
        parser.add_argument(
            "workflow",
            metavar="FILE",
            help="a workflow, or a picture, video, sound or model made with one",
        )
    if command == "run":
        parser.add_argument(
            "--set",
            dest="changes",
            action="append",
            metavar="NODE.INPUT=VALUE",
            help="change one input; NODE is an id or a title that occurs once",
        )
    if command in ("run", "check"):
        parser.add_argument(
            "--seed", type=int, metavar="N", help="chooses among {a|b} in texts; not given: another choice each time"
        )
    if command == "convert":
        parser.add_argument(
            "--catalogue", metavar="FILE", help="node types that are not here: what GET /object_info answered elsewhere"
        )
        parser.add_argument(
            "--seed", type=int, metavar="N", help="choose among {a|b} in texts and take comments out; default: neither"
        )
    if command == "nodes":
        parser.add_argument("--json", dest="as_json", action="store_true", help="as /object_info answers")
    return parser


def _settings(
    command: str, found: argparse.Namespace, left_out: tuple[str, ...], rest: tuple[str, ...] = ()
) -> Settings:
    """Checked and made absolute."""
    base = _folder(found.base_directory, "--base-directory") or HOUSE
    changes = tuple(getattr(found, "changes", None) or ())
    for change in changes:
        if not re.match(r"[^.].*\.[^=]+=|.+\..+=", change, re.DOTALL):
            raise SettingsError(f"--set {change}: write NODE.INPUT=VALUE, for example --set 3.seed=7")
    workflow, catalogue = getattr(found, "workflow", None), getattr(found, "catalogue", None)
    return Settings(
        command=command,
        listen=_addresses(found.listen),
        port=_port(found.port),
        tls=_tls(found.tls_certfile, found.tls_keyfile),
        cors_origin=_origin(found.enable_cors_header),
        upload_bytes=_upload_bytes(found.max_upload_size),
        front_end=_front_end(found.front_end_root),
        multi_user=found.multi_user,
        versions_each=_at_least(1, found.versions_each, "--versions-each"),
        versions_days=_at_least(0, found.versions_days, "--versions-days"),
        versions_bytes=VERSIONS_BYTES if found.versions_size is None else parse_size(found.versions_size),
        base_directory=base,
        input_directory=_folder(found.input_directory, "--input-directory"),
        output_directory=_folder(found.output_directory, "--output-directory"),
        temp_directory=_folder(found.temp_directory, "--temp-directory"),
        user_directory=_folder(found.user_directory, "--user-directory"),
        extra_model_paths=tuple(
            _existing_file(text, "--extra-model-paths-config") for text in found.extra_model_paths_config or ()
        ),
        cpu=found.cpu,
        log_level=_level(found.verbose),
        cache_bytes=_cache_bytes(found),
        cache_results=_cache_results(found),
        cache_headroom=None if found.cache_ram is None else _at_least_zero("--cache-ram", int(found.cache_ram * 2**30)),
        disk_cache_bytes=_disk_cache_bytes(found),
        disk_cache_worth_s=_at_least(0, found.disk_cache_worth_s, "--disk-cache-worth-s"),
        no_packs=found.disable_all_custom_nodes,
        packs_only=tuple(found.whitelist_custom_nodes or ()),
        preview_method=found.preview_method or "auto",
        previews_were_asked_for=found.preview_method is not None,
        preview_px=_preview_px(found.preview_size),
        worker_devices=_worker_devices(found.workers, found.devices, cpu=found.cpu),
        job_durability=found.job_durability,
        keep_events_of=_at_least(0, found.keep_events_of, "--keep-events-of"),
        cancel_patience_s=_at_least(0, found.cancel_patience_s, "--cancel-patience-s"),
        node_timeout_s=_above_zero(found.node_timeout_s, "--node-timeout-s"),
        worker_memory_bytes=_megabytes(found.worker_memory_mb, "--worker-memory-mb"),
        webhook_secret=found.webhook_secret,
        private_webhooks=found.allow_private_webhooks,
        workflow=None if workflow is None else _absolute(workflow),
        changes=changes,
        catalogue=None if catalogue is None else _absolute(catalogue),
        seed=getattr(found, "seed", None),
        as_json=getattr(found, "as_json", False),
        only_packs=found.quick_test_for_ci,
        left_out=left_out,
        rest=rest,
    )


def _fill_optional_values(argv: Sequence[str]) -> list[str]:
    """Write out what --listen, --verbose and --enable-cors-header mean alone: none may take the command behind it.

    Likewise each name after --whitelist-custom-nodes gets that option of its own.
    """
    words: list[str] = []
    names_packs = False
    for i, word in enumerate(argv):
        if names_packs and not word.startswith("-") and word not in COMMANDS:
            words.append(f"--whitelist-custom-nodes={word}")
            continue
        names_packs = word == "--whitelist-custom-nodes" and i + 1 < len(argv) and not argv[i + 1].startswith("-")
        if names_packs:
            continue
        following = argv[i + 1] if i + 1 < len(argv) else "-"
        bare = following.startswith("-") or following in COMMANDS
        if word == "--listen" and bare:
            word = f"--listen={EVERYWHERE}"
        elif word == "--cache-ram" and bare:
            word = f"--cache-ram={HEADROOM_GB}"
        elif word == "--enable-cors-header" and bare:
            word = "--enable-cors-header=*"
        elif word == "--verbose" and (bare or following.upper() not in LEVELS):
            word = "--verbose=DEBUG"
        words.append(word)
    return words


def _cache_bytes(found: argparse.Namespace) -> int:
    if found.cache_none:
        return 0
    if found.cache_size is not None:
        return parse_size(found.cache_size)
    return CACHE_BYTES if found.cache_lru is None else sys.maxsize


def _cache_results(found: argparse.Namespace) -> int | None:
    return None if not found.cache_lru else _at_least_zero("--cache-lru", found.cache_lru)


def _disk_cache_bytes(found: argparse.Namespace) -> int:
    if found.cache_none:
        return 0
    return DISK_CACHE_BYTES if found.disk_cache_size is None else parse_size(found.disk_cache_size)


def _at_least_zero(option: str, number: int) -> int:
    if number < 0:
        raise SettingsError(f"{option} {number}: a number of 0 or more is wanted")
    return number


def _preview_px(size: int) -> int:
    if size < 1:
        raise SettingsError(f"--preview-size {size}: 1 pixel or more is wanted; --preview-method none shows none")
    return size


def _unknown_command(word: str) -> str:
    similar = difflib.get_close_matches(word, COMMANDS, n=1)
    if similar:
        return f"{word}: no such command; did you mean {similar[0]}?"
    if word.lower().endswith((".json", ".png")):
        return f"{word}: no such command; to run this workflow write: main.py run {word}"
    return f"{word}: no such command; there are {', '.join(COMMANDS)}"


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def _folder(text: str | None, option: str) -> Path | None:
    """A folder that need not exist yet: it is made when first written to."""
    if text is None:
        return None
    if not text.strip():
        raise SettingsError(f"{option}: the name of the folder is empty")
    path = _absolute(text)
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{option} {path}: that is a file; name a folder")
    return path


def _addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())
    if not addresses:
        raise SettingsError(f"--listen: no address in {text!r}; write for example --listen 127.0.0.1")
    return addresses


def _port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise SettingsError(f"--port {port}: a port is a number from 0 to 65535")
    return port


def _tls(certificate: str | None, key: str | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("--tls-certfile and --tls-keyfile belong together; give both or neither")
    return _existing_file(certificate, "--tls-certfile"), _existing_file(key, "--tls-keyfile")


def _existing_file(text: str, option: str) -> Path:
    path = _absolute(text)
    if not path.is_file():
        raise SettingsError(f"{option} {path}: no such file; correct the path or leave the option out")
    return path


def _origin(text: str | None) -> str | None:
    if text is None or text == "*":
        return text
    match = re.fullmatch(r"(https?://[^/?#\s@]+)/?", text.strip().lower())
    if match is None:
        raise SettingsError(f"--enable-cors-header {text}: write an origin such as http://localhost:3000, or nothing")
    return match[1]


def _upload_bytes(megabytes: float | None) -> int:
    if megabytes is None:
        return UPLOAD_BYTES
    if not 0 < megabytes <= 1 << 20:
        raise SettingsError(f"--max-upload-size {megabytes:g}: a number of megabytes above 0 and up to {1 << 20}")
    return int(megabytes * 2**20)


def _front_end(text: str | None) -> Path | None:
    folder = _folder(text, "--front-end-root")
    if folder is not None and not (folder / "index.html").is_file():
        raise SettingsError(f"--front-end-root {folder}: there is no index.html in it; name the folder of a built one")
    return folder


def _worker_devices(workers: int | None, devices: str | None, *, cpu: bool) -> tuple[str, ...]:
    """The device of each worker; more workers than devices share them in turn."""
    names = tuple(part.strip().lower() for part in (devices or "").split(",") if part.strip())
    for name in names:
        if not re.fullmatch(r"cpu|cuda(:\d+)?|xpu(:\d+)?|mps", name):
            raise SettingsError(f"--devices: {name!r} is no device; write for example cpu or cuda:0,cuda:1")
    if devices is not None and not names:
        raise SettingsError("--devices: no device is named; write for example cpu or cuda:0,cuda:1")
    if cpu and any(name != "cpu" for name in names):
        raise SettingsError(f"--devices {devices} and --cpu exclude each other; leave one of them out")
    names = names or (("cpu",) if cpu else ("",))
    count = len(names) if workers is None else workers
    if not 1 <= count <= MOST_WORKERS:
        raise SettingsError(f"--workers {count}: a number from 1 to {MOST_WORKERS}")
    return tuple(names[i % len(names)] for i in range(count))


def _at_least(least: int, value: Number, option: str) -> Number:
    if not least <= value < math.inf:
        raise SettingsError(f"{option} {value}: a number of at least {least}")
    return value


def _above_zero(value: float | None, option: str) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise SettingsError(f"{option} {value:g}: a number above 0; leave the option out for no limit")
    return value


def _megabytes(value: float | None, option: str) -> int | None:
    return None if _above_zero(value, option) is None or value is None else int(value * 1e6)


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise SettingsError(f"--verbose {text}: the levels are {', '.join(LEVELS)}")
    return text.upper()
