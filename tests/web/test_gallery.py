"""The gallery, the viewer and files as inputs: looked through, taken up again, deleted, brought back."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.web.conftest import Troubles
from tests.web.page_server import HOUSE, PageServer
from tests.web.waits import PATIENCE_S, until, until_heard

TOTAL = 100_000
OPEN = """(saved) => {
    heddle.editor.services.workflows.openSaved(saved, { name: "test" });
    heddle.editor.fitAll();
    heddle.editor.view.element.focus();
}"""
# Lets go of something over an element, as a drag that comes from elsewhere does.
DROP = """async ([selector, x, y, files]) => {
    const data = new DataTransfer();
    for (const [name, type, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const area = document.querySelector(selector).getBoundingClientRect();
    const place = { clientX: area.left + x, clientY: area.top + y };
    const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true, ...place });
    document.querySelector(selector).dispatchEvent(event);
}"""


def picture(red: int, width: int = 64, height: int = 48) -> bytes:
    """A PNG of one colour that says nothing of where it is from."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, 90, 160)) * width) * height
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def made(server: PageServer) -> list[str]:
    """Four pictures of the demo model, the newest first: their file names."""
    saved = json.loads((HOUSE / "workflows/text_to_image.json").read_text(encoding="utf-8"))
    graph = server.ask("/heddle/convert", saved)
    graph = graph.get("prompt", graph)
    sampler = next(each for each in graph.values() if each["class_type"] == "KSampler")
    saver = next(each for each in graph.values() if each["class_type"] == "SaveImage")
    saver["inputs"]["filename_prefix"] = "gallery/made"
    sampler["inputs"]["steps"] = 2
    for seed in range(4):
        sampler["inputs"]["seed"] = 2**63 + seed
        server.ask("/prompt", {"prompt": graph, "extra_data": {"extra_pnginfo": {"workflow": saved}}})
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        entries = server.ask("/heddle/outputs?folder=gallery")["entries"]
        if len(entries) == 4:
            return [each["filename"] for each in entries]
        time.sleep(0.05)
    raise AssertionError("four pictures were to be made")


def cells(page: Page) -> Any:
    return page.locator(".gallery-cell:not([hidden])")


def open_gallery(page: Page) -> None:
    page.evaluate("heddle.editor.view.element.focus()")
    page.keyboard.press("g")
    page.locator(".gallery-grid").wait_for()


def test_the_details_keep_their_look_when_the_panel_closes_behind_them(editor_page: Page, made: list[str]) -> None:
    file = {"filename": made[0], "subfolder": "gallery", "type": "output"}
    open_gallery(editor_page)
    editor_page.evaluate("file => void heddle.editor.commands.run('gallery.details', [file])", file)
    details = editor_page.locator("dialog .details")
    details.wait_for()
    editor_page.evaluate("heddle.editor.shell.closePanel('right')")
    editor_page.locator(".gallery-grid").wait_for(state="detached")
    assert details.evaluate("(each) => getComputedStyle(each).display") == "flex"


def test_the_edge_of_the_focus_lies_around_the_cells(editor_page: Page, made: list[str]) -> None:
    open_gallery(editor_page)
    grid = editor_page.locator(".gallery-grid")
    grid.focus()
    editor_page.keyboard.press("ArrowRight")
    offset = grid.evaluate("(each) => parseFloat(getComputedStyle(each).outlineOffset)")
    assert offset >= 0, "the cells cover what is drawn inside"


def show_filters(page: Page) -> None:
    filters = page.get_by_role("button", name="Filters", exact=True)
    if filters.get_attribute("aria-expanded") == "false":  # the server remembers
        filters.click()


def in_folder(page: Page, count: int) -> None:
    """Only what `made` is shown."""
    show_filters(page)
    page.get_by_label("Folder").select_option("gallery")
    expect(page.locator(".gallery-count")).to_have_text(f"{count} results")


def test_results_are_looked_at_compared_and_taken_up_again(
    editor_page: Page, made: list[str], find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    open_gallery(page)
    in_folder(page, 4)
    assert find_barriers(page, ".side-right") == []
    page.locator(".gallery-grid").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    viewer = page.locator("dialog.viewer")
    expect(viewer.locator(".viewer-name")).to_have_text(made[0])
    expect(viewer.locator(".viewer-facts")).to_have_text("1 of 4 · 128 × 128")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator(".viewer-name")).to_have_text(made[1])
    page.keyboard.press("1")
    expect(viewer.locator(".viewer-percent")).to_have_text("100%")
    page.mouse.move(640, 420)
    page.mouse.wheel(0, -400)
    until(page, "document.querySelector('img.viewer-picture').getBoundingClientRect().width > 200")
    page.keyboard.press("i")
    table = viewer.locator(".viewer-info")
    expect(table).to_contain_text(str(2**63 + 2))  # every digit of the seed
    assert find_barriers(page, "dialog.viewer") == []

    page.keyboard.press("c")
    expect(page.locator("dialog.viewer")).to_have_count(2)
    line = page.get_by_role("slider", name="Line between the two pictures")
    shape = page.locator(".compare-pane img").last.evaluate("(each) => getComputedStyle(each).objectFit")
    assert shape == "contain", "pictures of different shapes would be squeezed"
    page.keyboard.press("ArrowRight")
    expect(line).to_have_attribute("aria-valuenow", "52")
    for key, mode in (("2", "side"), ("3", "difference"), ("4", "blink"), ("1", "slider")):
        page.keyboard.press(key)
        expect(page.locator("dialog.viewer").last).to_have_attribute("data-mode", mode)
    assert find_barriers(page, "dialog.viewer:last-of-type") == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_have_count(0)
    expect(page.locator(".gallery-cell[aria-selected=true]")).to_have_attribute("aria-posinset", "2")

    page.locator(".gallery-grid").click(button="right", position={"x": 30, "y": 30})
    page.get_by_role("menuitem", name="Use its seed").click()
    page.locator(".note", has_text="Its seed is set").wait_for()
    values = page.evaluate("heddle.editor.document.root.nodes.get('5').values")
    assert (str(values["seed"]), values["control_after_generate"]) == (str(2**63 + 3), "fixed")

    page.locator(".gallery-grid").click(button="right", position={"x": 30, "y": 30})
    page.get_by_role("menuitem", name="Use as input").click()
    page.locator(".note", has_text="A node that reads it was added").wait_for()
    assert page.evaluate("heddle.editor.selection.nodes.map((node) => [node.type, node.values.image])") == [
        ["LoadImage", made[0]]
    ]
    before = page.evaluate("heddle.editor.documents.length")
    page.locator(".gallery-grid").click(button="right", position={"x": 30, "y": 30})
    page.get_by_role("menuitem", name="Open the workflow").click()
    expect(page.get_by_role("tab")).to_have_count(before + 1)


def test_what_is_deleted_comes_back(editor_page: Page, made: list[str], server: PageServer) -> None:
    page = editor_page
    open_gallery(page)
    in_folder(page, 4)
    cells(page).nth(0).click()
    page.locator(".gallery-cell[aria-posinset='3']").click(modifiers=["Shift"])
    expect(page.locator(".gallery-chosen-count")).to_contain_text("3 selected")
    page.locator(".gallery-cell[aria-posinset='2']").click(modifiers=["Control"])
    nodes = page.evaluate("heddle.editor.graph.nodes.size")
    page.keyboard.press("Delete")
    expect(page.locator(".gallery-count")).to_have_text("2 results")
    assert page.evaluate("heddle.editor.graph.nodes.size") == nodes  # the key was the gallery's alone
    assert {each["filename"] for each in server.ask("/heddle/outputs?folder=gallery")["entries"]} == {made[1], made[3]}
    page.locator(".note", has_text="2 files are deleted").get_by_role("button", name="Undo").click()
    expect(page.locator(".gallery-count")).to_have_text("4 results")

    page.locator(".gallery-cell[aria-posinset='1']").dblclick()
    # Its picture has come: one that is asked for after the file is gone would be an error.
    page.locator("dialog.viewer img.viewer-picture[src*='view?']").wait_for()
    page.keyboard.press("Delete")
    expect(page.locator(".viewer-facts")).to_contain_text("1 of 3")
    page.locator(".note", has_text="is deleted").last.get_by_role("button", name="Undo").click()  # over the viewer
    expect(page.locator(".note", has_text="Restored: 1")).to_be_visible()


def test_a_hundred_thousand_results_are_scrolled_and_new_ones_move_nothing(
    editor_page: Page, made: list[str], server: PageServer
) -> None:
    page = editor_page
    newer: list[int] = []
    stretches: list[str] = []  # that were asked for because all were chosen
    pictures = [f"/heddle/thumbnails/output/gallery/{each}" for each in made]

    def answer(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlparse(route.request.url).query).items()}
        numbers = range(TOTAL + len(newer) - 1, -1, -1)  # the newest first
        if "since_ms" in query:
            numbers = [each for each in numbers if each * 60_000 >= int(query["since_ms"])]
        start = numbers.index(int(query["after"])) + 1 if "after" in query else int(query.get("offset", "0"))
        if query["limit"] == "1000":
            stretches.append(query["offset"])
        some = numbers[start : start + int(query["limit"])]
        named = [{"filename": f"{each}.png", "subfolder": "", "type": "output", "kind": "image"} for each in some]
        sized = [{"width": 128, "height": 128, "duration_s": None, "bytes": 9, "job_id": None} for _ in some]
        timed = [{"modified_ms": each * 60_000, "url": "/", "thumbnail": pictures[each % 4]} for each in some]
        entries = [{**a, **b, **c} for a, b, c in zip(named, sized, timed, strict=True)]
        cursor = str(some[-1]) if some else None  # holds while others come in front of it, as the server's does
        about = {"total": len(numbers), "next_cursor": cursor, "prev_cursor": None, "scanning": False}
        route.fulfill(json={"entries": entries, **about})

    page.route(lambda address: "/heddle/outputs?" in address, answer)
    open_gallery(page)
    expect(page.locator(".gallery-count")).to_have_text("100,000 results")
    page.locator(".gallery-grid").focus()
    page.keyboard.press("End")
    last = page.locator(".gallery-cell[aria-selected=true]")
    expect(last).to_have_attribute("aria-posinset", str(TOTAL))
    expect(last).to_have_attribute("title", "0.png")
    assert page.locator(".gallery-cell").count() < 80
    page.keyboard.press("Control+a")
    last.click()  # before the ten thousand that are chosen at most are known
    until_heard(page, lambda: len(stretches) == 10)
    page.evaluate("async () => (await fetch('/api/queue')).text()")
    assert page.locator(".gallery-chosen-count").inner_text().startswith("1 selected")
    page.locator(".gallery-grid").evaluate("(grid) => (grid.scrollTop = grid.scrollHeight / 2)")
    middle = page.locator(".gallery-cell:not([hidden])[title$='.png']").first
    middle.wait_for()
    title = middle.get_attribute("title")
    assert title
    place = page.locator(f".gallery-cell[title='{title}']").bounding_box()
    newer.extend([1, 2])
    message = {"type": "heddle_outputs", "data": {"places": ["output"]}}
    page.evaluate("(message) => heddle.editor.server.events.emit('message', message)", message)
    page.get_by_role("button", name="Show 2 new").wait_for()
    assert page.locator(f".gallery-cell[title='{title}']").bounding_box() == place
    page.get_by_label("Go to a date").fill("1970-02-01")
    first = page.locator(f".gallery-cell[title='{32 * 1440 - 1}.png']")  # the last minute of that day, UTC
    expect(first).to_be_visible()
    page.get_by_role("button", name="Show 2 new").click()
    expect(page.locator(".gallery-cell[aria-posinset='1']")).to_have_attribute("title", f"{TOTAL + 1}.png")
    expect(page.locator(".gallery-count")).to_have_text("100,002 results")


def test_pictures_without_a_workflow_become_nodes_where_they_are_dropped(editor_page: Page) -> None:
    page = editor_page
    page.evaluate(OPEN, {"version": 0.4, "nodes": [], "links": []})
    files = [[f"plain{i}.png", "image/png", list(picture(60 * i))] for i in range(2)]
    page.evaluate(DROP, [".stage", 200, 150, files])
    nodes = "heddle.editor.graph.inOrder().map((node) => [node.type, node.values.image])"
    until(page, nodes, [["LoadImage", "plain0.png"], ["LoadImage", "plain1.png"]])
    boxes = page.evaluate("heddle.editor.graph.inOrder().map((n) => [n.x, n.y, n.width])")
    corner = page.evaluate("heddle.editor.view.toGraph(200, 150)")
    assert boxes[0][:2] == [round(corner["x"]), round(corner["y"])]
    assert boxes[1][0] >= boxes[0][0] + boxes[0][2]
    page.keyboard.press("Control+z")
    assert page.evaluate("heddle.editor.graph.nodes.size") == 0


def test_a_picture_on_a_node_opens_in_the_viewer(editor_page: Page) -> None:
    page = editor_page
    saved = json.loads((HOUSE / "workflows/text_to_image.json").read_text(encoding="utf-8"))
    page.evaluate(OPEN, {**saved, "id": "looked-at-large"})
    change = "heddle.editor.graph.setValue(heddle.editor.document.root.node(5), 'seed', 987654)"
    page.evaluate(f"() => void heddle.editor.edit('undo.seed', () => {change})")  # what is cached keeps its first job
    page.keyboard.press("Control+Enter")
    node = "heddle.editor.document.root.node(7)"
    until(page, f"heddle.editor.services.content.get({node})?.pictures.length", 1)
    page.evaluate(f"heddle.editor.goTo({node})")
    # The picture is read and gives the node its shape.
    until(page, f"heddle.editor.view.layouts.of({node}).extraHeight > 100", True)
    place = page.evaluate(
        f"""() => {{
            const {{ view }} = heddle.editor;
            const box = view.layouts.boxOf({node});
            const area = view.element.getBoundingClientRect();
            const {{ x, y }} = view.toScreen((box.left + box.right) / 2, box.bottom - 50);
            return {{ x: area.left + x, y: area.top + y }};
        }}"""
    )
    page.mouse.dblclick(place["x"], place["y"])
    expect(page.locator(".viewer-facts")).to_have_text("128 × 128")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_have_count(0)

    open_gallery(page)
    show_filters(page)
    page.get_by_label("Of the open workflow only").check()
    expect(page.locator(".gallery-count")).to_have_text("1 result")


def until_listed(server: PageServer, folder: str) -> None:
    """The server looks into its folders no more often than every other second."""
    end = time.monotonic() + PATIENCE_S
    while folder not in json.dumps(server.ask("/heddle/outputs/folders?type=output"), ensure_ascii=False):
        assert time.monotonic() < end, f"{folder} was never listed"
        time.sleep(0.05)


def test_texts_are_read_and_a_finger_opens_one_after_the_other(
    new_context: Callable[..., BrowserContext], server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    folder = server.base / "output" / "texts 文"
    folder.mkdir(parents=True)
    (folder / "short.txt").write_text("<b>bold</b> 猫", encoding="utf-8")
    (folder / "long.json").write_bytes(("猫" * 100_000).encode())
    until_listed(server, "texts 文")
    page = new_context(server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.evaluate("heddle.editor.shell.openPanel('gallery')")
    show_filters(page)
    page.get_by_label("Folder").select_option("texts 文")
    expect(page.locator(".gallery-count")).to_have_text("2 results")
    text = page.locator("dialog.viewer pre")
    page.locator(".gallery-cell[title='short.txt']").tap()
    expect(text).to_have_text("<b>bold</b> 猫")
    assert find_barriers(page, "dialog.viewer") == []
    page.get_by_role("button", name="Close", exact=True).last.tap()
    expect(text).to_have_count(0)
    page.locator(".gallery-cell[title='long.json']").tap()
    expect(text).to_contain_text("the rest is not shown")
    shown = text.inner_text().split("\n")[0]
    assert set(shown) == {"猫"}, "no half letter at the end"
    assert len(shown) == 200_000 // 3


def test_pictures_that_are_slow_to_come_leave_lines_to_the_server_free(editor_page: Page, server: PageServer) -> None:
    folder = server.base / "output" / "slow"
    folder.mkdir(parents=True)
    for each in range(12):
        (folder / f"{each}.png").write_bytes(picture(each, 8, 8))
    until_listed(server, "slow")
    asked: list[Route] = []
    editor_page.route("**/heddle/thumbnails/**/slow/**", lambda route: asked.append(route))
    open_gallery(editor_page)
    show_filters(editor_page)
    editor_page.get_by_label("Folder").select_option("slow")
    expect(editor_page.locator(".gallery-count")).to_have_text("12 results")
    end = time.monotonic() + PATIENCE_S
    for count in range(4, 13):
        while len(asked) < count and time.monotonic() < end:
            editor_page.wait_for_timeout(20)
        editor_page.wait_for_timeout(50)
        assert len(asked) == count
        asked[count - 4].continue_()
    for each in asked[9:]:
        each.continue_()
    seen = "[...document.querySelectorAll('.gallery-cell:not([hidden]) img')].filter((each) => each.naturalWidth)"
    until(editor_page, f"{seen}.length", 12)


def test_files_that_somebody_else_took_away_are_said_to_be_gone(
    editor_page: Page, server: PageServer, troubles: Troubles
) -> None:
    page = editor_page
    troubles.allow("status of 404")
    folder = server.base / "output" / "fleeting"
    folder.mkdir(parents=True)
    for each in range(4):
        (folder / f"{each} 猫.png").write_bytes(picture(each))
    until_listed(server, "fleeting")
    open_gallery(page)
    show_filters(page)
    page.get_by_label("Folder").select_option("fleeting")
    expect(page.locator(".gallery-count")).to_have_text("4 results")
    (folder / "1 猫.png").unlink()
    page.locator(".gallery-cell[title='1 猫.png']").dblclick()
    viewer = page.locator("dialog.viewer")
    expect(viewer).to_contain_text("This file is not there any more.")
    page.keyboard.press("i")
    expect(viewer.locator(".viewer-info")).to_contain_text("1 猫.png is not there any more.")
    page.keyboard.press("Delete")
    expect(viewer.locator(".viewer-facts")).to_contain_text("of 3")
    page.keyboard.press("Escape")

    (folder / "2 猫.png").unlink()
    page.locator(".gallery-grid").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.locator(".note", has_text="2 猫.png is not there any more.")).to_be_visible()
    page.locator(".note", has_text="2 files are deleted").get_by_role("button", name="Undo").click()
    expect(page.locator(".gallery-count")).to_have_text("2 results")
