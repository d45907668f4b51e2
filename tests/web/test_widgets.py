"""Values are changed on the canvas, by mouse and by keyboard, and what nodes show is seen."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.page_server import PageServer

RED_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# One type with a widget of each kind, and the helper `place(name, widget)`: where it is on the page.
_OPEN = """
({ names, texts }) => {
  const { editor } = heddle;
  const { catalogue } = editor;
  const records = catalogue.types.map((type) => [type, catalogue.record(type)]).filter(([, record]) => record);
  const known = Object.fromEntries(records);
  known.Everything = { display_name: "Everything", output: ["IMAGE"], output_is_list: [true], input: { required: {
    whole: ["INT", { default: 5, min: 0, max: 100, step: 5, tooltip: "Five at a time" }],
    seed: ["INT", { default: 0, min: 0, max: 18446744073709551615 }],
    slider: ["FLOAT", { default: 1.5, min: 0, max: 3, step: 0.05, display: "slider" }],
    line: ["STRING", { default: "one line" }],
    flag: ["BOOLEAN", { default: true, label_on: "enable", label_off: "disable" }],
    choice: [["alpha", "beta", "sub/gamma", "sub/delta"]],
    several: ["COMBO", { options: ["a", "b", "c"], multiselect: true }],
    colour: ["COLOR", { default: "#ff8800", socketless: true }],
    box: ["BOUNDING_BOX", { default: { x: 0, y: 0, width: 512, height: 256 }, socketless: true }],
    curve: ["CURVE", { default: { points: [[0, 0], [1, 1]], interpolation: "monotone_cubic" }, socketless: true }],
    changing: ["COMFY_DYNAMICCOMBO_V3", { options: [
      { key: "one", inputs: { required: { count: ["INT", { default: 3 }] } } },
      { key: "two", inputs: { required: { amount: ["FLOAT", { default: 0.5 }], picture: ["IMAGE", {}] } } }] }],
    strange: ["WEBCAM", {}], rare: ["INT", { default: 1, advanced: true }],
  } } };
  catalogue.replace(known);
  editor.open(new editor.document.constructor(catalogue));
  const add = (type, i) => [type, editor.graph.addNode(type, { x: i * 320, y: 0 }, texts[type] ?? {})];
  window.nodes = editor.edit("undo.value", () => Object.fromEntries(names.map(add)));
  window.place = (type, widget) => {
    const { view } = editor;
    view.settle();
    const node = nodes[type];
    const found = view.layouts.of(node).widgets.find((each) => each.input.name === widget);
    const { left, top, right, bottom } = view.widgetBox(node, found);
    const area = view.element.getBoundingClientRect();
    const [from, to] = [view.toScreen(left, top), view.toScreen(right, bottom)];
    return [area.left + from.x, area.top + from.y, area.left + to.x, area.top + to.y];
  };
  editor.view.moveTo(1, { x: 60, y: 60 });
}
"""


class Widgets:
    """The widgets of one node on the page."""

    def __init__(self, page: Page, node: str) -> None:
        self.page, self.node = page, node

    def value(self, name: str) -> Any:
        return self.page.evaluate(
            """([node, name]) => {
              const value = nodes[node].values[name];
              return typeof value === "bigint" ? String(value) : value;
            }""",
            [self.node, name],
        )

    def at(self, name: str, right: float | None = None, down: float | None = None) -> tuple[float, float]:
        """A place on a widget, from its left (its right if negative) and its top; the middle if not said."""
        left, top, end, bottom = self.page.evaluate("([node, name]) => place(node, name)", [self.node, name])
        x = (left + end) / 2 if right is None else left + right if right >= 0 else end + right
        return x, (top + bottom) / 2 if down is None else top + down

    def click(self, name: str, right: float | None = None, down: float | None = None) -> None:
        self.page.mouse.click(*self.at(name, right, down))

    def drag(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2)
        self.page.mouse.move(start[0] + by[0], start[1] + by[1], steps=3)
        self.page.mouse.up()

    def type_into(self, name: str, text: str) -> None:
        self.click(name)
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")


def open_nodes(page: Page, *names: str, **texts: dict[str, Any]) -> Widgets:
    page.evaluate(_OPEN, {"names": list(names), "texts": texts})
    return Widgets(page, names[0])


def test_numbers_are_stepped_dragged_and_calculated(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "Everything")
    widgets.click("whole", right=-6)
    assert widgets.value("whole") == 10
    widgets.click("whole", right=6)
    assert widgets.value("whole") == 5
    widgets.drag(widgets.at("whole"), (26, 0))
    assert widgets.value("whole") == 25
    editor_page.keyboard.press("Control+z")
    assert widgets.value("whole") == 5  # a drag is one step
    widgets.type_into("whole", "3*7")
    assert widgets.value("whole") == 20  # on its step of five
    widgets.click("whole")
    editor_page.keyboard.type("95")
    editor_page.keyboard.press("Escape")
    assert widgets.value("whole") == 20
    widgets.type_into("seed", "18446744073709551614")
    assert widgets.value("seed") == "18446744073709551614"
    widgets.click("seed")
    editor_page.keyboard.press("Tab")  # on to the next number
    editor_page.keyboard.type("2.2")
    editor_page.keyboard.press("Enter")
    assert widgets.value("slider") == 2.2
    widgets.drag(widgets.at("slider", right=10), (30, 0))
    assert 0.3 < widgets.value("slider") < 1
    before = widgets.value("whole")
    editor_page.mouse.move(*widgets.at("whole"))
    editor_page.mouse.wheel(0, 20)
    assert widgets.value("whole") == before  # the wheel moves the canvas, it changes no value
    widgets.type_into("whole", "many")
    expect(editor_page.locator(".note-error")).to_contain_text("many")


def test_lists_switches_and_drawn_values_are_changed(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "Everything")
    keyboard = editor_page.keyboard
    widgets.click("flag")
    assert widgets.value("flag") is False
    widgets.click("choice")
    expect(editor_page.get_by_role("listbox")).to_be_visible()
    expect(editor_page.locator(".chooser-folder")).to_have_text(["sub"])
    keyboard.type("ga")
    keyboard.press("Enter")
    assert widgets.value("choice") == "sub/gamma"
    widgets.click("several")
    expect(editor_page.get_by_role("option")).to_have_count(3)
    keyboard.press("Enter")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    keyboard.press("Escape")
    assert widgets.value("several") == ["a", "b"]
    widgets.click("changing")
    expect(editor_page.get_by_role("listbox")).to_be_visible()
    keyboard.type("two")
    keyboard.press("Enter")
    assert editor_page.evaluate(
        "nodes.Everything.inputs.map((each) => each.name).filter((name) => name.startsWith('changing.'))"
    ) == ["changing.amount", "changing.picture"]
    widgets.click("box", right=-20, down=50)
    keyboard.type("300")
    keyboard.press("Enter")
    assert widgets.value("box") == {"x": 0, "y": 0, "width": 512, "height": 300}
    widgets.drag(widgets.at("curve", down=40), (0, 30))
    assert len(widgets.value("curve")["points"]) == 3
    widgets.click("", right=20)
    assert editor_page.evaluate("nodes.Everything.showAdvanced") is True
    widgets.type_into("rare", "7")
    assert widgets.value("rare") == 7
    for _ in range(9):
        editor_page.keyboard.press("Control+z")
    assert widgets.value("choice") == "alpha"
    assert widgets.value("flag") is True


def test_texts_are_written_also_with_an_input_method(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "CLIPTextEncode", "Everything", CLIPTextEncode={"text": "a red heart"})
    line = Widgets(editor_page, "Everything")
    session = editor_page.context.new_cdp_session(editor_page)
    widgets.click("text", right=20, down=12)
    expect(editor_page.locator("textarea.widget-field")).to_be_focused()
    editor_page.keyboard.press("Control+a")
    session.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    assert widgets.value("text") == "a red heart"
    session.send("Input.insertText", {"text": "你好"})
    editor_page.keyboard.press("Enter")
    editor_page.keyboard.type("second line")
    editor_page.keyboard.press("Escape")
    assert widgets.value("text") == "你好\nsecond line"
    line.click("line")
    session.send("Input.imeSetComposition", {"text": "hao", "selectionStart": 3, "selectionEnd": 3})
    editor_page.evaluate(
        """() => {
          const enter = new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true });
          document.activeElement.dispatchEvent(enter);
        }"""
    )
    expect(editor_page.locator("input.widget-field")).to_be_focused()  # this Enter chose a word
    session.send("Input.insertText", {"text": "好"})
    editor_page.keyboard.press("Enter")
    assert line.value("line") == "好"
    line.click("line")
    editor_page.keyboard.type("left")
    editor_page.mouse.click(900, 700)
    assert line.value("line") == "left"  # what was typed stays when one clicks elsewhere


def test_a_text_that_is_too_far_to_be_read_comes_near_when_it_is_edited(editor_page: Page) -> None:
    page = editor_page
    prompt = open_nodes(page, "CLIPTextEncode")
    scale = "heddle.editor.view.scale"
    page.evaluate("heddle.editor.view.moveTo(0.3, { x: 200, y: 300 })")
    page.mouse.dblclick(*prompt.at("text"))
    page.keyboard.type("a heart")
    assert page.evaluate(scale) > 0.8
    page.keyboard.press("Escape")
    page.evaluate("heddle.editor.view.moveTo(0.3, { x: 200, y: 300 })")
    page.keyboard.press("Enter")
    assert page.evaluate(scale) > 0.8
    page.keyboard.type(" of gold")
    page.keyboard.press("Escape")
    assert prompt.value("text") == "a heart of gold"


def test_ctrl_and_the_arrows_weigh_the_words_of_a_prompt(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "CLIPTextEncode", CLIPTextEncode={"text": "a red heart"})
    widgets.click("text", right=20, down=12)
    field = editor_page.locator("textarea.widget-field")
    expect(field).to_be_focused()
    field.evaluate("(each) => each.setSelectionRange(4, 4)")
    for keys, text in (
        ("Control+ArrowUp", "a (red:1.05) heart"),
        ("Control+ArrowUp", "a (red:1.1) heart"),
        ("Control+z", "a (red:1.05) heart"),
        ("Control+ArrowDown", "a red heart"),
    ):
        editor_page.keyboard.press(keys)
        expect(field).to_have_value(text)
    editor_page.keyboard.press("Control+ArrowDown")
    expect(field).to_have_value("a (red:0.95) heart")
    editor_page.keyboard.press("Escape")
    assert widgets.value("text") == "a (red:0.95) heart"


def test_a_note_shows_its_markdown_and_runs_nothing_of_it(editor_page: Page) -> None:
    text = "# Title\n- **one**\n\n[there](https://example.org) <img src=x onerror=alert(1)> [no](javascript:alert(1)) ![far](https://example.org/a.png)"
    widgets = open_nodes(editor_page, "MarkdownNote", MarkdownNote={"text": text})
    note = editor_page.locator(".widget-note")
    expect(note.get_by_role("heading")).to_have_text("Title")
    expect(note.locator("li strong")).to_have_text("one")
    expect(note.get_by_role("link", name="there")).to_have_attribute("rel", "noopener noreferrer")
    expect(note.locator("img")).to_have_count(0)
    expect(note).to_contain_text("<img src=x onerror=alert(1)>")
    assert note.locator("a").count() == 2  # the picture from elsewhere is a link, the script none
    x, y = widgets.at("text")
    editor_page.mouse.dblclick(x, y)
    expect(editor_page.locator("textarea.widget-field")).to_be_focused()


def test_a_picture_is_brought_and_seen(editor_page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "dot.png"
    picture.write_bytes(RED_DOT)
    widgets = open_nodes(editor_page, "LoadImage")
    before = widgets.value("image")
    with editor_page.expect_file_chooser() as chooser:
        widgets.click("upload")
    chooser.value.set_files(picture)
    editor_page.wait_for_function("before => nodes.LoadImage.values.image !== before", arg=before)
    assert widgets.value("image").startswith("dot")
    widgets.click("image")
    expect(editor_page.get_by_role("option", name=widgets.value("image"))).to_be_visible()
    editor_page.keyboard.press("Escape")
    editor_page.keyboard.press("Control+z")
    assert widgets.value("image") == before


def test_what_is_wrong_with_a_node_is_told_on_it(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "KSampler")
    editor_page.evaluate(
        """heddle.editor.services.content.setErrors(
          nodes.KSampler, [{ input: "cfg", message: "too high", details: "900 > 100" }])"""
    )
    editor_page.mouse.move(*widgets.at("cfg"))
    expect(editor_page.get_by_role("tooltip")).to_contain_text("too high: 900 > 100")
    colours = editor_page.evaluate("""async () => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const { view } = heddle.editor;
      const [left, top] = place("KSampler", "cfg");
      const area = view.element.getBoundingClientRect();
      return [...view.scene.getContext("2d").getImageData((left + 40 - area.left), top - area.top, 1, 1).data];
    }""")
    assert colours[0] > colours[1] + 60  # a red edge


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_same_values_are_edited_outside_the_canvas(
    new_context: Callable[..., BrowserContext], server: PageServer, find_barriers: Callable[..., list[str]], locale: str
) -> None:
    page = new_context(server, locale=locale).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    widgets = open_nodes(page, "Everything")
    page.evaluate("""() => {
      const { widgets } = heddle.editor.services;
      const form = Object.assign(document.createElement("div"), { id: "form" });
      form.style = "position: fixed; inset: 60px 0 0 auto; width: 360px; overflow: auto; background: var(--panel)";
      form.append(...nodes.Everything.widgets.map((each) => widgets.control(nodes.Everything, each)));
      document.body.append(form);
    }""")
    form = page.locator("#form")
    form.get_by_label("whole").fill("35")
    form.get_by_label("whole").press("Enter")
    form.get_by_label("flag").uncheck()
    form.get_by_label("choice").select_option("beta")
    form.get_by_label("line").fill("typed")
    form.get_by_label("line").blur()
    assert [widgets.value(each) for each in ("whole", "flag", "choice", "line")] == [35, False, "beta", "typed"]
    expect(form.locator(".control-toggle")).to_contain_text("disable")
    page.evaluate("heddle.editor.commands.run('edit.undo')")
    expect(form.get_by_label("line")).to_have_value("one line")
    assert find_barriers(page, "#form") == []


def test_a_batch_is_looked_through_and_outlives_undo(editor_page: Page) -> None:
    open_nodes(editor_page, "PreviewImage")
    picture = "/api/view?filename=heddle_example.png&type=input"
    editor_page.evaluate(
        """picture => {
          const { content } = heddle.editor.services;
          content.setImages(nodes.PreviewImage, [1, 2, 3].map((n) => ({ src: `${picture}&n=${n}` })));
          window.enlarged = () => content.get(nodes.PreviewImage)?.enlarged;
        }""",
        picture,
    )
    cell = """() => {
      const { view } = heddle.editor;
      const node = nodes.PreviewImage;
      view.settle();
      const layout = view.layouts.of(node);
      const area = view.element.getBoundingClientRect();
      const { x, y } = view.toScreen(node.x + layout.width / 4, node.y + layout.extraTop + 40);
      return [area.left + x, area.top + y];
    }"""
    editor_page.mouse.click(*editor_page.evaluate(cell))
    assert editor_page.evaluate("enlarged()") == 0
    editor_page.keyboard.press("ArrowLeft")
    assert editor_page.evaluate("enlarged()") == 2
    editor_page.keyboard.press("Escape")
    assert editor_page.evaluate("enlarged()") == -1
    editor_page.keyboard.press("Control+z")  # the node itself goes
    editor_page.keyboard.press("Control+Shift+z")
    assert editor_page.evaluate("heddle.editor.services.content.get(nodes.PreviewImage).pictures.length") == 3


def test_a_file_that_is_dropped_on_a_node_is_its_own(editor_page: Page) -> None:
    widgets = open_nodes(editor_page, "LoadImage")
    x, y = widgets.at("image")
    editor_page.evaluate(
        """([x, y, bytes]) => {
          const data = new DataTransfer();
          const read = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
          data.items.add(new File([read], "dropped.png", { type: "image/png" }));
          const place = { dataTransfer: data, clientX: x, clientY: y, bubbles: true, cancelable: true };
          for (const type of ["dragenter", "dragover", "drop"]) {
            document.elementFromPoint(x, y).dispatchEvent(new DragEvent(type, place));
          }
        }""",
        [x, y, base64.b64encode(RED_DOT).decode()],
    )
    editor_page.wait_for_function("() => nodes.LoadImage.values.image.startsWith('dropped')")
    assert editor_page.evaluate("heddle.editor.document.root.nodes.size") == 1
    expect(editor_page.locator(".is-drop-target")).to_have_count(0)  # the frame that says "drop it here"


def test_a_text_that_was_only_looked_at_is_what_it_was(editor_page: Page) -> None:
    """A field has no carriage returns, one line no line feeds, and neither of them holds a list."""
    page = editor_page
    open_nodes(page, "CLIPTextEncode", "SaveImage")
    held = {"CLIPTextEncode": ["text", "one\r\ntwo"], "SaveImage": ["filename_prefix", "a\nb"]}
    look = """([type, name]) => {
      const { services } = heddle.editor;
      services.widgets.edit(nodes[type], nodes[type].widgets.find((each) => each.name === name));
      const shown = document.querySelector(".widget-field").value;
      document.activeElement.blur();
      return shown;
    }"""
    put = """([type, name, value]) =>
      heddle.editor.edit("undo.value", () => heddle.editor.graph.setValue(nodes[type], name, value))"""
    for type, (name, value) in held.items():
        for each in (value, {"a": 1}):
            page.evaluate(put, [type, name, each])
            shown = page.evaluate(look, [type, name])
            assert page.evaluate("([type, name]) => nodes[type].values[name]", [type, name]) == each
        assert json.loads(shown) == {"a": 1}


def test_what_is_no_picture_is_not_taken_for_one(editor_page: Page) -> None:
    open_nodes(editor_page, "LoadImage")
    before = editor_page.evaluate("nodes.LoadImage.values.image")
    note = editor_page.get_by_role("alert")

    def choose(name: str, data: bytes) -> None:
        with editor_page.expect_file_chooser() as chooser:
            editor_page.evaluate(
                "() => { const node = nodes.LoadImage; void heddle.editor.services.widgets.edit(node, node.widgets.find((each) => each.widget === 'UPLOAD')); }",  # noqa: E501
            )
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": data})

    choose("empty.png", b"")
    expect(note.filter(has_text="empty.png is empty")).to_be_visible()
    choose("words.png", b"these are words")
    expect(note.filter(has_text="words.png is not a picture: it holds text")).to_be_visible()
    choose("cut.png", RED_DOT[:40])
    expect(note.filter(has_text="cut.png is not a picture that can be read")).to_be_visible()
    assert editor_page.evaluate("nodes.LoadImage.values.image") == before


def test_a_finger_taps_a_number_to_write_it(new_context: Callable[..., BrowserContext], server: PageServer) -> None:
    page = new_context(server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    widgets = open_nodes(page, "Everything")
    page.evaluate("heddle.editor.services.form.show('graph')")
    page.evaluate("heddle.editor.view.moveTo(0.9, { x: 20, y: 260 })")
    page.touchscreen.tap(*widgets.at("whole"))
    field = page.locator("input.widget-field")
    expect(field).to_be_focused()
    field.fill("40")
    field.press("Enter")
    assert widgets.value("whole") == 40
    page.touchscreen.tap(*widgets.at("flag"))
    assert widgets.value("flag") is False
