"""Panels at the sides, settings, help: each test goes the way of a person."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.web.conftest import Troubles
from tests.web.page_server import PageServer
from tests.web.waits import until, until_kept


def press(page: Page, keys: str) -> None:
    """On the canvas, where keys are shortcuts."""
    page.locator(".canvas").focus()
    page.keyboard.press(keys)


def choose(page: Page, node_type: str) -> None:
    """Select the nodes of a type."""
    page.evaluate(
        """(type) => {
          const nodes = [...heddle.editor.graph.nodes.values()];
          heddle.editor.selection.set(nodes.filter((node) => node.type === type));
        }""",
        node_type,
    )


def of_loader(page: Page, what: str) -> object:
    """Something of the first node that loads a checkpoint."""
    return page.evaluate(
        f"[...heddle.editor.graph.nodes.values()].find((node) => node.type === 'CheckpointLoaderSimple').{what}"
    )


def node_types(page: Page) -> list[str]:
    return page.evaluate("[...heddle.editor.graph.nodes.values()].map((node) => node.type)")


def write_model(path: Path, metadata: dict[str, str]) -> None:
    """A safetensors file with one number in it."""
    header = json.dumps(
        {"__metadata__": metadata, "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")


def test_a_person_sets_how_it_looks_and_which_keys_do_what(
    start_server: Callable[..., PageServer],
    new_context: Callable[..., BrowserContext],
    find_barriers: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    server = start_server()
    page = new_context(server).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    (server.base / "user" / "default").mkdir(parents=True, exist_ok=True)
    (server.base / "user" / "default" / "user.css").write_text(".rail { border-right-width: 7px; }")
    press(page, "Control+,")
    dialog = page.get_by_role("dialog", name="Settings")
    dialog.get_by_role("searchbox").fill("theme")
    dialog.get_by_label("Theme", exact=True).select_option("Light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    ground = page.evaluate("heddle.editor.view.theme.ground")
    dialog.get_by_role("textbox", name="Custom style sheet").fill(":root { --canvas-ground: #123456; }")
    dialog.get_by_role("textbox", name="Custom style sheet").blur()
    assert page.evaluate("heddle.editor.view.theme.ground") == "#123456" != ground
    dialog.get_by_role("searchbox").fill("")
    for section in ("General", "Appearance", "Canvas", "Running", "Keys"):
        dialog.get_by_role("button", name=section, exact=True).click()
        assert find_barriers(page, ".dialog-settings") == [], section

    dialog.get_by_role("searchbox").fill("undo")
    record = dialog.get_by_role("button", name="Add keys: Undo")
    record.click()
    page.keyboard.press("Control+b")
    expect(dialog.get_by_text("Ctrl+B also does: Bypass")).to_be_visible()
    dialog.get_by_role("button", name="Undo: remove Ctrl+B").click()
    record.click()
    page.keyboard.press("Alt+u")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Save to a file").click()
    kept = tmp_path / "kept.json"
    download.value.save_as(kept)
    page.keyboard.press("Escape")
    page.evaluate(
        "() => void heddle.editor.edit('undo.move', () => heddle.editor.graph.addNode('Note', { x: 0, y: 0 }))"
    )
    press(page, "Alt+u")
    assert "Note" not in node_types(page)

    page.evaluate("heddle.editor.settings.flush()")
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator(".rail-left")).to_have_css("border-right-width", "7px")
    assert page.evaluate("heddle.editor.commands.keysOf('edit.undo')") == ["ctrl+z", "alt+u"]

    press(page, "Control+,")
    dialog.get_by_role("button", name="Appearance").click()
    dialog.get_by_role("button", name="Theme: reset to default").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")  # as the system
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Load from a file").click()
    chooser.value.set_files(kept)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    dialog.get_by_role("button", name="General").click()
    dialog.get_by_label("Language", exact=True).select_option("简体中文")
    dialog.get_by_role("button", name="Load the page again to see it").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator("body[data-ready]").wait_for()
    press(page, "Control+,")
    page.get_by_role("dialog", name="设置").get_by_role("button", name="快捷键").click()
    expect(page.get_by_role("button", name="添加快捷键：撤销")).to_be_visible()
    assert find_barriers(page, ".dialog-settings") == []


def test_nodes_are_found_in_the_library_and_put_onto_the_canvas(
    editor_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    count = len(node_types(page))
    press(page, "n")
    expect(page.get_by_role("searchbox", name="Search nodes")).to_be_focused()
    tree = page.get_by_role("tree", name="Nodes")
    tree.focus()
    for keys in ("Home", "m", "ArrowRight", "ArrowDown"):  # the folder "model", opened, its first folder
        page.keyboard.press(keys)
    current = page.locator(".tree-row[aria-selected=true]")
    expect(current).to_have_attribute("aria-level", "2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    while current.get_attribute("aria-expanded"):  # folders stand before types, however many there are
        page.keyboard.press("ArrowDown")
    name = current.inner_text().strip()
    page.keyboard.press("Control+d")
    expect(page.get_by_role("button", name="Remove from the favourites")).to_be_visible()
    page.keyboard.press("Enter")
    assert len(node_types(page)) == count + 1
    assert page.evaluate("heddle.editor.selection.nodes[0].name") == name
    assert find_barriers(page, ".side-left") == []

    page.get_by_role("searchbox", name="Search nodes").fill("ksam")
    expect(page.locator(".library-card")).to_contain_text("sampler_name")
    page.locator(".tree-row").first.drag_to(page.locator(".canvas"), target_position={"x": 500, "y": 400})
    assert node_types(page)[-1] == "KSampler"
    place = page.evaluate("(({ x, y }) => heddle.editor.view.toScreen(x, y))(heddle.editor.selection.nodes[0])")
    scale = page.evaluate("heddle.editor.view.scale")
    assert abs(place["x"] + 20 * scale - 500) < 2 and abs(place["y"] - 15 * scale - 400) < 2
    press(page, "Control+z")
    press(page, "Control+z")
    assert len(node_types(page)) == count

    # Thousands of types: few elements.
    page.evaluate("""() => {
      const one = heddle.editor.catalogue.record("KSampler");
      const type = (i) => ({ ...one, display_name: `Type ${i}`, category: `many/${i % 40}` });
      const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`Type${i}`, type(i)]));
      heddle.editor.catalogue.replace({ ...many, KSampler: one });
      heddle.editor.events.emit("catalogue", null);
      const field = document.querySelector(".library input");
      field.value = "type";
      field.dispatchEvent(new Event("input"));
    }""")
    assert page.locator(".tree-row").count() < 60
    assert page.evaluate("document.querySelector('.tree-rows').clientHeight") > 30 * 100
    tree.focus()
    page.keyboard.press("End")
    expect(current).to_be_visible()


def test_open_panels_and_chosen_nodes_come_back_after_a_reload(editor_page: Page) -> None:
    page = editor_page
    choose(page, "CLIPTextEncode")
    press(page, "n")
    expect(page.locator(".library")).to_be_visible()
    press(page, "q")
    expect(page.locator(".queue")).to_be_visible()
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(page.locator(".library")).to_be_visible()
    expect(page.locator(".queue")).to_be_visible()
    assert page.evaluate("heddle.editor.selection.nodes.map((node) => node.type)") == ["CLIPTextEncode"] * 2
    press(page, "n")
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(page.locator(".queue")).to_be_visible()
    expect(page.locator(".library")).to_have_count(0)


def test_a_model_that_is_put_into_its_folder_is_found_and_used(
    editor_page: Page, server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    before = page.evaluate("heddle.editor.document.journal.canUndo")
    file = server.base / "models" / "checkpoints" / "sub" / "second.safetensors"
    write_model(file, {"modelspec.title": "Second", "modelspec.trigger_phrase": "a word"})
    try:
        press(page, "r")
        expect(page.get_by_text("Nodes and file lists are up to date.")).to_be_visible()
        press(page, "r")
        expect(page.get_by_text("Nothing new on the server.")).to_be_visible()
        # Said once more, it takes the place of the one that is there.
        page.evaluate("document.querySelector('.notes').lastChild.dataset.older = ''")
        press(page, "r")
        until(page, "() => !document.querySelector('.notes').lastChild.hasAttribute('data-older')")
        expect(page.get_by_text("Nothing new on the server.")).to_have_count(1)
        assert of_loader(page, "inputSpecs[0].options.options") == ["heddle-demo.safetensors", "sub/second.safetensors"]
        assert page.evaluate("heddle.editor.document.journal.canUndo") == before

        press(page, "m")
        search = page.get_by_role("searchbox", name="Search models")
        expect(search).to_be_focused()
        expect(page.get_by_role("combobox", name="Folder")).to_have_value("")  # all of them
        page.keyboard.type("sec")
        row = page.locator(".models-row")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("checkpoints")
        row.click()
        card = page.get_by_role("region", name="About this file")
        expect(card).to_contain_text("Second")
        card.get_by_role("button", name="Compute").click()
        card.locator("code").wait_for()
        assert len(card.locator("code").inner_text()) == 10
        assert find_barriers(page, ".side-left") == []

        choose(page, "CheckpointLoaderSimple")
        card.get_by_role("button", name="Use", exact=True).click()
        assert of_loader(page, "values.ckpt_name") == "sub/second.safetensors"
        press(page, "Control+z")
        assert of_loader(page, "values.ckpt_name") == "heddle-demo.safetensors"
        row.drag_to(page.locator(".canvas"), target_position={"x": 600, "y": 620})
        assert node_types(page).count("CheckpointLoaderSimple") == 2
        assert page.evaluate("heddle.editor.selection.nodes[0].values.ckpt_name") == "sub/second.safetensors"
    finally:
        file.unlink()
    page.get_by_role("button", name="Refresh the list").click()
    expect(page.get_by_text("Nothing found")).to_be_visible()


def test_the_console_shows_what_the_server_says_and_what_breaks_in_the_page(
    editor_page: Page, troubles: Troubles, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    press(page, "Control+`")
    log = page.get_by_role("log")
    expect(log).to_contain_text("worker 0 is ready")
    troubles.allow("slipped")
    page.evaluate("() => { setTimeout(() => { throw new Error('slipped'); }); }")
    expect(log).to_contain_text("slipped")
    page.get_by_label("Level").select_option("Errors only")
    expect(log).not_to_contain_text("worker 0 is ready")
    assert find_barriers(page, ".side-bottom") == []
    page.get_by_label("Level").select_option("Everything")
    page.get_by_role("searchbox", name="Filter lines").fill("supervisor")
    expect(log).not_to_contain_text("slipped")
    expect(log.locator(".console-line").first).to_be_visible()
    # Where the page comes over plain HTTP from another machine, browsers give it no clipboard.
    page.evaluate("() => delete Navigator.prototype.clipboard")
    page.locator(".side-bottom").get_by_role("button", name="Copy").click()
    field = page.get_by_role("searchbox", name="Filter lines")
    field.fill("")
    field.press("Control+v")
    expect(field).to_have_value(re.compile("supervisor"))
    page.keyboard.press("Control+`")
    expect(log).to_have_count(0)


def test_a_style_sheet_that_hides_the_page_can_be_taken_back(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("heddle.editor.settings.write('theme.css', '* { display: none !important }')")
    expect(page.locator(".canvas")).to_be_hidden()
    page.evaluate("heddle.editor.settings.flush()")
    page.goto("/?safe")
    expect(page.get_by_text("without your own style sheets")).to_be_visible()
    page.evaluate("heddle.editor.settings.write('theme.css', '')")
    page.evaluate("heddle.editor.settings.flush()")
    page.goto("/")
    expect(page.locator(".canvas")).to_be_visible()


def test_help_says_what_there_is(editor_page: Page, find_barriers: Callable[..., list[str]]) -> None:
    page = editor_page
    hint = page.locator(".hint")
    page.evaluate("heddle.editor.settings.write('help.hint', 0)")  # others ran workflows on this server
    expect(hint).to_contain_text("Ctrl+Enter")
    press(page, "F1")
    panel = page.locator(".side-right")
    expect(panel).to_contain_text("Sockets of one colour fit together.")
    choose(page, "VAEDecode")
    expect(panel.get_by_role("heading", name="VAE Decode")).to_be_visible()
    expect(panel).to_contain_text("Turns pictures into latents and back.")
    assert find_barriers(page, ".side-right") == []

    press(page, "?")
    keys = page.get_by_role("dialog", name="Keys")
    keys.get_by_role("searchbox").fill("bypass")
    expect(keys).to_contain_text("Ctrl+B")
    expect(keys).not_to_contain_text("Ctrl+S")
    assert find_barriers(page, ".dialog-keys") == []
    page.keyboard.press("Escape")  # empties the field
    page.keyboard.press("Escape")

    press(page, "F10")
    page.get_by_role("menuitem", name="Edit").wait_for()
    for each in ("e", "ArrowRight", "ArrowDown"):  # Edit, its entries, the second
        page.keyboard.press(each)
    expect(page.locator(".menu-item:focus")).to_have_text("RedoCtrl+Y")
    assert find_barriers(page, ".menu") == []
    page.keyboard.press("Escape")
    net = {"file": "sd15.safetensors", "mode": "partly", "there_bytes": 1 << 30, "whole_bytes": 2 << 30}
    memory = {"workers": [{"name": "worker 0", "resident_bytes": 1, "devices": [{"name": "cuda:0", "nets": [net]}]}]}
    about = page.get_by_role("dialog", name="About Heddle")
    page.evaluate("() => void heddle.editor.commands.run('help.about')")
    expect(about).to_contain_text("Apache License 2.0")
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()
    page.route(re.compile("//[^/]*/api/v1/memory$"), lambda route: route.fulfill(json=memory))
    page.evaluate("() => void heddle.editor.commands.run('help.about')")
    expect(about).to_contain_text("sd15.safetensors, 1.0 GiB of 2.0 GiB on the device, the rest comes in at each step")
    assert find_barriers(page, ".dialog") == []
    page.keyboard.press("Escape")
    hint.get_by_role("button").click()
    expect(hint).to_be_hidden()
    page.evaluate("heddle.editor.settings.flush()")
    page.reload()
    page.locator("body[data-ready]").wait_for()
    expect(hint).to_be_hidden()


def test_panels_fit_on_a_phone_and_hinder_nobody_in_chinese(
    new_context: Callable[..., BrowserContext], server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    look = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "color_scheme": "light", "has_touch": True}
    page = new_context(server, **look).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    for panel in ("library", "models", "workflows", "console", "help", "outline", "gallery", "queue"):
        page.evaluate("(id) => void heddle.editor.shell.openPanel(id)", panel)
        body: Locator = page.locator(f".side-body[data-panel={panel}]")
        expect(body.locator("input, button, h3").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, panel
        assert body.evaluate("(body) => body.scrollWidth <= body.clientWidth"), panel
        assert find_barriers(page) == [], panel
        page.evaluate("['left', 'right', 'bottom'].forEach((each) => heddle.editor.shell.closePanel(each))")
