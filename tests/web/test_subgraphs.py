"""A subgraph by keyboard: made, opened, given a widget to show, left, run, laid open, and kept for reuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.page_server import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

CHOOSE = """() => {
    const { editor } = heddle;
    const kinds = ["KSampler", "CLIPTextEncode"];
    editor.selection.set([...editor.graph.nodes.values()].filter((node) => kinds.includes(node.type)));
}"""
WRITTEN = """async () => {
    const { writeWorkflow } = await import("/core/write.js");
    return JSON.stringify(writeWorkflow(heddle.editor.document));
}"""
INSTANCE = "[...heddle.editor.document.root.nodes.values()].find((node) => node.spec?.definition)"


def open_example(page: Page) -> None:
    page.wait_for_function("[...heddle.editor.graph.nodes.values()].some((node) => node.type === 'KSampler')")
    page.locator(".canvas").focus()


def test_a_subgraph_is_made_opened_changed_and_unpacked_from_the_keyboard(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    open_example(page)
    before = page.evaluate(WRITTEN)
    page.evaluate(CHOOSE)
    page.keyboard.press("Control+Shift+E")
    page.wait_for_function(f"{INSTANCE} !== undefined")
    assert page.evaluate(f"{INSTANCE}.inputs.map((slot) => slot.name)") == ["clip", "model", "latent_image"]

    page.keyboard.press("Alt+ArrowDown")
    path = page.get_by_role("navigation", name="Where you are")
    assert path.get_by_role("listitem").all_inner_texts()[-1] == "New subgraph"
    page.evaluate("() => void heddle.editor.commands.run('subgraph.edit')")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("group", name="KSampler").get_by_label("seed").check()
    assert find_barriers(page, ".subgraph-dialog") == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    path.wait_for(state="hidden")

    assert page.evaluate(f"{INSTANCE}.values.seed") == 7
    page.evaluate(f"() => heddle.editor.edit('undo.move', () => heddle.editor.graph.setValue({INSTANCE}, 'seed', 12))")
    page.evaluate("() => heddle.editor.commands.run('subgraph.unpack')")
    found = "[...heddle.editor.graph.nodes.values()].find((node) => node.type === 'KSampler')?.values.seed"
    assert page.evaluate(found) == 12
    for _ in range(4):
        page.keyboard.press("Control+Z")
    assert page.evaluate(WRITTEN) == before


def test_a_subgraph_that_was_kept_can_be_put_into_another_workflow(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    open_example(page)
    page.evaluate(CHOOSE)
    page.keyboard.press("Control+Shift+E")
    page.evaluate("() => void heddle.editor.commands.run('subgraph.publish')")
    page.get_by_role("dialog").get_by_role("textbox").fill("Paint it")
    page.keyboard.press("Enter")
    page.get_by_text("Paint it is saved").wait_for()
    assert server.ask("/userdata/subgraphs%2FPaint%20it.json")["definitions"]["subgraphs"]

    page.evaluate("() => heddle.editor.commands.run('file.new')")
    count = page.evaluate("heddle.editor.graph.nodes.size")
    page.evaluate("() => void heddle.editor.commands.run('subgraph.insert')")
    page.get_by_role("button", name="Paint it", exact=False).first.click()
    page.wait_for_function(f"heddle.editor.graph.nodes.size === {count} + 1")
    assert page.evaluate(f"{INSTANCE}.inputs.length") == 3
    page.get_by_role("dialog").wait_for(state="detached")
