"""The page as a whole: it opens, hinders nobody, and does nothing that it must not do."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.conftest import Troubles


def test_the_page_opens_and_says_when_it_can_be_used(editor_page: Page) -> None:
    expect(editor_page).to_have_title("text_to_image · Heddle")
    assert editor_page.evaluate("performance.getEntriesByName('interactive').length") == 1


def test_an_idle_page_asks_for_no_frame(editor_page: Page) -> None:
    editor_page.wait_for_load_state("networkidle")
    asked = editor_page.evaluate("""async () => {
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      let asked = 0;
      const ask = window.requestAnimationFrame;
      window.requestAnimationFrame = (callback) => (asked++, ask.call(window, callback));
      for (let i = 0; i < 20 && asked !== 1; i++) { // opening the page leaves some things to do
        asked = 0;
        heddle.editor.view.redraw();
        await wait(1000);
      }
      return asked;
    }""")
    assert asked == 1, "the frame that the test itself asked for"


def test_what_a_page_must_not_do_is_seen(editor_page: Page, troubles: Troubles) -> None:
    for doing, said in (
        ("console.error('spilled')", "console: spilled"),
        ("setTimeout(() => { throw new Error('slipped'); })", "thrown: .*slipped"),
        ("fetch('http://127.0.0.1:9/').catch(() => null)", "request: http://127.0.0.1:9/ is not on"),
        ("fetch('/nowhere')", "console: .*404"),
    ):
        assert not troubles.left()
        editor_page.evaluate(f"() => {{ {doing}; }}")
        while not any(re.search(said, each) for each in troubles.left()):
            editor_page.wait_for_timeout(20)  # the test's own limit ends it
        troubles.allow(said)
        troubles.allow("Content Security Policy|Fetch API cannot load|ERR_BLOCKED_BY_CSP")
        if "fetch" in doing:
            editor_page.wait_for_timeout(200)  # what else the browser has to say of it


def test_nothing_on_the_page_hinders_those_who_cannot_see_it(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    assert find_barriers(editor_page) == []
    editor_page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in each for each in find_barriers(editor_page))
