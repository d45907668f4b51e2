"""The page on a phone: fingers pan, pinch, choose, move, link and open menus; everything fits the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.web.page_server import PageServer
from tests.web.waits import until

PHONE = {"width": 390, "height": 844}
SET_UP = """() => {
  const { editor } = heddle;
  editor.open(new editor.document.constructor(editor.catalogue));
  editor.edit("undo.add-node", () => {
    const one = editor.graph.addNode("CLIPTextEncode", { x: 0, y: 0 });
    const other = editor.graph.addNode("KSampler", { x: 0, y: 400 });
    for (const node of [one, other]) editor.graph.setNode(node, "width", 210);
  });
  editor.view.moveTo(0.8, { x: 60, y: 80 });
}"""

OUTSIDE = """() => [...document.querySelectorAll(".rail button, .bar button")].filter((each) => {
  const { left, right } = each.getBoundingClientRect();
  return each.checkVisibility() && (left < 0 || right > innerWidth + 1);
}).map((each) => each.outerHTML)"""


class Fingers:
    """Fingers on the screen, in CSS px of the page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: CDPSession = page.context.new_cdp_session(page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        """`touchStart`, `touchMove` with where all fingers are now, or `touchEnd`."""
        places: list[Any] = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        self.send("touchStart", start)
        for step in range(1, steps + 1):
            share = step / steps
            self.send("touchMove", (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share))
        self.send("touchEnd")


def place(page: Page, script: str) -> tuple[float, float]:
    """A point of the graph that a script finds, as CSS px of the page. `view` and `node(type)` are there."""
    found = page.evaluate(f"""() => {{
      const {{ view, graph }} = heddle.editor;
      const node = (type) => [...graph.nodes.values()].find((each) => each.type === type);
      view.settle();
      const at = {script};
      const {{ left, top }} = view.element.getBoundingClientRect();
      const {{ x, y }} = view.toScreen(at.x, at.y);
      return [left + x, top + y];
    }}""")
    return found[0], found[1]


def test_a_graph_is_worked_on_with_fingers(
    server: PageServer, new_context: Callable[..., BrowserContext], find_barriers: Callable[..., list[str]]
) -> None:
    page = new_context(server, viewport=PHONE, has_touch=True, is_mobile=True).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    fingers = Fingers(page)
    page.evaluate(SET_UP)
    page.evaluate("heddle.editor.services.form.show('graph')")  # a phone begins with the form
    page.evaluate("heddle.editor.view.moveTo(0.8, { x: 60, y: 80 })")

    # Nothing lies outside the screen.
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate(OUTSIDE) == []

    # One finger on empty canvas pans, two zoom around what is between them.
    before = page.evaluate("heddle.editor.view.offset")
    fingers.drag((350, 620), (330, 560))
    until(page, f"heddle.editor.view.offset.y < {before['y'] - 40}")
    scale = page.evaluate("heddle.editor.view.scale")
    fingers.send("touchStart", (150, 600), (250, 600))
    fingers.send("touchMove", (120, 600), (280, 600))
    fingers.send("touchMove", (100, 600), (300, 600))
    fingers.send("touchEnd")
    until(page, f"heddle.editor.view.scale > {scale * 1.7}")
    page.evaluate("heddle.editor.view.moveTo(0.8, { x: 60, y: 80 })")

    # A tap chooses, a drag moves, a long press opens the menu, which is a sheet.
    title = "({ x: node('KSampler').x + 60, y: node('KSampler').y - 15 })"
    fingers.drag(spot := place(page, title), spot, steps=1)
    assert page.evaluate("heddle.editor.selection.nodes.map((node) => node.type)") == ["KSampler"]
    y = page.evaluate("heddle.editor.selection.nodes[0].y")
    fingers.drag(place(page, title), (spot[0], spot[1] + 60))
    assert page.evaluate("heddle.editor.selection.nodes[0].y") > y + 40
    fingers.send("touchStart", place(page, title))
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()
    fingers.send("touchEnd")
    expect(menu).to_be_visible()
    # A finger that is lifted over the menu that came up under it chooses nothing and opens no part.
    menu.get_by_role("menuitem", name="Colour").dispatch_event("pointerenter", {"pointerType": "touch"})
    expect(menu).to_have_count(1)
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    box = menu.bounding_box()
    assert box is not None and (box["x"], round(box["width"])) == (0, 390) and round(box["y"] + box["height"]) == 844
    assert find_barriers(page) == []
    menu.get_by_role("menuitem", name="Colour").tap()
    menu.get_by_text("Green", exact=True).tap()
    assert page.evaluate("heddle.editor.selection.nodes[0].color")

    # A link, begun beside the socket as a finger does; near the edge the canvas moves along.
    out = "view.pointOf({ node: node('CLIPTextEncode'), side: 'output', slot: 0 })"
    slot = "node('KSampler').inputs.findIndex((each) => each.name === 'negative')"
    into = f"view.pointOf({{ node: node('KSampler'), side: 'input', slot: {slot} }})"
    x, y = place(page, out)
    fingers.drag((x + 12, y + 8), place(page, into))
    linked = (
        "[...heddle.editor.graph.links.values()].map((link) => heddle.editor.graph.node(2).inputs[link.toSlot].name)"
    )
    assert page.evaluate(linked) == ["negative"]
    x, y = place(page, title)
    fingers.send("touchStart", (x, y))
    for lower in (*range(int(y), 770, 60), 770):
        fingers.send("touchMove", (x, lower))
    up, down = page.evaluate("[heddle.editor.view.offset.y, heddle.editor.selection.nodes[0].y]")
    until(page, f"heddle.editor.view.offset.y < {up} - 20 && heddle.editor.selection.nodes[0].y > {down} + 20")
    fingers.send("touchEnd")

    # The keyboard comes up: the field stays above it.
    page.evaluate("heddle.editor.view.moveTo(1, { x: 30, y: 500 })")
    text = """(() => {
      const text = node('CLIPTextEncode');
      const box = view.widgetBox(text, view.layouts.of(text).widgets[0]);
      return { x: box.left + 40, y: box.top + 20 };
    })()"""
    spot = place(page, text)
    fingers.drag(spot, spot, steps=1)
    field = page.locator(".widget-field")
    expect(field).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 480})
    until(page, "document.querySelector('.widget-field').getBoundingClientRect().bottom <= 480")
    page.keyboard.type("a cat")
    assert page.evaluate("heddle.editor.services.widgets.fields.element.value") == "a cat"
