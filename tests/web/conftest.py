"""What tests of the page share: a real server, Chromium, and a watch over what a page must not do.

A test that takes `page` or `editor_page` drives the page in Chromium against a server with the demo model. It fails,
too, if the page logs an error, throws one, or asks for anything outside the server's address; a test that means to
provoke this says so with `troubles.allow(...)`. The page's content security policy holds in tests as well, so
`page.wait_for_function`, which evaluates a text inside the page, does not work: wait for a locator.

Where no Chromium is found these tests are not run, and the summary says so; in CI (variable CI or HEDDLE_CI) each of
them fails instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.browser import NO_CHROMIUM, a_chromium, find_chromium
from tests.web.node_tools import packages
from tests.web.page_server import IS_SLOW, PageServer, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

NOT_RUN = "NOT RUN: "
ACTION_TIMEOUT_MS = 60_000  # on a busy machine anything may take long; nothing waits longer than it must
OUTCOME = pytest.StashKey[pytest.TestReport]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each page test waits for processes, the first also for their start."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    if report.when == "call":
        item.stash[OUTCOME] = report
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [
        report.nodeid for report in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("tests of the page: NOT RUN", sep="=", red=True, bold=True)
        terminalreporter.line(NO_CHROMIUM)
        for nodeid in left_out:
            terminalreporter.line(f"NOT RUN {nodeid}")


# The scope is this package and not the session: while Playwright's synchronous interface is open, no test of another
# room could run an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    executable = find_chromium()
    if executable is None:
        if os.environ.get("CI") or os.environ.get("HEDDLE_CI"):
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NOT_RUN + NO_CHROMIUM)
    from playwright.sync_api import expect  # large, and tests of modules alone need none of it

    expect.set_options(timeout=ACTION_TIMEOUT_MS)  # as patient as clicks are
    with a_chromium(executable) as browser:
        yield browser


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """One for all tests of the page; a test that stops it, or changes what others see, takes `start_server`."""
    with running(PageServer(tmp_path_factory.mktemp("page"))) as server:
        yield server


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., PageServer]]:
    """Starts a server of the test's own, with these options, its worker ready."""
    started: list[PageServer] = []

    def start(*options: str) -> PageServer:
        server = PageServer(tmp_path / f"server{len(started)}", *options)
        started.append(server)
        server.start()
        server.wait_for_worker()
        return server

    yield start
    for server in started:
        server.stop()


class Troubles:
    """What pages did that they must not do, in order."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._allowed: list[str] = []
        self._addresses: list[str] = []

    def allow(self, pattern: str) -> None:
        """What matches this regular expression is no reason to fail, seen before or later."""
        self._allowed.append(pattern)

    def serve_from(self, address: str) -> None:
        """Requests to this address are in order."""
        self._addresses.append(address)

    def left(self) -> list[str]:
        """Those that nobody allowed."""
        return [each for each in self.found if not any(re.search(pattern, each) for pattern in self._allowed)]

    def watch(self, context: BrowserContext) -> None:
        """Write down what its pages do, those included that are opened later."""

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

        def take_error(error: WebError) -> None:
            self.found.append(f"thrown: {error.error}")

        def take_request(request: Request) -> None:
            if not request.url.startswith(("data:", "blob:", *(f"{address}/" for address in self._addresses))):
                self.found.append(f"request: {request.url[:300]} is not on the server's address")

        context.on("console", hear)
        context.on("weberror", take_error)
        context.on("request", take_request)


@pytest.fixture
def troubles() -> Troubles:
    """What the pages of this test did that they must not do."""
    return Troubles()


def slow_down(page: Page) -> None:
    """Its scripts get a quarter of the processor."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})


@pytest.fixture
def new_context(
    browser: Browser,
    troubles: Troubles,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    start_server: Callable[..., PageServer],  # so that pages are closed before the server of a test ends
) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a browser profile for a server: `new_context(server, locale="zh-CN", viewport=..., has_touch=True)`.

    `inside` names a browser that was started otherwise.

    Afterwards all that any of its pages did wrong fails the test, and of a failed one there are pictures.
    """
    opened: list[BrowserContext] = []

    def open_context(server: PageServer, *, inside: Browser = browser, **options: Any) -> BrowserContext:
        usual: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "color_scheme": "dark"}
        wanted: dict[str, Any] = {**usual, "base_url": server.address, **options}
        context = inside.new_context(**wanted)
        context.set_default_timeout(ACTION_TIMEOUT_MS)
        if not opened:
            server.forget_drafts()
        troubles.serve_from(server.address)
        troubles.watch(context)
        if IS_SLOW:
            context.on("page", slow_down)
        opened.append(context)
        return context

    yield open_context
    outcome = request.node.stash.get(OUTCOME, None)
    for context in opened:
        if outcome is not None and outcome.failed:
            for number, page in enumerate(context.pages):
                page.screenshot(path=tmp_path / f"failed{number}.png")
                print(f"the page at that moment: {tmp_path / f'failed{number}.png'}")
        context.close()
    assert not troubles.left(), "\n".join(["the page did what it must not do:", *troubles.left()])


@pytest.fixture
def context(new_context: Callable[..., BrowserContext], server: PageServer) -> BrowserContext:
    """A fresh profile, English, 1280 x 800, for the shared server. Two pages of it are two tabs of one person."""
    return new_context(server)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty tab: `page.goto("/")` opens the page."""
    return context.new_page()


@pytest.fixture
def editor_page(page: Page) -> Page:
    """The page with the editor ready; `page.evaluate("heddle.editor...")` reaches into it."""
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    return page


@pytest.fixture(scope="package")
def axe_script() -> str:
    """axe-core's source, which finds what hinders people with a screen reader, a keyboard, or weak eyes."""
    return (packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def find_barriers(axe_script: str) -> Callable[..., list[str]]:
    """Asks axe-core about a page, or about what a selector names: a line for each place that it objects to."""

    def find(page: Page, selector: str | None = None) -> list[str]:
        page.evaluate(axe_script)
        found = page.evaluate("async (place) => (await axe.run(place ?? document)).violations", selector)
        return [
            f"{rule['id']} ({rule['impact']}): {rule['help']}: {place['html'][:200]}"
            for rule in found
            for place in rule["nodes"]
        ]

    return find
