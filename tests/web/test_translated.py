"""What the server says while a workflow runs, on a page in Chinese."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.web.page_server import PageServer
from tests.web.test_running import OPEN, shipped, shown, until_ended


def test_notes_failures_and_the_log_are_read_in_the_page_s_language(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    page = new_context(server, locale="zh-CN").new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    saved = shipped("text_to_image")
    latent = next(each for each in saved["nodes"] if each["type"] == "EmptyLatentImage")
    sampler = next(each for each in saved["nodes"] if each["type"] == "KSampler")
    latent["widgets_values"] = [130, 128, 1]
    sampler["widgets_values"][-1] = 1e-7  # denoise
    page.evaluate(OPEN, saved)
    page.keyboard.press("Control+Enter")
    assert until_ended(page) == ["failed"]
    assert shown(page, latent["id"], "text") == "130 x 128 不是 8 的倍数，已向下取整为 128 x 128"
    words = "请把降噪设为 0 以保持 Latent 不变，或设得更高"
    assert words in str(shown(page, sampler["id"], "errors"))
    expect(page.locator(".errors")).to_contain_text(words)
    page.evaluate("void heddle.editor.shell.openPanel('console')")
    line = page.locator(".console-line", has_text="worker 0 已就绪").first
    expect(line).to_contain_text("INFO heddle.")
    page.evaluate("void heddle.editor.shell.openPanel('queue')")
    expect(page.locator(".side-body[data-panel=queue]")).to_contain_text(words)
