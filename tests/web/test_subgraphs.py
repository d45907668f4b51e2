"""A subgraph by keyboard: made, opened, given a widget to show, left, run, laid open, and kept for reuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

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
    expect(path.get_by_role("listitem").last).to_have_text("New subgraph")
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


OPEN_GROUP_NODE = """async () => {
    const { readWorkflow } = await import("/core/read.js");
    const { editor } = heddle;
    const sampler = { index: 0, type: "KSampler", pos: [0, 0], size: [270, 260], widgets_values: [1, "fixed", 2, 3, "euler", "simple", 1] };
    const decode = { index: 1, type: "VAEDecode", pos: [400, 0], size: [200, 60],
      inputs: [{ name: "samples", type: "LATENT", link: null }, { name: "vae", type: "VAE", link: null }] };
    const outputs = [{ name: "IMAGE", type: "IMAGE", links: null }];
    const node = { id: 5, type: "workflow>Paint", pos: [100, 100], size: [260, 300], outputs, widgets_values: [7, "fixed", 4, 5, "heun", "normal", 1] };
    const groupNodes = { Paint: { nodes: [sampler, decode], links: [[0, 0, 1, 0, 1, "LATENT"]], external: [], config: {} } };
    const saved = { nodes: [node], links: [], groups: [], extra: { groupNodes }, version: 0.4 };
    editor.open(readWorkflow(saved, editor.catalogue).document);
    editor.view.moveTo(1, { x: 60, y: 60 });
}"""  # noqa: E501


def test_an_older_group_node_becomes_a_subgraph_by_a_double_click_and_undo_takes_it_back(editor_page: Page) -> None:
    page = editor_page
    page.evaluate(OPEN_GROUP_NODE)
    before = page.evaluate(WRITTEN)
    assert '"workflow>Paint"' in before
    corner = page.evaluate("""() => {
        const { view, graph } = heddle.editor;
        const place = view.toScreen(graph.node(5).x + 60, graph.node(5).y + 200);
        const area = view.element.getBoundingClientRect();
        return [area.left + place.x, area.top + place.y];
    }""")
    page.mouse.dblclick(*corner)
    path = page.get_by_role("navigation", name="Where you are")
    path.get_by_role("listitem").get_by_text("Paint").wait_for()
    types = page.evaluate("[...heddle.editor.graph.nodes.values()].map((node) => node.type)")
    assert types == ["KSampler", "VAEDecode"]
    assert page.evaluate(f"[{INSTANCE}.values.seed, {INSTANCE}.values.sampler_name]") == [7, "heun"]
    page.keyboard.press("Control+Z")
    path.wait_for(state="hidden")
    assert page.evaluate(WRITTEN) == before
