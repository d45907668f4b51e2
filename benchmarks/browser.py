"""Chromium: where it is, how it is started here, without a display and a graphics card, and what it tells of a page."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, CDPSession

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_CHROMIUM = (
    "no Chromium: CHROME_PATH names none that is there, or it is not set and the path has none of "
    f"{', '.join(CHROMIUM_NAMES)}; install it (on Debian `apt install chromium`) or set CHROME_PATH"
)


def find_chromium() -> str | None:
    """The browser's executable: what CHROME_PATH names, or without it the first on the path."""
    if chosen := os.environ.get("CHROME_PATH"):
        return shutil.which(chosen)
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def chromium_arguments() -> list[str]:
    """Everything is drawn by the processor, so that machines with and without a graphics card do the same."""
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", "--force-device-scale-factor=1"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to be started by root
    return arguments


@contextlib.contextmanager
def a_chromium(executable: str) -> Iterator[Browser]:
    """Chromium without a window. Raises: ImportError, without Playwright, which is of the tests' environment alone."""
    from playwright.sync_api import sync_playwright  # large

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=chromium_arguments())
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Fetched:
    """One request that the server answered, or a websocket; bytes as they came over the network, with headers."""

    url: str
    begun: float = 0.0  # Unix time, s; 0 of a websocket
    bytes: int = 0


class Traffic:
    """What a tab fetched since `clear`. What the browser's own cache answered is not in it."""

    def __init__(self, session: CDPSession) -> None:
        self.fetched: dict[str, Fetched] = {}
        session.on("Network.requestWillBeSent", self._begin)
        session.on("Network.webSocketCreated", self._begin)
        session.on("Network.requestServedFromCache", self._forget)
        session.on("Network.responseReceived", self._take_response)
        session.on("Network.loadingFinished", self._finish)
        session.on("Network.webSocketFrameReceived", self._take_frame)
        session.send("Network.enable")

    @property
    def requests(self) -> int:
        return len(self.fetched)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.fetched.values())

    def clear(self) -> None:
        self.fetched.clear()

    def _begin(self, event: dict[str, Any]) -> None:
        url = event.get("url") or event["request"]["url"]
        if not url.startswith(("data:", "blob:")):
            self.fetched[event["requestId"]] = Fetched(url, event.get("wallTime", 0.0))

    def _forget(self, event: dict[str, Any]) -> None:
        self.fetched.pop(event["requestId"], None)

    def _take_response(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            self._forget(event)

    def _finish(self, event: dict[str, Any]) -> None:
        if fetched := self.fetched.get(event["requestId"]):
            fetched.bytes += int(event["encodedDataLength"])

    def _take_frame(self, event: dict[str, Any]) -> None:
        if fetched := self.fetched.get(event["requestId"]):
            fetched.bytes += len(event["response"]["payloadData"])
