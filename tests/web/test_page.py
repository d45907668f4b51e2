"""The page as a whole: it opens, hinders nobody, and does nothing that it must not do."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from heddle.settings.options import HOUSE
from tests.web.conftest import Troubles
from tests.web.page_server import PageServer
from tests.web.waits import until, until_heard


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
    assert not troubles.left()
    wanted = {
        "console.error('spilled')": "console: spilled",
        "setTimeout(() => { throw new Error('slipped'); })": "thrown: .*slipped",
        "fetch('http://127.0.0.1:9/').catch(() => null)": "console: .*http://127.0.0.1:9/",
        "fetch('/nowhere')": "console: .*404",
    }
    for doing in wanted:
        editor_page.evaluate(f"() => {{ {doing}; }}")
    for said in wanted.values():
        until_heard(editor_page, lambda said=said: any(re.search(said, each) for each in troubles.left()))
    for said in wanted.values():
        troubles.allow(said)
    assert not troubles.left()


def test_nothing_on_the_page_hinders_those_who_cannot_see_it(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    assert find_barriers(editor_page) == []
    editor_page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in each for each in find_barriers(editor_page))


SAID = """() => [...document.querySelectorAll("button")].filter((each) => each.checkVisibility())
  .filter((each) => each.title && each.title === each.getAttribute("aria-label") && !each.textContent)
  .map((each) => each.title)"""


def test_a_screen_reader_hears_each_name_once_and_the_keys_of_the_canvas(editor_page: Page) -> None:
    page = editor_page
    page.locator("[aria-expanded]").first.wait_for()
    page.evaluate("() => void heddle.editor.commands.run('panel.workflows')")
    expect(page.get_by_role("button", name="Open a file")).to_be_visible()
    assert page.evaluate(SAID) == []  # such a title is a description: the same words once more
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    buttons = [each for each in nodes if each.get("role", {}).get("value") == "button"]
    names = [each["name"]["value"] for each in buttons]
    assert {"New workflow", "Open a file", "More ways to run"} < set(names) and all(names)
    assert [
        each["name"]["value"] for each in buttons if each.get("description", {}).get("value") == each["name"]["value"]
    ] == []

    # Before anything is done on it, the canvas says by which keys it is gone through.
    expect(page.get_by_role("application")).to_have_accessible_description(
        "A graph of 8 nodes and 9 links. Ctrl+→ goes to the next node; the outline lists all of them. "
        "F6 goes on to the next part of the page."
    )

    # A menu has a name, and one inside it that of its entry.
    page.keyboard.press("F10")
    expect(page.get_by_role("menu", name="Menu")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("menu", name="File")).to_be_visible()
    page.keyboard.press("Escape")


def test_a_long_help_text_is_scrolled_by_the_keyboard(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    page.set_viewport_size({"width": 1280, "height": 400})
    page.evaluate("heddle.editor.selection.set([heddle.editor.graph.nodes.values().next().value])")
    page.keyboard.press("F1")
    body = page.locator(".help-node")
    expect(body).to_contain_text("Load Checkpoint")
    assert find_barriers(page) == []
    body.focus()
    page.keyboard.press("End")
    until(page, "document.querySelector('.help-node').scrollTop > 0")


# Nodes that lie on another one or out of what is seen, and the node that is changed first.
LOOK = """() => {
  const { view, graph } = heddle.editor;
  const { left, top, right, bottom } = view.window;
  const nodes = [...graph.nodes.values()];
  const boxOf = (node) => view.layouts.boxOf(node);
  const isIn = (box) => box.left >= left && box.right <= right && box.top >= top && box.bottom <= bottom;
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return {
    scale: view.scale,
    outside: nodes.filter((node) => !isIn(boxOf(node))).map(({ name }) => name),
    covered: nodes.filter((node) => nodes.some((each) => each !== node && meet(boxOf(node), boxOf(each)))).map(
      ({ name }) => name,
    ),
  };
}"""


def test_the_first_workflow_can_be_read_at_first_sight(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    for width, height, least in ((1280, 720, 0.85), (1440, 900, 0.95), (1920, 1080, 1)):
        page = new_context(server, viewport={"width": width, "height": height}).new_page()
        page.goto("/")
        page.locator("body[data-ready]").wait_for()
        seen = page.evaluate(LOOK)
        assert seen["outside"] == seen["covered"] == []
        assert seen["scale"] >= least, width
        page.close()
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = new_context(server, **phone).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    seen = page.evaluate(LOOK)
    assert seen["scale"] >= 0.8  # not all of it, but what is changed first
    assert "Prompt" not in seen["outside"]


def test_no_node_of_a_workflow_that_ships_lies_on_another_one(editor_page: Page) -> None:
    for name in sorted(path.stem for path in (HOUSE / "workflows").glob("*.json")):
        editor_page.evaluate("name => heddle.editor.services.workflows.openExample(name).then(() => null)", name)
        assert editor_page.evaluate(LOOK)["covered"] == [], name
