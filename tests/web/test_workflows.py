"""Workflows as files of the page: the first one, drafts that survive, saves that overwrite nobody, versions."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect

from server.keys import Limits
from tests.web.conftest import Troubles
from tests.web.page_server import PageServer
from tests.web.test_gallery import picture
from tests.web.waits import until, until_heard, until_kept

HOUSE = Path(__file__).resolve().parents[2]
WRITE = "() => heddle.editor.services.workflows.write(heddle.editor.document)"
RUN = "id => void heddle.editor.commands.run(id)"  # what a dialog is part of ends later
SCATTER = """() => {
  const { editor } = heddle;
  editor.edit("undo.move", () => editor.graph.nodes.forEach((node) => editor.graph.moveNode(node, 5, 5)));
}"""
MOVE = """() => {
  const { editor } = heddle;
  const node = [...editor.graph.nodes.values()][0];
  editor.edit("undo.move", () => editor.graph.moveNode(node, 1234, 567));
  return String(node.id);
}"""


def open_page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    return page


HAS_DRAFT = """async () => {
  const database = await new Promise((done) => { indexedDB.open("heddle", 1).onsuccess = (event) => done(event.target.result); });
  const heads = database.transaction("heads").objectStore("heads").getAll();
  await new Promise((done) => { heads.onsuccess = done; });
  database.close();
  return heads.result.some((head) => head.name === "Unnamed");
}"""  # noqa: E501
PLACE = "(n => n && [n.x, n.y])(heddle.editor.graph.node({node!r}))"


def place(page: Page, node: str) -> list[float]:
    return page.evaluate(PLACE.format(node=node))


def test_the_first_visit_shows_a_workflow_that_can_run(editor_page: Page) -> None:
    expect(editor_page.get_by_role("tab", name="text_to_image")).to_have_attribute("aria-selected", "true")
    assert editor_page.evaluate("heddle.editor.graph.nodes.size") > 5


def test_the_first_visit_passes_over_what_this_machine_cannot_run(page: Page) -> None:
    def lack_the_first(route: Route) -> None:
        found = route.fetch().json()
        for each in found:
            each["runs"] = each["name"] != "text_to_image"
            if not each["runs"]:
                each["missing"] = {"nodes": [], "files": [{"kind": "checkpoints", "name": "other.safetensors"}]}
        route.fulfill(json=found)

    page.route("**/heddle/workflows", lack_the_first)
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    expect(page.get_by_role("tab", name="image_to_image")).to_be_visible()
    page.evaluate(RUN, "panel.workflows")
    text_to_image = re.compile(r"^Text to image(?! \()")  # without a family behind it
    lack = "Not here yet: other.safetensors"
    expect(page.get_by_role("button", name=text_to_image)).to_contain_text(lack)
    page.evaluate(RUN, "file.browse")
    cards = page.get_by_role("dialog").get_by_role("button")
    expect(page.get_by_role("dialog").get_by_role("button", name=text_to_image)).to_contain_text(lack)
    expect(cards.filter(has_text="Latent upscale")).not_to_contain_text("Not here")


def test_what_was_not_saved_is_there_after_a_reload(editor_page: Page) -> None:
    node = editor_page.evaluate(MOVE)
    editor_page.evaluate(RUN, "file.new")
    before = editor_page.evaluate("heddle.editor.documents.length")
    until_kept(editor_page)
    editor_page.reload()
    editor_page.locator("body[data-ready]").wait_for()
    assert editor_page.evaluate("heddle.editor.documents.length") == before
    editor_page.get_by_role("tab", name="text_to_image").click()
    assert place(editor_page, node) == [1234, 567]
    expect(editor_page.get_by_role("tab", name="text_to_image").get_by_label("Not saved")).to_be_visible()


def test_a_browser_that_was_closed_finds_its_tabs_again(context: BrowserContext) -> None:
    page = open_page(context)
    node = page.evaluate(MOVE)
    until_kept(page)
    page.close()
    again = open_page(context)
    assert place(again, node) == [1234, 567]


def test_a_second_window_does_not_take_the_tabs_of_the_first(context: BrowserContext) -> None:
    page = open_page(context)
    node = page.evaluate(MOVE)
    until_kept(page)
    other = open_page(context)
    assert place(other, node) != [1234, 567]


def test_a_save_is_a_file_that_is_read_back_the_same(editor_page: Page) -> None:
    editor_page.evaluate(MOVE)
    editor_page.keyboard.press("Control+s")
    editor_page.get_by_role("textbox", name="Save as").fill("folder/first try")
    editor_page.keyboard.press("Enter")
    expect(editor_page.get_by_role("tab", name="first try")).to_be_visible()
    expect(editor_page.get_by_label("Not saved")).to_have_count(0)
    written = editor_page.evaluate(WRITE)
    kept = editor_page.evaluate(
        "async () => (await fetch('/api/heddle/files/workflows/' + encodeURIComponent('folder/first try.json'))).json()"
    )
    for each in (written, kept):
        del each["extra"]["ds"]  # where the person was looking
    assert kept == written


def test_a_save_does_not_replace_what_another_window_saved(context: BrowserContext, troubles: Troubles) -> None:
    troubles.allow("409")
    first = open_page(context)
    save_as(first, "shared")
    second = open_file(context, "shared")
    first.evaluate(SCATTER)
    save_moved(second)
    expect(first.get_by_label("A newer version")).to_be_visible()
    first.keyboard.press("Control+s")
    expect(first.get_by_role("dialog")).to_contain_text("saved elsewhere")
    first.get_by_role("button", name="Save mine under another name").click()
    first.get_by_role("textbox", name="Save as").fill("mine")
    first.keyboard.press("Enter")
    expect(first.get_by_role("tab", name="mine")).to_be_visible()
    expect(first.get_by_label("A newer version")).to_have_count(0)
    assert [1234, 567] in [node["pos"] for node in read_file(first, "shared.json")["nodes"]]


def test_a_save_says_whether_the_name_is_anothers_or_the_file_is_gone(
    context: BrowserContext, troubles: Troubles
) -> None:
    troubles.allow("status of 40[49]")
    page, second = open_page(context), open_page(context)
    save_as(second, "of another")
    save_as(page, "here")
    page.evaluate(RUN, "file.save-as")
    page.get_by_role("textbox", name="Save as").fill("of another")
    page.evaluate(MOVE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("There is another workflow called “of another”")
    page.keyboard.press("Escape")
    second.evaluate("heddle.editor.services.workflows.delete('here.json')")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("dialog")).to_contain_text("“here” was deleted, moved or renamed elsewhere")
    page.get_by_role("button", name="Save it there again").click()
    expect(page.get_by_label("Not saved")).to_have_count(0)
    assert [1234, 567] in [node["pos"] for node in read_file(page, "here.json")["nodes"]]
    troubles.allow("404")
    second.evaluate(
        "heddle.editor.services.workflows.openPath('never.json').catch((told) => heddle.editor.report(told))"
    )
    expect(second.get_by_role("alert").filter(has_text="never is not there any more")).to_be_visible()


NEWS = "was saved elsewhere"
POSITIONS = "[...heddle.editor.graph.nodes.values()].map((node) => `${node.x},${node.y}`).join(' ')"
MOVED = f"{POSITIONS}.includes('1234,567')"
SCATTERED = f"new Set({POSITIONS}.split(' ')).size === 1"


def open_file(context: BrowserContext, name: str) -> Page:
    page = open_page(context)
    page.evaluate("path => void heddle.editor.services.workflows.openPath(path)", f"{name}.json")
    expect(page.get_by_role("tab", name=name)).to_be_visible()
    return page


def save_moved(page: Page) -> None:
    page.evaluate(MOVE)
    page.keyboard.press("Control+s")
    expect(page.get_by_label("Not saved")).to_have_count(0)


def test_a_tab_without_changes_shows_what_another_window_saved(context: BrowserContext, troubles: Troubles) -> None:
    troubles.allow("status of 404")  # of the file that has gone
    first = open_page(context)
    save_as(first, "followed")
    second = open_file(context, "followed")
    place_before = first.evaluate("({ scale: heddle.editor.view.scale, offset: heddle.editor.view.offset })")
    tabs = first.get_by_role("tab").count()
    save_moved(second)
    expect(first.get_by_text(f"“followed” {NEWS}")).to_be_visible()
    until(first, MOVED)
    assert first.get_by_role("tab").count() == tabs
    assert first.evaluate("({ scale: heddle.editor.view.scale, offset: heddle.editor.view.offset })") == place_before
    expect(first.get_by_label("Not saved")).to_have_count(0)

    # It saves on top of that without a question, and its own saves are no news to it.
    first.evaluate("() => void (window.mine = heddle.editor.document)")
    for change, there in ((SCATTER, SCATTERED), (MOVE, MOVED), (SCATTER, SCATTERED)):
        first.evaluate(change)
        first.keyboard.press("Control+s")
        until(second, there)
    expect(first.get_by_label("Not saved")).to_have_count(0)
    expect(first.get_by_role("dialog")).to_have_count(0)
    assert first.evaluate("heddle.editor.document === mine")

    # It follows when the file gets another name, and keeps the work when it goes.
    move = "heddle.editor.server.post('/heddle/files/workflows/followed.json/move', { to: 'renamed.json' })"
    second.evaluate(f"() => void {move}")
    for page in (first, second):
        expect(page.get_by_role("tab", name="renamed")).to_be_visible()
        expect(page.get_by_label("Not saved")).to_have_count(0)
    second.evaluate("() => void heddle.editor.services.workflows.delete('renamed.json')")
    expect(first.get_by_text("was deleted or renamed elsewhere")).to_be_visible()
    expect(first.get_by_label("Not saved")).to_be_visible()
    assert first.evaluate(SCATTERED)


def test_a_file_that_was_looked_for_while_it_got_another_name_is_found_again(
    context: BrowserContext, troubles: Troubles
) -> None:
    troubles.allow("status of 404")
    page = open_page(context)
    save_as(page, "walking")
    mark, note = page.get_by_label("Not saved"), page.get_by_text("was deleted or renamed elsewhere")
    old = "**/heddle/files/workflows/walking.json"
    page.route(old, lambda route: route.fulfill(status=404))
    news = "{ type: 'heddle_files', data: { paths: ['workflows/walking.json'] } }"
    page.evaluate(f"heddle.editor.server.events.emit('message', {news})")
    expect(mark).to_be_visible()
    expect(note).to_be_visible()
    page.unroute(old)
    move = "heddle.editor.server.post('/heddle/files/workflows/walking.json/move', { to: 'arrived.json' })"
    page.evaluate(f"() => void {move}")
    expect(page.get_by_role("tab", name="arrived")).to_be_visible()
    expect(mark).to_have_count(0)
    expect(note).to_have_count(0)


def test_a_tab_with_changes_is_marked_and_the_person_chooses(
    context: BrowserContext, find_barriers: Callable[..., list[str]]
) -> None:
    first = open_page(context)
    save_as(first, "contested")
    second = open_file(context, "contested")
    first.evaluate(SCATTER)
    save_moved(second)
    mark = first.get_by_label("A newer version")
    note = first.locator(".note").filter(has_text=NEWS)
    expect(mark).to_be_visible()
    expect(note).to_have_count(1)
    assert first.evaluate(SCATTERED)
    assert find_barriers(first, ".bar") == []

    # The newer one is taken, and given back; then mine is kept and saved without another question.
    note.get_by_role("button", name="Take the newer version").click()
    until(first, MOVED)
    expect(mark).to_have_count(0)
    expect(first.get_by_label("Not saved")).to_have_count(0)
    first.get_by_role("button", name="Bring mine back").click()
    until(first, SCATTERED)
    expect(first.get_by_label("Not saved")).to_be_visible()
    second.evaluate("""() => {
      const { editor } = heddle;
      editor.edit("undo.title", () => editor.graph.setNode([...editor.graph.nodes.values()][0], "title", "Third"));
    }""")
    second.keyboard.press("Control+s")
    expect(mark).to_be_visible()
    first.get_by_role("tab", name="contested").click(button="right")
    first.get_by_role("menuitem", name="Keep mine").click()
    expect(mark).to_have_count(0)
    expect(note).to_have_count(0)
    first.keyboard.press("Control+s")
    expect(first.get_by_label("Not saved")).to_have_count(0)
    expect(first.get_by_role("dialog")).to_have_count(0)
    until(second, SCATTERED)


def test_a_page_that_missed_a_save_hears_of_it_when_the_server_is_back(
    start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext], troubles: Troubles
) -> None:
    troubles.allow("WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource")
    server = start_server()
    page = open_page(new_context(server))
    save_as(page, "missed")
    server.stop()
    expect(page.locator(".banner")).to_contain_text("does not answer")
    [file] = server.base.glob("user/default/workflows/missed.json")
    file.write_text(file.read_text(encoding="utf-8").replace('"title":"Prompt"', '"title":"Other"'), encoding="utf-8")
    assert "Other" in file.read_text(encoding="utf-8")
    server.start()
    expect(page.get_by_text(NEWS)).to_be_visible()
    until(page, "[...heddle.editor.graph.nodes.values()].some((node) => node.title === 'Other')")


def test_an_earlier_version_comes_back(editor_page: Page, find_barriers: Callable[..., list[str]]) -> None:
    save_as(editor_page, "evolving")
    before = read_file(editor_page, "evolving.json")
    node = editor_page.evaluate(MOVE)
    editor_page.keyboard.press("Control+s")
    expect(editor_page.get_by_label("Not saved")).to_have_count(0)
    editor_page.evaluate(RUN, "file.versions")
    dialog = editor_page.get_by_role("dialog")
    dialog.locator(".version").nth(1).click()
    expect(dialog.get_by_role("listitem").filter(has_text="moved")).to_have_count(1)
    assert find_barriers(editor_page, "dialog") == []
    dialog.get_by_role("button", name="Restore").click()
    expect(editor_page.get_by_text("This is the version of")).to_be_visible()
    assert place(editor_page, node) != [1234, 567]
    assert read_file(editor_page, "evolving.json")["nodes"] == before["nodes"]


def test_a_broken_file_says_what_is_wrong_and_leaves_the_rest(
    editor_page: Page, tmp_path: Path, troubles: Troubles
) -> None:
    troubles.allow("400|415|422")
    before = editor_page.evaluate("heddle.editor.documents.length")
    for name, content in (("broken.json", '{"nodes": ['), ("not a picture.png", "nothing"), ("list.json", "[1, 2]")):
        file = tmp_path / name
        file.write_text(content)
        with editor_page.expect_file_chooser() as chooser:
            editor_page.evaluate(RUN, "file.open")
        chooser.value.set_files(str(file))
        expect(editor_page.locator(".note-error").last).to_contain_text(name.split(".")[0])
    assert editor_page.evaluate("heddle.editor.documents.length") == before


def test_titles_and_notes_are_texts_whatever_is_in_them(editor_page: Page) -> None:
    saved = json.loads((HOUSE / "workflows" / "text_to_image.json").read_text(encoding="utf-8"))
    for node in saved["nodes"]:
        node["title"] = "<img src=x onerror=alert(1)>"
    saved["groups"] = [{"title": "<script>alert(1)</script>", "bounding": [0, 0, 300, 300]}]
    editor_page.evaluate("saved => heddle.editor.services.workflows.openSaved(saved, {name: '<b>bold</b>'})", saved)
    expect(editor_page.get_by_role("tab", name="<b>bold</b>")).to_be_visible()
    assert editor_page.locator("img[src=x], b").count() == 0


def test_tabs_and_examples_speak_chinese_and_hinder_nobody(
    new_context: Callable[..., BrowserContext], server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = open_page(new_context(server, locale="zh-CN"))
    expect(page.get_by_role("tablist", name="打开的工作流")).to_be_visible()
    until(page, "[...heddle.editor.graph.nodes.values()].some((node) => node.name === 'K 采样器')")
    page.keyboard.press("Shift+A")
    page.keyboard.type("ksampler")
    card = page.locator(".palette-card")
    expect(card.get_by_role("heading", name="K 采样器")).to_be_visible()
    expect(card).to_contain_text("正面条件")
    page.keyboard.press("Escape")
    page.evaluate(RUN, "file.browse")
    expect(page.get_by_role("dialog").locator(".card").first).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text("文生图", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog")).to_contain_text("由提示词生成图像")
    assert find_barriers(page, "dialog") == []


def test_what_the_server_says_and_the_menus_and_notes_of_what_ships_are_chinese_and_files_stay_as_they_are(
    new_context: Callable[..., BrowserContext], server: PageServer, troubles: Troubles
) -> None:
    troubles.allow("status of 404")
    page = open_page(new_context(server, locale="zh-CN"))
    until(page, "[...heddle.editor.graph.nodes.values()].some((node) => node.name === 'K 采样器')")
    expect(page.locator(".widget-note")).to_contain_text("演示模型")
    note = "[...heddle.editor.graph.nodes.values()].find((node) => node.type === 'MarkdownNote')"
    assert page.evaluate(f"{note}.values.text").startswith("## Text to image")
    refused = "heddle.editor.server.get('/heddle/files/workflows/none.json').catch((error) => error.message)"
    assert page.evaluate(refused) == "没有工作流“none.json”"
    settings = "a red circle\nSteps: 5, Sampler: Euler a, Size: 128x128, Model: nowhere"
    page.evaluate("text => void heddle.editor.services.workflows.openAnything(text)", settings)
    expect(page.locator(".notes")).to_contain_text("这里没有检查点“nowhere”")
    page.evaluate("heddle.editor.shell.openPanel('library')")
    library = page.locator(".library")
    expect(library.get_by_role("treeitem", name="模型", exact=True)).to_be_visible()
    library.get_by_role("searchbox").fill("调度器")
    expect(library.get_by_role("treeitem", name="Karras 调度器")).to_be_visible()


def save_as(page: Page, name: str) -> None:
    page.evaluate(RUN, "file.save-as")
    page.get_by_role("textbox", name="Save as").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name=name)).to_be_visible()


def read_file(page: Page, path: str) -> Any:
    script = "async path => (await fetch('/api/heddle/files/workflows/' + encodeURIComponent(path))).json()"
    return page.evaluate(script, path)


PASTE_AND_UNDO = """async (count) => {
  const { editor } = heddle;
  editor.edit("undo.paste", () => {
    for (let i = 0; i < count; i++) editor.graph.addNode("VAEDecode", { x: i * 300, y: 2000 });
  });
  await new Promise((resolve) => setTimeout(resolve, 500)); // the first of them are being kept
  editor.document.journal.undo();
}"""
DRAFT = "heddle.editor.services.workflows.stateOf(heddle.editor.document).id"
DRAFTS = "async () => (await heddle.editor.server.get('/heddle/drafts')).drafts.some((each) => each.id === '{draft}')"


def wait_for_draft(page: Page, draft: str) -> None:
    """Until the server has it."""
    until(page, DRAFTS.format(draft=draft))


def test_nodes_that_were_taken_back_while_they_were_being_kept_do_not_come_again(editor_page: Page) -> None:
    before = editor_page.evaluate("heddle.editor.graph.nodes.size")
    editor_page.evaluate(PASTE_AND_UNDO, 3000)
    until_kept(editor_page)
    editor_page.reload()
    editor_page.locator("body[data-ready]").wait_for()
    assert editor_page.evaluate("heddle.editor.graph.nodes.size") == before


def test_a_window_whose_timers_stand_still_keeps_its_tabs(context: BrowserContext) -> None:
    page = open_page(context)
    node = page.evaluate(MOVE)
    until_kept(page)
    other = context.new_page()
    other.add_init_script("const now = Date.now; Date.now = () => now() + 120_000;")  # two minutes without a sign of it
    other.goto("/")
    other.locator("body[data-ready]").wait_for()
    assert place(other, node) != [1234, 567]
    assert other.evaluate(DRAFT) != page.evaluate(DRAFT)


def test_a_draft_of_another_browser_goes_on_as_one_of_its_own(
    start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext]
) -> None:
    server = start_server()  # with no drafts of others
    context = new_context(server)
    page = open_page(context)
    node = page.evaluate(MOVE)
    old = page.evaluate(DRAFT)
    wait_for_draft(page, old)
    beside = open_page(context)
    expect(beside.get_by_text("The server kept")).to_have_count(0)  # it is open in the window beside
    elsewhere = open_page(new_context(server))
    elsewhere.locator(".note").get_by_role("button", name="Open").click()
    expect(elsewhere.get_by_text("The server kept")).to_have_count(0)  # the note goes before the draft has come
    until(elsewhere, PLACE.format(node=node), [1234, 567])
    new = elsewhere.evaluate(DRAFT)
    assert new != old
    wait_for_draft(elsewhere, new)


def put_draft(server: PageServer, draft: str, name: str) -> None:
    """As another browser leaves it."""
    body = json.dumps({"nodes": [], "links": [], "version": 0.4}).encode()
    address = f"{server.address}/heddle/drafts/{draft}?name={name}"
    urllib.request.urlopen(urllib.request.Request(address, body, method="PUT"), timeout=30).close()


def test_a_draft_that_is_left_alone_is_offered_again_when_it_changed_and_is_discarded_by_name(
    start_server: Callable[..., PageServer],
    new_context: Callable[..., BrowserContext],
    find_barriers: Callable[..., list[str]],
) -> None:
    server = start_server()
    context = new_context(server)
    put_draft(server, "one", "Lighthouse")

    page = open_page(context)
    note = page.locator(".note").filter(has_text="Lighthouse")
    expect(note).to_contain_text("1 minute ago")
    note.get_by_role("button", name="Leave alone").click()
    expect(page.get_by_text("It stays on the server")).to_be_visible()
    page.close()

    # The next visit says nothing; the panel has it, and the question can be refused.
    page = open_page(context)
    until(page, "heddle.editor.services.workflows.isKept()")
    page.get_by_role("button", name="Workflows", exact=True).click()
    page.get_by_role("button", name="kept on the server: 1").click()
    expect(page.locator(".note").filter(has_text="Lighthouse")).to_have_count(0)
    assert find_barriers(page, "dialog") == []
    page.get_by_role("button", name="Discard “Lighthouse”…").click()
    question = page.get_by_role("dialog", name="Discard unsaved work?")
    expect(question).to_contain_text("“Lighthouse”, changed 1 minute ago")
    question.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("button", name="Open “Lighthouse”")).to_be_visible()
    page.close()

    # Changed since, with another one beside it: both are offered; what changes while one is asked stays.
    put_draft(server, "one", "Lighthouse")
    put_draft(server, "two", "Harbour")
    page = open_page(context)
    note = page.locator(".note").filter(has_text="“Harbour” and “Lighthouse”")
    note.get_by_role("button", name="Choose…").click()
    page.get_by_role("button", name="Discard all…").click()
    question = page.get_by_role("dialog", name="Discard unsaved work?")
    expect(question).to_contain_text("“Harbour”")
    before = server.ask("/heddle/drafts")["drafts"]
    while server.ask("/heddle/drafts")["drafts"] == before:
        put_draft(server, "one", "Lighthouse")  # at another millisecond
    question.get_by_role("button", name="Discard", exact=True).click()
    expect(page.get_by_text("“Lighthouse” was changed meanwhile")).to_be_visible()
    expect(page.get_by_role("button", name="Open “Harbour”")).to_have_count(0)
    assert [each["id"] for each in server.ask("/heddle/drafts")["drafts"]] == ["one"]
    page.get_by_role("button", name="Open “Lighthouse”").click()
    expect(page.get_by_role("tab", name="Lighthouse")).to_be_visible()


def test_a_browser_that_keeps_nothing_asks_before_it_closes_and_the_server_keeps_the_work(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    context = new_context(server)
    context.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); };")
    page = open_page(context)
    page.evaluate(MOVE)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator(".canvas").click(position={"x": 30, "y": 600})  # a page that nobody touched may not ask
    page.close(run_before_unload=True)
    until_heard(page, lambda: bool(asked))
    assert asked == ["beforeunload"]
    wait_for_draft(page, page.evaluate(DRAFT))


def test_a_tab_that_cannot_be_kept_is_not_forgotten_for_one_that_can(
    new_context: Callable[..., BrowserContext], server: PageServer, troubles: Troubles
) -> None:
    troubles.allow("ERR_FAILED")
    context = new_context(server)
    context.add_init_script("""
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (value) {
        if (value.record?.type === "KSampler") throw new DOMException("full", "QuotaExceededError");
        return put.call(this, value);
      };""")
    page = context.new_page()
    page.route("**/heddle/drafts/**", lambda route: route.abort())  # nor does the server have it
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.evaluate(MOVE)
    page.evaluate("heddle.editor.services.workflows.openNew()")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator(".canvas").click(position={"x": 30, "y": 600})
    until(page, HAS_DRAFT, True)
    page.close(run_before_unload=True)
    until_heard(page, lambda: bool(asked))
    assert asked == ["beforeunload"]


def test_a_save_that_fails_says_why_and_offers_the_file(editor_page: Page, troubles: Troubles) -> None:
    troubles.allow("507")
    full = {"error": {"message": "No space is left on the disk"}}
    editor_page.route("**/heddle/files/workflows/**", lambda route: route.fulfill(status=507, json=full))
    editor_page.evaluate(MOVE)
    editor_page.keyboard.press("Control+s")
    editor_page.get_by_role("textbox", name="Save as").fill("on a full disk")
    editor_page.keyboard.press("Enter")
    note = editor_page.get_by_role("alert").filter(has_text="on a full disk was not saved")
    expect(note).to_contain_text("No space is left on the disk")
    expect(editor_page.get_by_label("Not saved")).to_be_visible()
    with editor_page.expect_download() as download:
        note.get_by_role("button", name="Download").click()
    assert [1234, 567] in [node["pos"] for node in json.loads(download.value.path().read_text())["nodes"]]

    def save_again() -> None:
        editor_page.evaluate(RUN, "file.save")
        editor_page.get_by_role("textbox", name="Save as").fill("on a full disk")
        editor_page.keyboard.press("Enter")

    save_again()
    expect(note).to_be_visible()
    editor_page.unroute("**/heddle/files/workflows/**")
    save_again()
    expect(editor_page.get_by_label("Not saved")).to_have_count(0)
    expect(note).to_have_count(0)  # it is not true any more


def test_an_empty_tab_that_gave_way_to_a_workflow_does_not_come_again(editor_page: Page) -> None:
    editor_page.evaluate(RUN, "file.close")
    expect(editor_page.get_by_role("tab", name="Unnamed")).to_be_visible()
    until_kept(editor_page)
    editor_page.evaluate("heddle.editor.services.workflows.openExample('text_to_image')")
    expect(editor_page.get_by_role("tab")).to_have_count(1)
    until_kept(editor_page)
    editor_page.reload()
    editor_page.locator("body[data-ready]").wait_for()
    expect(editor_page.get_by_role("tab")).to_have_count(1)


def test_what_may_be_opened_can_be_saved() -> None:
    source = (HOUSE / "web/features/workflows/files.js").read_text(encoding="utf-8")
    found = re.search(r"LARGEST_FILE = (\d+) \* 1024 \* 1024", source)
    assert found
    assert Limits().workflow_bytes > 2 * int(found[1]) * 2**20  # values are saved in order and by name


LONG = "18446744073709551615"
TYPE_LONG = """() => {
  const { root } = heddle.editor.document;
  const node = [...root.nodes.values()].find((each) => each.type === "KSampler");
  heddle.editor.edit("undo.value", () => {
    root.setValue(node, "seed", 18446744073709551615n);
    root.setValue(node, "control_after_generate", "fixed");
  });
}"""
SEED = """(() => {
  const node = [...heddle.editor.document.root.nodes.values()].find((each) => each.type === "KSampler");
  return String(node?.values.seed);
})()"""
NAME = "heddle.editor.services.workflows.stateOf(heddle.editor.document).name"


def test_a_long_seed_keeps_its_digits_on_every_way_back(
    start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext]
) -> None:
    server = start_server()
    page = open_page(new_context(server))
    page.evaluate(TYPE_LONG)
    draft = page.evaluate(DRAFT)
    wait_for_draft(page, draft)
    elsewhere = open_page(new_context(server))
    elsewhere.locator(".note").get_by_role("button", name="Open", exact=True).click()
    until(elsewhere, SEED, LONG)
    elsewhere.context.close()
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert page.evaluate(SEED) == LONG
    save_as(page, "long")
    with page.expect_download() as told:
        page.evaluate(RUN, "file.download-prompt")
    assert f'"seed": {LONG}' in told.value.path().read_text(encoding="utf-8")
    page.keyboard.press("Control+Enter")
    until(page, "heddle.editor.services.run.jobs.all.at(-1)?.state", "done")
    page.evaluate("() => heddle.editor.services.workflows.openNew()")
    page.evaluate(RUN, "queue.toggle")
    page.locator(".queue-done").get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Open its workflow").click()
    until(page, SEED, LONG)
    page.evaluate("() => heddle.editor.services.workflows.openNew()")
    page.evaluate(
        """async () => {
          const { openWorkflows } = await import("./features/gallery/actions.js");
          const { entries } = await heddle.editor.server.get("/heddle/outputs?limit=1");
          await openWorkflows(heddle.editor, entries);
        }"""
    )
    assert page.evaluate(SEED) == LONG
    page.evaluate("() => void heddle.editor.services.workflows.openPath('long.json')")
    until(page, NAME, "long")
    page.evaluate(RUN, "file.versions")
    page.locator(".version").first.click()
    page.get_by_role("button", name="Open in a tab").click()
    until(page, f"({NAME}) !== 'long'")
    assert page.evaluate(SEED) == LONG


def test_a_name_that_no_file_can_have_is_told_where_it_is_typed(editor_page: Page, troubles: Troubles) -> None:
    page = editor_page
    troubles.allow("409")
    save_as(page, "taken")
    page.evaluate(RUN, "file.new")
    page.evaluate(RUN, "file.save")
    field = page.get_by_role("textbox", name="Save as")
    for given, told in {
        " / ": "Give it a name",
        "..": "Give it a name",
        "10:30": "cannot hold :",
        "parts/aux.v2": "Windows keeps the name aux",
        "長" * 85: "260 bytes",
    }.items():
        field.fill(given)
        field.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(told)
        expect(field).to_have_value(given)
    field.fill("folder/free name")
    field.press("Enter")
    expect(page.get_by_role("tab", name="free name")).to_be_visible()
    page.evaluate(RUN, "file.rename")
    field = page.get_by_role("textbox", name="New name")
    field.fill("taken")
    field.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("called taken already")
    field.fill("folder/FREE name")
    field.press("Enter")
    expect(page.get_by_role("tab", name="FREE name", exact=True)).to_be_visible()
    page.evaluate(RUN, "file.save-as")
    expect(page.get_by_role("textbox", name="Save as")).to_have_value("folder/FREE name")  # a copy lands beside it


def test_a_tab_follows_its_file_and_outlives_it(editor_page: Page) -> None:
    page = editor_page
    save_as(page, "before")
    page.evaluate(RUN, "panel.workflows")
    page.get_by_role("button", name="More for before").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="New name").fill("folder/after")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="after")).to_be_visible()
    expect(page.get_by_label("Not saved")).to_have_count(0)
    node = page.evaluate(MOVE)
    page.evaluate(RUN, "file.save")
    expect(page.get_by_label("Not saved")).to_have_count(0)
    saved = read_file(page, "folder/after.json")["nodes"]
    assert [1234, 567] in [each["pos"] for each in saved if str(each["id"]) == node]
    page.get_by_role("button", name="More for after").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_label("Not saved")).to_have_count(1)
    assert place(page, node) == [1234, 567]
    wait_for_draft(page, page.evaluate(DRAFT))  # a machine that dies now takes nothing with it
    page.evaluate(RUN, "file.save")
    expect(page.get_by_role("textbox", name="Save as")).to_have_value("after")


OPEN_FILE = """async ([name, bytes]) => {
    for (const close of document.querySelectorAll(".notes .note button")) close.click();
    await heddle.editor.services.workflows.openFiles([new File([new Uint8Array(bytes)], name)]);
}"""
NOT_TO_BE_OPENED = {
    "cut.json": (b'{"nodes": [\n  {"id": 1,', "cut.json breaks off at line 2, column 12"),
    "broken.json": (b'{"nodes": [],\n\n  oops: 1}', "broken.json is not valid JSON from line 3, column 3 on"),
    "long.json": (
        b'{"seed": 18446744073709551615,\n "n": NaN, oops: 1}',
        "long.json is not valid JSON from line 2, column 12",
    ),
    "empty.json": (b"", "empty.json is empty"),
    "blank.json": (b" \n", "blank.json is empty"),
    "list.json": (b"[1, 2, 3]", "it holds a list of 3 entries"),
    "package.json": (b'{"name": "x", "version": 2}', "it holds an object with the keys name, version"),
    "fake.png": (b"no picture at all", "fake.png is not a picture: it holds text"),
    "noise.png": (b"\x00\xff\xfe\x01" * 9, "noise.png is not a picture that can be read"),
    "other.zip": (b"PK\x03\x04aaaa", "other.zip holds no workflow, and no node loads such files"),
}


def test_a_file_that_cannot_be_opened_says_what_it_is_and_what_to_do(editor_page: Page) -> None:
    before = editor_page.evaluate("heddle.editor.documents.length")
    for name, (data, told) in NOT_TO_BE_OPENED.items():
        editor_page.evaluate(OPEN_FILE, [name, list(data)])
        expect(editor_page.locator(".notes")).to_contain_text(told)
    assert editor_page.evaluate("heddle.editor.documents.length") == before


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_workflow_in_another_encoding_loses_no_letter(editor_page: Page, coding: str) -> None:
    title = "<b>织机</b> é"
    saved = {"nodes": [{"id": 1, "type": "Note", "title": title, "pos": [0, 0], "size": [200, 100]}], "links": []}
    data = json.dumps(saved, ensure_ascii=False).encode(coding)
    mark = b"\xfe\xff" if coding == "utf-16-be" else b""
    editor_page.evaluate(OPEN_FILE, ["coded.json", list(mark + data)])
    expect(editor_page.get_by_role("tab", name="coded")).to_have_attribute("aria-selected", "true")
    assert editor_page.evaluate("heddle.editor.graph.node('1').title") == title


def test_letters_that_cannot_be_read_are_told(editor_page: Page) -> None:
    editor_page.evaluate(OPEN_FILE, ["old.json", list('{"nodes": [], "links": [], "x": "é"}'.encode("latin-1"))])
    expect(editor_page.locator(".notes")).to_contain_text("Some letters of old.json could not be read")


def test_what_is_damaged_is_told_by_kind(editor_page: Page) -> None:
    nodes = ", ".join(["null"] * 10 + ['{"id": 1, "type": "Note", "pos": [NaN, 0]}'])
    text = f'{{"nodes": [{nodes}], "links": [[3, 1, 0, 77, 0, "X"], [4, 1, 0, 78, 0, "X"]]}}'
    editor_page.evaluate(OPEN_FILE, ["bad.json", list(text.encode())])
    told = editor_page.get_by_role("alert")
    expect(told.filter(has_text="node 1, 2, 3, 4, 5, 6, 7, 8 and 2 more")).to_contain_text("link 3, 4")
    expect(told.filter(has_text="bad.json: values that are no numbers")).to_be_visible()


def test_a_folder_opens_what_lies_in_it(editor_page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "my flows"
    (folder / "inner").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    shipped = (HOUSE / "workflows" / "text_to_image.json").read_bytes()
    for name in ("工作流 one.json", "inner/two.json", ".hidden/three.json"):
        (folder / name).write_bytes(shipped)
    (folder / "notes.txt").write_text("nothing to open", encoding="utf-8")
    (tmp_path / "bare").mkdir()
    hand = editor_page.context.new_cdp_session(editor_page)

    def drop(name: str) -> None:
        data = {"items": [], "files": [str(tmp_path / name)], "dragOperationsMask": 1}
        for type in ("dragEnter", "dragOver", "drop"):
            hand.send("Input.dispatchDragEvent", {"type": type, "x": 640, "y": 700, "data": data})

    drop("my flows")
    for name in ("工作流 one", "two"):
        expect(editor_page.get_by_role("tab", name=name)).to_be_visible()
    expect(editor_page.get_by_role("tab")).to_have_count(3)  # and what was open
    drop("bare")
    expect(editor_page.get_by_role("alert").filter(has_text="Nothing in bare can be opened")).to_be_visible()


def test_node_templates_open_as_groups(editor_page: Page) -> None:
    part = {
        "nodes": [
            {"type": "VAELoader", "pos": [50, 50], "outputs": [{"name": "VAE", "type": "VAE", "links": None}]},
            {"type": "VAEDecode", "pos": [400, 50], "inputs": [{"name": "vae", "type": "VAE", "link": None}]},
        ],
        "links": [[0, 0, 1, 0, 3]],
    }
    data = json.dumps({"templates": [{"name": "Decoding", "data": json.dumps(part)}]}).encode()
    editor_page.evaluate(OPEN_FILE, ["my templates.json", list(data)])
    expect(editor_page.get_by_role("tab", name="my templates")).to_be_visible()
    expect(editor_page.get_by_text("node templates (1), each in a group")).to_be_visible()
    written = editor_page.evaluate(WRITE)
    assert [group["title"] for group in written["groups"]] == ["Decoding"]
    assert len(written["links"]) == 1


@pytest.mark.parametrize(
    ("end", "told"),
    [(None, "plain.png carries no workflow, so it became an input"), (60, "plain.png cannot be read whole")],
)
def test_a_picture_without_a_workflow_is_said_to_be_an_input(editor_page: Page, end: int | None, told: str) -> None:
    before = editor_page.evaluate("heddle.editor.graph.nodes.size")
    editor_page.evaluate(OPEN_FILE, ["plain.png", list(picture(3)[:end])])
    expect(editor_page.locator(".notes")).to_contain_text(told)
    until(editor_page, "heddle.editor.graph.nodes.size", before + 1)


def test_long_names_of_tabs_leave_the_buttons_beside_them_free_on_a_phone(editor_page: Page) -> None:
    editor_page.set_viewport_size({"width": 390, "height": 844})
    for name in ("a portrait of a weaver", "a landscape at night"):
        editor_page.evaluate("name => void heddle.editor.services.workflows.openSaved({ nodes: [] }, { name })", name)
    tab = editor_page.get_by_role("tab", name="a landscape at night")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(tab).to_be_in_viewport(ratio=0.99)
    ends = tab.evaluate("(each) => each.getBoundingClientRect().right")
    begins = editor_page.locator(".tabs ~ button:visible").first.evaluate("each => each.getBoundingClientRect().left")
    assert ends <= begins


def open_tabs(page: Page, count: int) -> list[str]:
    names = [f"a workflow with the number {number}" for number in range(count)]
    for name in names:
        page.evaluate("name => void heddle.editor.services.workflows.openSaved({ nodes: [] }, { name })", name)
    expect(page.get_by_role("tab")).to_have_count(count + 1)  # the first one is there, too
    return names


def test_tabs_that_do_not_fit_scroll_and_a_list_has_all_of_them(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    names = open_tabs(page, 14)
    tabs = page.get_by_role("tablist")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        shown = page.get_by_role("tab", selected=True)
        until(page, "innerWidth", width)
        expect(page.get_by_role("button", name="All open tabs")).to_be_visible()
        expect(shown).to_be_in_viewport(ratio=0.99)
        begins = page.locator(".bar-end").evaluate("each => each.getBoundingClientRect().left")
        for part in (tabs, page.get_by_role("button", name="All open tabs")):
            assert part.evaluate("each => each.getBoundingClientRect().right") <= begins
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for end, which in (("Home", "first"), ("End", "last")):
            shown.focus()
            page.keyboard.press(end)
            expect(getattr(page.get_by_role("tab"), which)).to_have_attribute("aria-selected", "true")
            expect(shown).to_be_focused()
            expect(shown).to_be_in_viewport(ratio=0.99)
        assert not find_barriers(page, ".bar")
    page.set_viewport_size({"width": 1280, "height": 844})
    until(page, "innerWidth", 1280)
    tabs.hover()
    page.mouse.wheel(0, -9000)
    expect(page.get_by_role("tab").first).to_be_in_viewport(ratio=0.99)
    expect(page.get_by_role("tab").last).not_to_be_in_viewport()  # looking for a tab shows no other workflow
    page.get_by_role("button", name="All open tabs").click()
    expect(page.get_by_role("menuitemcheckbox", name=names[-1])).to_be_focused()
    page.get_by_role("menuitemcheckbox", name=names[5], exact=True).click()
    expect(page.get_by_role("tab", name=names[5], exact=True)).to_be_in_viewport(ratio=0.99)
    expect(page.get_by_role("tab", name=names[5], exact=True)).to_have_attribute("aria-selected", "true")


def test_tabs_are_put_in_order_and_closed_by_pointer_and_key(editor_page: Page) -> None:
    page = editor_page
    names = open_tabs(page, 3)
    tab = {name: page.get_by_role("tab", name=name, exact=True) for name in names}
    tab[names[2]].drag_to(tab[names[0]], target_position={"x": 8, "y": 10})
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", names[2], names[0], names[1]])
    tab[names[2]].drag_to(tab[names[1]], target_position={"x": 150, "y": 10})
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", *names])
    page.keyboard.press("Alt+Shift+PageUp")
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", names[0], names[2], names[1]])
    page.keyboard.press("Alt+Shift+PageDown")
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", *names])
    page.keyboard.press("Alt+T")
    expect(page.get_by_role("menuitemcheckbox", name=names[2])).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(tab[names[1]]).to_have_attribute("aria-selected", "true")
    tab[names[0]].click(button="middle")
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", names[1], names[2]])
    until_kept(page)
    page.reload()
    expect(page.get_by_role("tab")).to_contain_text(["text_to_image", names[1], names[2]])
    expect(tab[names[1]]).to_have_attribute("aria-selected", "true")


# All that a person has before them: the tabs in their order, what is in each, and where they look.
STANDS = """() => {
  const { editor } = heddle;
  const { workflows } = editor.services;
  return {
    tabs: editor.documents.map((each) => {
      const { name, path, revision } = workflows.stateOf(each);
      const saved = workflows.write(each);
      delete saved.extra?.ds;
      return { name, path, revision, isDirty: workflows.isDirty(each), saved };
    }),
    places: editor.documents.map((each) => editor.placeOf(each)),
    shown: editor.documents.indexOf(editor.document),
  };
}"""


def test_another_language_loses_nothing_that_stands_in_the_tabs(
    new_context: Callable[..., BrowserContext], start_server: Callable[..., PageServer]
) -> None:
    page = new_context(start_server()).new_page()  # the language is the person's on the server
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.evaluate(RUN, "file.save-as")
    page.get_by_role("textbox").fill("kept as a file")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="kept as a file")).to_be_visible()
    page.evaluate("name => heddle.editor.services.workflows.openExample(name).then(() => null)", "latent_upscale")
    page.evaluate("name => heddle.editor.services.workflows.openExample(name).then(() => null)", "image_to_image")
    page.evaluate("heddle.editor.commands.run('select.all')")
    page.evaluate(RUN, "subgraph.make")
    until(page, "heddle.editor.document.definitions.size", 1)
    page.evaluate("heddle.editor.commands.run('file.move-left')")
    page.evaluate("heddle.editor.enter([...heddle.editor.graph.nodes.values()].filter((each) => each.spec.definition))")
    page.evaluate("heddle.editor.view.moveTo(0.7, { x: 31, y: -47 })")
    page.evaluate("heddle.editor.show(heddle.editor.documents[0])")
    page.evaluate("heddle.editor.view.moveTo(1.25, { x: 5, y: 60 })")
    page.evaluate("heddle.editor.show(heddle.editor.documents[1])")
    page.evaluate(
        """() => {
          const { editor } = heddle;
          const [node] = [...editor.graph.nodes.values()].filter((each) => each.type === "KSampler");
          editor.edit("undo.value", () => editor.graph.setValue(node, "steps", 17));
        }"""
    )
    before = page.evaluate(STANDS)
    assert [each["name"] for each in before["tabs"]] == ["kept as a file", "image_to_image", "latent_upscale"]
    assert before["places"][1]["path"]
    page.keyboard.press("Control+,")
    dialog = page.get_by_role("dialog", name="Settings")
    dialog.get_by_label("Language", exact=True).select_option(label="简体中文")
    dialog.locator(".settings-reload").click()
    expect(page.get_by_role("tablist", name="打开的工作流")).to_be_visible()
    page.locator("body[data-ready]").wait_for()
    assert page.evaluate(STANDS) == before
    page.keyboard.press("Control+,")
    page.get_by_role("dialog").get_by_label("语言", exact=True).select_option(label="English")
    page.locator(".settings-reload").click()
    expect(page.get_by_role("tablist", name="Open workflows")).to_be_visible()
    page.locator("body[data-ready]").wait_for()
    assert page.evaluate(STANDS) == before


PASTE = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  const how = { clipboardData, bubbles: true, cancelable: true };
  heddle.editor.view.element.dispatchEvent(new ClipboardEvent("paste", how));
}"""


def test_pasted_workflows_have_names_of_their_own_and_are_not_saved(editor_page: Page) -> None:
    page = editor_page
    tabs = "heddle.editor.documents.map((each) => heddle.editor.services.workflows.stateOf(each).name)"
    saved = {"version": 0.4, "nodes": [{"id": 1, "type": "VAEDecode", "pos": [0, 0]}], "links": []}
    api = {"3": {"class_type": "VAEDecode", "inputs": {}}}
    for given, names in ((saved, ["Pasted"]), (api, ["Pasted", "Pasted 2"])):
        page.evaluate(PASTE, json.dumps(given))
        until(page, tabs, ["text_to_image", *names])
        expect(page.locator(".tab-dirty")).to_have_count(len(names))


def test_a_workflow_is_known_by_its_picture_and_forgotten_for_good_when_the_person_says_so(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    page.locator(".canvas").focus()
    page.keyboard.press("w")
    save_as(page, "pictured")
    row = page.locator(".workflow-row", has_text="pictured")
    size = "(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert row.locator("img").evaluate(size) == [240, 160]  # a sketch: it has made nothing yet
    page.keyboard.press("Control+Enter")
    until(page, "heddle.editor.services.run.jobs.all.at(-1)?.state", "done")
    address = row.locator("img").get_attribute("src")
    page.evaluate(SCATTER)
    page.keyboard.press("Control+s")
    expect(row.locator("img")).not_to_have_attribute("src", address or "")
    assert row.locator("img").evaluate(size) == [128, 128]

    row.get_by_role("button", name="More for pictured").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.locator("summary", has_text="Deleted").click()
    forget = page.get_by_role("button", name="Forget “pictured” for good")
    forget.click()
    dialog = page.get_by_role("dialog", name="Forget “pictured” for good")
    expect(dialog).to_contain_text("Its versions (2) are deleted.")
    assert find_barriers(page, ".dialog") == []
    dialog.get_by_role("button", name="Cancel").click()
    expect(forget).to_be_visible()
    forget.click()
    dialog.get_by_role("button", name="Forget for good").click()
    expect(forget).to_have_count(0)
    deleted = page.evaluate("heddle.editor.server.get('/heddle/files/workflows?deleted=true')")["workflows"]
    assert "pictured.json" not in [each["path"] for each in deleted]
