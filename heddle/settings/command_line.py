"""The command line: its commands and options, and how they become `Settings`."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import NoReturn

from heddle.graph.errors import SettingsError
from heddle.settings import memory_options, values
from heddle.settings.brought_along import REFUSED, leave_out
from heddle.settings.options import (
    ATTENTION_FLAGS,
    COMMANDS,
    DISK_CACHE_WORTH_S,
    DURABILITIES,
    EVERYWHERE,
    HEADROOM_GB,
    HOUSE,
    LANGUAGES,
    LEVELS,
    LOOPBACK,
    PAGES,
    PORT,
    PREVIEW_METHODS,
    PREVIEW_PX,
    VERSIONS_BYTES,
    VERSIONS_EACH,
    Settings,
)


def parse(argv: Sequence[str]) -> Settings:
    """Read the command line (without the program's name).

    Raises: SettingsError, whose message says what to write instead. `--help` prints and exits, as everywhere.
    """
    words, left_out = leave_out(argv)
    words = _fill_optional_values(words)
    shared = shared_options()
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


def shared_options() -> _Parser:
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
    attends = work.add_mutually_exclusive_group()
    for option, flag in ATTENTION_FLAGS.items():
        attends.add_argument(
            option, dest="attention", action="store_const", const=option, help=f"compute attention by {flag.words}"
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
    work.add_argument(
        "--disable-metadata", action="store_true", help="write files without the workflow and what else made them"
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
    memory_options.add_options(parser)
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
    if command in ("run", "replay", "check", "convert"):
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
    if command in ("run", "replay", "check"):
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
    if command == "docs":
        parser.add_argument(
            "pages",
            metavar="DIR",
            nargs="?",
            default=PAGES,
            help="the folder to write to; default %(default)s",
        )
        parser.add_argument(
            "--language", choices=tuple(LANGUAGES), default="en", help="of the pages; default %(default)s"
        )
    return parser


def _settings(
    command: str, found: argparse.Namespace, left_out: tuple[str, ...], rest: tuple[str, ...] = ()
) -> Settings:
    """Checked and made absolute."""
    base = values.folder_named(found.base_directory, "--base-directory") or HOUSE
    changes = tuple(getattr(found, "changes", None) or ())
    for change in changes:
        if not re.match(r"[^.].*\.[^=]+=|.+\..+=", change, re.DOTALL):
            raise SettingsError(f"--set {change}: write NODE.INPUT=VALUE, for example --set 3.seed=7")
    workflow, catalogue = getattr(found, "workflow", None), getattr(found, "catalogue", None)
    return Settings(
        command=command,
        listen=values.addresses_in(found.listen),
        port=values.checked_port(found.port),
        tls=values.tls_files(found.tls_certfile, found.tls_keyfile),
        cors_origin=values.origin_in(found.enable_cors_header),
        upload_bytes=values.upload_bytes(found.max_upload_size),
        front_end=values.front_end_in(found.front_end_root),
        multi_user=found.multi_user,
        versions_each=values.at_least(1, found.versions_each, "--versions-each"),
        versions_days=values.at_least(0, found.versions_days, "--versions-days"),
        versions_bytes=VERSIONS_BYTES if found.versions_size is None else values.parse_size(found.versions_size),
        base_directory=base,
        input_directory=values.folder_named(found.input_directory, "--input-directory"),
        output_directory=values.folder_named(found.output_directory, "--output-directory"),
        temp_directory=values.folder_named(found.temp_directory, "--temp-directory"),
        user_directory=values.folder_named(found.user_directory, "--user-directory"),
        extra_model_paths=tuple(
            values.existing_file(text, "--extra-model-paths-config") for text in found.extra_model_paths_config or ()
        ),
        cpu=found.cpu,
        memory=memory_options.read_options(found),
        attention=values.attention_kernel(found.attention),
        log_level=values.checked_level(found.verbose),
        cache_bytes=values.cache_bytes(found),
        cache_results=values.cache_results(found),
        cache_headroom=values.headroom_bytes(found.cache_ram),
        disk_cache_bytes=values.disk_cache_bytes(found),
        disk_cache_worth_s=values.at_least(0, found.disk_cache_worth_s, "--disk-cache-worth-s"),
        no_packs=found.disable_all_custom_nodes,
        packs_only=tuple(found.whitelist_custom_nodes or ()),
        preview_method=found.preview_method or "auto",
        previews_were_asked_for=found.preview_method is not None,
        preview_px=values.preview_px(found.preview_size),
        worker_devices=values.worker_devices(found.workers, found.devices, cpu=found.cpu),
        job_durability=found.job_durability,
        keep_events_of=values.at_least(0, found.keep_events_of, "--keep-events-of"),
        cancel_patience_s=values.at_least(0, found.cancel_patience_s, "--cancel-patience-s"),
        node_timeout_s=values.above_zero(found.node_timeout_s, "--node-timeout-s"),
        worker_memory_bytes=values.bytes_of_megabytes(found.worker_memory_mb, "--worker-memory-mb"),
        webhook_secret=found.webhook_secret,
        private_webhooks=found.allow_private_webhooks,
        no_metadata=found.disable_metadata,
        workflow=None if workflow is None else values.absolute(workflow),
        changes=changes,
        catalogue=None if catalogue is None else values.absolute(catalogue),
        seed=getattr(found, "seed", None),
        as_json=getattr(found, "as_json", False),
        pages=values.absolute(getattr(found, "pages", PAGES)),
        language=getattr(found, "language", "en"),
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


def _unknown_command(word: str) -> str:
    similar = difflib.get_close_matches(word, COMMANDS, n=1)
    if similar:
        return f"{word}: no such command; did you mean {similar[0]}?"
    if word.lower().endswith((".json", ".png")):
        return f"{word}: no such command; to run this workflow write: main.py run {word}"
    return f"{word}: no such command; there are {', '.join(COMMANDS)}"
