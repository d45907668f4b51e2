"""Waiting for what a page will say. Its policy lets no text be run inside it, so it is asked again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_S = 180.0  # pictures on a busy machine
PAUSE_MS = 40


def until(page: Page, expression: str, wanted: Any = True) -> None:
    """Until the page has this to say to an expression or a function.

    Raises: AssertionError: it never did; with what it said last.
    """
    end = time.monotonic() + PATIENCE_S
    while (found := page.evaluate(expression)) != wanted:
        assert time.monotonic() < end, f"{expression} is to become {wanted!r}; it is {found!r}"
        page.wait_for_timeout(PAUSE_MS)


def until_kept(page: Page) -> None:
    """Until the browser has all that stands in the tabs: the page may be loaded again."""
    until(page, "heddle.editor.services.workflows.isKept()")
