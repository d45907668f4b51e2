"""The page as a whole: it opens, hinders nobody, and does nothing that it must not do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Troubles


def test_the_page_opens_and_says_when_it_can_be_used(editor_page: Page) -> None:
    expect(editor_page).to_have_title("Heddle")
    assert editor_page.evaluate("performance.getEntriesByName('interactive').length") == 1


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ("console.error('spilled')", "console: spilled"),
        ("setTimeout(() => { throw new Error('slipped'); })", "thrown: .*slipped"),
        ("fetch('http://127.0.0.1:9/').catch(() => null)", "request: http://127.0.0.1:9/ is not on"),
        ("fetch('/nowhere')", "console: .*404"),
    ],
)
def test_what_a_page_must_not_do_is_seen(editor_page: Page, troubles: Troubles, doing: str, said: str) -> None:
    assert not troubles.left()
    editor_page.evaluate(f"() => {{ {doing}; }}")
    editor_page.wait_for_timeout(300)
    assert troubles.left()
    troubles.allow(said)
    troubles.allow("Content Security Policy|Failed to load resource|Fetch API cannot load")
    assert not troubles.left()


def test_nothing_on_the_page_hinders_those_who_cannot_see_it(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    assert find_barriers(editor_page) == []
    editor_page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in each for each in find_barriers(editor_page))
