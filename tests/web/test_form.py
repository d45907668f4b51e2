"""A workflow as a form: run on a phone, chosen in the builder, sent to somebody as an address."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.web.conftest import Troubles
from tests.web.page_server import PageServer
from tests.web.waits import until, until_kept


def test_a_phone_runs_a_workflow_by_its_form(
    new_context: Callable[..., BrowserContext],
    server: PageServer,
    find_barriers: Callable[..., list[str]],
    troubles: Troubles,
) -> None:
    troubles.allow("status of 400")  # what is wrong with a field is told by the server
    page = new_context(server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    page.goto("/")
    form = page.locator(".form-page")
    form.get_by_label("Prompt", exact=True).fill("a small blue star, white background")
    form.get_by_role("textbox", name="Steps").fill("4")
    form.get_by_role("button", name="Run").tap()
    form.locator(".form-latest img").wait_for(timeout=60_000)
    assert page.evaluate(
        """async () => {
          const { jobs } = heddle.editor.services.run;
          const { prompt } = await heddle.editor.server.get(`/heddle/jobs/${jobs.all.at(-1).id}`);
          return Object.values(prompt).map(({ inputs }) => inputs.text ?? inputs.steps).filter(Boolean);
        }"""
    ) == ["a small blue star, white background", 4]
    assert find_barriers(page, ".form-page") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(
        """() => {
          const { root } = heddle.editor.document;
          heddle.editor.edit("undo.value", () => root.setValue(root.node(5), "steps", -3));
        }"""
    )
    form.get_by_role("button", name="Run").tap()
    form.locator(".form-field.is-wrong .form-error").wait_for()
    page.get_by_role("button", name="Show the graph").tap()
    expect(form).to_be_hidden()
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(form).to_be_hidden()  # this browser remembers
    page.get_by_role("button", name="Show as a form").tap()
    expect(form.get_by_label("Prompt", exact=True)).to_have_value("a small blue star, white background")
    form.locator(".form-latest img").wait_for(timeout=60_000)


# Whether the editor's bar or canvas could be seen, frame by frame, while there was no form.
SEEN = """
  window.seen = [];
  const look = () => {
    const isCovered = document.querySelector(".form-page")?.checkVisibility({ visibilityProperty: true });
    for (const name of [".bar", ".stage"]) {
      if (!isCovered && document.querySelector(name)?.checkVisibility({ visibilityProperty: true })) seen.push(name);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""


def open_form(page: Page) -> None:
    page.keyboard.press("Alt+a")
    page.locator(".form-field").first.wait_for()


def test_what_a_form_shows_is_chosen_and_kept(
    editor_page: Page, server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    open_form(page)
    expect(page.locator(".tab-dirty")).to_have_count(0)  # it was looked at, no more
    fields = page.locator(".form-field .form-name")
    found = fields.all_inner_texts()
    assert found[:2] == ["Prompt", "Negative prompt"] and "Seed" in found
    page.get_by_role("button", name="Choose what the form shows").click()
    builder = page.locator(".form-builder")
    builder.get_by_role("searchbox").fill("sampler_name")
    builder.get_by_role("checkbox", name="Sampler").check()
    builder.get_by_role("button", name="Take “Negative prompt” out").click()
    builder.get_by_label("Name of “Sampler”").fill("Method")
    builder.get_by_label("Name of “Sampler”").press("Tab")
    builder.get_by_label("Heading above “Method”").fill("How it is drawn")
    builder.get_by_label("Heading above “Method”").press("Alt+ArrowUp")
    expect(fields.nth(-2)).to_have_text("Method")
    expect(page.locator(".form-heading")).to_have_text("How it is drawn")
    assert find_barriers(page, ".form-page") == []
    builder.get_by_role("button", name="Done").click()
    page.keyboard.press("Delete")  # the graph below hears nothing
    page.keyboard.press("Control+s")
    page.get_by_role("textbox", name="Save as").fill("chosen form")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="chosen form")).to_be_visible()
    saved = json.loads((server.base / "user/default/workflows/chosen form.json").read_text(encoding="utf-8"))
    assert len(saved["nodes"]) == 8
    assert saved["extra"]["linearMode"] is True
    inputs = saved["extra"]["linearData"]["inputs"]
    assert [5, "sampler_name", {"label": "Method", "heading": "How it is drawn"}] in inputs
    assert [3, "text"] not in inputs and [2, "text"] in inputs
    page.keyboard.press("Control+z")
    expect(fields.nth(-1)).to_have_text("Method")
    # Sent to somebody: the form alone.
    other = page.context.new_page()
    other.add_init_script(SEEN)
    other.goto("/#form=chosen form")
    expect(other.locator(".form-heading")).to_have_text("How it is drawn")
    expect(other.locator(".bar")).to_be_hidden()
    expect(other.locator(".form-tools")).to_have_count(0)
    other.locator("body[data-ready]").wait_for()
    assert other.evaluate("seen") == []  # of the editor, before the form covered it
    other.locator(".form-go").click()
    other.locator(".form-latest img").wait_for(timeout=60_000)


def test_the_keyboard_follows_a_form_and_finds_in_it_first(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    canvas = page.get_by_role("application", name="Graph")
    prompt = page.locator(".form-page").get_by_label("Prompt", exact=True)
    canvas.focus()
    open_form(page)
    expect(prompt).to_be_focused()
    page.keyboard.press("Alt+a")
    expect(canvas).to_be_focused()
    page.get_by_role("button", name="Show as a form").focus()
    page.keyboard.press("Enter")
    expect(prompt).to_be_focused()
    page.get_by_role("button", name="Show the graph").click()
    expect(page.get_by_role("button", name="Show as a form")).to_be_focused()
    canvas.focus()
    open_form(page)
    # What the form has is shown in it; the graph stays where it is.
    page.keyboard.press("Control+f")
    search = page.get_by_role("searchbox", name="Find in the workflow")
    search.fill("20")
    expect(page.locator(".find-list li")).to_have_text(["Steps20"])
    page.keyboard.press("Enter")
    expect(page.locator(".form-field.is-found .form-name")).to_have_text("Steps")
    expect(search).to_be_focused()
    assert find_barriers(page, ".find") == []
    page.keyboard.press("Escape")
    expect(page.locator(".form-page").get_by_role("textbox", name="Steps")).to_be_focused()
    expect(page.locator(".is-found")).to_have_count(0)
    # What only the graph has says so, and is shown there.
    page.keyboard.press("Control+f")
    search.fill("vae")
    expect(page.locator(".find-list small")).to_have_text("Not in the form: opens the graph there")
    page.keyboard.press("Enter")
    expect(page.locator(".form-page")).to_have_count(0)
    until(page, "heddle.editor.selection.nodes.map(({ name }) => name).join()", "VAE Decode")
    page.keyboard.press("Escape")
    expect(canvas).to_be_focused()


def test_commands_of_the_graph_are_not_offered_while_a_form_covers_it(editor_page: Page) -> None:
    page = editor_page
    offers = "id => heddle.editor.commands.isPossible(id)"
    assert page.evaluate(offers, "select.all")
    open_form(page)
    for name in ("select.all", "palette.open", "view.fit", "edit.paste", "group.make"):
        assert not page.evaluate(offers, name), name
    for name in ("run.queue", "file.save", "find.open", "edit.paste-linked"):
        assert page.evaluate(offers, name) == (name != "edit.paste-linked"), name
    page.keyboard.press("Control+Shift+p")
    page.get_by_role("combobox", name="All commands").fill("select")
    expect(page.locator(".picker-row", has_text="Select everything")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+a")
    expect(page.locator(".form-page")).to_have_count(0)
    assert page.evaluate(offers, "select.all")


# Presses every key that a command has, as the element that has the keyboard would hear it.
PRESS_ALL = """() => {
  const { commands } = heddle.editor;
  const taken = [];
  for (const id of commands.all.map((each) => each.id)) {
    for (const keys of commands.keysOf(id)) {
      const parts = keys.endsWith("++") ? [...keys.slice(0, -2).split("+"), "+"] : keys.split("+");
      const key = parts.at(-1) === "space" ? " " : parts.at(-1);
      const event = new KeyboardEvent("keydown", {
        key, bubbles: true, cancelable: true,
        ctrlKey: parts.includes("ctrl"), altKey: parts.includes("alt"), shiftKey: parts.includes("shift"),
      });
      document.activeElement.dispatchEvent(event);
      if (event.defaultPrevented) taken.push(keys);
    }
  }
  return taken;
}"""


def test_keys_of_the_graph_do_nothing_under_a_dialog_and_a_list_lies_above_it(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("heddle.editor.commands.run('select.all')")
    state = """() => {
      const { document, documents, selection, view } = heddle.editor;
      return [document.journal.revision, documents.length, selection.all.length, view.scale, view.offset.x];
    }"""
    before = page.evaluate(state)
    page.evaluate("() => void heddle.editor.shell.ask('A title', 'A text', [{ id: 'x', text: 'Yes', isMain: true }])")
    expect(page.get_by_role("button", name="Yes")).to_be_focused()
    assert page.evaluate(PRESS_ALL) == []
    assert page.evaluate(state) == before
    expect(page.locator("dialog")).to_have_count(1)
    expect(page.locator(".picker, .palette, .menu, .find, .form-page")).to_have_count(0)
    for command, field in (("palette.commands", "All commands"), ("palette.open", "Search nodes")):
        page.evaluate("id => void heddle.editor.commands.run(id)", command)
        expect(page.locator("dialog").get_by_role("combobox")).to_be_focused()
        page.locator("dialog").get_by_role("combobox").click()  # nothing lies over it
        page.keyboard.press("Escape")
        expect(page.get_by_role("combobox", name=field)).to_have_count(0)
        expect(page.get_by_role("button", name="Yes")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate(state) == before


def test_a_narrow_window_shows_the_graph_and_a_phone_remembers_what_was_chosen_for_a_workflow(
    new_context: Callable[..., BrowserContext], server: PageServer
) -> None:
    page = new_context(server, viewport={"width": 640, "height": 800}).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    expect(page.locator(".form-switch")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".form-page")).to_have_count(0)
    page.close()
    phone = new_context(server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    form = page.locator(".form-page")
    expect(form).to_be_visible()
    page.set_viewport_size({"width": 844, "height": 390})
    expect(form).to_be_visible()  # turned on its side it is a phone still
    page.set_viewport_size({"width": 390, "height": 844})
    # One that nobody has saved yet, which gets a file and then another name.
    page.evaluate("heddle.editor.services.workflows.openNew() && null")
    page.get_by_role("button", name="Show the graph").tap()
    expect(form).to_have_count(0)
    for command, name in (("file.save-as", "phone one"), ("file.rename", "phone two")):
        page.evaluate("id => void heddle.editor.commands.run(id)", command)
        page.get_by_role("textbox").fill(name)
        page.keyboard.press("Enter")
        expect(page.get_by_role("tab", name=name)).to_be_visible()
    page.evaluate("heddle.editor.services.workflows.close(heddle.editor.document).then(() => null)")
    expect(form).to_be_visible()  # the other workflow keeps its own
    page.evaluate("heddle.editor.services.workflows.openNamed('phone two').then(() => null)")
    expect(page.get_by_role("tab", name="phone two")).to_have_attribute("aria-selected", "true")
    expect(form).to_have_count(0)
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(form).to_have_count(0)


def test_a_picture_that_is_dropped_on_a_form_goes_into_its_field_or_is_refused(editor_page: Page) -> None:
    page = editor_page
    open_form(page)
    drop = """async (name) => {
      const canvas = document.createElement("canvas");
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([blob], name, { type: "image/png" }));
      const how = { dataTransfer, bubbles: true, cancelable: true };
      document.querySelector(".form-title").dispatchEvent(new DragEvent("drop", how));
    }"""
    count = page.evaluate("heddle.editor.graph.nodes.size")
    page.evaluate(drop, "stray.png")
    expect(page.get_by_text("This form has no field for stray.png.")).to_be_visible()
    assert page.evaluate("heddle.editor.graph.nodes.size") == count

    page.evaluate("() => heddle.editor.services.workflows.openExample('image_to_image')")
    open_form(page)
    page.locator(".form-file img").wait_for()
    count = page.evaluate("heddle.editor.graph.nodes.size")
    page.evaluate(drop, "given.png")
    value = "[...heddle.editor.graph.nodes.values()].find((node) => node.type === 'LoadImage').values.image"
    until(page, value, "given.png")
    assert page.evaluate("heddle.editor.graph.nodes.size") == count
