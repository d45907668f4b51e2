"""What people wait for in the page, measured in Chromium with software rendering against a real server.

Each run has a browser profile of its own, so nothing is cached that the run did not fetch itself. Large workflows are
text-to-image units (`unit_workflows.py`). Script time is what Chromium counts as such (`ScriptDuration`), or what the
page's own clock says around a call and the frame that shows its effect.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

from benchmarks.browser import NO_CHROMIUM, Traffic, a_chromium, find_chromium
from benchmarks.figures import CannotMeasure, Figure, Measurement, Place
from benchmarks.starting import RunningServer, a_server
from benchmarks.submitting import ONE_PIXEL
from benchmarks.unit_workflows import units

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SIZE = (1280, 800)
GIVE_UP_MS = 60_000
MOVES = 120  # of the pointer in one drag
MOVE_PX = 4
RESULTS = 100_000
SCROLL_PX = 240  # a turn of the wheel
LONG_TASK_MS = 50
AFTER_ACTION_MS = 1500  # in which what an action left to be done later is done

# In the page, before its own scripts. `timed` gives ms of script that a call and the frame that shows it take: of the
# callbacks of one frame the first and the last are ours.
_PREPARE = """
window.measuring = {
  longTasks: [],
  async timed(action) {
    await measuring.quiet();
    let begun = 0;
    requestAnimationFrame(() => (begun = performance.now()));
    const start = performance.now();
    action();
    const spent = performance.now() - start;
    return new Promise((resolve) => requestAnimationFrame(() => resolve(spent + performance.now() - begun)));
  },
  async quiet() {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
  },
  // frames in which the pointer had moved or the wheel had turned
  countFrames() {
    const counted = { frames: 0, isOver: false };
    let hasMoved = false;
    const note = () => (hasMoved = true);
    addEventListener("pointermove", note, true);
    addEventListener("wheel", note, { capture: true, passive: true });
    const look = () => {
      if (hasMoved) counted.frames++;
      hasMoved = false;
      if (!counted.isOver) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return counted;
  },
};
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) measuring.longTasks.push(each.duration);
}).observe({ type: "longtask" });
"""
# From the text of the file to the frame that shows it.
_OPEN = """async ({ text }) => {
  const { readWorkflow } = await import("/core/read.js");
  const { editor } = heddle;
  await measuring.quiet();
  const start = performance.now();
  const { document, damage } = readWorkflow(JSON.parse(text), editor.catalogue);
  editor.open(document);
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const took = performance.now() - start;
  if (damage.length) throw new Error(`read with damage: ${JSON.stringify(damage.slice(0, 3))}`);
  return { took, nodes: editor.graph.nodes.size };
}"""
# The scale at which so many nodes are seen, around the middle of the graph; where on the canvas no node lies.
_SHOW = """(wanted) => {
  const { view } = heddle.editor;
  const box = view.boxAround();
  const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
  const look = (scale) => {
    view.moveTo(scale, { x: view.width / 2 - middle.x * scale, y: view.height / 2 - middle.y * scale });
    return view.nodes.within(view.window).length;
  };
  let [few, many] = [4, 0.02]; // scales
  for (let i = 0; i < 40; i++) {
    const scale = Math.sqrt(few * many);
    if (look(scale) > wanted) many = scale;
    else few = scale;
  }
  return look(few);
}"""
_EMPTY_PLACE = """() => {
  const { view } = heddle.editor;
  const area = view.element.getBoundingClientRect();
  for (let y = view.height / 2; y < view.height - 40; y += 10) {
    for (let x = view.width / 2; x < view.width - 40; x += 10) {
      const at = view.toGraph(x, y);
      if (view.hit(at.x, at.y).kind === "empty") return { x: area.left + x, y: area.top + y };
    }
  }
  return { x: area.left + view.width / 2, y: area.top + view.height / 2 };
}"""
_CHANGE = """() => {
  const { editor } = heddle;
  const node = [...editor.graph.nodes.values()].find((each) => each.type === "KSampler");
  editor.edit("undo.value", () => editor.graph.setValue(node, "steps", node.values.steps + 1));
}"""


class Tab:
    """A tab with the page in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._session = page.context.new_cdp_session(page)
        self.traffic = Traffic(self._session)
        self._session.send("Performance.enable")
        page.add_init_script(_PREPARE)

    def visit(self, address: str) -> float:
        """Open the page; seconds until it can be used, as the page says by its mark `interactive`."""
        self.page.goto(f"{address}/")
        return self._interactive_s()

    def reload(self) -> float:
        self.page.reload()
        return self._interactive_s()

    def _interactive_s(self) -> float:
        self.page.locator("body[data-ready]").wait_for(timeout=GIVE_UP_MS)
        return self.page.evaluate("performance.getEntriesByName('interactive')[0].startTime") / 1000

    def open(self, nodes: int) -> float:
        """Open so many nodes; milliseconds from the file's text to the frame that shows them."""
        opened = self.page.evaluate(_OPEN, {"text": json.dumps(units(nodes))})
        if opened["nodes"] < nodes:
            raise CannotMeasure(f"{nodes} nodes were to be opened, and the page has {opened['nodes']}")
        return opened["took"]

    def show(self, nodes: int) -> int:
        """Zoom so that about so many nodes are seen; how many they are."""
        return self.page.evaluate(_SHOW, nodes)

    def show_all(self) -> int:
        return self.page.evaluate("heddle.editor.fitAll(), heddle.editor.graph.nodes.size")

    def pan(self) -> float:
        """Milliseconds of script for each frame while the canvas is dragged to and fro."""
        start = self.page.evaluate(_EMPTY_PLACE)
        self.page.mouse.move(start["x"], start["y"])
        self.page.mouse.down(button="middle")

        def move(step: int) -> None:
            place = abs((step + MOVES // 4) % MOVES - MOVES // 2) - MOVES // 4  # there, back, and there again
            self.page.mouse.move(start["x"] + MOVE_PX * place, start["y"] + MOVE_PX * place / 2)

        per_frame = self._script_per_frame(move)
        self.page.mouse.up(button="middle")
        return per_frame

    def zoom(self) -> float:
        """Milliseconds of script for each frame while the wheel zooms in and out."""
        size = self.page.viewport_size
        assert size is not None
        self.page.mouse.move(size["width"] / 2, size["height"] / 2)
        return self._script_per_frame(lambda step: self.page.mouse.wheel(0, 10 if step // 10 % 2 else -10))

    def scroll(self, selector: str) -> float:
        """Milliseconds of script for each frame while the wheel scrolls an element down."""
        self.page.locator(selector).hover()
        return self._script_per_frame(lambda step: self.page.mouse.wheel(0, SCROLL_PX))

    def _script_per_frame(self, move: Callable[[int], None]) -> float:
        self.page.evaluate("measuring.quiet()")
        counted = self.page.evaluate_handle("measuring.countFrames()")
        self.page.evaluate("void (measuring.longTasks.length = 0)")
        before = self.metric("ScriptDuration")
        for step in range(1, MOVES + 1):
            move(step)
        frames = counted.evaluate(
            "async (each) => { await measuring.quiet(); each.isOver = true; return each.frames; }"
        )
        if frames < MOVES / 10:
            raise CannotMeasure(f"of {MOVES} moves only {frames} met a frame of their own")
        return 1000 * (self.metric("ScriptDuration") - before) / frames

    def long_tasks(self) -> list[float]:
        """Milliseconds of each task over 50 ms since the last movement began."""
        return self.page.evaluate("measuring.longTasks.map(Math.round)")

    @contextlib.contextmanager
    def main_thread(self) -> Iterator[list[float]]:
        """Afterwards the list has the milliseconds of processor time of each task that the page's main thread did."""
        browser = self.page.context.browser
        assert browser is not None
        spent: list[float] = []
        browser.start_tracing(page=self.page, categories=["toplevel", "__metadata"])
        try:
            yield spent
        finally:
            events = json.loads(browser.stop_tracing())["traceEvents"]
        names = {(each["pid"], each["tid"]): each["args"]["name"] for each in events if each["name"] == "thread_name"}
        for each in events:
            is_task = each["name"].endswith("RunTask") and names.get((each["pid"], each["tid"])) == "CrRendererMain"
            if is_task and "tdur" in each:
                spent.append(each["tdur"] / 1000)

    def metric(self, name: str) -> float:
        """Seconds that Chromium counted since the page was opened: `ScriptDuration`, or `TaskDuration` of all tasks."""
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == name)

    def change(self) -> float:
        """Change one value; milliseconds of script for that, its frame, and all that is put off until afterwards."""
        self.page.evaluate("measuring.quiet()")
        before = self.metric("ScriptDuration")
        self.page.evaluate(_CHANGE)
        self.page.wait_for_timeout(AFTER_ACTION_MS)
        return 1000 * (self.metric("ScriptDuration") - before)

    def timed(self, action: str) -> float:
        """Milliseconds of script that an expression and the frame that shows its effect take."""
        return self.page.evaluate(f"measuring.timed(() => void ({action}))")

    def heap_mb(self) -> float:
        """What JavaScript holds after garbage was collected."""
        self.page.evaluate("measuring.quiet()")
        for _ in range(2):  # what the first frees may hold what the second does
            self._session.send("HeapProfiler.collectGarbage")
        return self._session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


@contextlib.contextmanager
def a_browser() -> Iterator[Browser]:
    """Raises: CannotMeasure, without Chromium or Playwright."""
    executable = find_chromium()
    if executable is None:
        raise CannotMeasure(NO_CHROMIUM)
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(a_chromium(executable))
        except ImportError as missing:
            raise CannotMeasure(
                "Playwright is not installed: `python3 launch.py test --only-tools` does it"
            ) from missing
        yield browser


@contextlib.contextmanager
def a_tab(browser: Browser, size: tuple[int, int] = SIZE) -> Iterator[Tab]:
    """A tab in a profile of its own, its page of `size` CSS px."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-US")
    context.set_default_timeout(GIVE_UP_MS)
    try:
        yield Tab(context.new_page())
    finally:
        context.close()


@contextlib.contextmanager
def _a_served_browser(place: Place) -> Iterator[tuple[RunningServer, Browser]]:
    """A server with its worker ready, whose page somebody has seen before, and a browser."""
    base = place.scratch / "page"
    with a_server(place.scratch, base / "user", "--base-directory", str(base)) as server, a_browser() as browser:
        server.wait_for_worker()
        with a_tab(browser) as tab:
            tab.visit(server.address)
        yield server, browser


def measured(
    run: Callable[[Tab, str], tuple[float, dict[str, Any]]], size: tuple[int, int] = SIZE
) -> Callable[[Place, int], Measurement]:
    """Each run in a tab of its own; `run` gives a value and what else to write down.

    Args:
        size: of the page, CSS px.
    """

    def measure(place: Place, runs: int) -> Measurement:
        values, notes = [], []
        with _a_served_browser(place) as (server, browser):
            for _ in range(runs):
                with a_tab(browser, size) as tab:
                    value, more = run(tab, server.address)
                    values.append(value)
                    notes.append(more)
        return Measurement(tuple(values), {name: [each[name] for each in notes] for name in notes[0]})

    return measure


def _first_visit(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    interactive_s = tab.visit(address)
    tab.page.wait_for_load_state("networkidle")
    origin_s = tab.page.evaluate("performance.timeOrigin") / 1000
    before = [each for each in tab.traffic.fetched.values() if each.begun <= origin_s + interactive_s]
    largest = sorted(before, key=lambda each: -each.bytes)[:5]
    return interactive_s, {
        "bytes": sum(each.bytes for each in before),
        "requests": len(before),
        "bytes_in_all": tab.traffic.bytes,
        "requests_in_all": tab.traffic.requests,
        "largest": [[each.url.removeprefix(address), each.bytes] for each in largest],
    }


def _first_bytes(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    _, notes = _first_visit(tab, address)
    return notes["bytes"] / 1000, notes


def _first_requests(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    _, notes = _first_visit(tab, address)
    return notes["requests"], notes


def _reload_bytes(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    tab.visit(address)
    tab.page.wait_for_load_state("networkidle")
    tab.traffic.clear()
    interactive_s = tab.reload()
    tab.page.wait_for_load_state("networkidle")
    fetched = [[each.url.removeprefix(address), each.bytes] for each in tab.traffic.fetched.values()]
    return tab.traffic.bytes / 1000, {"interactive_s": interactive_s, "fetched": fetched}


def _opening(nodes: int) -> Callable[[Tab, str], tuple[float, dict[str, Any]]]:
    def run(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
        tab.visit(address)
        return tab.open(nodes), {}

    return run


def _heap(nodes: int) -> Callable[[Tab, str], tuple[float, dict[str, Any]]]:
    def run(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
        tab.visit(address)
        empty_mb = tab.heap_mb()
        tab.open(nodes)
        tab.show(15)
        return tab.heap_mb(), {"empty_mb": empty_mb}

    return run


def _moving(nodes: int, seen: int | None) -> Callable[[Tab, str], tuple[float, dict[str, Any]]]:
    """The worse of panning and zooming."""

    def run(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
        tab.visit(address)
        tab.open(nodes)
        in_view = tab.show_all() if seen is None else tab.show(seen)
        pan_ms = tab.pan()
        long_tasks = tab.long_tasks()
        zoom_ms = tab.zoom()
        long_tasks += tab.long_tasks()
        notes = {"in_view": in_view, "pan_ms": pan_ms, "zoom_ms": zoom_ms, "long_tasks_ms": long_tasks}
        return max(pan_ms, zoom_ms), notes

    return run


def _long_tasks(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """By processor time: on a busy machine any task takes long by the clock."""
    tab.visit(address)
    tab.open(5000)
    tab.show(15)
    tab.pan()  # whatever is compiled or laid out on first use
    with tab.main_thread() as spent:
        tab.pan()
        tab.zoom()
    if not spent:
        raise CannotMeasure("Chromium's trace has no task of the page's main thread")
    return sum(each > LONG_TASK_MS for each in spent), {"longest_ms": max(spent), "tasks": len(spent)}


def _undo(nodes: int) -> Callable[[Tab, str], tuple[float, dict[str, Any]]]:
    def run(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
        tab.visit(address)
        tab.open(nodes)
        tab.show(15)
        tab.page.evaluate(_CHANGE)
        undo_ms = tab.timed("heddle.editor.commands.run('edit.undo')")
        return undo_ms, {"redo_ms": tab.timed("heddle.editor.commands.run('edit.redo')")}

    return run


def _queue(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """Main thread's time from Ctrl+Enter until 1,000 nodes are on their way to the server, which does not get them."""
    tab.visit(address)
    tab.open(1000)
    tab.show(15)
    answer = {"prompt_id": "00000000-0000-4000-8000-000000000000", "number": 1, "node_errors": {}}
    sent: list[int] = []

    def keep(route: Route) -> None:
        sent.append(len(route.request.post_data_buffer or b""))
        route.fulfill(json=answer)

    tab.page.route(lambda url: url.endswith("/prompt"), keep)
    tab.page.evaluate("heddle.editor.view.element.focus()")
    tab.page.evaluate("measuring.quiet()")
    before = tab.metric("TaskDuration")
    tab.page.keyboard.press("Control+Enter")
    for _ in range(200):
        tab.page.wait_for_timeout(25)
        if sent:
            return 1000 * (tab.metric("TaskDuration") - before), {"bytes": sent[0]}
    raise CannotMeasure("Ctrl+Enter sends no job to the server")


def _gallery(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """The wide gallery; its results are answered beside the server, with their thumbnails in them."""
    thumbnail = "data:image/png;base64," + base64.b64encode(ONE_PIXEL).decode()

    def list_results(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlparse(route.request.url).query).items()}
        start = int(query.get("after", query.get("offset", "0")))
        end = min(RESULTS, start + int(query["limit"]))
        entries = [
            {
                "filename": f"picture_{number:06}.png",
                "subfolder": "",
                "type": "output",
                "kind": "image",
                "width": 1024,
                "height": 1024,
                "duration_s": None,
                "bytes": 1_500_000,
                "job_id": None,
                "modified_ms": 60_000 * (RESULTS - number),
                "has_workflow": True,
                "url": "/view",
                "thumbnail": f"{thumbnail}#{number}",
            }
            for number in range(start, end)
        ]
        about = {"total": RESULTS, "next_cursor": str(end), "prev_cursor": None, "scanning": False}
        route.fulfill(json={"entries": entries, **about})

    tab.page.route(lambda url: "/heddle/outputs?" in url, list_results)
    tab.visit(address)
    tab.page.evaluate("() => void heddle.editor.settings.write('gallery.wide', true)")
    tab.page.evaluate("() => void heddle.editor.commands.run('gallery.toggle')")
    tab.page.locator(".gallery-cell img[src]").first.wait_for()
    tab.scroll(".gallery-grid")  # the first also compiles
    scroll_ms = tab.scroll(".gallery-grid")
    notes = {"cells": tab.page.locator(".gallery-cell").count(), "long_tasks_ms": tab.long_tasks()}
    return scroll_ms, notes


def _action(tab: Tab, address: str) -> tuple[float, dict[str, Any]]:
    """What is left of an action when the frame is taken away that shows it."""
    tab.visit(address)
    tab.open(1000)
    tab.show(15)
    tab.change()  # the first also compiles
    frame_ms = tab.timed("heddle.editor.view.redraw()")
    whole_ms = tab.change()
    return max(0.0, whole_ms - frame_ms), {"with_its_frame_ms": whole_ms}


def page_figure(
    name: str,
    what: str,
    unit: str,
    limit: float,
    run: Callable[[Tab, str], tuple[float, dict[str, Any]]],
    size: tuple[int, int] = SIZE,
) -> Figure:
    return Figure(f"page_{name}", what, unit, limit, measured(run, size))


PAGE_FIGURES = (
    page_figure("first_bytes", "first visit until it can be used", "kB", 1000.0, _first_bytes),
    page_figure("first_requests", "the same", "req", 90.0, _first_requests),
    page_figure("interactive", "first visit, local server", "s", 1.5, _first_visit),
    page_figure("reload_bytes", "a reload", "kB", 50.0, _reload_bytes),
    page_figure("open_1000", "1,000 nodes opened and seen", "ms", 300.0, _opening(1000)),
    page_figure("open_5000", "5,000 nodes opened and seen", "ms", 1500.0, _opening(5000)),
    page_figure("queue_1000", "1,000 nodes queued, main thread", "ms", 100.0, _queue),
    page_figure("pan_15_of_1000", "script per frame, 15 of 1,000 seen", "ms", 8.0, _moving(1000, 15)),
    page_figure("pan_15_of_5000", "script per frame, 15 of 5,000 seen", "ms", 8.0, _moving(5000, 15)),
    page_figure("all_1000", "script per frame, all 1,000 seen", "ms", 16.0, _moving(1000, None)),
    page_figure("long_tasks", "tasks of 50 ms CPU, 15 of 5,000 seen", "", 0.0, _long_tasks),
    page_figure("undo_1000", "undo of one value of 1,000 nodes", "ms", 16.0, _undo(1000)),
    page_figure("undo_5000", "undo of one value of 5,000 nodes", "ms", 50.0, _undo(5000)),
    page_figure("gallery", "script per frame, 100,000 results scrolled", "ms", 8.0, _gallery),
    page_figure("action", "bookkeeping after a change, 1,000 nodes", "ms", 5.0, _action),
    page_figure("heap_1000", "JavaScript's heap, 1,000 nodes", "MB", 40.0, _heap(1000)),
    page_figure("heap_5000", "JavaScript's heap, 5,000 nodes", "MB", 90.0, _heap(5000)),
)
