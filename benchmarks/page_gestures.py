"""What a person does with much at once: dragging, deleting, painting, a large screen; and a page that is left alone.

A figure that is the longest task counts the processor's time of the page's main thread, whatever else the machine does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.figures import CannotMeasure
from benchmarks.page import GIVE_UP_MS, Tab, page_figure

SETTLE_MS = 1000  # in which what a gesture left to be done later is done
IDLE_MS = 5000
LARGE_SCREEN = (3840, 2160)
STROKE_MOVES = 60
BRUSH_PX = 1000  # the largest

# The first thousand nodes are chosen, and the first few of them seen; where the pointer takes hold of the first.
_CHOOSE = """() => {
  const { editor } = heddle;
  const { view } = editor;
  editor.selection.set([...editor.graph.nodes.values()].slice(0, 1000));
  view.fit(view.boxAround(editor.selection.nodes.slice(0, 7)));
  const [node] = editor.selection.nodes;
  const area = view.element.getBoundingClientRect();
  const { x, y } = view.toScreen(node.x + 80, node.y - 15);
  return { x: area.left + x, y: area.top + y };
}"""
# A node that loads a picture of 4096 x 4096 px.
_LOAD_PICTURE = """async () => {
  const { editor } = heddle;
  const canvas = new OffscreenCanvas(4096, 4096);
  const context = canvas.getContext("2d");
  const colours = context.createLinearGradient(0, 0, 4096, 4096);
  colours.addColorStop(0, "#204060");
  colours.addColorStop(1, "#e0c080");
  context.fillStyle = colours;
  context.fillRect(0, 0, 4096, 4096);
  const form = new FormData();
  form.append("image", await canvas.convertToBlob(), "large.png");
  form.append("overwrite", "true");
  await editor.server.post("/upload/image", form);
  await editor.refreshCatalogue();
  editor.edit("undo.add-node", () => {
    const node = editor.graph.addNode("LoadImage", { x: 0, y: 2000 });
    editor.graph.setValue(node, "image", "large.png");
    editor.selection.set([node]);
  });
}"""
_LARGEST_BRUSH = """() => {
  const [size] = document.querySelectorAll(".mask-slider input");
  size.value = size.max;
  size.dispatchEvent(new Event("input", { bubbles: true }));
}"""
_HAS_RUN = """() => {
  const { jobs } = heddle.editor.services.run;
  return jobs.all.length > 0 && jobs.active.length === 0;
}"""


def _longest_ms(tab: Tab, act: Callable[[], object]) -> float:
    """Milliseconds of the processor that the longest task took, of an act and what it leaves to be done."""
    tab.page.evaluate("measuring.quiet()")
    with tab.main_thread() as spent:
        act()
        tab.page.wait_for_timeout(SETTLE_MS)
    if not spent:
        raise CannotMeasure("Chromium's trace has no task of the page's main thread")
    return max(spent)


def _run(tab: Tab, command: str) -> Callable[[], object]:
    return lambda: tab.page.evaluate(f"() => void heddle.editor.commands.run('{command}')")


def _drag(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    tab.visit(address)
    tab.open(5000)
    start = tab.page.evaluate(_CHOOSE)

    def drag() -> None:
        mouse = tab.page.mouse
        mouse.move(start["x"], start["y"])
        mouse.down()
        for step in range(1, 41):
            mouse.move(start["x"] + 4 * step, start["y"] + 2 * step)
        mouse.up()

    longest = _longest_ms(tab, drag)
    if tab.page.evaluate("heddle.editor.document.journal.canUndo") is not True:
        raise CannotMeasure("the pointer moved no node")
    return longest, {"undo_ms": _longest_ms(tab, _run(tab, "edit.undo"))}


def _delete(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    tab.visit(address)
    tab.open(5000)
    tab.show(15)
    tab.page.wait_for_timeout(SETTLE_MS)  # the draft of what was opened
    notes = {"choose_ms": _longest_ms(tab, _run(tab, "select.all"))}
    notes["delete_ms"] = _longest_ms(tab, _run(tab, "edit.delete"))
    if (left := tab.page.evaluate("heddle.editor.graph.nodes.size")) != 0:
        raise CannotMeasure(f"{left} nodes are left after deleting all")
    notes["undo_ms"] = _longest_ms(tab, _run(tab, "edit.undo"))
    return max(notes.values()), notes


def _outline(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """Processor time of all tasks until the tree has the focus and is seen."""
    tab.visit(address)
    tab.open(5000)
    tab.show(15)
    for _ in range(100):  # what was opened goes into the browser's database, which has nothing to do with the outline
        tab.page.wait_for_timeout(100)
        if tab.page.evaluate("heddle.editor.services.workflows.isKept()"):
            break
    else:
        raise CannotMeasure("the draft of 5,000 nodes is not kept within ten seconds")
    with tab.main_thread() as spent:
        tab.page.keyboard.press("Alt+o")
        tab.page.locator("[role=tree]:focus").wait_for(timeout=GIVE_UP_MS)
        tab.page.evaluate("measuring.quiet()")
    return sum(spent), {"longest_ms": max(spent), "rows": tab.page.locator("[role=treeitem]").count()}


def _large_screen(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """The worse of a few nodes in all detail, and of many."""
    tab.visit(address)
    tab.open(5000)
    notes: dict[str, Any] = {}
    for wanted in (60, 600):
        notes[f"in_view_{wanted}"] = tab.show(wanted)
        tab.pan()  # whatever is compiled on first use
        notes[f"pan_ms_{wanted}"] = tab.pan()
        notes[f"zoom_ms_{wanted}"] = tab.zoom()
    return max(value for name, value in notes.items() if "_ms_" in name), notes


def _paint(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    tab.visit(address)
    tab.page.evaluate(_LOAD_PICTURE)

    def open_editor() -> None:
        _run(tab, "mask.open")()
        tab.page.locator(".mask-stage:focus").wait_for(timeout=GIVE_UP_MS)

    notes = {"open_ms": _longest_ms(tab, open_editor)}
    tab.page.evaluate(_LARGEST_BRUSH)
    box = tab.page.locator(".mask-stage").bounding_box()
    assert box is not None
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    side = 0.9 * min(box["width"], box["height"])

    def stroke() -> None:
        for step in range(STROKE_MOVES):
            along = step / (STROKE_MOVES - 1)
            down = abs(4 * along % 2 - 1)  # twice there and back
            tab.page.mouse.move(middle_x + side * (along - 0.5), middle_y + side * (down - 0.5))
            if step == 0:
                tab.page.mouse.down()
        tab.page.mouse.up()

    notes["first_stroke_ms"] = _longest_ms(tab, stroke)
    notes["stroke_ms"] = _longest_ms(tab, stroke)
    for name, key in (("undo", "Control+z"), ("invert", "i"), ("clear", "Delete")):
        notes[f"{name}_ms"] = _longest_ms(tab, lambda key=key: tab.page.keyboard.press(key))
    return max(notes.values()), notes


def _idle(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    tab.visit(address)
    tab.page.keyboard.press("Control+Enter")
    for _ in range(600):
        tab.page.wait_for_timeout(100)
        if tab.page.evaluate(_HAS_RUN):
            break
    else:
        raise CannotMeasure("the first workflow has not run within a minute")
    tab.page.wait_for_timeout(5 * SETTLE_MS)  # notes go away, the draft is sent
    before = tab.metric("TaskDuration")
    tab.page.wait_for_timeout(IDLE_MS)
    return 1000 * (tab.metric("TaskDuration") - before) / (IDLE_MS / 1000), {}


GESTURE_FIGURES = (
    page_figure("drag_1000", "longest task, 1,000 of 5,000 dragged", "ms", 50.0, _drag),
    page_figure("delete_5000", "longest task, 5,000 deleted and back", "ms", 100.0, _delete),
    page_figure("outline_5000", "outline of 5,000 opened, main thread", "ms", 100.0, _outline),
    page_figure("large_screen", "script per frame, 3840 x 2160", "ms", 16.0, _large_screen, LARGE_SCREEN),
    page_figure("mask", f"longest task, brush {BRUSH_PX} px, 4096 px", "ms", 50.0, _paint),
    page_figure("idle", "main thread a second, after a run", "ms", 1.0, _idle),
)
