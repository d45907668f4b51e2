"""Tells other programs what became of jobs: JSON, sent to the address that a job came with, until it is taken.

What is to be told is written into the job database together with the change itself (see `schema.py`) and leaves it when
the other side has said that it has it: neither a crash here nor one there loses it, and it may come twice.

What is sent is signed with a secret that both sides know: `X-Heddle-Signature: sha256=` and the HMAC of
`X-Heddle-Timestamp`, a dot, and the body. Addresses of private networks are looked at where the name has been turned
into one, so that no name of the public net leads back to this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from heddle.graph.errors import HeddleError
from server.plain_json import to_text
from server.refused import Refused
from server.store import Store, now_ms
from server.store.records import ENDED, STATES, Delivery

log = logging.getLogger("heddle.server.webhooks")

LONGEST_URL = 2000
LONGEST_SECRET = 200
TIME_LIMIT_S = 10.0  # for one attempt
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 3600.0  # between two attempts; each is twice the one before
MOST_ATTEMPTS = 16  # some nine hours
AT_ONCE = 8
LOOK_EVERY_S = 1.0  # for words whose time has come, while there are jobs that have an address

Describe = Callable[[str], Awaitable[dict[str, Any] | None]]


def read_webhook(value: Any) -> tuple[dict[str, Any] | None, str | None]:
    """What a job keeps of its `webhook`, and the secret, which is kept apart. Raises: Refused."""
    if value is None:
        return None, None
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict) or not set(value) <= {"url", "secret", "events"}:
        raise Refused("invalid_webhook", "webhook must be an object with `url`, and perhaps `secret` and `events`")
    url, secret, events = value.get("url"), value.get("secret"), value.get("events")
    _check_url(url)
    if secret is not None and (not isinstance(secret, str) or not 0 < len(secret) <= LONGEST_SECRET):
        raise Refused("invalid_webhook", f"webhook.secret must be a text of 1 to {LONGEST_SECRET} characters")
    if events is None:
        events = list(ENDED)
    if not isinstance(events, list) or not events or not all(each in STATES for each in events):
        raise Refused("invalid_webhook", f"webhook.events must be a list of some of {', '.join(STATES)}")
    return {"url": url, "events": [state for state in STATES if state in events]}, secret


def _check_url(url: Any) -> None:
    words = "webhook.url must be an http or https address without a name or password in it"
    if not isinstance(url, str) or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        raise Refused("invalid_webhook", words)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        is_whole = parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
        (host or "").encode("idna")
    except ValueError:
        is_whole = False
    if not is_whole:
        raise Refused("invalid_webhook", words, f"found {url[:100]!r}")


def is_public(address: str) -> bool:
    """Whether an address is one of the public net; one that cannot be read is not."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):  # an address of the older kind may be inside
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


class PublicResolver(AbstractResolver):
    """Finds only addresses of the public net."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = [each for each in await self._inner.resolve(host, port, family) if is_public(each["host"])]
        if not found:
            raise OSError(None, f"{host} is no address of the public net; --allow-private-webhooks allows others")
        return found

    async def close(self) -> None:
        await self._inner.close()


class Webhooks:
    """Delivers what the store has for others. `start` and `stop` frame its life."""

    def __init__(self, store: Store, *, secret: str | None = None, allow_private: bool = True) -> None:
        """
        Args:
            secret: signs for jobs that brought none of their own.
            allow_private: whether addresses of private networks and of this machine may be told.
        """
        self._store = store
        self._secret = secret
        self._allow_private = allow_private
        self._wake = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._working: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._describe: Describe
        store.webhook_changed = self._wake.set

    def start(self, describe: Describe) -> None:
        """Begin to deliver. Args: describe: gives the record of a job that goes into the words."""
        self._describe = describe
        self._working = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End. What is not delivered is delivered after the next start."""
        tasks = [*self._under_way.values(), *([self._working] if self._working else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            if self._store.has_webhooks:
                try:
                    due = await self._store.due_deliveries(now_ms(), AT_ONCE + len(self._under_way))
                except HeddleError as trouble:
                    log.warning("webhooks wait: %s", trouble.message)
                    due = []
                for each in [each for each in due if each.id not in self._under_way][: AT_ONCE - len(self._under_way)]:
                    self._begin(each)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S if self._store.has_webhooks else None):
                    await self._wake.wait()

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._under_way[delivery.id] = task

        def done(task: asyncio.Task[None]) -> None:
            self._under_way.pop(delivery.id, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("a webhook failed", exc_info=error)
            self._wake.set()

        task.add_done_callback(done)

    async def _deliver(self, delivery: Delivery) -> None:
        told = {
            "delivery": delivery.id,
            "event": delivery.event,
            "at_ms": delivery.at_ms,
            "job_id": delivery.job_id,
            "job": await self._describe(delivery.job_id),
        }
        problem = await self._send(delivery, to_text(told).encode("ascii"))
        attempts = delivery.attempts + 1
        where = urlsplit(delivery.url).hostname
        if problem is None:
            await self._store.settle_delivery(delivery.id)
        elif problem == "gone" or attempts >= MOST_ATTEMPTS:
            log.warning(
                "the webhook of job %s on %s is given up after %d attempts: %s",
                delivery.job_id,
                where,
                attempts,
                problem,
            )
            await self._store.settle_delivery(delivery.id)
        else:
            pause_s = min(FIRST_PAUSE_S * 2 ** (attempts - 1), LONGEST_PAUSE_S) * random.uniform(0.8, 1.2)
            log.info("the webhook of job %s on %s waits %.0f s: %s", delivery.job_id, where, pause_s, problem)
            await self._store.put_off_delivery(delivery.id, attempts, now_ms() + int(pause_s * 1000))

    async def _send(self, delivery: Delivery, body: bytes) -> str | None:
        """Returns: None if it was taken; `gone`, if the other side wants no more; else what was wrong."""
        host = urlsplit(delivery.url).hostname or ""
        # A name is looked at by the resolver, which is not asked about an address.
        if not self._allow_private and _is_address(host) and not is_public(host):
            return f"{host} is no address of the public net; --allow-private-webhooks allows others"
        timestamp = str(now_ms() // 1000)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Heddle",
            "X-Heddle-Event": delivery.event,
            "X-Heddle-Delivery": str(delivery.id),
            "X-Heddle-Timestamp": timestamp,
        }
        if secret := delivery.secret or self._secret:
            headers["X-Heddle-Signature"] = sign(secret, timestamp, body)
        if self._session is None:
            resolver = ThreadedResolver() if self._allow_private else PublicResolver()
            connector = TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True, limit=AT_ONCE)
            self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        try:
            async with self._session.post(
                delivery.url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=ClientTimeout(total=TIME_LIMIT_S),
            ) as answer:
                if 200 <= answer.status < 300:
                    return None
                return "gone" if answer.status == 410 else f"answered with status {answer.status}"
        except TimeoutError:
            return f"no answer in {TIME_LIMIT_S:g} s"
        except (ClientError, OSError, ValueError) as error:
            return " ".join(str(error).split())[:200] or type(error).__name__


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body that was sent at this time, in seconds since 1970."""
    digest = hmac.new(secret.encode("utf-8", "surrogatepass"), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
