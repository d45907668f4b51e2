"""The server answers late and the person goes on: nothing is lost, done twice, or done where it was not meant."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Page, Request, Route, expect

from tests.web.conftest import Troubles
from tests.web.page_server import HOUSE, PageServer
from tests.web.test_widgets import RED_DOT
from tests.web.test_workflows import MOVE, RUN, SCATTER, read_file, save_as
from tests.web.waits import until, until_heard

# From now on answers of these addresses wait in `held` until they are let go; `most`: how many waited at once. The
# small picture that follows a save is none of them: it comes when it comes.
HOLD = """(part) => {
  const { fetch } = window;
  Object.assign(window, { held: [], most: 0, isOver: false });
  window.fetch = async (...args) => {
    const answer = await fetch(...args);
    if (!isOver && String(args[0]).includes(part) && !String(args[0]).endsWith("/thumbnail")) {
      await new Promise((resolve) => (most = Math.max(most, held.push(resolve))));
    }
    return answer;
  };
}"""
LET_GO = "(which) => void held.splice(which, 1)[0]()"
LET_ALL_GO = "() => { isOver = true; held.splice(0).forEach((each) => each()); }"


def text_to_image(**more: Any) -> dict[str, Any]:
    return {**json.loads((HOUSE / "workflows/text_to_image.json").read_text(encoding="utf-8")), **more}


def open_beside(page: Page) -> None:
    page.evaluate(
        "(saved) => void heddle.editor.services.workflows.openSaved(saved, { name: 'beside' })", text_to_image()
    )


def positions(saved: dict[str, Any]) -> list[list[float]]:
    return [each["pos"] for each in saved["nodes"]]


def test_a_save_does_not_take_the_one_before_for_somebody_else_s(editor_page: Page) -> None:
    page = editor_page
    save_as(page, "saved twice")
    page.evaluate(HOLD, "/files/workflows/")
    page.evaluate(MOVE)
    page.keyboard.press("Control+s")
    until(page, "held.length", 1)
    page.evaluate(SCATTER)
    page.keyboard.press("Control+s")
    page.keyboard.press("Control+s")
    page.evaluate(LET_ALL_GO)
    expect(page.get_by_label("Not saved")).to_have_count(0)
    written = page.evaluate("() => heddle.editor.services.workflows.write(heddle.editor.document)")
    assert positions(read_file(page, "saved twice.json")) == positions(written)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_was_done_while_a_tab_was_being_saved_and_closed_is_asked_about(editor_page: Page) -> None:
    page = editor_page
    save_as(page, "closing")
    page.evaluate(MOVE)
    page.evaluate(HOLD, "/files/workflows/")
    page.evaluate(RUN, "file.close")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    until(page, "held.length", 1)
    page.evaluate(SCATTER)
    page.evaluate(LET_ALL_GO)
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("tab", name="closing")).to_be_visible()


def test_a_file_that_is_asked_for_twice_is_open_once(editor_page: Page) -> None:
    page = editor_page
    save_as(page, "asked twice")
    page.evaluate(RUN, "file.new")
    page.evaluate("heddle.editor.services.workflows.close(heddle.editor.documents[0])")
    same = page.evaluate("""async () => {
      const { workflows } = heddle.editor.services;
      const [one, other] = await Promise.all(Array.from({ length: 2 }, () => workflows.openPath("asked twice.json")));
      return one === other;
    }""")
    assert same
    expect(page.get_by_role("tab", name="asked twice")).to_have_count(1)


def test_of_two_versions_the_one_that_was_pressed_last_is_shown_and_restored(editor_page: Page) -> None:
    page = editor_page
    save_as(page, "versions")
    for change in (MOVE, SCATTER):
        page.evaluate(change)
        page.keyboard.press("Control+s")
        expect(page.get_by_label("Not saved")).to_have_count(0)
    page.evaluate(RUN, "file.versions")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".version")).to_have_count(3)
    page.evaluate(HOLD, "/versions/")
    dialog.locator(".version").nth(2).click()
    until(page, "held.length", 1)
    dialog.locator(".version").nth(1).click()
    until(page, "held.length", 2)
    page.evaluate(LET_GO, 1)
    expect(dialog.get_by_role("button", name="Restore")).to_be_visible()
    page.evaluate("() => { window.shown = document.querySelector('.version-detail').firstElementChild; }")
    page.evaluate(LET_GO, 0)
    page.evaluate(LET_ALL_GO)
    page.evaluate("async () => (await fetch('/api/queue')).text()")  # what was let go before has come in
    assert page.evaluate("shown.isConnected")
    # What the person does while it is restored stays in its tab.
    page.evaluate(HOLD, "/restore")
    dialog.get_by_role("button", name="Restore").click()
    until(page, "held.length", 1)
    page.evaluate(MOVE)
    page.evaluate(LET_ALL_GO)
    expect(page.get_by_role("tab", name="versions")).to_have_count(2)
    expect(page.get_by_label("Not saved")).to_have_count(1)


def test_what_comes_late_goes_to_the_workflow_that_it_was_meant_for(editor_page: Page) -> None:
    page = editor_page
    open_beside(page)
    page.evaluate("heddle.editor.show(heddle.editor.documents[0])")
    page.evaluate("() => void heddle.editor.commands.run('run.queue', 1)")
    until(page, "heddle.editor.services.run.jobs.all.map((job) => job.state)", ["done"])
    page.evaluate(
        "heddle.editor.edit('undo.seed', () => heddle.editor.graph.setValue(heddle.editor.graph.node(5), 'seed', 5))"
    )
    page.evaluate(HOLD, "/api/")
    page.evaluate(
        """(dot) => {
      const { editor } = heddle;
      const [{ file }] = editor.services.content.get(editor.graph.node(7)).pictures;
      void editor.commands.run("gallery.use-seed", [file]);
      void editor.commands.run("gallery.use-as-input", [file]);
      void editor.services.media.place(new File([new Uint8Array(dot)], "late.png", { type: "image/png" }));
    }""",
        list(RED_DOT),
    )
    until(page, "held.length >= 3")
    page.evaluate("heddle.editor.show(heddle.editor.documents[1])")
    page.evaluate(LET_ALL_GO)
    counts = """() => heddle.editor.documents.map(({ root }) =>
      root.inOrder().filter((each) => each.type === "LoadImage").length)"""
    until(page, counts, [2, 0])
    until(page, "heddle.editor.documents[0].root.node(5).values.control_after_generate", "fixed")
    seeds = page.evaluate("heddle.editor.documents.map(({ root }) => String(root.node(5).values.seed))")
    shipped = next(each["widgets_values"][0] for each in text_to_image()["nodes"] if each["type"] == "KSampler")
    assert seeds == [str(shipped)] * 2
    assert page.evaluate("heddle.editor.selection.nodes.length") == 0


def test_a_model_is_used_as_what_it_is_while_another_folder_is_on_its_way(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("heddle.editor.shell.openPanel('models')")
    row = page.locator(".models-row", has_text="heddle-demo")
    row.click()
    page.evaluate(HOLD, "/models/vae?")
    page.get_by_label("Folder", exact=True).select_option("vae")
    until(page, "held.length", 1)
    page.evaluate("heddle.editor.selection.clear()")
    before = page.evaluate("heddle.editor.graph.nodes.size")
    page.get_by_role("region", name="About this file").get_by_role("button", name="Use", exact=True).click()
    until(page, "heddle.editor.graph.nodes.size", before + 1)
    assert page.evaluate("heddle.editor.selection.nodes.map((each) => each.type)") == ["CheckpointLoaderSimple"]
    page.evaluate(LET_ALL_GO)
    expect(row).to_have_count(0)


def test_older_jobs_are_listed_once_however_often_they_are_asked_for(editor_page: Page) -> None:
    page = editor_page

    def answer(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlparse(route.request.url).query).items()}
        first = int(query.get("cursor", 0))
        after = min(first + int(query.get("limit", 30)), 300)
        ended = [{"id": f"job{i}", "state": "done", "label": f"Job {i}"} for i in range(first, after)]
        about = {"version": 1, "waiting_total": 0, "ended_total": 300, "ended_cursor": after}
        route.fulfill(json={"running": [], "waiting": [], "ended": ended, **about})

    page.route(lambda address: "/heddle/queue?" in address, answer)
    page.evaluate("heddle.editor.shell.openPanel('queue')")
    rows = page.locator(".queue-done")
    expect(rows).to_have_count(30)
    page.evaluate(HOLD, "limit=130")
    page.locator(".queue-more").dblclick()
    until(page, "held.length", 1)
    page.evaluate(LET_ALL_GO)
    expect(rows).to_have_count(130)  # a hundred more, not two
    expect(page.get_by_role("button", name="Show more (170 left)")).to_be_visible()


def test_drafts_go_to_the_server_one_after_another(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    page.evaluate(HOLD, "/heddle/drafts/")
    leave = """() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
      delete document.visibilityState;
    }"""
    page.evaluate(MOVE)
    page.evaluate(leave)
    until(page, "held.length", 1)
    page.evaluate(SCATTER)
    page.evaluate(leave)
    wanted = page.evaluate("() => heddle.editor.services.workflows.write(heddle.editor.document)")
    page.evaluate("() => void setInterval(() => held.shift()?.(), 1000)")  # time enough for the other to overtake
    draft = page.evaluate("heddle.editor.services.workflows.stateOf(heddle.editor.document).id")
    until_heard(page, lambda: positions(server.ask(f"/heddle/drafts/{draft}")) == positions(wanted))
    assert page.evaluate("most") == 1


def test_a_setting_that_is_on_its_way_survives_the_page(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    page.evaluate(HOLD, "/settings")
    page.evaluate("""() => {
      heddle.editor.settings.write("test.first", 1);
      heddle.editor.settings.write("test.second", 2); // waits until the first has been taken
    }""")
    until(page, "held.length", 1)
    page.goto("about:blank")
    until_heard(page, lambda: server.ask("/settings").get("Heddle.test.second") == 2)


def test_a_seed_changes_with_what_the_server_took_and_each_run_has_its_own(
    editor_page: Page, troubles: Troubles
) -> None:
    page = editor_page
    troubles.allow("400")
    open_beside(page)
    change = (
        "([name, value]) => void heddle.editor.edit('undo.value', () => heddle.editor.graph.setValue(%s, name, value))"
    )
    sampler = "heddle.editor.graph.node(5)"
    for each in (["seed", 40], ["control_after_generate", "increment"], ["steps", 1]):
        page.evaluate(change % sampler, each)
    sent: list[int] = []

    def read(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/prompt"):
            nodes = json.loads(request.post_data or "")["prompt"]["nodes"]
            sent.append(next(node["widgets_values_named"]["seed"] for node in nodes if node["id"] == 5))

    page.on("request", read)
    page.evaluate(HOLD, "/prompt")
    queue = "(count) => void heddle.editor.services.run.queue({ count })"
    page.evaluate(queue, 2)
    page.evaluate(queue, 1)
    until(page, "held.length", 1)
    assert page.evaluate(f"{sampler}.values.seed") == 40
    page.evaluate(LET_GO, 0)
    until(page, f"{sampler}.values.seed", 41)
    page.evaluate(LET_ALL_GO)
    until(page, f"{sampler}.values.seed", 43)
    assert sent == [40, 41, 42]

    # One that is refused leaves all values as they were; undo takes back what the person did and no seed.
    page.evaluate(change % "heddle.editor.graph.node(1)", ["ckpt_name", "nothing.safetensors"])
    page.evaluate(queue, 2)
    until(page, "heddle.editor.services.run.jobs.all.filter((job) => job.refusal).length", 2)
    assert page.evaluate(f"{sampler}.values.seed") == 43
    page.keyboard.press("Control+z")
    until(page, "heddle.editor.graph.node(1).values.ckpt_name !== 'nothing.safetensors'")
    page.evaluate(queue, 1)
    until(page, f"{sampler}.values.seed", 44)
    assert sent == [40, 41, 42, 43, 44, 43]


def test_of_two_files_for_one_input_the_last_one_stays(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("""() => {
      const { editor } = heddle;
      window.node = editor.edit("undo.add-node", () => editor.graph.addNode("LoadImage", { x: 0, y: 0 }));
    }""")
    page.evaluate(HOLD, "/upload/image")
    bring = """([name, dot]) => {
      const file = new File([new Uint8Array(dot)], name, { type: "image/png" });
      void heddle.editor.services.widgets.bring(node, file);
    }"""
    for i, name in enumerate(("first.png", "second.png")):
        page.evaluate(bring, [name, list(RED_DOT)])
        until(page, "held.length", i + 1)
    page.evaluate(LET_GO, 1)
    until(page, "node.values.image", "second.png")
    page.evaluate(LET_GO, 0)
    until(page, "heddle.editor.services.widgets.uploading.size", 0)
    assert page.evaluate("node.values.image") == "second.png"


def test_a_dialog_that_is_on_its_way_is_not_opened_twice(editor_page: Page) -> None:
    page = editor_page
    page.evaluate(HOLD, "/heddle/workflows")
    for _ in range(2):
        page.evaluate(RUN, "file.browse")
    until(page, "held.length", 1)
    page.evaluate(LET_ALL_GO)
    expect(page.get_by_role("dialog").locator(".card").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    def opens_again() -> bool:  # a moment after it is gone from sight its command is over, too
        page.evaluate(RUN, "file.browse")
        return page.get_by_role("dialog").count() == 1

    until_heard(page, opens_again)
