"""Those who look elsewhere while a long run goes on hear, and are told, that it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.web.page_server import PageServer, running
from tests.web.test_running import OPEN, give_pack, node, until_ended, waiting, workflow
from tests.web.waits import until

# What the page would have the browser play and show, and a browser that answers as it is told to.
LISTEN = """
globalThis.heard = [];
globalThis.isAway = false;
globalThis.answer = "granted";
globalThis.Notification = class extends EventTarget {
    static permission = "default";
    static requestPermission() {
        Notification.permission = answer;
        return Promise.resolve(answer);
    }
    constructor(title, options) {
        super();
        heard.push([title, options.body]);
    }
    close() {}
};
const { start } = OscillatorNode.prototype;
OscillatorNode.prototype.start = function (...when) {
    heard.push(this.frequency.value);
    return start.apply(this, when);
};
Object.defineProperty(document, "hidden", { get: () => isAway });
"""
FAILING = workflow(
    [
        node(1, "Wait", widgets_values=[4, 8, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": [1]}]),
        node(2, "Fail", inputs=[{"name": "value", "type": "INT", "link": 1}]),
    ],
    [[1, 1, 0, 2, 0, "INT"]],
)


@pytest.fixture(scope="module")
def pack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    base = tmp_path_factory.mktemp("packs")
    give_pack(base)
    with running(PageServer(base)) as server:
        yield server


@pytest.fixture
def page(pack_server: PageServer, new_context: Callable[..., BrowserContext]) -> Page:
    page = new_context(pack_server).new_page()
    page.add_init_script(LISTEN)
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    return page


def settings(page: Page) -> Locator:
    page.evaluate("void heddle.editor.commands.run('settings.open')")
    dialog = page.locator("dialog")
    dialog.get_by_text("Running", exact=True).click()
    return dialog


def run(page: Page, saved: dict[str, Any], jobs: int) -> list[Any]:
    """What is heard of one run more."""
    page.evaluate("heard.length = 0")
    page.evaluate(OPEN, saved)
    page.keyboard.press("Control+Enter")
    until_ended(page, jobs)
    page.wait_for_timeout(300)  # something that should not be heard would come by now
    return page.evaluate("heard")


def test_a_long_run_ends_with_a_sound_and_with_a_note_for_those_who_are_away(page: Page) -> None:
    dialog = settings(page)
    dialog.get_by_label("Sound when all is done", exact=True).click()
    dialog.get_by_label("Notification when all is done", exact=True).click()
    page.keyboard.press("Escape")
    assert run(page, waiting(4), 1) == [659, 880], "rising; the page is in view, so no note"
    assert run(page, waiting(4), 2) == [], "nothing new was made"
    page.evaluate("isAway = true")
    *tones, note = run(page, FAILING, 3)
    assert tones == [523, 349], "falling"
    assert note[0] == "Heddle" and "test" in note[1]


def test_without_leave_of_the_browser_notes_are_off_and_that_is_said(page: Page) -> None:
    page.evaluate("answer = 'denied'; heddle.editor.settings.write('run.notify', false)")  # the server remembers
    box = settings(page).get_by_label("Notification when all is done", exact=True)
    box.click()
    expect(page.locator(".note.is-error, .note", has_text="notifications").first).to_be_visible()
    until(page, "heddle.editor.settings.read('run.notify')", False)
    expect(box).not_to_be_checked()
