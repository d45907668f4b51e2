"""That the page's benchmarks measure what they say; never how fast anything is."""

from __future__ import annotations

from playwright.sync_api import Browser

from benchmarks.page import a_tab
from tests.web.page_server import PageServer

COUNT_PLACES = """() => {
  const { view } = heddle.editor;
  Object.assign(window, { places: new Set(), scales: new Set() });
  view.events.on("move", () => {
    places.add(view.offset.x);
    scales.add(view.scale);
  });
}"""

WORK_A_SECOND = """() => new Promise((done) => setTimeout(() => {
  const end = performance.now() + 1000;
  while (performance.now() < end);
  done();
}))"""


def test_a_tab_tells_what_it_fetched_and_what_its_script_did(browser: Browser, server: PageServer) -> None:
    with a_tab(browser) as tab:
        assert tab.visit(server.address) > 0
        first = tab.traffic.bytes
        assert {each.url for each in tab.traffic.fetched.values()} >= {f"{server.address}/"}
        tab.page.wait_for_load_state("networkidle")
        tab.traffic.clear()
        assert tab.reload() > 0
        tab.page.wait_for_load_state("networkidle")
        assert 0 < tab.traffic.bytes < first

        empty_mb = tab.heap_mb()
        assert tab.open(280) > 0 and tab.heap_mb() > empty_mb
        assert 10 <= tab.show(15) <= 15 and tab.show_all() == 280
        tab.show(15)
        tab.page.evaluate(COUNT_PLACES)
        assert tab.pan() > 0
        assert tab.page.evaluate("[places.size > 30, scales.size]") == [True, 1]
        assert tab.zoom() > 0
        assert tab.page.evaluate("scales.size > 5")

        assert tab.change() > 0 and tab.page.evaluate("heddle.editor.document.journal.canUndo")
        assert tab.timed("heddle.editor.commands.run('edit.undo')") > 0
        assert not tab.page.evaluate("heddle.editor.document.journal.canUndo")


def test_a_task_that_takes_long_is_seen(browser: Browser, server: PageServer) -> None:
    with a_tab(browser) as tab:
        tab.visit(server.address)
        tab.page.evaluate("void (measuring.longTasks.length = 0)")
        with tab.main_thread() as spent:
            tab.page.evaluate(WORK_A_SECOND)
            while max(tab.long_tasks(), default=0) < 990:
                tab.page.wait_for_timeout(50)  # the browser tells it when it has time
        assert max(spent) >= 50, "of the processor: others may have had the rest of the second"
