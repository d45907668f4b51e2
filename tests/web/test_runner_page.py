"""The runner in Chromium: a workflow is chosen, a prompt written, and its picture seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.conftest import Troubles
from tests.web.page_server import PageServer


def test_a_prompt_is_written_run_with_the_keyboard_and_its_picture_seen(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("What to show")).to_be_enabled()
    page.get_by_label("What to show").fill("a small blue star, top left, white background")
    page.get_by_label("Steps").fill("4")
    page.keyboard.press("Control+Enter")
    picture = page.locator("#frame img[src^='/view']")
    expect(picture).to_be_visible(timeout=60_000)
    assert picture.evaluate("async (image) => (await image.decode(), image.naturalWidth)") > 0


def test_a_server_that_goes_away_is_said_and_found_again(
    start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext], troubles: Troubles
) -> None:
    server = start_server()
    page = new_context(server).new_page()
    page.goto("/")
    state = page.get_by_role("status")
    expect(state).to_have_attribute("data-mood", "ready")
    server.stop()
    troubles.allow("WebSocket connection|ERR_CONNECTION_REFUSED|Failed to load resource")
    expect(state).to_have_attribute("data-mood", "lost")
    server.start()
    expect(state).to_have_attribute("data-mood", "ready", timeout=60_000)


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ("console.error('spilled')", "console: spilled"),
        ("setTimeout(() => { throw new Error('slipped'); })", "thrown: .*slipped"),
        ("fetch('http://127.0.0.1:9/').catch(() => null)", "request: http://127.0.0.1:9/ is not on"),
        ("fetch('/nowhere')", "console: .*404"),
    ],
)
def test_what_a_page_must_not_do_is_seen(page: Page, troubles: Troubles, doing: str, said: str) -> None:
    page.goto("/")
    expect(page.get_by_label("What to show")).to_be_enabled()
    assert not troubles.left()
    page.evaluate(f"() => {{ {doing}; }}")
    page.wait_for_timeout(300)
    assert troubles.left()
    troubles.allow(said)
    troubles.allow("Content Security Policy|Failed to load resource|Fetch API cannot load")
    assert not troubles.left()


def test_nothing_on_the_page_hinders_those_who_cannot_see_it(
    page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page.goto("/")
    expect(page.get_by_label("What to show")).to_be_enabled()
    assert find_barriers(page) == []
    page.evaluate("document.querySelector('#run').textContent = ''")
    assert any("button-name" in each for each in find_barriers(page))
