"""Widgets that few workflows have: pictures held against each other, painting, devices, files without a view."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.web.test_widgets import RED_DOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.web.page_server import PageServer

OPEN = """() => {
    const { editor } = heddle;
    const { catalogue } = editor;
    const known = Object.fromEntries(catalogue.types.map((type) => [type, catalogue.record(type)]).filter(([, record]) => record));
    known.Compare = { output: [], output_node: true, input: { required: { compare_view: ["IMAGECOMPARE", { socketless: true }] } } };
    known.Camera = { output: ["IMAGE"], input: { required: { image: ["WEBCAM"], width: ["INT", { default: 0 }], height: ["INT", { default: 0 }] } } };
    known.Record = { output: ["AUDIO"], input: { required: { audio: ["AUDIO_RECORD"], player: ["AUDIO_UI", { socketless: true }] } } };
    known.Paint = { output: ["IMAGE"], input: { required: {
        mask: ["STRING", { widgetType: "PAINTER", image_upload: true, default: "", socketless: true }],
        width: ["INT", { default: 128 }], height: ["INT", { default: 64 }], bg_color: ["COLOR", { default: "#204060" }] } } };
    known.Solid = { output: [], output_node: true, input: { required: { model_file: ["STRING", { default: "3d/cat.glb" }], view: ["LOAD_3D"] } } };
    known.Layers = { output: [], input: { required: { compositor: ["COMPOSITOR", { default: {}, socketless: true }] } } };
    known.Tone = { output: ["CURVE"], input: { required: { curve: ["CURVE", { default: { points: [[0, 0], [1, 1]] }, socketless: true }] } } };
    catalogue.replace(known);
    editor.open(new editor.document.constructor(catalogue));
    const types = ["Compare", "Camera", "Record", "Paint", "Solid", "Layers", "Tone"];
    window.nodes = editor.edit("undo.value", () => Object.fromEntries(types.map((type, i) =>
        [type, editor.graph.addNode(type, { x: (i % 3) * 340, y: Math.floor(i / 3) * 400 })])));
    editor.view.moveTo(1, { x: 60, y: 60 });
    window.show = (type, output) => editor.services.content.setComparison(nodes[type], output);
    window.edit = (type, name) => void editor.services.widgets.edit(nodes[type], nodes[type].widgets.find((each) => each.name === name));
}"""  # noqa: E501


def test_two_pictures_are_held_against_each_other(
    editor_page: Page, server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    page.evaluate(OPEN)
    page.evaluate("""() => {
        const source = document.querySelector("link[rel=icon]").href;
        show("Compare", { a: [{ src: source }], b: [{ src: source }] });
    }""")
    page.evaluate("() => edit('Compare', 'compare_view')")  # from now on its module is there
    page.get_by_role("dialog").get_by_role("slider").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    box = page.evaluate("""() => {
        const { view } = heddle.editor;
        view.settle();
        const { left, right, top } = view.widgetBox(nodes.Compare, view.layouts.of(nodes.Compare).widgets[0]);
        const area = view.element.getBoundingClientRect();
        const [from, to] = [view.toScreen(left, top), view.toScreen(right, top)];
        return [area.left + from.x, area.left + to.x, area.top + from.y];
    }""")
    page.mouse.move(box[0] + (box[1] - box[0]) / 4, box[2] + 40)
    page.evaluate("() => edit('Compare', 'compare_view')")
    dialog = page.get_by_role("dialog")
    slider = dialog.get_by_role("slider")
    expect(slider).to_be_focused()
    before = int(slider.input_value())
    assert 20 <= before <= 30, "the line did not follow the pointer"
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == before + 1
    assert find_barriers(page, ".compare-dialog") == []


def test_how_often_each_brightness_is_there_stands_behind_a_curve(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    page.evaluate(OPEN)
    page.evaluate("""() => {
        heddle.editor.view.settle();
        const { left, right, top, bottom } = heddle.editor.view.layouts.boxOf(nodes.Tone);
        heddle.editor.view.moveTo(1, { x: 60 - left, y: 60 - top });
        window.clip = { x: 60, y: 60, width: right - left, height: bottom - top };
        heddle.editor.selection.set([]);
    }""")
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((each) => each.name.endsWith('/widgets/curve.js'))"
    )
    area = page.evaluate("""() => {
        const area = heddle.editor.view.element.getBoundingClientRect();
        return { ...clip, x: clip.x + area.left, y: clip.y + area.top };
    }""")
    shots = []
    for histogram in (None, [0, 0, 9, 9], [9, 9, 0, 0]):
        page.evaluate("(counts) => heddle.editor.services.content.setHistogram(nodes.Tone, counts)", histogram)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shots.append(page.screenshot(clip=area))
    bare, right, left = (np.asarray(Image.open(io.BytesIO(shot)).convert("L"), int) for shot in shots)
    middle = bare.shape[1] // 2
    for hill, side in ((right, slice(middle, None)), (left, slice(None, middle))):
        changed = hill != bare
        assert changed[:, side].sum() > 0.8 * changed.sum() > 1000


def test_what_is_painted_is_kept_as_an_input_and_shown(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    page.evaluate(OPEN)
    page.evaluate("() => edit('Paint', 'mask')")
    canvas = page.locator(".painter-canvas")
    expect(canvas).to_be_visible()
    assert canvas.evaluate("(each) => [each.width, each.height]") == [128, 64]
    corner = canvas.bounding_box()
    assert corner is not None
    middle = corner["y"] + corner["height"] / 2
    page.mouse.move(corner["x"] + 20, middle)
    page.mouse.down()
    page.mouse.move(corner["x"] + corner["width"] - 20, middle, steps=4)
    page.mouse.up()
    painted = "(each) => each.getContext('2d').getImageData(64, 32, 1, 1).data[3]"
    assert canvas.evaluate(painted) == 255
    page.get_by_role("button", name="Undo").click()
    assert canvas.evaluate(painted) == 0
    page.mouse.move(corner["x"] + 20, middle)
    page.mouse.down()
    page.mouse.move(corner["x"] + corner["width"] - 20, middle, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Use it").click()
    page.wait_for_function("() => nodes.Paint.values.mask")
    path = page.evaluate("nodes.Paint.values.mask")
    assert path.startswith("painter/painter-")
    assert page.evaluate("heddle.editor.services.content.picturesOf(nodes.Paint).length") == 1
    page.keyboard.press("Control+Z")
    assert page.evaluate("nodes.Paint.values.mask") == ""


def test_a_camera_that_is_not_there_is_told_and_a_file_does_instead(editor_page: Page) -> None:
    page = editor_page
    page.context.grant_permissions(["camera", "microphone"])
    page.evaluate(OPEN)
    for type_, name, told in [
        ("Camera", "image", "No camera was found"),
        ("Record", "audio", "No microphone was found"),
    ]:
        page.evaluate(f"() => edit('{type_}', '{name}')")
        dialog = page.get_by_role("dialog")
        if type_ == "Record":
            dialog.get_by_role("button", name="Record", exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text(told)
        ending, mime = ("png", "image/png") if type_ == "Camera" else ("wav", "audio/wav")
        dialog.locator("input[type=file]").set_input_files(
            {"name": f"mine.{ending}", "mimeType": mime, "buffer": RED_DOT}
        )
        page.wait_for_function(f"() => nodes.{type_}.values.{name}")
    assert page.evaluate("nodes.Camera.values.image").startswith("webcam/webcam-")
    assert page.evaluate("nodes.Record.values.audio").startswith("audio/recording-")


def test_a_camera_over_an_address_that_is_not_secure_is_explained(editor_page: Page) -> None:
    page = editor_page
    page.evaluate("() => Object.defineProperty(globalThis, 'isSecureContext', { value: false })")
    page.evaluate(OPEN)
    page.evaluate("() => edit('Camera', 'image')")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("over https")


def test_a_model_that_a_node_made_is_offered_as_a_file(editor_page: Page) -> None:
    page = editor_page
    page.evaluate(OPEN)
    page.evaluate("""() => {
        const file = { filename: "cat.glb", subfolder: "", type: "output" };
        heddle.editor.services.content.setMedia(nodes.Solid, [{ kind: "file", src: heddle.editor.server.fileAddress(file), file }]);
    }""")  # noqa: E501
    link = page.get_by_role("link", name="Download cat.glb")
    expect(link).to_be_visible()
    assert link.get_attribute("download") == "cat.glb"
