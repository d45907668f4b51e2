"""Opens the front desk: builds its parts, binds its address, and closes it in good order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from execution.lifeline import is_worker_alive
from heddle.graph.errors import SettingsError
from heddle.settings.folders import Folders
from heddle.settings.options import HOUSE, Settings
from server.app import Parts, build_app
from server.catalogue import Catalogue
from server.clients import Clients
from server.guards import own_names
from server.intake import Check, Convert, Intake
from server.kept import VersionLimits
from server.keys import Limits
from server.metrics import Metrics
from server.store import Store
from server.supervisor import Supervisor
from server.transport import PipeTransport, StartWorker, Transport
from server.webhooks import Webhooks
from server.workflows import WorkflowShelf
from server.workplaces import WorkerLimits

log = logging.getLogger("heddle.server")

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BLOCK_BYTES = 1 << 20
MOST_FILES = 65_536
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
    return_large_blocks()
    allow_many_connections()
    refuse_read_only(folders)
    secure = read_certificate(settings)
    sockets = bind(settings.listen, settings.port)
    try:
        starters = [start_workers] if callable(start_workers) else start_workers
        transports = [partial(PipeTransport, start) for start in starters]
        parts = gather_parts(settings, folders, transports, check, convert, page, workflows)
        asyncio.run(_serve_until_stopped(parts, sockets, settings, secure, say or partial(print, flush=True)))
    finally:
        for each in sockets:
            each.close()


def return_large_blocks() -> None:
    """Have the memory of large request bodies given back to the system as soon as they are done with.

    glibc raises the size from which a block is mapped on its own with every block that is freed, up to 32 MB; from then
    on the lists of a large body lie in the heap, which seldom shrinks.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # for this alone

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def allow_many_connections() -> None:
    """Have as many files open as the system lets us, up to `MOST_FILES`: each connection is one.

    Where none is left, asyncio fills the log with its attempts to accept the next, until some are closed.
    """
    if sys.platform == "win32":  # it knows no such limit
        return
    import resource  # not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a system that has its own idea of the highest number
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
    catalogue = Catalogue(folders.user / "catalogue.json", folders.list_files, folders.take_kinds)
    clients = Clients()
    limits = WorkerLimits(settings.cancel_patience_s, settings.node_timeout_s, settings.worker_memory_bytes)
    metrics = Metrics()
    counted = [metrics.counted(f"worker {i}", make) for i, make in enumerate(transports)]
    supervisor = Supervisor(store, catalogue, clients, counted, limits, partial(is_worker_alive, folders.user))
    return Parts(
        folders=folders,
        store=store,
        catalogue=catalogue,
        clients=clients,
        supervisor=supervisor,
        intake=Intake(store, catalogue, clients, supervisor, check, convert),
        workflows=WorkflowShelf(workflows),
        page=settings.front_end or page,
        metrics=metrics,
        webhooks=Webhooks(
            store, secret=settings.webhook_secret, allow_private=settings.is_private or settings.private_webhooks
        ),
        page_is_ours=settings.front_end is None,
        limits=Limits(
            upload_bytes=settings.upload_bytes,
            versions=VersionLimits(settings.versions_each, settings.versions_days, settings.versions_bytes),
        ),
        private_names=own_names(settings.listen) if settings.is_private else None,
        cors_origin=settings.cors_origin,
        several_people=settings.multi_user,
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


def read_certificate(settings: Settings) -> ssl.SSLContext | None:
    """What HTTPS needs; None for plain HTTP. Raises: SettingsError, if the files are no pair of key and certificate."""
    if settings.tls is None:
        return None
    certificate, key = settings.tls
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # A key with a password would make the server wait for a person at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise SettingsError(
            f"--tls-certfile {certificate}, --tls-keyfile {key}: cannot be used together ({error}); "
            "give a certificate in PEM form and its own key, without a password"
        ) from error
    return context


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
    parts: Parts,
    sockets: Sequence[socket.socket],
    settings: Settings,
    secure: ssl.SSLContext | None,
    say: Callable[[str], None],
) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    logging.getLogger("aiohttp.server").addFilter(is_news)
    runner = web.AppRunner(build_app(parts), access_log=None, shutdown_timeout=GOODBYE_S)
    try:
        await runner.setup()
        for each in sockets:
            await web.SockSite(runner, each, ssl_context=secure).start()
        for line in greeting(sockets, settings):
            say(line)
        await stop.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


def is_news(record: logging.LogRecord) -> bool:
    """Whether something that aiohttp says is for the log: words that are hardly HTTP are their sender's business."""
    strange = (HttpProcessingError, web.RequestPayloadError)
    return record.exc_info is None or not isinstance(record.exc_info[1], strange)


def greeting(sockets: Sequence[socket.socket], settings: Settings) -> list[str]:
    """What a person needs to know once the server answers."""
    urls = []
    for each in sockets:
        host, port = each.getsockname()[:2]
        if host in ("0.0.0.0", "::"):
            host = "localhost"
        scheme = "http" if settings.tls is None else "https"
        urls.append(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")
    lines = [f"Heddle is at {' and '.join(dict.fromkeys(urls))} (Ctrl+C ends it)"]
    if not settings.is_private:
        lines.append(
            f"It listens on {', '.join(settings.listen)}: whoever reaches this machine there can run workflows, "
            "see all results and upload files. Leave out --listen to keep it to this machine."
        )
    if settings.cors_origin is not None:
        pages = "every web page that you open" if settings.cors_origin == "*" else f"pages of {settings.cors_origin}"
        lines.append(f"--enable-cors-header: {pages} can run workflows here, see all results and upload files.")
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
