"""Links, the palette, the clipboard, groups and the search, driven by mouse and keyboard as people do."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.page_server import PageServer
from tests.web.waits import until

EMPTY = """() => {
  const { editor } = heddle;
  editor.edit("undo.delete", () => editor.graph.removeNodes([...editor.graph.nodes.values()]));
  editor.view.moveTo(1, { x: 0, y: 0 });
}"""
ADD = """([type, x, y]) => {
  const { editor } = heddle;
  return editor.edit("undo.add-node", () => editor.graph.addNode(type, { x, y })).id;
}"""
SOCKET = """([id, side, name]) => {
  const { view, graph } = heddle.editor;
  const node = graph.node(id);
  const slot = node[side + "s"].findIndex((each) => each.name === name);
  const point = view.pointOf({ node, side, slot });
  return view.toScreen(point.x, point.y);
}"""
SOCKETS = """() => {
  const { view, graph } = heddle.editor;
  return [...graph.nodes.values()].flatMap((node) => ["input", "output"].flatMap((side) =>
    node[side + "s"].map((_, slot) => {
      const point = view.pointOf({ node, side, slot });
      return view.toScreen(point.x, point.y);
    })));
}"""
COUNT_STEPS = """() => {
  window.steps = 0;
  window.labels = new Set();
  const { events } = heddle.editor.document.journal;
  events.on("commit", ({ label }) => {
    window.steps++;
    window.labels.add(label);
  });
  events.on("travel", ({ direction }) => (window.steps += direction === "undo" ? -1 : 1));
}"""
TITLE = """(id) => {
  const { view, graph } = heddle.editor;
  const node = graph.node(id);
  return view.toScreen(node.x + 40, node.y - 15);
}"""
BOX = """(id) => {
  const { view, graph } = heddle.editor;
  view.settle();
  const { left, top, right, bottom } = view.layouts.boxOf(graph.node(id));
  return [left, top, right, bottom];
}"""
LINKS = """() => {
  const { graph } = heddle.editor;
  return [...graph.links.values()].map((link) => {
    const [from, to] = [graph.node(link.from), graph.node(link.to)];
    return `${from.type}.${from.outputs[link.fromSlot].name} -> ${to.type}.${to.inputs[link.toSlot].name}`;
  }).sort();
}"""
ARE_APART = """() => {
  const [first, second] = [...heddle.editor.graph.nodes.values()].map((node) => node.y);
  return first === second || Math.abs(first - second) > 60;
}"""
WIDGETS = """() => {
  const { view, graph } = heddle.editor;
  view.settle();
  return [...graph.nodes.values()].flatMap((node) => view.layouts.of(node).widgets.map((place) => {
    const { left, right, top } = view.widgetBox(node, place);
    return view.toScreen((left + right) / 2, top + 8);
  }));
}"""
CORNERS = """() => {
  const { view, graph } = heddle.editor;
  view.settle();
  return [...graph.nodes.values()].flatMap((node) => {
    const { left, top, right, bottom } = view.layouts.boxOf(node);
    return [[left + 3, top + 3], [right - 3, top + 3], [left + 3, bottom - 3], [right - 3, bottom - 3]];
  }).map(([x, y]) => view.toScreen(x, y));
}"""
COMMAND = "(id) => void heddle.editor.commands.run(id)"  # where it makes no sense, it does nothing
COMMANDS = [
    *("subgraph.unpack", "subgraph.unpack", "subgraph.independent", "arrange.layout-all", "arrange.align-left"),
    *("node.recreate", "node.fit-size", "node.take-out", "widgets.defaults", "select.connected", "group.fit"),
]
DELETE_SOME = """() => {
  const { editor } = heddle;
  editor.edit("undo.delete", () => editor.graph.removeNodes([...editor.graph.nodes.values()].slice(0, 4)));
}"""
CHOOSE_GROUP = "() => { const { selection, graph } = heddle.editor; selection.set(graph.groups.slice(-1)); }"
# What is harmless of the menus: nothing runs, and no window opens.
MENU = re.compile(
    "on the subgraph's node|from a node$|here again$|^Disconnect|^Delete|^Mute|^Bypass|^Add a reroute|keep the links"
)
SAVED = "() => { const { editor } = heddle; return editor.services.workflows.write(editor.document); }"


class Canvas:
    """The canvas of a page with an empty graph, at its natural size."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(EMPTY)
        box = page.locator(".canvas").bounding_box()
        assert box is not None
        self.left, self.top = box["x"], box["y"]

    def add(self, node_type: str, x: int, y: int) -> int:
        return self.page.evaluate(ADD, [node_type, x, y])

    def socket(self, node: int, side: str, name: str) -> tuple[float, float]:
        return self._page_place(self.page.evaluate(SOCKET, [node, side, name]))

    def title(self, node: int) -> tuple[float, float]:
        return self._page_place(self.page.evaluate(TITLE, node))

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x, self.top + y

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, drop: bool = True) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.move(*end)
        if drop:
            mouse.up()

    def links(self) -> list[str]:
        return self.page.evaluate(LINKS)

    def count(self) -> int:
        return self.page.evaluate("heddle.editor.graph.nodes.size")

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def _page_place(self, point: Any) -> tuple[float, float]:
        return self.left + point["x"], self.top + point["y"]


@pytest.fixture
def canvas(editor_page: Page) -> Canvas:
    return Canvas(editor_page)


def test_a_link_is_drawn_moved_cut_and_each_is_one_step_of_undo(canvas: Canvas) -> None:
    loader, decode, other = (
        canvas.add("CheckpointLoaderSimple", 40, 60),
        canvas.add("VAEDecode", 500, 60),
        canvas.add("VAEDecode", 500, 260),
    )
    canvas.drag(canvas.socket(loader, "output", "VAE"), canvas.socket(decode, "input", "vae"))
    assert canvas.links() == ["CheckpointLoaderSimple.VAE -> VAEDecode.vae"]
    canvas.drag(canvas.socket(decode, "input", "vae"), canvas.socket(other, "input", "vae"))
    assert canvas.page.evaluate("id => heddle.editor.graph.node(id).inputs.map(s => s.link !== null)", other)[1]
    canvas.drag(canvas.socket(other, "input", "vae"), canvas.place(300, 500))
    assert canvas.links() == []
    for _ in range(2):
        canvas.press("Control+z")
    assert canvas.page.evaluate("id => heddle.editor.graph.node(id).inputs.map(s => s.link !== null)", decode)[1]
    canvas.press("Control+z")
    assert canvas.links() == []


def test_what_does_not_fit_is_said_where_the_pointer_is_and_escape_gives_up(canvas: Canvas) -> None:
    loader, decode = canvas.add("CheckpointLoaderSimple", 40, 60), canvas.add("VAEDecode", 500, 60)
    canvas.drag(canvas.socket(loader, "output", "MODEL"), canvas.socket(decode, "input", "vae"), drop=False)
    expect(canvas.page.get_by_text("MODEL does not fit VAE")).to_be_visible()
    canvas.press("Escape")
    canvas.page.mouse.up()
    expect(canvas.page.get_by_text("MODEL does not fit VAE")).to_be_hidden()
    assert canvas.links() == []


def test_a_circle_is_refused_in_words(canvas: Canvas) -> None:
    first, second = canvas.add("Reroute", 40, 60), canvas.add("Reroute", 400, 60)
    canvas.drag(canvas.socket(first, "output", ""), canvas.socket(second, "input", ""))
    canvas.drag(canvas.socket(second, "output", ""), canvas.socket(first, "input", ""))
    expect(canvas.page.get_by_text("This would make a circle")).to_be_visible()
    assert len(canvas.links()) == 1


def test_a_drop_on_a_node_takes_its_first_fitting_socket_and_a_drop_on_a_widget_its_own(canvas: Canvas) -> None:
    loader, sampler = canvas.add("CheckpointLoaderSimple", 40, 60), canvas.add("KSampler", 500, 60)
    x, y = canvas.title(sampler)
    canvas.drag(canvas.socket(loader, "output", "MODEL"), (x + 60, y))
    assert canvas.links() == ["CheckpointLoaderSimple.MODEL -> KSampler.model"]
    note = canvas.page.evaluate(
        "() => ['PrimitiveInt', 'PrimitiveNode'].find((type) => heddle.editor.catalogue.spec(type))"
    )
    number = canvas.add(note, 40, 400)
    output = canvas.page.evaluate("id => heddle.editor.graph.node(id).outputs[0].name", number)
    x, y = canvas.socket(sampler, "input", "steps")
    canvas.drag(canvas.socket(number, "output", output), (x + 80, y))
    assert any(each.endswith("-> KSampler.steps") for each in canvas.links())


def test_a_drop_on_empty_canvas_offers_what_fits_and_links_what_is_chosen(canvas: Canvas) -> None:
    sampler = canvas.add("KSampler", 40, 60)
    canvas.drag(canvas.socket(sampler, "output", "LATENT"), canvas.place(600, 300))
    palette = canvas.page.get_by_role("dialog", name="Add a node")
    expect(palette.get_by_role("option", name="VAE Decode").first).to_be_visible()
    expect(palette.get_by_role("option", name="Load Checkpoint")).to_have_count(0)
    canvas.page.keyboard.type("decode")
    canvas.press("Enter")
    assert canvas.links() == ["KSampler.LATENT -> VAEDecode.samples"]
    canvas.press("Control+z")
    assert (canvas.links(), canvas.count()) == ([], 1)


def test_a_palette_that_is_clicked_at_still_hears_keys(canvas: Canvas) -> None:
    canvas.page.mouse.dblclick(*canvas.place(500, 300))
    palette = canvas.page.get_by_role("dialog", name="Add a node")
    palette.locator(".palette-foot").click()
    canvas.page.keyboard.type("ksamp")  # no letter is a key of the canvas
    expect(palette.get_by_role("option", selected=True)).to_contain_text("KSampler")
    palette.locator(".palette-card h2").click()
    canvas.press("Escape")
    expect(palette).to_have_count(0)
    assert canvas.count() == 0


def test_a_node_is_found_and_placed_by_keyboard_alone(canvas: Canvas) -> None:
    canvas.page.mouse.move(5, 5)  # over the bar: the node goes to the middle
    canvas.page.locator(".canvas").focus()
    canvas.press("Tab")
    field = canvas.page.get_by_role("combobox", name="Search nodes")
    expect(field).to_be_focused()
    canvas.page.keyboard.type("ksamp")
    expect(canvas.page.get_by_role("option", selected=True)).to_contain_text("KSampler")
    expect(canvas.page.locator(".palette-card")).to_contain_text("latent_image")
    canvas.press("Enter")
    assert canvas.page.evaluate("[...heddle.editor.graph.nodes.values()].map(n => n.type)") == ["KSampler"]
    canvas.press("Control+ArrowDown")  # its first socket
    canvas.press("Enter")
    expect(canvas.page.get_by_role("combobox", name="What should feed this input?")).to_be_focused()
    canvas.page.keyboard.type("new")
    canvas.press("Enter")
    expect(canvas.page.get_by_text("Nodes that give MODEL")).to_be_visible()
    canvas.page.keyboard.type("checkpoint")
    canvas.press("Enter")
    assert canvas.links() == ["CheckpointLoaderSimple.MODEL -> KSampler.model"]


def test_a_node_dropped_on_a_link_is_put_into_it(canvas: Canvas) -> None:
    first, last = canvas.add("Reroute", 40, 60), canvas.add("Reroute", 700, 60)
    middle = canvas.add("Reroute", 300, 300)
    canvas.drag(canvas.socket(first, "output", ""), canvas.socket(last, "input", ""))
    x, y = canvas.place(330, 303)
    canvas.drag((x, y), (x, y - 240))
    ends = canvas.page.evaluate("[...heddle.editor.graph.links.values()].map(l => [l.from, l.to])")
    assert sorted(ends) == [[first, middle], [middle, last]]
    canvas.press("Control+z")
    assert canvas.page.evaluate("[...heddle.editor.graph.links.values()].map(l => [l.from, l.to])") == [[first, last]]


def test_a_node_that_covers_the_middle_of_a_link_with_its_edge_is_put_into_it(canvas: Canvas) -> None:
    latent, sampler = canvas.add("EmptyLatentImage", 20, 500), canvas.add("KSampler", 800, 60)
    node = canvas.add("LatentUpscaleBy", 420, 560)
    canvas.drag(canvas.socket(latent, "output", "LATENT"), canvas.socket(sampler, "input", "latent_image"))
    start, end = canvas.socket(latent, "output", "LATENT"), canvas.socket(sampler, "input", "latent_image")
    _, _, right, bottom = canvas.page.evaluate(BOX, node)
    middle = (start[0] + end[0]) / 2 - canvas.left, (start[1] + end[1]) / 2 - canvas.top
    title = canvas.title(node)
    canvas.drag(title, (title[0] + middle[0] - right + 12, title[1] + middle[1] - bottom + 12))
    assert canvas.links() == [
        "EmptyLatentImage.LATENT -> LatentUpscaleBy.samples",
        "LatentUpscaleBy.LATENT -> KSampler.latent_image",
    ]
    canvas.press("Control+z")
    assert canvas.links() == ["EmptyLatentImage.LATENT -> KSampler.latent_image"]


def test_alt_and_a_click_on_a_link_adds_a_point_that_can_be_dragged(canvas: Canvas) -> None:
    first, last = canvas.add("Reroute", 40, 60), canvas.add("Reroute", 700, 60)
    canvas.drag(canvas.socket(first, "output", ""), canvas.socket(last, "input", ""))
    (x, y), (to_x, _) = canvas.socket(first, "output", ""), canvas.socket(last, "input", "")
    canvas.page.keyboard.down("Alt")
    canvas.page.mouse.click((x + to_x) / 2, y)
    canvas.page.keyboard.up("Alt")
    canvas.drag(((x + to_x) / 2, y), ((x + to_x) / 2, y + 150))
    [point] = canvas.page.evaluate("[...heddle.editor.graph.reroutes.values()].map(p => p.y)")
    assert point > 200
    canvas.press("Delete")
    assert canvas.page.evaluate("heddle.editor.graph.reroutes.size") == 0
    assert len(canvas.links()) == 1


def test_a_link_is_drawn_from_the_dot_beside_a_point_that_the_pointer_is_over(canvas: Canvas) -> None:
    first, last, other = canvas.add("Reroute", 40, 60), canvas.add("Reroute", 700, 60), canvas.add("Reroute", 700, 300)
    canvas.drag(canvas.socket(first, "output", ""), canvas.socket(last, "input", ""))
    (x, y), (to_x, _) = canvas.socket(first, "output", ""), canvas.socket(last, "input", "")
    middle = (x + to_x) / 2
    canvas.page.keyboard.down("Alt")
    canvas.page.mouse.click(middle, y)
    canvas.page.keyboard.up("Alt")
    canvas.page.mouse.move(middle, y + 100)
    canvas.page.mouse.move(middle, y)
    canvas.page.mouse.move(middle + 10, y)
    canvas.drag((middle + 19, y), canvas.socket(other, "input", ""))
    made = "[...heddle.editor.graph.links.values()].map((link) => [link.to, link.parentId !== undefined])"
    assert sorted(canvas.page.evaluate(made)) == [[last, True], [other, True]]
    canvas.press("Control+z")
    assert canvas.page.evaluate(made) == [[last, True]]
    canvas.page.mouse.move(middle, y + 100)
    canvas.drag((middle + 19, y), canvas.socket(other, "input", ""))
    assert canvas.page.evaluate(made) == [[last, True]], "away from the point there is no dot"


def test_nodes_are_copied_to_another_window_with_their_links(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    context = new_context(server, permissions=["clipboard-read", "clipboard-write"])
    pages = [context.new_page(), context.new_page()]
    for page in pages:
        page.goto("/")
        page.locator("body[data-ready]").wait_for()
    source, target = Canvas(pages[0]), Canvas(pages[1])
    loader, decode = source.add("CheckpointLoaderSimple", 40, 60), source.add("VAEDecode", 500, 60)
    source.page.bring_to_front()
    source.drag(source.socket(loader, "output", "VAE"), source.socket(decode, "input", "vae"))
    source.page.locator(".canvas").focus()
    source.press("Control+a")
    source.press("Control+c")
    target.page.bring_to_front()
    target.page.locator(".canvas").focus()
    target.press("Control+v")
    until(target.page, "heddle.editor.graph.nodes.size", 2)
    assert target.links() == ["CheckpointLoaderSimple.VAE -> VAEDecode.vae"]
    target.press("Control+x")
    assert target.count() == 0
    target.press("Control+z")
    assert target.count() == 2


def test_an_end_of_a_subgraph_is_no_node_to_be_copied(canvas: Canvas) -> None:
    page = canvas.page
    page.mouse.click(*canvas.title(canvas.add("VAEDecode", 300, 200)))
    canvas.press("Control+Shift+e")
    canvas.press("Alt+ArrowDown")
    page.evaluate("heddle.editor.selection.set([...heddle.editor.graph.nodes.values()])")
    canvas.press("Control+c")
    page.evaluate("heddle.editor.selection.set([heddle.editor.graph.boundary.input])")
    canvas.press("Control+c")  # what was copied before stays
    canvas.press("Control+v")
    until(page, "heddle.editor.graph.nodes.size", 2)
    nothing = '{"type": "heddle/graph-part", "nodes": [], "links": [], "groups": []}'
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        nothing,
    )
    assert page.evaluate("heddle.editor.documents.length") == 1


def test_alt_and_drag_leaves_the_node_and_takes_a_copy_along(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 40, 60)
    x, y = canvas.title(node)
    canvas.page.keyboard.down("Alt")
    canvas.drag((x, y), (x + 400, y + 100))
    canvas.page.keyboard.up("Alt")
    places = canvas.page.evaluate("[...heddle.editor.graph.nodes.values()].map(n => [n.id, n.x > 300])")
    assert places == [[node, False], [node + 1, True]]
    canvas.press("Control+z")
    assert canvas.count() == 1


def test_a_group_is_made_named_muted_and_moved_with_what_it_holds(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 140, 160)
    canvas.page.mouse.click(*canvas.title(node))
    canvas.press("Control+g")
    canvas.page.keyboard.type("Mine")
    canvas.press("Enter")
    x, y = canvas.page.evaluate("(() => { const g = heddle.editor.graph.groups[0]; return [g.x + 150, g.y + 12]; })()")
    start = canvas.place(x, y)
    canvas.drag(start, (start[0] + 100, start[1] + 50))
    assert canvas.page.evaluate("id => { const n = heddle.editor.graph.node(id); return n.x; }", node) > 200
    canvas.page.mouse.click(start[0] + 100, start[1] + 50, button="right")
    canvas.page.get_by_role("menuitemcheckbox", name="Mute the nodes of the group").click()
    group = canvas.page.evaluate("heddle.editor.graph.groups.map(g => g.title)")
    assert (group, canvas.page.evaluate("id => heddle.editor.graph.node(id).mode", node)) == (["Mine"], 2)


def test_a_title_is_typed_where_it_stands(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 140, 160)
    canvas.page.mouse.dblclick(*canvas.title(node))
    field = canvas.page.get_by_role("textbox", name="Rename node or group")
    field.fill("<b>Last</b> touch")
    field.press("Enter")
    assert canvas.page.evaluate("id => heddle.editor.graph.node(id).title", node) == "<b>Last</b> touch"
    canvas.press("Control+z")
    assert canvas.page.evaluate("id => heddle.editor.graph.node(id).title ?? null", node) is None


def test_the_search_goes_from_one_to_the_next(canvas: Canvas) -> None:
    canvas.add("KSampler", 40, 60)
    note = canvas.add("Note", 4000, 3000)
    canvas.page.evaluate(
        "id => { const { editor } = heddle; editor.edit('e', () => "
        "editor.graph.setValue(editor.graph.node(id), 'text', 'the euler way')); }",
        note,
    )
    canvas.page.locator(".canvas").focus()
    canvas.press("Control+f")
    field = canvas.page.get_by_role("searchbox", name="Find in the workflow")
    field.fill("euler")
    field.press("Enter")
    expect(canvas.page.locator(".find-count")).to_have_text("1 / 2")
    field.press("Enter")
    expect(canvas.page.locator(".find-count")).to_have_text("2 / 2")
    assert canvas.page.evaluate("heddle.editor.selection.nodes.map(n => n.id)") == [note]
    # What a widget is called comes behind titles, types and texts.
    canvas.page.evaluate(
        "id => { const { editor } = heddle; editor.edit('e', () => "
        "editor.graph.setValue(editor.graph.node(id), 'text', 'a high cfg')); }",
        note,
    )
    field.fill("cfg")
    rows = canvas.page.locator(".find-list li")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("text: a high cfg")
    expect(rows.nth(1)).to_contain_text("cfg: 8")
    field.press("Escape")
    expect(field).to_have_count(0)


def test_every_command_is_found_by_its_words(canvas: Canvas) -> None:
    canvas.add("KSampler", 40, 60)
    canvas.add("VAEDecode", 40, 90)
    canvas.page.locator(".canvas").focus()
    canvas.press("Control+Shift+P")
    expect(canvas.page.get_by_role("combobox", name="All commands")).to_be_focused()
    canvas.page.keyboard.type("lay out everything")
    canvas.press("Enter")
    until(canvas.page, ARE_APART)


def test_no_menu_has_an_entry_without_words_or_a_barrier(
    canvas: Canvas, find_barriers: Callable[..., list[str]]
) -> None:
    loader, decode = canvas.add("CheckpointLoaderSimple", 140, 160), canvas.add("VAEDecode", 700, 160)
    canvas.drag(canvas.socket(loader, "output", "VAE"), canvas.socket(decode, "input", "vae"))
    canvas.page.mouse.click(*canvas.title(loader))
    canvas.press("Control+g")
    canvas.press("Enter")
    (x, y), (to_x, to_y) = canvas.socket(loader, "output", "VAE"), canvas.socket(decode, "input", "vae")
    widget_x, widget_y = canvas.socket(loader, "input", "ckpt_name")
    group_x, group_y = canvas.title(loader)
    places = {
        "empty": canvas.place(60, 560),
        "title": canvas.title(decode),
        "input": (to_x, to_y),
        "link": ((x + to_x) / 2, (y + to_y) / 2),
        "group": (group_x, group_y - 45),
        "widget": (widget_x + 40, widget_y),
    }
    menus = canvas.page.get_by_role("menu")
    seen: set[str] = set()
    for kind, place in places.items():
        canvas.page.mouse.click(*place, button="right")
        expect(menus.first).to_be_visible()
        texts = menus.first.locator(".menu-text").all_inner_texts()
        assert len(texts) >= 4, kind
        keys = [text for text in texts if not text or text.count(".") > 1 or text.startswith(("menu.", "command."))]
        assert keys == [], kind
        assert find_barriers(canvas.page, ".menu") == [], kind
        seen.add("".join(texts))
        canvas.press("Escape")
        expect(menus).to_have_count(0)
    assert len(seen) == len(places), "each has a menu of its own"


def test_an_arrow_key_that_is_held_is_one_step_of_undo(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 40, 60)
    canvas.page.mouse.click(*canvas.title(node))
    canvas.page.evaluate(COUNT_STEPS)
    for _ in range(5):
        canvas.page.keyboard.down("ArrowRight")
    canvas.page.keyboard.up("ArrowRight")
    canvas.press("ArrowDown")
    place = f"(({{ x, y }}) => [x, y])(heddle.editor.graph.node({node}))"
    assert (canvas.page.evaluate(place), canvas.page.evaluate("steps")) == ([90, 70], 2)
    canvas.page.keyboard.down("ArrowLeft")
    canvas.press("Control+z")  # what the held key did so far
    canvas.page.keyboard.up("ArrowLeft")
    assert canvas.page.evaluate(place) == [90, 70]
    canvas.press("Control+z")
    canvas.press("Control+z")
    assert canvas.page.evaluate(place) == [40, 60]


def test_a_menu_that_is_longer_than_the_window_stays_inside_and_scrolled_when_a_part_opens(canvas: Canvas) -> None:
    page = canvas.page
    node = canvas.add("KSampler", 40, 60)
    page.mouse.click(*canvas.title(node), button="right")
    menu = page.get_by_role("menu", name="Menu", exact=True)
    box = menu.bounding_box()
    assert box and box["height"] < 700, "on a common screen all of it is seen"
    canvas.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 420})
    page.mouse.click(*canvas.title(node), button="right")
    menu.get_by_role("menuitem", name="Delete, keep the links").hover()  # scrolls there
    menu.get_by_role("menuitem", name=re.compile("^Select")).hover()
    expect(page.get_by_role("menuitem", name="Select connected")).to_be_visible()
    box = menu.bounding_box()
    assert box and box["y"] >= 0
    assert box["y"] + box["height"] <= 420
    assert menu.evaluate("(menu) => menu.scrollTop") > 0
    expect(menu.get_by_role("menuitem", name="Delete, keep the links")).to_be_in_viewport()


def test_a_node_is_resized_by_each_of_its_corners_and_the_one_across_stays(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 400, 160)
    before = canvas.page.evaluate(BOX, node)
    left, top, right, bottom = before
    for (x, y), moved in (
        ((left + 3, top + 3), [-40, -40, 0, 0]),
        ((right - 3, top + 3), [0, -40, 40, 0]),
        ((left + 3, bottom - 3), [-40, 0, 0, 40]),
        ((right - 3, bottom - 3), [0, 0, 40, 40]),
    ):
        start = canvas.place(x, y)
        out = [40 if x > left + 20 else -40, 40 if y > top + 20 else -40]
        canvas.drag(start, (start[0] + out[0], start[1] + out[1]))
        now = canvas.page.evaluate(BOX, node)
        assert [after - edge for after, edge in zip(now, before, strict=True)] == pytest.approx(moved, abs=1)
        canvas.press("Control+z")
        assert canvas.page.evaluate(BOX, node) == before
    start = canvas.place(left + 3, top + 3)
    canvas.drag(start, (start[0] + 700, start[1] + 500))
    now = canvas.page.evaluate(BOX, node)
    assert now[2:] == pytest.approx([right, bottom]), "what is as small as it can be does not wander"


def test_a_click_brings_a_node_before_those_that_lie_on_it_and_changes_nothing(canvas: Canvas) -> None:
    below, above = canvas.add("KSampler", 300, 160), canvas.add("VAEDecode", 460, 200)
    saved = canvas.page.evaluate(SAVED)
    shared = canvas.page.evaluate("heddle.editor.view.hit(500, 185).node.id")
    canvas.page.mouse.click(*canvas.title(below))
    assert (shared, canvas.page.evaluate("heddle.editor.view.hit(500, 185).node.id")) == (above, below)
    assert canvas.page.evaluate(SAVED) == saved


def test_a_group_that_is_dragged_with_ctrl_leaves_what_it_holds(canvas: Canvas) -> None:
    node = canvas.add("KSampler", 140, 160)
    canvas.page.mouse.click(*canvas.title(node))
    canvas.press("Control+g")
    canvas.press("Enter")
    x, y = canvas.page.evaluate("(() => { const [g] = heddle.editor.graph.groups; return [g.x + 150, g.y + 12]; })()")
    start = canvas.place(x, y)
    canvas.page.keyboard.down("Control")
    canvas.drag(start, (start[0] + 200, start[1]))
    canvas.page.keyboard.up("Control")
    assert canvas.page.evaluate("heddle.editor.graph.groups[0].x") > x
    assert canvas.page.evaluate("id => heddle.editor.graph.node(id).x", node) == 140


def test_a_double_click_on_a_socket_feeds_it_and_the_middle_button_puts_a_reroute_beside_it(canvas: Canvas) -> None:
    page, mouse = canvas.page, canvas.page.mouse
    sampler = canvas.add("KSampler", 600, 160)
    canvas.drag(canvas.socket(sampler, "input", "sampler_name"), canvas.place(300, 500))
    expect(page.get_by_role("option", selected=True)).to_contain_text("Primitive")
    canvas.press("Enter")
    mouse.dblclick(*canvas.socket(sampler, "input", "cfg"))
    held = page.evaluate("[...heddle.editor.graph.nodes.values()].map(n => [n.type.slice(0, 9), n.values.value])")
    assert [value for kind, value in held if kind == "Primitive"] == ["euler", 8]
    assert {link.split(" -> ")[1] for link in canvas.links()} == {"KSampler.cfg", "KSampler.sampler_name"}
    canvas.press("Control+z")
    assert canvas.count() == 2
    mouse.click(*canvas.socket(sampler, "output", "LATENT"), button="middle")
    assert "KSampler.LATENT -> Reroute." in canvas.links()
    mouse.dblclick(*canvas.socket(sampler, "input", "model"))
    expect(page.get_by_text("Nodes that give MODEL")).to_be_visible()


def test_a_pinch_on_a_trackpad_zooms_with_the_fingers_and_a_sideways_wheel_pans(canvas: Canvas) -> None:
    turn = """(init) => heddle.editor.view.element.dispatchEvent(
        new WheelEvent("wheel", { cancelable: true, clientX: 600, clientY: 400, ...init }))"""
    for _ in range(10):
        canvas.page.evaluate(turn, {"deltaY": -10, "ctrlKey": True})
    assert canvas.page.evaluate("heddle.editor.view.scale") == pytest.approx(2.718, rel=0.01)
    x = canvas.page.evaluate("heddle.editor.view.offset.x")
    canvas.page.evaluate(turn, {"deltaX": 50, "deltaY": 2})
    assert canvas.page.evaluate("[heddle.editor.view.scale, heddle.editor.view.offset.x]") == pytest.approx(
        [2.718, x - 50], rel=0.01
    )


def test_the_size_that_is_saved_is_that_of_now_and_not_of_the_last_frame(canvas: Canvas) -> None:
    canvas.add("KSampler", 40, 60)
    seen, saved, settled = canvas.page.evaluate(
        """() => {
          const { editor } = heddle;
          const [node] = editor.graph.nodes.values();
          const size = (width, height) => editor.edit("undo.resize", () => {
            editor.graph.setNode(node, "width", width);
            editor.graph.setNode(node, "height", height);
          });
          const written = () => editor.services.workflows.write(editor.document).nodes[0].size;
          size(700, 800);
          editor.view.settle();
          const { width, height } = editor.view.layouts.of(node);
          size(0, 0); // as large as what it holds
          const saved = written();
          editor.view.settle();
          return [[width, height], saved, written()];
        }"""
    )
    assert seen == [700, 800]
    assert saved == settled != seen


def test_two_hundred_random_gestures_and_their_undo_return_to_the_same_workflow(canvas: Canvas) -> None:
    chance = random.Random(int(os.environ.get("GESTURE_SEED", "1")))  # others are for people who look for trouble
    page, mouse = canvas.page, canvas.page.mouse
    for i, node_type in enumerate(["CheckpointLoaderSimple", "KSampler", "VAEDecode", "Reroute", "EmptyLatentImage"]):
        canvas.add(node_type, 60 + 340 * (i % 3), 80 + 330 * (i // 3))
    page.evaluate("heddle.editor.view.moveTo(0.8, { x: 40, y: 20 })")
    before = page.evaluate(SAVED)
    page.evaluate(COUNT_STEPS)

    def anywhere() -> tuple[float, float]:
        return canvas.place(chance.randrange(40, 1000), chance.randrange(90, 640))

    def socket() -> tuple[float, float]:
        found = page.evaluate(SOCKETS)
        point = chance.choice(found) if found else {"x": 300, "y": 300}
        return canvas.left + point["x"], canvas.top + point["y"]

    def title() -> tuple[float, float]:
        nodes = page.evaluate("[...heddle.editor.graph.nodes.keys()]")
        return canvas.title(chance.choice(nodes)) if nodes else anywhere()

    def widget() -> tuple[float, float]:
        found = page.evaluate(WIDGETS)
        point = chance.choice(found) if found else {"x": 300, "y": 300}
        return canvas.left + point["x"], canvas.top + point["y"]

    keys = ["Control+b", "Control+m", "Alt+c", "p", "p", "ArrowRight", "Shift+ArrowUp", "Control+d", "Control+Shift+d"]
    keys += ["Control+a", "Delete", "Control+Delete", "Control+z", "Control+y", "Control+g", "Control+c", "Control+x"]
    keys += ["Control+v", "Control+v", "Control+Shift+v", "Control+Shift+e", "Alt+ArrowDown", "Alt+ArrowUp", "F2"]
    kinds = ["move", "wire", "wire", "to-node", "clone", "point", "frame", "key", "key", "key", "widget", "widget"]
    kinds += ["corner", "double", "middle", "many", "command", "command", "menu", "menu", "group"]
    kinds += ["subgraph", "subgraph"]
    done: set[str] = set()
    for _ in range(200):
        if canvas.count() < 3:
            canvas.add(
                chance.choice(["KSampler", "VAEDecode", "Reroute"]), chance.randrange(900), chance.randrange(600)
            )
        elif canvas.count() > 9:  # what is tiny is hit by nobody
            page.evaluate(DELETE_SOME)
        page.evaluate("heddle.editor.fitAll()")
        kind = chance.choice(kinds)
        done.add(kind)
        if kind == "move":
            canvas.drag(title(), anywhere())
        elif kind == "wire":
            canvas.drag(socket(), socket())
        elif kind == "to-node":
            canvas.drag(socket(), title())
        elif kind == "frame":
            page.keyboard.down("Control")
            canvas.drag(anywhere(), anywhere())
            page.keyboard.up("Control")
        elif kind in ("clone", "point"):
            page.keyboard.down("Alt")
            if kind == "clone":
                canvas.drag(title(), anywhere())
            else:
                mouse.click(*anywhere())
            page.keyboard.up("Alt")
        elif kind == "widget":
            start = widget()
            if chance.random() < 0.3:
                canvas.drag(start, (start[0] + chance.randrange(-90, 90), start[1]))
            else:
                mouse.click(*start)
                page.keyboard.type(chance.choice(["9007199254740993127", "a (red) fox", "12", "e"]))
                canvas.press("Enter")
        elif kind == "corner":
            corners = page.evaluate(CORNERS)
            if corners:
                corner = chance.choice(corners)
                canvas.drag(canvas.place(corner["x"], corner["y"]), anywhere())
        elif kind == "double":
            mouse.dblclick(*socket())
            canvas.press(chance.choice(["Enter", "Escape"]))
        elif kind == "middle":
            mouse.click(*socket(), button="middle")
        elif kind == "many":
            page.keyboard.down("Shift")
            canvas.drag(socket(), socket())
            page.keyboard.up("Shift")
        elif kind == "command":
            mouse.click(*title())
            page.evaluate(COMMAND, chance.choice(COMMANDS))
        elif kind == "subgraph":
            mouse.click(*title())
            if chance.random() < 0.5:
                canvas.press("Control+Shift+e")
            canvas.press(chance.choice(["Alt+ArrowDown", "Alt+ArrowUp", "Alt+ArrowUp"]))
        elif kind == "menu":
            mouse.click(*chance.choice([widget, socket, title, anywhere])(), button="right")
            words = page.locator(".menu:not([hidden]) [role^=menuitem]:not([aria-disabled=true]) .menu-text").all()
            harmless = [each for each in words if MENU.search(each.inner_text())]
            if harmless:
                chance.choice(harmless).click()
            else:
                canvas.press("Escape")
        elif kind == "group":
            page.evaluate(CHOOSE_GROUP)
            page.evaluate(COMMAND, chance.choice(["group.fit", "group.bypass", "group.mute", "group.delete-all"]))
        else:
            mouse.click(*title())
            key = chance.choice(keys)
            canvas.press(key)
            if key == "F2":
                page.keyboard.type("<i>Named</i>")
                canvas.press("Enter")
        if not page.evaluate("document.activeElement.matches('.canvas')"):
            canvas.press("Escape")
        page.evaluate("document.querySelector('.canvas').focus()")
    steps = page.evaluate("steps")
    assert steps > 40
    assert done == set(kinds)
    assert page.evaluate("labels.size") >= 10, page.evaluate("[...labels]")
    changed = page.evaluate(SAVED)
    for _ in range(steps):
        canvas.press("Control+z")
    undone = page.evaluate(SAVED)
    for _ in range(steps):
        canvas.press("Control+y")
    redone = page.evaluate(SAVED)
    for saved in (before, changed, undone, redone):
        saved["extra"].pop("ds", None)
    assert undone == before != changed
    assert redone == changed


def test_a_finger_draws_a_link_and_a_long_press_opens_the_menu(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    context = new_context(server, has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.evaluate("heddle.editor.services.form.show('graph')")  # a phone begins with the form
    canvas = Canvas(page)
    page.evaluate("heddle.editor.view.moveTo(0.5, { x: 0, y: 0 })")
    first, last = canvas.add("Reroute", 40, 500), canvas.add("Reroute", 380, 700)
    session = context.new_cdp_session(page)

    def touch(kind: str, place: tuple[float, float] | None) -> None:
        points = [] if place is None else [{"x": place[0], "y": place[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start, end = canvas.socket(first, "output", ""), canvas.socket(last, "input", "")
    touch("touchStart", (start[0] + 6, start[1] - 6))
    touch("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    touch("touchMove", end)
    touch("touchEnd", None)
    assert len(canvas.links()) == 1
    touch("touchStart", canvas.place(150, 600))
    expect(page.get_by_role("menu")).to_be_visible()
    touch("touchEnd", None)
    expect(page.get_by_role("menuitem", name="Add a node")).to_be_visible()


def test_a_widgets_value_goes_into_a_node_of_its_own_and_back(canvas: Canvas) -> None:
    sampler = canvas.add("KSampler", 500, 160)
    x, y = canvas.socket(sampler, "input", "cfg")
    canvas.page.mouse.click(x + 80, y, button="right")
    canvas.page.get_by_role("menuitem", name="Take cfg from a node").click()
    [link] = canvas.links()
    assert link.endswith("-> KSampler.cfg")
    canvas.page.mouse.click(x + 80, y, button="right")
    canvas.page.get_by_role("menuitem", name="Set cfg here again").click()
    assert (canvas.links(), canvas.count()) == ([], 1)


def test_the_windows_of_palette_commands_and_search_hinder_nobody(
    canvas: Canvas, find_barriers: Callable[..., list[str]]
) -> None:
    canvas.add("KSampler", 40, 60)
    focus = canvas.page.locator(".canvas")
    for keys, window, typed in (
        ("Tab", ".palette", "load"),
        ("Control+Shift+P", ".picker", "select"),
        ("Control+f", ".find", "sampler"),
    ):
        focus.focus()
        canvas.press(keys)
        expect(canvas.page.locator(f"{window} input")).to_be_focused()
        canvas.page.keyboard.type(typed)
        for theme in ("dark", "light"):
            canvas.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            assert find_barriers(canvas.page, window) == []
        canvas.press("Escape")
        expect(canvas.page.locator(window)).to_have_count(0)


GROUP = "(() => { const [g] = heddle.editor.graph.groups; return [g.x, g.y, g.x + g.width, g.y + g.height]; })()"


def test_a_group_is_resized_by_each_of_its_edges_and_corners_and_snaps_as_nodes_do(canvas: Canvas) -> None:
    page = canvas.page
    page.mouse.click(*canvas.title(canvas.add("VAEDecode", 700, 400)))
    canvas.press("Control+g")
    canvas.press("Enter")
    page.evaluate(
        """() => {
          const { editor } = heddle;
          const box = Object.entries({ x: 200, y: 100, width: 300, height: 200 });
          const [group] = editor.graph.groups;
          editor.edit("undo.resize", () => box.forEach(([key, value]) => editor.graph.setGroup(group, key, value)));
        }"""
    )
    before = page.evaluate(GROUP)
    left, top, right, bottom = before
    for dx, dy, cursor in (
        (-1, -1, "nwse"),
        (0, -1, "ns"),
        (1, -1, "nesw"),
        (1, 0, "ew"),
        (1, 1, "nwse"),
        (0, 1, "ns"),
        (-1, 1, "nesw"),
        (-1, 0, "ew"),
    ):
        x = {-1: left + 2, 0: (left + right) / 2, 1: right - 2}[dx]
        y = {-1: top + 2, 0: (top + bottom) / 2, 1: bottom - 2}[dy]
        start = canvas.place(x, y)
        page.mouse.move(*start)
        expect(page.locator(".canvas")).to_have_css("cursor", f"{cursor}-resize")
        canvas.drag(start, (start[0] + 30 * (dx or 1), start[1] + 30 * (dy or 1)))
        now = page.evaluate(GROUP)
        moved = [30 * dx if dx < 0 else 0, 30 * dy if dy < 0 else 0, 30 * dx if dx > 0 else 0, 30 * dy if dy > 0 else 0]
        assert [after - edge for after, edge in zip(now, before, strict=True)] == pytest.approx(moved), (dx, dy)
        canvas.press("Control+z")
        assert page.evaluate(GROUP) == before
    start = canvas.place(left, (top + bottom) / 2)
    page.mouse.move(*start)
    page.mouse.down()
    page.keyboard.down("Shift")  # the other of what the setting says: on the grid
    page.mouse.move(start[0] - 33, start[1])
    page.mouse.up()
    page.keyboard.up("Shift")
    assert page.evaluate(GROUP) == [170, top, right, bottom]
    start = canvas.place(170, top + 60)
    canvas.drag(start, (start[0] + 600, start[1]))
    assert page.evaluate(GROUP) == [right - 140, top, right, bottom], "what is as small as it can be does not wander"
    page.evaluate("() => { heddle.editor.graph.groups[0].flags.pinned = true; }")
    canvas.drag(canvas.place(right - 2, top + 60), canvas.place(right + 60, top + 60))
    assert page.evaluate(GROUP) == [right - 140, top, right, bottom]
