"""The graph without seeing it and without a pointer: the outline, and what is said."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_a_graph_is_built_and_changed_in_the_outline_by_keyboard_alone(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    keys = page.keyboard
    page.evaluate("heddle.editor.open(new heddle.editor.document.constructor(heddle.editor.catalogue))")
    keys.press("Tab")  # the first stop of the page
    expect(page.get_by_role("button", name="Skip to the outline")).to_be_focused()
    keys.press("Enter")
    tree = page.get_by_role("tree", name="Outline")
    expect(tree).to_be_focused()
    expect(page.get_by_text("The graph is empty.")).to_be_visible()

    def add(words: str) -> None:
        palette = page.get_by_role("combobox")
        expect(palette).to_be_focused()
        keys.type(words)
        keys.press("Enter")
        expect(tree).to_be_focused()

    keys.press("Shift+A")  # no row yet, so the page's own key
    page.get_by_role("combobox").wait_for()
    keys.press("Escape")
    tree.focus()
    page.get_by_role("button", name="Add a node").focus()
    keys.press("Enter")
    add("Load Checkpoint")
    expect(page.get_by_role("treeitem", name="Load Checkpoint, #1")).to_have_attribute("aria-selected", "true")
    keys.press("Insert")
    add("KSampler")
    sampler = page.get_by_role("treeitem", name="KSampler, #2")
    expect(sampler).to_have_attribute("aria-selected", "true")
    expect(sampler).to_have_attribute("aria-expanded", "false")
    assert page.evaluate("heddle.editor.selection.nodes.map((node) => node.type)") == ["KSampler"]

    # An input is linked by choosing one of the outputs that fit.
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    model = page.get_by_role("treeitem", name="Input model, takes MODEL, not linked")
    expect(model).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(page.get_by_role("combobox", name="What should feed this input?")).to_be_focused()
    keys.type("Load Check")
    keys.press("Enter")
    expect(page.get_by_role("treeitem", name="Input model, takes MODEL, from Load Checkpoint · MODEL")).to_be_visible()
    assert page.evaluate("heddle.editor.graph.links.size") == 1
    tree.focus()
    keys.press("Delete")
    expect(model).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Done: Disconnect")).to_be_attached()
    keys.press("Control+z")
    expect(page.get_by_role("status").filter(has_text="Undone: Disconnect")).to_be_attached()
    assert page.evaluate("heddle.editor.graph.links.size") == 1

    # A value, with the widget's own field.
    keys.type("steps")
    steps = page.get_by_role("treeitem", name="steps: 20")
    expect(steps).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    keys.type("31")
    keys.press("Enter")
    keys.press("Escape")
    expect(tree).to_be_focused()
    expect(page.get_by_role("treeitem", name="steps: 31")).to_be_visible()
    assert page.evaluate("heddle.editor.graph.node(2).values.steps") == 31

    # Renamed, bypassed, deleted; what it was is said.
    keys.press("ArrowLeft")
    keys.press("F2")
    keys.type("Sampling")
    keys.press("Enter")
    expect(tree).to_be_focused()
    keys.press("Control+b")
    expect(page.get_by_role("treeitem", name="Sampling, #2, bypassed")).to_be_visible()
    assert find_barriers(page) == []
    keys.press("Delete")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="Done: Delete, Sampling")).to_be_attached()

    # What is chosen on the canvas is the tree's current row.
    page.evaluate("heddle.editor.selection.set([heddle.editor.graph.node(1)])")
    expect(page.get_by_role("treeitem", name="Load Checkpoint, #1")).to_have_attribute("aria-selected", "true")
    keys.press("Escape")
    canvas = page.get_by_role("application")
    expect(canvas).to_be_focused()
    about = "A graph of 1 nodes and 0 links. Ctrl+→ goes to the next node; the outline lists all of them."
    expect(canvas).to_have_accessible_description(f"{about} F6 goes on to the next part of the page.")

    # A panel that is closed gives the keyboard back to its button.
    keys.press("Alt+o")
    expect(tree).to_be_focused()
    page.get_by_role("complementary", name="Outline").get_by_role("button", name="Close").focus()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Outline", exact=True)).to_be_focused()


def test_the_outline_of_a_large_graph_has_elements_for_what_is_seen_alone(editor_page: Page) -> None:
    editor_page.evaluate("""() => {
      const { editor } = heddle;
      editor.open(new editor.document.constructor(editor.catalogue));
      editor.edit("undo.add-node", () => {
        for (let i = 0; i < 5000; i++) {
          const node = editor.graph.addNode("KSampler", { x: (i % 70) * 300, y: Math.floor(i / 70) * 300 });
          if (i) editor.graph.connect(editor.graph.node(i), 0, node, 3);
        }
      });
    }""")
    editor_page.keyboard.press("Alt+o")
    tree = editor_page.get_by_role("tree", name="Outline")
    expect(tree).to_be_focused(timeout=30_000)
    editor_page.keyboard.press("End")
    last = editor_page.get_by_role("treeitem", name="KSampler, #5000")
    expect(last).to_have_attribute("aria-posinset", "5000", timeout=30_000)  # the canvas draws them all, too
    expect(last).to_have_attribute("aria-setsize", "5000")
    assert tree.get_by_role("treeitem").count() < 100


LYING_ON_ANOTHER = """() => {
  const { graph, view } = heddle.editor;
  const all = [...graph.nodes.values()].map((node) => [node.type, view.layouts.boxOf(node)]);
  return all.flatMap(([name, one], i) => all.slice(i + 1)
    .filter(([, { left, right }]) => one.left < right && one.right > left)
    .filter(([, { top, bottom }]) => one.top < bottom && one.bottom > top)
    .map(([other]) => `${name} on ${other}`));
}"""


def test_nodes_that_are_added_by_keyboard_lie_beside_each_other_in_view_and_a_save_is_said(editor_page: Page) -> None:
    page = editor_page
    keys = page.keyboard
    page.evaluate("heddle.editor.open(new heddle.editor.document.constructor(heddle.editor.catalogue))")
    canvas = page.get_by_role("application")
    canvas.focus()
    for words in ("Load Checkpoint", "CLIP Text Encode", "CLIP Text Encode", "KSampler", "VAE Decode", "Save Image"):
        keys.press("Shift+A")
        expect(page.get_by_role("combobox")).to_be_focused()
        keys.type(words)
        keys.press("Enter")
        expect(canvas).to_be_focused()
    assert page.evaluate("heddle.editor.graph.nodes.size") == 6
    assert page.evaluate(LYING_ON_ANOTHER) == []
    last = "heddle.editor.view.layouts.boxOf(heddle.editor.selection.nodes[0])"
    assert page.evaluate(f"{last}.right <= heddle.editor.view.window.right")

    # Two that feed the same node are made at its sockets.
    page.evaluate("heddle.editor.selection.set([heddle.editor.graph.node(4)])")
    for _ in range(2):
        keys.press("Control+ArrowDown")
        keys.press("Enter")
        expect(page.get_by_role("combobox", name="What should feed this input?")).to_be_focused()
        keys.type("new")
        keys.press("Enter")
        expect(page.get_by_role("combobox", name="Search nodes")).to_be_focused()
        keys.press("Enter")
        expect(canvas).to_be_focused()
        page.evaluate("heddle.editor.selection.set([heddle.editor.graph.node(4)])")
    assert page.evaluate("heddle.editor.graph.nodes.size") == 8
    assert page.evaluate(LYING_ON_ANOTHER) == []

    keys.press("Control+s")
    expect(page.get_by_role("textbox", name="Save as")).to_be_focused()
    keys.type("by keyboard")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="“by keyboard” is saved")).to_be_attached()
