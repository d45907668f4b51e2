"""Opens the front desk: builds its parts, binds its address, and closes it in good order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aiohttp import web

from heddle.graph.errors import SettingsError
from heddle.settings.folders import Folders
from heddle.settings.options import HOUSE, Settings
from server.app import Parts, build_app
from server.catalogue import Catalogue
from server.clients import Clients
from server.guards import own_names
from server.intake import Check, Convert, Intake
from server.store import Store
from server.supervisor import Supervisor
from server.transport import PipeTransport, StartWorker, Transport
from server.workflows import WorkflowShelf
from server.workplaces import WorkerLimits

log = logging.getLogger("heddle.server")

GOODBYE_S = 2.0  # for requests that are being answered when the server stops


def serve(
    settings: Settings,
    folders: Folders,
    start_workers: StartWorker | Sequence[StartWorker],
    check: Check,
    convert: Convert | None = None,
    *,
    page: Path = HOUSE / "web",
    workflows: Path = HOUSE / "workflows",
    say: Callable[[str], None] | None = None,
) -> None:
    """Run the server until it is told to stop (Ctrl+C, SIGTERM).

    Args:
        start_workers: each starts one worker process; called again when it died.
        check, convert: what `execution` knows of workflows, see `server/intake.py`.
        page, workflows: the folders of our own page and of the workflows that ship.
        say: tells the person the address; prints it, if none is given.
    Raises: SettingsError, if an address or a folder cannot be used.
    """
    refuse_read_only(folders)
    sockets = bind(settings.listen, settings.port)
    try:
        starters = [start_workers] if callable(start_workers) else start_workers
        transports = [partial(PipeTransport, start) for start in starters]
        parts = gather_parts(settings, folders, transports, check, convert, page, workflows)
        asyncio.run(_serve_until_stopped(parts, sockets, settings, say or partial(print, flush=True)))
    finally:
        for each in sockets:
            each.close()


def gather_parts(
    settings: Settings,
    folders: Folders,
    transports: Sequence[Callable[[], Transport]],
    check: Check,
    convert: Convert | None,
    page: Path,
    workflows: Path,
) -> Parts:
    """The parts of a front desk with one worker per transport. Nothing is opened or started yet."""
    store = Store(
        folders.user / "jobs.sqlite",
        waits_for_disk=settings.job_durability == "full",
        keep_events_of=settings.keep_events_of,
    )
    catalogue = Catalogue(folders.user / "catalogue.json", folders.list_files)
    clients = Clients()
    limits = WorkerLimits(settings.cancel_patience_s, settings.node_timeout_s, settings.worker_memory_bytes)
    supervisor = Supervisor(store, catalogue, clients, transports, limits)
    return Parts(
        folders=folders,
        store=store,
        catalogue=catalogue,
        clients=clients,
        supervisor=supervisor,
        intake=Intake(store, catalogue, clients, supervisor, check, convert),
        workflows=WorkflowShelf(folders, workflows),
        page=page,
        private_names=own_names(settings.listen) if settings.is_private else None,
    )


def refuse_read_only(folders: Folders) -> None:
    """Raises: SettingsError, naming the first folder that cannot be written to and the option that changes it."""
    for name in ("user", "output", "temp", "input"):
        folder: Path = getattr(folders, name)
        nearest = folder
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise SettingsError(
                f"the {name} folder {folder} cannot be written to; "
                f"change its permissions or choose another with --{name}-directory"
            )


def bind(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Listening sockets, one per address, all with the same port.

    Raises: SettingsError, if an address or the port cannot be had.
    """
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_bind_one(address, port))
            except OSError as error:
                # A machine without IPv6 still serves its IPv4 address.
                if sockets and address == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    continue
                raise SettingsError(_binding_words(address, port, error)) from error
            port = sockets[0].getsockname()[1]
    except SettingsError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _bind_one(address: str, port: int) -> socket.socket:
    address = address.strip("[]")
    family, kind, proto, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, proto)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif sys.platform == "win32":  # elsewhere two servers could share a port there, each getting some requests
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(where)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def _binding_words(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE or getattr(error, "winerror", None) == 10048:
        return (
            f"port {port} of {address} is in use, perhaps by another Heddle; "
            "stop that program or choose another port, such as --port 8189"
        )
    if error.errno == errno.EACCES:
        return f"port {port} of {address} is not allowed to you; choose one above 1023 with --port"
    why = error.strerror or error
    return f"cannot listen on {address}, port {port} ({why}); give --listen an address of this machine"


async def _serve_until_stopped(
    parts: Parts, sockets: Sequence[socket.socket], settings: Settings, say: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    runner = web.AppRunner(build_app(parts), access_log=None, shutdown_timeout=GOODBYE_S)
    try:
        await runner.setup()
        for each in sockets:
            await web.SockSite(runner, each).start()
        for line in greeting(sockets, settings):
            say(line)
        await stop.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


def greeting(sockets: Sequence[socket.socket], settings: Settings) -> list[str]:
    """What a person needs to know once the server answers."""
    urls = []
    for each in sockets:
        host, port = each.getsockname()[:2]
        if host in ("0.0.0.0", "::"):
            host = "localhost"
        urls.append(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    lines = [f"Heddle is at {' and '.join(dict.fromkeys(urls))} (Ctrl+C ends it)"]
    if not settings.is_private:
        lines.append(
            f"It listens on {', '.join(settings.listen)}: whoever reaches this machine there can run workflows, "
            "see all results and upload files. Leave out --listen to keep it to this machine."
        )
    return lines


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop_once(number: int) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)  # the second Ctrl+C ends it at once

    for number in (signal.SIGINT, signal.SIGTERM):
        # A loop in a thread takes no signals, and Windows' loop none at all: there the plain handler must do.
        with contextlib.suppress(ValueError):
            try:
                loop.add_signal_handler(number, stop_once, number)
            except (NotImplementedError, RuntimeError):
                signal.signal(number, lambda got, frame: loop.call_soon_threadsafe(stop_once, got))
