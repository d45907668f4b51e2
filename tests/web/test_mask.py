"""A mask is drawn on a picture: the picture's pixels stay as they are, and a workflow runs with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from heddle.media.pictures import encode_png
from tests.heddle.media.carrier_files import png_chunk
from tests.heddle.media.deep_files import read_by_ffmpeg
from tests.web.page_server import PageServer

OPEN = """async (file) => {
    const { editor } = heddle;
    await editor.services.workflows.openExample("image_to_image");
    await editor.refreshCatalogue();
    editor.edit("undo.value", () => editor.graph.setValue(editor.graph.node(4), "image", file));
    editor.selection.set([editor.graph.node(4)]);
}"""
VALUE = "heddle.editor.document.root.node(4).values.image"


def pixels(server: PageServer, name: str) -> np.ndarray:
    with Image.open(server.base / "input" / name) as picture:
        return np.asarray(picture.convert("RGBA"))


def open_mask(page: Page) -> None:
    page.evaluate("() => void heddle.editor.commands.run('mask.open')")
    page.locator(".mask-stage:focus").wait_for()


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is on the page; x and y are shares of its sides. It is shown whole and square."""
    box = page.locator(".mask-stage").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"]) - 32
    return box["x"] + box["width"] / 2 + (x - 0.5) * side, box["y"] + box["height"] / 2 + (y - 0.5) * side


def drag(page: Page, *places: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*at(page, *place), steps=5)
    page.mouse.up()


def test_a_mask_is_painted_and_no_pixel_of_the_picture_changes(
    editor_page: Page, server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = editor_page
    noise = np.random.default_rng(5).integers(0, 256, (128, 128, 4), dtype=np.uint8)
    noise[:32, :, 3] = 0  # its colours are there all the same
    (server.base / "input").mkdir(exist_ok=True)
    Image.fromarray(noise).save(server.base / "input" / "noise.png")
    page.evaluate(OPEN, "noise.png")
    open_mask(page)
    assert find_barriers(page, "dialog.mask") == []
    page.keyboard.press("Delete")  # the opacity of the file was its mask
    expect(page.locator(".mask-status")).to_be_empty(timeout=20_000)
    drag(page, (0.25, 0.5), (0.75, 0.5))
    drag(page, (0.5, 0.1), (0.5, 0.2))
    page.keyboard.press("Control+z")
    page.keyboard.press("r")
    drag(page, (0.75, 0.75), (1, 1))
    expect(page.locator(".mask-status")).to_be_empty(timeout=20_000)
    page.keyboard.press("Control+s")
    page.locator("dialog.mask").wait_for(state="detached")
    assert page.evaluate(VALUE) == "noise-mask.png"
    masked = pixels(server, "noise-mask.png")
    assert np.array_equal(masked[..., :3], noise[..., :3])
    opacity = masked[..., 3]
    assert opacity[64, 64] == 0 and opacity[64, 40] == 0, "the stroke"
    assert (opacity[:30] == 255).all(), "cleared, and the second stroke taken back"
    assert (opacity[100:, 100:] == 0).all() and (opacity[100:, :90] == 255).all(), "the rectangle"
    page.keyboard.press("Control+z")
    assert page.evaluate(VALUE) == "noise.png"
    page.keyboard.press("Control+Shift+z")
    # It opens with what it has, and is written as it was: the same bytes are not stored twice.
    open_mask(page)
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("dialog.mask").wait_for(state="detached")
    assert page.evaluate(VALUE) == "noise-mask.png"
    page.locator(".run-go").click()
    page.locator("body").evaluate(
        """async () => {
          const { jobs } = heddle.editor.services.run;
          while (!jobs.all.length || jobs.active.length) await new Promise((resolve) => setTimeout(resolve, 50));
        }"""
    )
    assert page.evaluate("heddle.editor.services.run.jobs.all.map((job) => job.state)") == ["done"]


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_turned_picture_is_masked_where_it_is_seen(editor_page: Page, server: PageServer, form: str) -> None:
    page = editor_page
    (server.base / "input").mkdir(exist_ok=True)
    colours = np.random.default_rng(6).integers(0, 1 << 16, (128, 96, 3), np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    name = f"turned.{form.lower()}"
    if form == "PNG":  # in 16 bits
        chunk = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
        (server.base / "input" / name).write_bytes(encode_png(np.rot90(colours), chunks=chunk))
    else:
        Image.fromarray(np.rot90(colours >> 8).astype(np.uint8)).save(server.base / "input" / name, exif=exif)
    page.evaluate(OPEN, name)
    open_mask(page)
    page.keyboard.press("r")
    drag(page, (0.5, 0), (1, 0.25))  # the upper right corner; the picture is narrower than high, and in the middle
    expect(page.locator(".mask-status")).to_be_empty(timeout=20_000)
    page.keyboard.press("Control+s")
    page.locator("dialog.mask").wait_for(state="detached")
    saved = server.base / "input" / page.evaluate(VALUE)
    opacity = pixels(server, saved.name)[..., 3]
    assert opacity.shape == (128, 96)
    assert (opacity[:30, 50:] == 0).all() and (opacity[:, :46] == 255).all() and (opacity[34:] == 255).all()
    if form == "PNG":
        np.testing.assert_array_equal(read_by_ffmpeg(saved.read_bytes())[..., :3], colours)


def test_a_mask_on_a_result_brings_a_node_that_loads_it(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    page.evaluate("heddle.editor.commands.run('run.queue')")
    page.locator("body").evaluate(
        """async () => {
          const { jobs } = heddle.editor.services.run;
          while (!jobs.all.length || jobs.active.length) await new Promise((resolve) => setTimeout(resolve, 50));
        }"""
    )
    page.evaluate("heddle.editor.selection.set([heddle.editor.graph.node(7)])")
    open_mask(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # without a pointer
    page.keyboard.press("i")
    expect(page.locator(".mask-status")).to_be_empty(timeout=20_000)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Discard the mask?")).to_be_visible()
    page.get_by_role("button", name="Go on drawing").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("dialog.mask").wait_for(state="detached")
    made = page.evaluate("heddle.editor.selection.nodes.map((node) => [node.type, node.values.image])")
    assert len(made) == 1 and made[0][0] == "LoadImage"
    opacity = pixels(server, made[0][1])[..., 3]
    assert opacity[0, 0] == 0 and opacity[64, 70] == 255


def test_a_stroke_right_after_clearing_is_a_step_of_its_own(editor_page: Page, server: PageServer) -> None:
    page = editor_page
    (server.base / "input").mkdir(exist_ok=True)
    opaque = np.full((128, 128, 4), 255, dtype=np.uint8)
    opaque[:32, :, 3] = 0  # masked
    Image.fromarray(opaque).save(server.base / "input" / "masked.png")
    page.evaluate(OPEN, "masked.png")
    page.evaluate("""() => {
      const send = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (message) {
        if (message.name !== "clear") return send.call(this, message);
        window.goOn = () => {
          Worker.prototype.postMessage = send;
          this.postMessage(message);
        };
      };
    }""")
    open_mask(page)
    page.keyboard.press("Delete")
    drag(page, (0.25, 0.75), (0.75, 0.75))
    expect(page.locator(".mask-status")).not_to_be_empty()
    page.evaluate("goOn()")
    expect(page.locator(".mask-status")).to_be_empty(timeout=20_000)
    undo = page.locator("dialog.mask").get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    page.locator(".mask-stage").focus()
    page.keyboard.press("Control+z")  # the stroke
    expect(undo).to_be_enabled()
    page.keyboard.press("Control+z")  # the clearing
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+s")
    page.locator("dialog.mask").wait_for(state="detached")
    opacity = pixels(server, page.evaluate(VALUE))[..., 3]
    assert (opacity[:32] == 255).all(), "cleared"
    assert opacity[96, 64] == 0, "painted"
