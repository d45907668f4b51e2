"""Scripts of packs on the page: what an extension adds works, and one that fails keeps no other from working."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.web.conftest import Troubles
from tests.web.page_server import PageServer
from tests.web.waits import until

PACK = Path(__file__).resolve().parents[1] / "packs" / "shade_picker"

BAD_LISTENER = """() => heddle.editor.services.extensions.records.some(
  (each) => each.name === "Bad listener" && each.state === "there" && each.error)"""


def test_an_extension_adds_to_the_page_and_broken_ones_beside_it_are_named(
    tmp_path: Path,
    start_server: Callable[..., PageServer],
    new_context: Callable[..., BrowserContext],
    troubles: Troubles,
    find_barriers: Callable[..., list[str]],
) -> None:
    shutil.copytree(PACK, tmp_path / "server0" / "custom_nodes" / "shade_picker")
    server = start_server()
    troubles.allow(r"404 .*/scripts/app\.js")  # what the browser itself says of a script that is not there
    page = new_context(server).new_page()
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.goto("/")
    page.locator("body[data-ready]").wait_for()

    note = page.get_by_role("alert").filter(has_text="extensions failed")
    for name in ("shade_picker/breaks_at_import.js", "Half done", "shade_picker/asks_for_others.js"):
        expect(note).to_contain_text(name)
    note.get_by_role("button", name="Details").click()
    listed = page.get_by_role("dialog").get_by_role("listitem")
    expect(listed.filter(has_text="Shade picker")).to_contain_text("works")
    expect(listed.filter(has_text="Half done")).to_contain_text("broken while setting up")
    assert find_barriers(page, "dialog") == []
    page.keyboard.press("Escape")
    assert sum("breaks_at_import" in each for each in warnings) == 1, warnings
    assert not any("asks_for_others" in each for each in warnings), "the browser has said it"
    assert page.evaluate("heddle.editor.commands.get('half.done')") is None, "what it had added is gone"

    # A node of its own, made on the page: the hook named it, its widget and its command change the value.
    page.evaluate("""() => {
      const { editor } = heddle;
      editor.open(new editor.document.constructor(editor.catalogue));
      const node = editor.edit("undo.add", () => editor.graph.addNode("TestShowShade", { x: 0, y: 0 }));
      editor.selection.set([node]);
      editor.fitAll();
      editor.view.element.focus();
    }""")
    node = "[...heddle.editor.graph.nodes.values()][0]"
    assert page.evaluate(f"{node}.title") == "A shade"
    page.keyboard.press("Control+z")
    assert page.evaluate("heddle.editor.graph.nodes.size") == 0, "the name was part of the same step"
    page.keyboard.press("Control+y")
    page.evaluate(f"heddle.editor.selection.set([{node}])")
    spot = page.evaluate(f"""() => {{
      const {{ view }} = heddle.editor;
      const node = {node};
      view.settle();
      const box = view.widgetBox(node, view.layouts.of(node).widgets.find((each) => each.input.widget === "SHADE"));
      const area = view.element.getBoundingClientRect();
      const at = view.toScreen((box.left + box.right) / 2, (box.top + box.bottom) / 2);
      return {{ x: area.left + at.x, y: area.top + at.y }};
    }}""")
    page.mouse.click(spot["x"], spot["y"])
    until(page, f"{node}.values.shade === 'white'")

    # White is refused; after a press of the key black is sent, with another number than the person sees.
    assert page.evaluate("(async () => (await heddle.editor.services.run.queue()).length)()") == 0
    assert page.evaluate("heddle.editor.services.run.jobs.all.length") == 0
    page.evaluate("heddle.editor.view.element.focus()")
    page.keyboard.press("Alt+Shift+S")
    assert page.evaluate(f"{node}.values.shade") == "black"
    page.keyboard.press("Control+Enter")
    expect(page.locator(".note").filter(has_text="Shades: black 7")).to_be_visible()
    until(page, BAD_LISTENER)  # at the latest: which hook is asked first is not said, and one that refuses is the last
    assert page.evaluate(f"{node}.values.times") == 1

    # The panel is there; all of it goes with the feature that brought it.
    page.get_by_role("button", name="Shades", exact=True).click()
    expect(page.get_by_role("complementary", name="Shades")).to_contain_text("black, grey, white")
    page.evaluate("heddle.editor.services.extensions.dispose()")
    expect(page.get_by_role("button", name="Shades", exact=True)).to_have_count(0)
    assert page.evaluate("heddle.editor.kinds.has('SHADE')") is False
    assert page.evaluate("heddle.editor.services.run.before.all.length") == 0


SILENT = {
    "never_loads.js": "await new Promise((resolve) => (window.load = resolve));",
    "never_sets_up.js": """import { registerExtension } from "/extension.js";
registerExtension({ name: "Slow starter", setup: () => new Promise((resolve) => (window.setUp = resolve)) });""",
    "never_lets_run.js": """import { registerExtension } from "/extension.js";
registerExtension({ name: "Doorkeeper", setup(api) {
  window.answers = [];
  api.on("beforeQueue", (request) => {
    request.workflow.extra = { ...request.workflow.extra, touched: true };
    return new Promise((resolve) => answers.push(() => { request.front = true; resolve(true); }));
  });
} });""",
}


def test_what_does_not_answer_is_named_and_not_waited_for(
    tmp_path: Path, start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext]
) -> None:
    pack = tmp_path / "server0" / "custom_nodes" / "silent"
    (pack / "web").mkdir(parents=True)
    (pack / "__init__.py").write_text('NODE_CLASS_MAPPINGS = {}\nWEB_DIRECTORY = "./web"\n', encoding="utf-8")
    for name, text in SILENT.items():
        (pack / "web" / name).write_text(text, encoding="utf-8")
    server = start_server()
    page = new_context(server).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()

    # Two that never come to an end: told, listed by name and file, and as good as any when they do.
    note = page.locator(".note").filter(has_text="have not finished loading")
    for name in ("silent/never_loads.js", "Slow starter"):
        expect(note).to_contain_text(name)
    page.evaluate("void heddle.editor.commands.run('extensions.list')")
    listed = page.get_by_role("dialog").get_by_role("listitem")
    expect(listed.filter(has_text="Slow starter")).to_contain_text(
        "has not answered/extensions/silent/never_sets_up.js"
    )
    expect(listed.filter(has_text="never_loads.js")).to_contain_text("has not answered")
    page.evaluate("setUp()")
    expect(listed.filter(has_text="Slow starter")).to_contain_text("works")
    page.evaluate("load()")
    expect(listed.filter(has_text="never_loads.js")).to_have_count(0)
    expect(note).to_have_count(0)
    page.keyboard.press("Escape")

    # A hook that never answers: two runs wait, one note; without it each is queued once, as if it were not there.
    sent: list[dict[str, Any]] = []
    page.on("request", lambda asked: sent.append(json.loads(asked.post_data or "")) if is_run(asked) else None)
    states = "heddle.editor.services.run.jobs.all.map((job) => job.state === 'done')"
    waits = page.locator(".note").filter(has_text="Doorkeeper")
    seed = page.evaluate("heddle.editor.graph.node(5).values.seed")
    page.evaluate("heddle.editor.view.element.focus()")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    expect(waits).to_contain_text("2 runs wait")
    expect(waits).to_have_count(1)
    waits.get_by_role("button", name="Run without it").click()
    until(page, states, [True, True])
    expect(waits).to_have_count(0)
    page.evaluate("answers.splice(0).forEach((answer) => answer())")

    # Cancelled, nothing is queued and no seed has changed; answered in time after all, it is queued as it was changed.
    seed_now = page.evaluate("heddle.editor.graph.node(5).values.seed")
    assert seed_now != seed
    page.keyboard.press("Control+Enter")
    waits.get_by_role("button", name="Cancel the run").click()
    expect(waits).to_have_count(0)
    page.evaluate("answers.splice(0).forEach((answer) => answer())")
    page.keyboard.press("Control+Enter")
    expect(waits).to_be_visible()
    assert page.evaluate("heddle.editor.graph.node(5).values.seed") == seed_now
    page.evaluate("answers.splice(0).forEach((answer) => answer())")
    until(page, states, [True, True, True])
    expect(waits).to_have_count(0)
    assert [(each["prompt"]["extra"].get("touched"), each.get("front")) for each in sent] == [
        (None, None),
        (None, None),
        (True, True),
    ]


def is_run(asked: Request) -> bool:
    return asked.method == "POST" and asked.url.endswith("/prompt")


WORDS = {
    "KSampler": {
        "display_name": "采样器",
        "inputs": {"steps": {"name": "几步"}},
        "outputs": {"0": {"name": "潜空间图像"}},
    }
}


def test_nodes_are_called_by_the_words_that_a_pack_brings_for_the_page_s_language(
    tmp_path: Path, start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext]
) -> None:
    pack = tmp_path / "server0" / "custom_nodes" / "words"
    (pack / "locales" / "zh").mkdir(parents=True)
    (pack / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    (pack / "locales" / "zh" / "nodeDefs.json").write_text(json.dumps(WORDS), encoding="utf-8")
    page = new_context(start_server(), locale="zh-CN").new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    sampler = "[...heddle.editor.graph.nodes.values()].find((node) => node.type === 'KSampler')"
    page.wait_for_function(f"() => {sampler}?.name === '采样器'")
    page.evaluate(f"heddle.editor.selection.set([{sampler}])")
    words = page.evaluate(f"{sampler}.spec.words.inputs")
    assert (words["steps"], words["positive"]) == ("几步", "正面条件"), "over those that the page has itself"
    assert page.evaluate("JSON.stringify(heddle.editor.catalogue.record('KSampler'))").count("采样器") == 0


FAILS_LATER = """async () => {
  const { registerExtension } = await import("/extension.js");
  const fail = (what) => () => { throw new Error(`${what} is broken`); };
  registerExtension({ name: "Fails later", setup(api) {
    const members = ["height", "draw", "grows", "press", "edit", "control", "text"];
    api.addWidget("STRING", Object.fromEntries(members.map((each) => [each, fail(each)])));
    api.addCommand({ id: "later.run", title: "Later", keys: ["alt+shift+j"], run: fail("run") });
    api.addCommand({ id: "later.when", title: "When", keys: ["alt+shift+k"], when: fail("when"), run() {} });
    api.addMenu(() => "no list");
    api.addMenu(() => [null]);
    api.addMenu(() => [{ text: "Its entry", run: fail("entry") }]);
    const panel = { icon: "M4 4h16v16H4z", side: "left", order: 900 };
    api.addPanel({ ...panel, id: "later.open", title: "Never opens", open: async () => fail("open")() });
    api.addPanel({ ...panel, id: "later.close", title: "Never closes", open: () => fail("close") });
  } });
}"""


def test_what_fails_in_use_is_said_and_the_rest_of_the_page_goes_on(editor_page: Page) -> None:
    page = editor_page
    until(page, "Boolean(heddle.editor.services.extensions)")
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.evaluate(FAILS_LATER)
    until(page, "heddle.editor.services.extensions.records.find((each) => each.name === 'Fails later')?.state", "there")

    page.get_by_role("button", name="Never opens").click()
    expect(page.locator(".side-left")).to_contain_text("could not show this: open is broken")
    page.get_by_role("button", name="Never closes").click()
    page.get_by_role("button", name="Never closes").click()
    expect(page.get_by_role("button", name="Never closes")).to_have_attribute("aria-expanded", "false")

    canvas = page.locator(".canvas")
    area = canvas.bounding_box()
    assert area is not None
    at = {"x": area["width"] - 30, "y": 90}  # no node there, and no note
    for _ in range(2):  # what a person asks for is answered each time
        canvas.click(button="right", position=at)  # pyright: ignore[reportArgumentType]
        page.get_by_role("menuitem", name="Its entry").click()
        note = page.get_by_role("alert").filter(has_text="entry is broken")
        note.get_by_role("button", name="Dismiss").click()
        expect(note).to_have_count(0)
    canvas.focus()
    page.keyboard.press("Alt+Shift+k")
    page.keyboard.press("Alt+Shift+j")
    page.get_by_role("alert").filter(has_text="run is broken").wait_for()

    # Its widget: a plain field stands for the control, and what it holds is found.
    assert page.evaluate("""() => {
      const { editor } = heddle;
      const node = [...editor.graph.nodes.values()].find((each) => each.values.text?.includes("red heart"));
      return editor.services.widgets.control(node, node.widgets.find((each) => each.widget === "STRING")).outerHTML;
    }""")
    canvas.focus()
    page.keyboard.press("Control+f")
    page.locator(".find input").fill("red heart")
    expect(page.locator(".find-list li")).to_have_count(1)
    assert sum("draw is broken" in each for each in warnings) <= 1, "it would be told at each frame"
