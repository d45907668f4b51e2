"""The plan of the house: reads the options, builds each room, hands it what it needs.

One set of rooms serves the front desk (no torch, no nodes), another the worker; `run`, `check` and `nodes` build a
worker in this process, `convert` and `docs` the nodes alone. Rooms are imported where they are built: a front desk
must answer before torch is there.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heddle.graph.errors import HeddleError, SettingsError
from heddle.settings.brought_along import LEFT_OUT
from heddle.settings.command_line import parse
from heddle.settings.options import HOUSE, LANGUAGES, Settings

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from execution.pack_side import PackSide
    from execution.printed import Printed
    from execution.protocol import Wire
    from execution.worker import Worker
    from heddle.graph.registry import Registry
    from heddle.settings.folders import Folders
    from server.prompt_server import PromptServer

log = logging.getLogger("heddle")

#: What any built-in node may be made of: a change there makes older results on disk useless.
CODE_ROOMS = ("heddle", "model_management", "nodes")

EXIT_FAILED, EXIT_MISUSED, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    _show_every_name()
    try:
        settings = parse(sys.argv[1:] if argv is None else argv)
        # A thread that waits for another sleeps. OpenMP's spin instead, and beside any other busy program a step then
        # takes ten times as long. Read when torch is imported, here or in a worker, which inherits it. A training has
        # the machine to itself, and its small steps are half as fast again when nobody sleeps.
        if settings.command != "train-demo":
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        for option in settings.left_out:
            log.warning("%s is left out: %s", option, LEFT_OUT[option])
        commands = {"run": run, "replay": replay, "check": check, "convert": convert, "nodes": nodes, "docs": docs}
        commands |= {"train-demo": train_demo, "serve": serve}
        return commands[settings.command](settings)
    except SettingsError as error:
        print(error.message, file=sys.stderr)
        return EXIT_MISUSED
    except HeddleError as error:
        print(error.message, file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has gone; there is nobody to tell
        return EXIT_FAILED


def build_worker(settings: Settings, about_to_load: Callable[[str], None] = lambda pack: None) -> Worker:
    """A worker with every node, nothing loaded yet.

    Args:
        about_to_load: is told the name of each pack before its code runs.
    """
    # A worker's rooms bring torch; the front desk must not.
    from execution.cache import ResultCache
    from execution.capsules import Capsules
    from execution.code_versions import CodeVersions
    from execution.disk_cache import Codec, DiskCache
    from execution.fingerprints import Fingerprints
    from execution.job import House
    from execution.protection import Protection
    from execution.worker import Worker
    from heddle.media.claims import Claims
    from heddle.numerics.attention_kernels import kernel_named
    from heddle.numerics.seals import copy_of, memory_of, seal_of
    from heddle.numerics.sizes import bytes_of
    from heddle.numerics.stored_values import read_value, to_bytes
    from heddle.settings.file_hashes import FileHashes
    from heddle.settings.folders import Folders
    from model_management.allocator import keep_freed_memory
    from model_management.current import use as keep_ledger
    from model_management.devices import about_house, choose_device, free_memory, surroundings
    from model_management.guards import node_guard
    from model_management.ledger import ledger_for
    from nodes.pack_versions import PackVersions

    keep_freed_memory()
    folders = Folders.from_settings(settings)
    device = choose_device(cpu_only=settings.cpu or settings.memory.pretended_bytes is not None)
    weights = ledger_for(device, settings.memory, folders.user / "memory.json")
    keep_ledger(weights)
    registry = _gather_nodes(settings, folders, about_to_load)
    fingerprints = Fingerprints(folders)
    cache_bytes = settings.cache_bytes
    if settings.cache_headroom is not None:
        cache_bytes = max(0, free_memory() - settings.cache_headroom)
    house = House(
        folders=folders,
        weights=weights,
        fingerprint=fingerprints.of,
        guard=partial(node_guard, kernel_named(settings.attention)),
        cache=ResultCache(cache_bytes, bytes_of, settings.cache_results),
        disk=DiskCache(
            folders.user / "results",
            settings.disk_cache_bytes,
            Codec(to_bytes, read_value, bytes_of),
            settings.disk_cache_worth_s,
        ),
        protection=Protection(seal_of, copy_of, memory_of),
        # Only a job of the queue is tried again.
        claims_of=lambda job_id: Claims(folders.user, job_id) if settings.command == "serve" else None,
        # A terminal shows no pictures.
        preview_method="none" if settings.command == "run" else settings.preview_method,
        previews_were_asked_for=settings.previews_were_asked_for,
        preview_px=settings.preview_px,
        writes_metadata=not settings.no_metadata,
        code_version=CodeVersions(
            [HOUSE / room for room in CODE_ROOMS], f"{surroundings(device)} {weights.formats}"
        ).of,
    )
    worker = Worker(registry, house, fingerprints)
    house.capsules = Capsules(
        about_house(device, settings.attention, weights.formats.asked),
        folders,
        fingerprints,
        FileHashes(folders.user / "file_hashes.sqlite"),
        PackVersions().of_module,
    )
    worker.packs = _pack_side(worker)
    return worker


def run(settings: Settings) -> int:
    """Run one workflow in this process and print the paths of the files it made."""
    from execution.console import Console  # with the worker's rooms
    from execution.terminal_run import run_in_terminal

    prompt, extra, worker = _open_workflow(settings)
    report = worker.check(prompt)
    for message in report.messages:
        print(message, file=sys.stderr)
    if report.plan is None:
        return EXIT_MISUSED
    console = Console({each.id: each.title for each in report.plan.nodes.values()}, worker.house.folders.resolve)
    finished = run_in_terminal(worker, prompt, extra, console)
    if finished.status == "interrupted":
        print("stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0 if finished.status == "success" and not report.problems else EXIT_FAILED


def replay(settings: Settings) -> int:
    """Make a file again from what it carries, in a temporary place, and say whether it came out the same."""
    from execution.replaying import Replay  # with the worker's rooms
    from heddle.media.comparing import compare, kind_of
    from heddle.settings.folders import Folders

    place = Path(tempfile.mkdtemp(prefix="heddle-replay-"))
    earlier = Folders.from_settings(settings).output
    settings = replace(settings, output_directory=place / "output", temp_directory=place, earlier_output=earlier)
    assert settings.workflow is not None, "the option parser asks for a file"
    return Replay(settings.workflow, place, compare, kind_of).carry_out(partial(_open_workflow, settings))


def check(settings: Settings) -> int:
    """Hold one workflow against the nodes and files that are here."""
    prompt, _, worker = _open_workflow(settings)
    report = worker.check(prompt)
    for message in report.messages:
        print(message, file=sys.stderr)
    if report.plan is None or report.problems:
        return EXIT_FAILED
    print(f"{settings.workflow}: {len(report.plan.nodes)} nodes, can run")
    return 0


def convert(settings: Settings) -> int:
    """Print the API form of one workflow. Only its node types need to be known, here or in a catalogue."""
    from execution.convert import convert as convert_document  # with the nodes, which bring torch
    from heddle.graph.registry import Registry
    from heddle.graph.workflow import read_document
    from heddle.settings.folders import Folders

    document, _ = _read_workflow(settings)
    known = _gather_nodes(settings, Folders.from_settings(settings))
    if settings.catalogue is not None:
        known = Registry([*Registry.from_catalogue(read_document(settings.catalogue)).values(), *known.values()])
    converted = convert_document(document, known, seed=settings.seed)
    for line in (*converted.notes, *([converted.missing.message] if converted.missing else [])):
        print(line, file=sys.stderr)
    print(json.dumps(converted.prompt, indent=2))
    return 0


def nodes(settings: Settings) -> int:
    """List the nodes, by menu or as /object_info answers."""
    worker = build_worker(settings)
    if settings.as_json:
        from heddle.graph.object_info import with_files  # beside the worker's rooms

        list_files = worker.house.folders.list_files
        records = {id: with_files(record, list_files) for id, record in worker.registry.catalogue().items()}
        print(json.dumps(records, indent=1))
        return 0
    for spec in sorted(worker.registry.values(), key=lambda each: (each.category, each.id)):
        first_line = spec.description.partition("\n")[0]
        print(f"{spec.category:<24} {spec.id:<24} {first_line}")
    return 0


def docs(settings: Settings) -> int:
    """Write the help of all nodes as pages, and print the path of their index."""
    from heddle.settings.folders import Folders
    from nodes.pages import write_pages  # with the nodes, which bring torch

    specs = _gather_nodes(settings, Folders.from_settings(settings)).values()
    print(write_pages(specs, settings.pages, HOUSE / "web" / "locales", LANGUAGES[settings.language]))
    return 0


def train_demo(settings: Settings) -> int:
    """Train the small model that ships."""
    from heddle.training.command import train_demo  # brings torch

    return train_demo([*settings.rest, *(("--device", "cpu") if settings.cpu else ())])


def serve(settings: Settings) -> int:
    """Answer browsers and clients until told to stop."""
    if settings.only_packs:
        build_worker(settings)
        return 0
    # The front desk's rooms; other commands need none of them.
    from multiprocessing import get_context

    from execution.check import check_prompt
    from execution.collecting import FRONT_DESK_OBJECTS, collect_seldom
    from execution.convert import convert as convert_document
    from execution.fingerprints import Fingerprints
    from execution.protocol import open_wire
    from heddle.graph.registry import Registry
    from heddle.settings.folders import Folders
    from server.serve import serve as open_front_desk

    folders = Folders.from_settings(settings)
    has_file = Fingerprints(folders).is_there
    last: tuple[Any, Registry] = (None, Registry())

    def registry_of(records: Any) -> Registry:
        """The catalogue as specs, read once for as long as it stays the same object."""
        nonlocal last
        if last[0] is not records:
            last = (records, Registry.from_catalogue(records))
        return last[1]

    def check(prompt: Any, records: Any, targets: list[str] | None) -> Any:
        report = check_prompt(
            prompt, registry_of(records), list_files=folders.list_files, has_file=has_file, targets=targets
        )
        return report.as_answer()

    def convert(
        workflow: Any, records: Any, seed: int | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
        converted = convert_document(workflow, registry_of(records), seed=seed)
        return converted.prompt, [asdict(text) for text in converted.texts], converted.notes

    spawn = get_context("spawn")  # a fork would carry the front desk's threads and sockets along

    def start_worker(device: str) -> Any:
        ours, theirs = open_wire()
        # The packs of a worker need not know what signs our words to others.
        told = replace(settings, webhook_secret=None)
        process = spawn.Process(target=work, args=(told, theirs, device), name="worker", daemon=True)
        process.start()
        theirs.close()  # else the socket would never tell that the worker is gone
        return ours, process

    starters = [partial(start_worker, device) for device in settings.worker_devices]
    collect_seldom(FRONT_DESK_OBJECTS)
    open_front_desk(settings, folders, starters, check, convert)
    return 0


def work(settings: Settings, connection: Wire, device: str = "") -> None:
    """The whole life of a worker process, started by the front desk with a pipe to it."""
    kind, _, index = device.partition(":")
    if index:  # the worker sees no other device than its own; torch, which counts them, is not imported yet
        name = "ZE_AFFINITY_MASK" if kind == "xpu" else "CUDA_VISIBLE_DEVICES"
        shown = [each for each in os.environ.get(name, "").split(",") if each]  # cuda:1 is the second of these
        os.environ[name] = shown[int(index)] if index.isdecimal() and int(index) < len(shown) else index
    settings = replace(settings, cpu=settings.cpu or kind == "cpu")
    for asked in (signal.SIGINT, getattr(signal, "SIGBREAK", None)):
        if asked is not None:
            signal.signal(asked, signal.SIG_IGN)  # Ctrl+C in the terminal is for the front desk, which tells us
    from execution.printed import Printed  # quick, and before what takes seconds

    printed = Printed()
    sys.stdout, sys.stderr = printed.tee(sys.stdout), printed.tee(sys.stderr)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(printed.formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    from execution.lifeline import tied_to_front_desk
    from heddle.settings.folders import Folders

    multiprocessing.current_process().daemon = False  # or nodes could not start processes, such as loaders of data
    code = 0
    try:
        with tied_to_front_desk(Folders.from_settings(settings).user):
            code = _serve(settings, connection, printed, device)
    except BaseException:  # a thread that a pack left behind must not keep a worker alive that works no more
        log.exception("the worker cannot go on")
        code = 1
    for child in multiprocessing.active_children():  # what nodes left running
        child.terminate()
    # All is said and written. Taking torch down in order would take seconds, and whoever stopped us waits.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never there
            stream.flush()
    os._exit(code)


def _serve(settings: Settings, connection: Wire, printed: Printed, device: str) -> int:
    """Work until the front desk says that it is enough. Returns: the exit code."""
    from execution.collecting import WORKER_OBJECTS, collect_seldom  # a worker's rooms, see build_worker
    from execution.protocol import pack
    from execution.worker import serve_connection
    from model_management.devices import describe_devices
    from model_management.memory_report import memory_report

    def tell(**message: Any) -> None:
        connection.send_bytes(pack(message))

    try:
        worker = build_worker(settings, lambda name: tell(type="loading", pack=name))
        if device and device.partition(":")[0] != worker.house.weights.device.type:
            raise SettingsError(f"--devices {device}: torch finds none here; name another, or mend its driver")
    except SettingsError as error:
        log.error("%s", error.message)
        tell(type="failing", why=error.message)
        return EXIT_MISUSED
    collect_seldom(WORKER_OBJECTS)
    serve_connection(
        worker,
        connection,
        lambda: describe_devices(worker.house.weights.device, worker.house.weights.accelerator),
        memory=lambda: memory_report(worker.house.weights),
        unload_after_s=settings.memory.unload_after_s,
        ready=lambda: None,
        printed=printed,
    )
    return 0


def _gather_nodes(
    settings: Settings, folders: Folders, about_to_load: Callable[[str], None] = lambda pack: None
) -> Registry:
    """The built-in nodes and those of the packs; a pack that fails is said and left out."""
    from heddle.settings.current import use as keep_folders
    from nodes import door
    from nodes.catalogue import built_in  # brings torch
    from nodes.packs import load_packs

    registry = built_in()
    keep_folders(settings, folders)  # packs ask for both while they are imported
    door.use(registry)
    only = settings.packs_only or (() if settings.no_packs else None)
    for pack in load_packs(registry, folders.custom_nodes, only, about_to_load, _packs_loop):
        for failure in pack.failures:
            log.warning("%s", failure.message)
    return registry


def _packs_loop() -> AbstractEventLoop:
    """The loop that runs packs' tasks once they are all there."""
    from server.prompt_server import PromptServer  # brings a web server's library, which a worker without packs spares

    return PromptServer.instance.loop


def _pack_side(worker: Worker) -> PackSide:
    """How a worker asks its packs. What they left on `PromptServer` is there once one of them has imported it."""
    from execution.pack_side import PackSide, RunningJob  # with the worker's rooms
    from nodes.door import EXTENSION_WEB_DIRS, LOADED_MODULE_DIRS, REPLACEMENTS
    from nodes.packs import read_packs_again

    folders, served = worker.house.folders, []

    def prompt_server() -> PromptServer | None:
        module = sys.modules.get("server.prompt_server")
        return None if module is None else module.PromptServer.instance

    def hello() -> dict[str, Any]:
        server = prompt_server()
        return {
            "packs": sorted(LOADED_MODULE_DIRS),
            "web_directories": {pack: os.path.abspath(path) for pack, path in EXTENSION_WEB_DIRS.items()},
            "prompt_handlers": server is not None and bool(server.on_prompt_handlers),
        }

    def tell() -> list[dict[str, Any]]:
        server = prompt_server()
        replacements = {old: list(records) for old, records in REPLACEMENTS.items()}
        told: list[dict[str, Any]] = [
            {"type": "folders", "kinds": folders.changed_kinds()},
            {"type": "replacements", "nodes": replacements},
        ]
        if server is not None and not served:
            from server.pack_routes import PackServer  # brings aiohttp, as the pack has done already

            served.append(PackServer(server))
        return [*told, *(each.message() for each in served)] if served else [*told, {"type": "routes", "paths": []}]

    def read_again() -> None:
        for failure in read_packs_again(worker.registry):
            log.debug("%s", failure.message)  # said when the pack was loaded, or its files are being changed

    def on_prompt(body: Any) -> Any:
        server = prompt_server()
        return body if server is None else server.trigger_on_prompt(body)

    def follow(job: RunningJob | None, node_id: str | None) -> None:
        if (server := prompt_server()) is None:
            return
        if job is None:
            server.follow(None, None, None)
        else:
            server.follow(job.id, job.client_id, node_id, job.prompt, job.extra_data)

    def holding() -> set[str]:
        return {folders.name_of(path) for path in worker.house.weights.resident_files}

    def close() -> None:
        for each in served:
            each.close()

    if (server := prompt_server()) is not None:
        server.run_loop()
    return PackSide(hello, tell, read_again, on_prompt, follow, holding, close)


def _show_every_name() -> None:
    """A name that the terminal has no letters for is printed escaped: no reason to fail once the work is done."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _open_workflow(settings: Settings) -> tuple[dict[str, dict[str, Any]], dict[str, Any], Worker]:
    """The graph that a file carries, what pictures made from it carry besides, and a worker."""
    from execution.changes import apply_changes  # with the worker's rooms
    from execution.convert import convert

    document, extra = _read_workflow(settings)
    worker = build_worker(settings)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    converted = convert(document, worker.registry, seed=seed)
    for note in converted.notes:
        print(note, file=sys.stderr)
    for text in converted.texts:
        print(
            f"node {text.node_id}, {text.input_name}: {text.chosen} (--seed {seed} chooses that again)", file=sys.stderr
        )
    return apply_changes(converted.prompt, settings.changes, worker.registry), extra, worker


def _read_workflow(settings: Settings) -> tuple[Any, dict[str, Any]]:
    """The document that a file carries, and what pictures made from it carry besides."""
    from heddle.media.carriers import read_remaking  # with the worker's rooms

    assert settings.workflow is not None, "the option parser asks for a file"
    return read_remaking(settings.workflow)


if __name__ == "__main__":
    threading.current_thread().name = "main"
    sys.exit(main())
