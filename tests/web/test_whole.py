"""What a person does from beginning to end: a graph out of nothing, a picture out of it, and all of it taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Troubles
from tests.web.page_server import HOUSE, PageServer
from tests.web.test_wiring import SAVED, Canvas
from tests.web.waits import until, until_kept

SHIPPED = sorted(path.stem for path in (HOUSE / "workflows").glob("*.json"))
WIDGET = """([type, name]) => {
  const { view, graph } = heddle.editor;
  const node = [...graph.nodes.values()].findLast((each) => each.type === type);
  view.settle();
  const place = view.layouts.of(node).widgets.find((each) => each.input.name === name);
  const box = view.widgetBox(node, place);
  return view.toScreen((box.left + box.right) / 2, box.top + 10);
}"""
RUN_PROMPT = """async () => {
  const { jobs } = heddle.editor.services.run;
  return (await heddle.editor.server.get(`/heddle/jobs/${jobs.all.at(-1).id}`)).prompt;
}"""
HAS_ENDED = """() => {
  const { jobs } = heddle.editor.services.run;
  return jobs.active.length ? [] : jobs.all.map((job) => job.state);
}"""
HAS_PICTURE = """() => {
  const { editor } = heddle;
  const save = [...editor.graph.nodes.values()].find((each) => each.type === "SaveImage");
  return Boolean(editor.services.content.get(save)?.pictures.length);
}"""


def test_a_picture_is_made_from_an_empty_canvas(editor_page: Page) -> None:
    canvas = Canvas(editor_page)
    editor_page.evaluate("() => heddle.editor.view.moveTo(0.6, { x: 0, y: 30 })")
    scale = 0.6
    nodes: dict[str, int] = {}
    wanted = {
        "load": ("load checkpoint", 40, 60),
        "positive": ("clip text encode", 420, 60),
        "negative": ("clip text encode", 420, 340),
        "latent": ("empty latent", 40, 340),
        "sample": ("ksampler", 900, 60),
        "decode": ("vae decode", 1260, 60),
        "save": ("save image", 1500, 60),
    }
    for name, (words, x, y) in wanted.items():
        editor_page.mouse.dblclick(*canvas.place(x * scale, y * scale + 30))
        editor_page.keyboard.type(words)
        editor_page.keyboard.press("Enter")
        nodes[name] = editor_page.evaluate("() => [...heddle.editor.graph.nodes.values()].at(-1).id")
    assert canvas.count() == len(wanted)
    for source, output, target, input_name in (
        ("load", "CLIP", "positive", "clip"),
        ("load", "CLIP", "negative", "clip"),
        ("load", "MODEL", "sample", "model"),
        ("positive", "CONDITIONING", "sample", "positive"),
        ("negative", "CONDITIONING", "sample", "negative"),
        ("latent", "LATENT", "sample", "latent_image"),
        ("sample", "LATENT", "decode", "samples"),
        ("load", "VAE", "decode", "vae"),
        ("decode", "IMAGE", "save", "images"),
    ):
        canvas.drag(canvas.socket(nodes[source], "output", output), canvas.socket(nodes[target], "input", input_name))
    assert len(canvas.links()) == 9
    for kind, name, text in (
        ("EmptyLatentImage", "width", "128"),
        ("EmptyLatentImage", "height", "128"),
        ("KSampler", "steps", "4"),
    ):
        point = editor_page.evaluate(WIDGET, [kind, name])
        editor_page.mouse.click(canvas.left + point["x"], canvas.top + point["y"])
        editor_page.keyboard.press("Control+a")
        editor_page.keyboard.type(text)
        editor_page.keyboard.press("Enter")
    point = editor_page.evaluate(WIDGET, ["CLIPTextEncode", "text"])
    editor_page.mouse.click(canvas.left + point["x"], canvas.top + point["y"])
    editor_page.keyboard.type("a blue star")
    editor_page.keyboard.press("Control+Enter")
    until(editor_page, HAS_PICTURE)
    before = editor_page.evaluate(SAVED)
    until_kept(editor_page)
    editor_page.reload()
    editor_page.locator("body[data-ready]").wait_for()
    after = editor_page.evaluate(SAVED)
    assert [node["widgets_values"] for node in after["nodes"] if "widgets_values" in node] == [
        node["widgets_values"] for node in before["nodes"] if "widgets_values" in node
    ]
    assert after["links"] == before["links"]
    until(editor_page, HAS_PICTURE)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_example_opens_is_saved_as_it_was_and_runs_or_says_what_it_lacks(
    editor_page: Page, server: PageServer, troubles: Troubles, name: str
) -> None:
    shipped = json.loads((HOUSE / "workflows" / f"{name}.json").read_text(encoding="utf-8"))
    (told,) = [each for each in server.ask("/heddle/workflows") if each["name"] == name]
    editor_page.evaluate("(name) => heddle.editor.services.workflows.openExample(name)", name)
    assert without_what_may_come(editor_page.evaluate(SAVED)) == without_what_may_come(shipped)
    if told["runs"]:
        editor_page.keyboard.press("Control+Enter")
        until(editor_page, HAS_ENDED, ["done"])
        run = editor_page.evaluate(RUN_PROMPT)
        assert nodes_of(run) == nodes_of(server.ask("/heddle/convert", shipped))
        return
    troubles.allow("status of 400")
    editor_page.keyboard.press("Control+Enter")
    problems = editor_page.get_by_role("region", name="Problems")
    for file in told["missing"]["files"]:
        expect(problems.get_by_text(f"There is no file {file['name']}")).to_be_visible()


def test_a_picture_that_is_dropped_brings_its_workflow_which_runs(editor_page: Page, tmp_path: Path) -> None:
    editor_page.keyboard.press("Control+Enter")
    until(editor_page, HAS_PICTURE)
    script = """async () => {
      const { editor } = heddle;
      const save = [...editor.graph.nodes.values()].find((each) => each.type === "SaveImage");
      const bytes = await (await fetch(editor.services.content.get(save).pictures[0].src)).arrayBuffer();
      const given = new DataTransfer();
      given.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
      const tabs = editor.documents.length;
      const how = { dataTransfer: given, bubbles: true, cancelable: true };
      document.querySelector(".canvas").dispatchEvent(new DragEvent("drop", how));
      return tabs;
    }"""
    tabs = editor_page.evaluate(script)
    until(editor_page, f"() => heddle.editor.documents.length === {tabs + 1}")
    expect(editor_page.get_by_role("tab", name="dropped")).to_be_visible()
    assert editor_page.evaluate("heddle.editor.graph.nodes.size") > 5
    editor_page.keyboard.press("Control+Enter")
    until(editor_page, HAS_PICTURE)


def nodes_of(prompt: dict[str, Any]) -> dict[str, Any]:
    return {number: (node["class_type"], node["inputs"]) for number, node in prompt.items()}


def without_view(workflow: dict[str, Any]) -> dict[str, Any]:
    extra = {key: value for key, value in workflow.get("extra", {}).items() if key != "ds"}
    return {**workflow, "extra": extra}


def without_what_may_come(workflow: dict[str, Any]) -> dict[str, Any]:
    """What a save may add: the view, sizes, values by name."""
    nodes = [
        {key: value for key, value in node.items() if key not in ("size", "widgets_values_named")}
        for node in workflow["nodes"]
    ]
    return {**without_view(workflow), "nodes": nodes}
