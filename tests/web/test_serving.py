"""How the page's files reach a browser: once, all at once, and each module only one time over."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from benchmarks.browser import Traffic

VERSIONED = re.compile(r"/web/[0-9a-f]{16}/")


def test_every_module_is_named_by_the_page_itself_and_fetched_once(page: Page) -> None:
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url) if request.resource_type == "script" else None)
    page.goto("/", wait_until="networkidle")
    named = page.eval_on_selector_all(
        "link[rel=modulepreload], script[type=module]", "(all) => all.map((each) => each.href ?? each.src)"
    )
    assert scripts and set(named) <= set(scripts) and len(scripts) == len(set(scripts))
    later = next(i for i, each in enumerate(scripts) if each.endswith("/later.js") and "/features/" not in each)
    assert set(scripts[:later]) == set(named), "nothing that the start needs is found out on the way"
    assert all(VERSIONED.search(each) for each in scripts)


def test_a_reload_fetches_none_of_the_pages_files_again(page: Page) -> None:
    traffic = Traffic(page.context.new_cdp_session(page))
    page.goto("/", wait_until="networkidle")
    first = traffic.bytes
    assert any(VERSIONED.search(each.url) for each in traffic.fetched.values())
    traffic.clear()
    page.reload(wait_until="networkidle")
    assert not [each.url for each in traffic.fetched.values() if VERSIONED.search(each.url)]
    assert 0 < traffic.bytes < first


def test_a_script_that_imports_by_an_absolute_path_gets_the_pages_own_module(page: Page) -> None:
    page.goto("/")
    entry = page.evaluate("new URL(document.querySelector('script[type=module]').src).pathname")
    plain = VERSIONED.sub("/", entry)
    assert plain != entry
    assert page.evaluate("async ([a, b]) => (await import(a)) === (await import(b))", [plain, entry])
