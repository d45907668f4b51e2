"""Videos, sounds and moving pictures: real files on nodes, in the viewer, the gallery and the form, in and out."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from benchmarks.browser import chromium_arguments, find_chromium
from tests import media_files as made
from tests.web.page_server import PageServer, running
from tests.web.waits import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

    from tests.web.conftest import Troubles

# Nodes with the inputs and the answers of those that read, record and show such files.
PACK = """
import json, os
import folder_paths

def node(inputs, run=None, outputs=(), is_output=False):
    def do(self, **given):
        return run(**given) if run else tuple(None for _ in outputs)
    return type("Node", (), {"INPUT_TYPES": classmethod(lambda cls: {"required": inputs()}), "RETURN_TYPES": outputs,
        "FUNCTION": "do", "OUTPUT_NODE": is_output, "CATEGORY": "test", "do": do, "VALIDATE_INPUTS": classmethod(lambda cls, **k: True),
        "IS_CHANGED": classmethod(lambda cls, **k: float("nan"))})

def files():
    return sorted(each.name for each in os.scandir(folder_paths.get_input_directory()) if each.is_file())

def size_of(image, **rest):
    from PIL import Image
    path = folder_paths.get_annotated_filepath(image)
    return {"ui": {"text": [f"{image} {Image.open(path).size}"]}}

NODE_CLASS_MAPPINGS = {
    "Show": node(lambda: {"ui": ("STRING", {"default": "{}", "multiline": True})}, lambda ui: {"ui": json.loads(ui)}, is_output=True),
    "LoadVideo": node(lambda: {"file": (files(), {"video_upload": True})}, outputs=("VIDEO",)),
    "LoadAudio": node(lambda: {"audio": (files(), {"audio_upload": True})}, outputs=("AUDIO",)),
    "LoadMoving": node(lambda: {"image": (files(), {"animated_image_upload": True})}, outputs=("IMAGE",)),
    "Watch": node(lambda: {"video": ("VIDEO",), "audio": ("AUDIO",)}, lambda **k: {"ui": {}}, is_output=True),
    "RecordAudio": node(lambda: {"audio": ("AUDIO_RECORD", {})}, outputs=("AUDIO",)),
    "WebcamCapture": node(lambda: {"image": ("WEBCAM", {}), "width": ("INT", {"default": 0}), "height": ("INT", {"default": 0}),
        "capture_on_queue": ("BOOLEAN", {"default": True})}, size_of, is_output=True),
}
"""  # noqa: E501
WORKFLOW = {
    "version": 0.4,
    "nodes": [{"id": 1, "type": "Note", "pos": [0, 0], "size": [200, 100], "widgets_values": ["from inside a file"]}],
    "links": [],
}
TEXTS = {"workflow": json.dumps(WORKFLOW)}
FILES: dict[str, Callable[[], bytes]] = {
    "a.mp4": lambda: made.video(texts=TEXTS, size=(320, 180)),
    "b.webm": lambda: made.video("webm", "libvpx-vp9", "libopus", options=made.QUICK, size=(180, 320)),
    "c.flac": lambda: made.sound("flac", "flac", texts=TEXTS),
    "d.mp3": lambda: made.sound("mp3", "libmp3lame", seconds=65),
    "e.ogg": lambda: made.sound("ogg", "libopus"),
    "f.wav": made.sound,
    "g.gif": lambda: made.moving("GIF"),
    "h.png": lambda: made.moving("PNG"),
    "i.webp": lambda: made.moving("WEBP"),
    "hevc.mp4": lambda: made.video("mp4", "libx265", options={"x265-params": "log-level=none"}),
    "silent.mp4": lambda: made.video("mp4", "libx265", None, options={"x265-params": "log-level=none"}),
    "cut.mp4": lambda: made.video()[:3000],
}
# Opens an empty workflow with these nodes and keeps them as `nodes`.
NODES = """(wanted) => {
    const { editor } = heddle;
    editor.open(new editor.document.constructor(editor.catalogue));
    window.nodes = editor.edit("undo.value", () => wanted.map(([type, values], i) =>
        editor.graph.addNode(type, { x: i * 340, y: 0 }, values)));
    editor.view.moveTo(1, { x: 60, y: 60 });
    editor.view.element.focus();
}"""
COLOUR = """(video) => {
    const canvas = new OffscreenCanvas(8, 8);
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 8, 8);
    const [red, , blue] = context.getImageData(4, 4, 1, 1).data;
    return red > blue ? "red" : red < blue ? "blue" : "nothing";
}"""


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"filename": name, "subfolder": "", "type": "output", **more} for name in names]


@pytest.fixture(scope="module")
def media_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    base = tmp_path_factory.mktemp("media")
    (base / "custom_nodes").mkdir(parents=True)
    (base / "custom_nodes" / "played.py").write_text(PACK, encoding="utf-8")
    (base / "input").mkdir()
    (base / "output").mkdir()
    for name, make in FILES.items():
        (base / "output" / name).write_bytes(make())
    with running(PageServer(base)) as server:
        yield server


@pytest.fixture
def media_page(media_server: PageServer, new_context: Callable[..., BrowserContext]) -> Page:
    return opened(new_context(media_server))


def opened(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    return page


def show(page: Page, *outputs: dict[str, Any]) -> None:
    """Nodes that a run has these files shown on."""
    page.evaluate(NODES, [["Show", {"ui": json.dumps(each)}] for each in outputs])
    page.keyboard.press("Control+Enter")
    until(page, "nodes.every((node) => heddle.editor.services.content.get(node)?.state === 'done')")


def at(page: Page, wanted: str) -> Locator:
    """The player of a file, by its name."""
    return page.locator(f".content-media [aria-label$='{wanted}']")


def drop(page: Page, name: str, kind: str, data: bytes, x: float, y: float) -> None:
    page.evaluate(
        """([name, type, text, x, y]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type }));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            document.elementFromPoint(x, y).dispatchEvent(
                new DragEvent(kind, { dataTransfer: data, clientX: x, clientY: y, bubbles: true, cancelable: true }));
          }
        }""",
        [name, kind, base64.b64encode(data).decode(), x, y],
    )


def test_videos_and_sounds_that_a_job_made_are_played_on_their_node(
    media_page: Page, media_server: PageServer, find_barriers: Callable[..., list[str]]
) -> None:
    page = media_page
    show(
        page,
        {"images": named("a.mp4"), "animated": [True], "text": ["two seconds"]},
        {"gifs": named("b.webm", format="video/webm", frame_rate=10.0)},
        {"audio": named("c.flac", "d.mp3", "e.ogg")},
        {"video": named("a.mp4", "a.mp4"), "images": named("h.png")},
    )
    video = at(page, "a.mp4").first
    until(page, "document.querySelectorAll('.content-media :is(video, audio)').length", 7)
    # It has a frame to be seen before it plays, and each place in it can be gone to.
    until(page, "[...document.querySelectorAll('.content-media video')].every((each) => each.readyState >= 2)")
    assert "thumbnails/output/a.mp4" in (video.get_attribute("poster") or "")
    for place, colour in ((1.9, "blue"), (0.1, "red")):
        video.evaluate("(each, s) => void (each.currentTime = s)", place)
        until(page, f"({COLOUR})(document.querySelector('.content-media video'))", colour)
    assert video.evaluate("(each) => each.loop")
    shapes = page.evaluate("nodes.slice(0, 2).map((node) => heddle.editor.view.layouts.of(node).extraHeight)")
    assert shapes[1] > shapes[0] + 100, "an upright video has the room of an upright video"
    # The keyboard alone: a key plays what the chosen node has; what one hears is told.
    page.evaluate("heddle.editor.selection.set([nodes[2]])")
    page.keyboard.press("k")
    sound = at(page, "c.flac")
    until(page, "[...document.querySelectorAll('.content-media audio')].some((each) => each.currentTime > 0.05)")
    page.get_by_text("c.flac plays").wait_for(state="attached")
    page.keyboard.press("k")
    page.get_by_text("c.flac is paused").wait_for(state="attached")
    assert sound.evaluate("(each) => each.paused")
    # Keys of a player are the player's: the node stays where it is.
    before = page.evaluate("[nodes[2].x, nodes[2].y]")
    at(page, "d.mp3").focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelectorAll('.content-media audio')[1].currentTime > 0")
    assert page.evaluate("[nodes[2].x, nodes[2].y]") == before
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === heddle.editor.view.element")
    # How loud one is, all are, also after a reload.
    sound.evaluate("(each) => { each.volume = 0.25; each.muted = true; }")
    until(page, "localStorage.getItem('heddle.loudness')", '{"volume":0.25,"muted":true}')
    video.evaluate("(each) => each.play()")
    assert video.evaluate("(each) => [each.volume, each.muted]") == [0.25, True]
    assert find_barriers(page, ".stage") == []
    # What plays is heard on when it is out of sight; what does not is gone, and comes back.
    page.evaluate("heddle.editor.view.moveTo(1, { x: -4000, y: 60 })")
    until(page, "document.querySelectorAll('.content-media :is(video, audio)').length", 1)
    video.evaluate("(each) => each.pause()")
    page.evaluate("heddle.editor.view.moveTo(1, { x: 60, y: 60 })")
    until(page, "document.querySelectorAll('.content-media :is(video, audio)').length", 7)
    # Large, from the menu of the node: the keys of the viewer.
    at(page, "c.flac").click(button="right", position={"x": 40, "y": 20})
    page.get_by_role("menuitem", name="View on the whole screen").click()
    viewer = page.get_by_role("dialog")
    until(page, "document.querySelector('dialog audio')?.readyState >= 1")
    assert viewer.locator("audio").evaluate("(each) => [each.volume, each.muted]") == [0.25, True]
    page.keyboard.press(" ")
    until(page, "!document.querySelector('dialog audio').paused")
    page.keyboard.press("m")
    until(page, "!document.querySelector('dialog audio').muted")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator("audio")).to_have_attribute("aria-label", "d.mp3")
    assert find_barriers(page, "dialog") == []
    page.keyboard.press("Escape")
    viewer.wait_for(state="detached")
    # The queue shows them, too.
    page.evaluate("heddle.editor.shell.openPanel('queue')")
    page.locator(".queue-thumb[data-kind=video]").first.click()
    until(page, "document.querySelector('dialog video')?.videoWidth", 320)
    page.keyboard.press("Escape")
    viewer.wait_for(state="detached")
    page.evaluate("heddle.editor.shell.closePanel('right')")  # it would come back, and cover some of the nodes
    page.reload()
    page.locator("body[data-ready]").wait_for()
    until(page, "document.querySelectorAll('.content-media :is(video, audio)').length", 7)
    assert page.locator(".content-media audio").first.evaluate("(each) => [each.volume, each.muted]") == [0.25, False]


def test_a_form_plays_what_was_made_and_what_was_chosen(
    media_server: PageServer,
    new_context: Callable[..., BrowserContext],
    troubles: Troubles,
    find_barriers: Callable[..., list[str]],
) -> None:
    troubles.allow(r"Failed to load resource.*404.*lost\.wav")
    (media_server.base / "input" / "chosen.mp4").write_bytes(FILES["a.mp4"]())
    page = opened(new_context(media_server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    show(page, {"video": named("a.mp4"), "audio": named("c.flac", "lost.wav")})
    results = page.get_by_role("region", name="Results")
    until(page, "document.querySelector('.form-results video')?.videoWidth", 320)
    until(page, "document.querySelector('.form-results audio')?.duration", 2)
    for player in (results.locator("video"), results.locator("audio").first):
        box = player.bounding_box()
        assert box is not None and box["width"] > 300 and box["height"] > 50, box
        player.evaluate("(each) => each.play()")
    until(
        page,
        "[...document.querySelectorAll('.form-results :is(video, audio)')].filter((each) => each.currentTime).length",
        2,
    )
    expect(results.get_by_role("alert").filter(has_text="lost.wav is not there")).to_be_visible()
    page.evaluate(NODES, [["LoadVideo", {"file": "chosen.mp4"}], ["RecordAudio", {}], ["Watch", {}]])
    page.evaluate("""heddle.editor.edit("undo.link", () => {
        for (const i of [0, 1]) heddle.editor.graph.connect(nodes[i], 0, nodes[2], i);
    })""")
    until(page, "document.querySelector('.form-file-shown video')?.videoWidth", 320)
    recorded = page.locator(".form-file", has_text="Record a sound").locator("input[type=file]").first
    recorded.set_input_files({"name": "cat.png", "mimeType": "image/png", "buffer": made.moving("PNG")})
    expect(page.get_by_role("alert").filter(has_text="RecordAudio cannot read cat.png")).to_be_visible()
    recorded.set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": made.sound()})
    until(page, "document.querySelector('.form-file-shown audio')?.duration", 2)
    assert find_barriers(page, "main") == []


def test_pictures_move_while_they_are_seen_and_for_those_who_like_it(media_page: Page) -> None:
    page = media_page
    show(
        page,
        {"images": named("h.png"), "animated": [True]},
        {"gifs": named("g.gif", format="image/gif", frame_rate=4.0)},
        {"animated_images": named("i.webp", "i.webp")},
    )
    moving = "document.querySelectorAll('.content-moving').length"
    until(page, moving, 4)
    until(page, "[...document.querySelectorAll('.content-moving')].every((each) => each.naturalWidth === 96)")
    page.evaluate("heddle.editor.view.moveTo(1, { x: -4000, y: 60 })")
    until(page, moving, 0)
    page.evaluate("heddle.editor.view.moveTo(0.2, { x: 60, y: 60 })")
    page.evaluate("heddle.editor.view.settle()")
    assert page.evaluate(moving) == 0, "so small that nobody sees it move"
    page.evaluate("heddle.editor.view.moveTo(1, { x: 60, y: 60 })")
    until(page, moving, 4)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("heddle.editor.selection.clear()")
    page.evaluate("heddle.editor.view.redraw()")
    until(page, moving, 0)
    page.evaluate("heddle.editor.selection.set([nodes[2]])")
    until(page, moving, 2)


def test_what_the_browser_cannot_play_is_said_on_the_player(
    media_page: Page, media_server: PageServer, troubles: Troubles, find_barriers: Callable[..., list[str]]
) -> None:
    page = media_page
    troubles.allow(r"Failed to load resource.*(404|400)")
    lost = "lost, with a name that is as long as such names are.mp3"
    outputs = named("silent.mp4", "hevc.mp4", "cut.mp4", lost)
    show(page, *({"video" if each["filename"].endswith("mp4") else "audio": [each]} for each in outputs))
    told = page.locator(".content-media .player-trouble")
    for i, words in enumerate(("cannot play hevc", "no decoder for hevc", "cannot be read", "is not there")):
        expect(told.nth(i)).to_contain_text(words)
    below = """(all) => all.map((each) =>
        each.getBoundingClientRect().bottom - each.parentElement.getBoundingClientRect().bottom)"""
    assert max(told.evaluate_all(below)) < 1  # what is said stays on its node
    assert told.nth(0).get_by_role("link", name="Save the file").get_attribute("download") == "silent.mp4"
    assert find_barriers(page, ".stage") == []
    page.evaluate("heddle.editor.selection.set([nodes[0]])")
    page.evaluate("void heddle.editor.commands.run('content.view')")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("cannot play hevc")


def test_the_gallery_shows_frames_and_times_and_opens_the_workflow_of_a_video_and_of_a_sound(
    media_page: Page, troubles: Troubles
) -> None:
    page = media_page
    troubles.allow(r"Failed to load resource.*400.*cut\.mp4")  # what the browser says of a frame that is not there
    page.evaluate("heddle.editor.shell.openPanel('gallery')")
    expect(page.locator(".gallery-cell:has([data-time='1:05'])")).to_have_attribute("title", "d.mp3")
    expect(page.get_by_role("option", name="a.mp4").locator(".gallery-time")).to_have_attribute("data-time", "0:02")
    until(page, "document.querySelector('.gallery-cell[title=\"a.mp4\"] img').naturalWidth", 256)
    until(page, "document.querySelector('.gallery-cell[title=\"hevc.mp4\"] img').naturalWidth > 0")
    expect(page.locator(".gallery-cell[title='cut.mp4'] .gallery-name")).to_have_text("cut.mp4")
    for name in ("a.mp4", "c.flac"):
        page.locator(f".gallery-cell[title='{name}']").click()
        page.keyboard.press("Shift+F10")
        page.get_by_role("menuitem", name="Show metadata").click()
        details = page.get_by_role("dialog")
        facts = ("h264, 10 frames a second", "320 × 180") if name == "a.mp4" else ("flac, 48 kHz", "0:02")
        for fact in facts:
            expect(details).to_contain_text(fact)
        page.keyboard.press("Escape")
        details.wait_for(state="detached")
        page.keyboard.press("Shift+F10")
        page.get_by_role("menuitem", name="Open the workflow of this result").click()
        note = "[...heddle.editor.graph.nodes.values()].map((node) => node.type).join()"
        until(page, note, "Note")
        until(
            page,
            "heddle.editor.services.workflows.stateOf(heddle.editor.document).name",
            name[0],
        )


def test_files_come_by_button_drop_and_paste_and_wrong_ones_are_refused(media_page: Page) -> None:
    page = media_page
    page.evaluate(NODES, [["LoadAudio", {}], ["LoadVideo", {}], ["LoadMoving", {}]])

    def choose(index: int, name: str, mime: str, data: bytes) -> None:
        with page.expect_file_chooser() as chooser:
            page.evaluate(
                "(i) => void heddle.editor.services.widgets.edit(nodes[i], nodes[i].widgets.find((each) => each.widget === 'UPLOAD'))",  # noqa: E501
                index,
            )
        chooser.value.set_files({"name": name, "mimeType": mime, "buffer": data})

    choose(0, "mine.opus", "", made.sound("opus", "libopus"))
    until(page, "nodes[0].values.audio", "mine.opus")
    until(page, "document.querySelector('.content-media audio')?.duration > 1.9")
    choose(0, "cat.png", "image/png", made.moving("PNG"))
    note = page.get_by_role("alert")
    expect(note.filter(has_text="cannot read cat.png. It reads sounds")).to_be_visible()
    assert page.evaluate("nodes[0].values.audio") == "mine.opus"
    choose(2, "moves.webp", "image/webp", made.moving("WEBP"))
    until(page, "document.querySelector('.content-moving')?.naturalWidth", 96)

    corner = page.evaluate("""(() => {
        const { view } = heddle.editor;
        const area = view.element.getBoundingClientRect();
        const { x, y } = view.toScreen(nodes[1].x + 60, nodes[1].y + 30);
        return [area.left + x, area.top + y];
    })()""")
    drop(page, "film.webm", "video/webm", FILES["b.webm"](), *corner)
    until(page, "nodes[1].values.file", "film.webm")
    until(page, "document.querySelector('.content-media video')?.videoWidth", 180)
    drop(page, "tune.mp3", "audio/mpeg", FILES["e.ogg"](), *corner)
    expect(note.filter(has_text="cannot read tune.mp3. It reads videos")).to_be_visible()
    assert page.evaluate("nodes[1].values.file") == "film.webm" and page.evaluate("heddle.editor.graph.nodes.size") == 3
    # On empty canvas a node is made; a file that carries a workflow opens it, wherever it falls.
    drop(page, "tune.ogg", "audio/ogg", FILES["e.ogg"](), 900, 700)
    until(page, "[...heddle.editor.graph.nodes.values()].at(-1).values.audio", "tune.ogg")
    page.evaluate("heddle.editor.selection.set([nodes[1]])")
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "pasted.mp4", { type: "video/mp4" }));
          heddle.editor.view.element.focus();
          heddle.editor.view.element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",  # noqa: E501
        base64.b64encode(made.video(seconds=0.5)).decode(),
    )
    until(page, "nodes[1].values.file", "pasted.mp4")
    page.keyboard.press("Control+z")
    assert page.evaluate("nodes[1].values.file") == "film.webm"
    drop(page, "made here.mp4", "video/mp4", FILES["a.mp4"](), 900, 700)
    until(page, "heddle.editor.services.workflows.stateOf(heddle.editor.document).name", "made here")
    assert page.evaluate("[...heddle.editor.graph.nodes.values()].map((node) => node.type)") == ["Note"]


@pytest.fixture(scope="module")
def device_browser(browser: Browser) -> Iterator[Browser]:
    """Chromium with a camera and a microphone of its own making, which pages may use."""
    devices = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    other = browser.browser_type.launch(executable_path=find_chromium(), args=[*chromium_arguments(), *devices])
    yield other
    other.close()


def test_sounds_are_recorded_heard_and_used_or_discarded(
    media_server: PageServer,
    new_context: Callable[..., BrowserContext],
    device_browser: Browser,
    find_barriers: Callable[..., list[str]],
) -> None:
    page = opened(new_context(media_server, inside=device_browser))
    page.evaluate(NODES, [["RecordAudio", {}]])
    edit = "void heddle.editor.services.widgets.edit(nodes[0], nodes[0].widgets[0])"
    dialog = page.get_by_role("dialog")
    for is_used in (False, True):
        page.evaluate(edit)
        dialog.get_by_role("button", name="Record", exact=True).click()
        dialog.get_by_role("button", name="Stop").wait_for()
        expect(dialog.locator(".capture-time")).to_have_text("0:01")
        dialog.get_by_role("button", name="Stop").click()
        until(page, "document.querySelector('dialog audio').duration > 0.5")
        page.evaluate("document.querySelector('dialog audio').play()")
        until(page, "document.querySelector('dialog audio').currentTime > 0.05")
        assert find_barriers(page, "dialog") == []
        dialog.get_by_role("button", name="Use it" if is_used else "Discard").click()
        dialog.wait_for(state="detached")
        if not is_used:
            assert not page.evaluate("nodes[0].values.audio")
    until(page, "nodes[0].values.audio?.startsWith('audio/recording-') && nodes[0].values.audio.endsWith('.wav')")
    until(page, "document.querySelector('.content-media audio')?.duration > 0.5")
    kept: Path = media_server.base / "input" / page.evaluate("nodes[0].values.audio")
    assert kept.read_bytes()[:4] == b"RIFF"
    page.keyboard.press("Control+z")
    assert not page.evaluate("nodes[0].values.audio")


def test_the_camera_takes_pictures_by_hand_and_at_each_run(
    media_server: PageServer, new_context: Callable[..., BrowserContext], device_browser: Browser
) -> None:
    page = opened(new_context(media_server, inside=device_browser))
    page.evaluate(NODES, [["WebcamCapture", {"width": 128, "height": 96, "capture_on_queue": False}]])
    page.evaluate("void heddle.editor.services.widgets.edit(nodes[0], nodes[0].widgets[0])")
    page.get_by_role("dialog").get_by_role("button", name="Take the picture").click()
    until(page, "nodes[0].values.image?.startsWith('webcam/')")
    first = page.evaluate("nodes[0].values.image")
    seen: list[str] = []
    for is_taken in (False, True, True):
        page.evaluate(
            """(is) => heddle.editor.edit("undo.value",
                () => heddle.editor.graph.setValue(nodes[0], "capture_on_queue", is))""",
            is_taken,
        )
        page.evaluate("void heddle.editor.commands.run('run.queue')")
        wanted = "heddle.editor.services.content.get(nodes[0])?.text === `${nodes[0].values.image} (128, 96)`"
        if is_taken:
            until(page, f"nodes[0].values.image !== {json.dumps(seen[-1] if seen else first)}")
        until(page, wanted)
        seen.append(page.evaluate("nodes[0].values.image"))
    assert seen[0] == first and len(set(seen)) == 3
    # A picture that a run took is no step of undo.
    page.keyboard.press("Control+z")
    assert page.evaluate("nodes[0].values.image") == seen[-1]


def test_a_run_that_wants_a_picture_and_gets_none_says_so(media_page: Page) -> None:
    page = media_page
    page.evaluate(NODES, [["WebcamCapture", {"image": ""}]])
    page.evaluate("void heddle.editor.commands.run('run.queue')")
    note = page.get_by_role("alert").filter(has_text="takes a picture at each run")
    expect(note).to_contain_text("camera")
    assert page.evaluate("heddle.editor.services.run.jobs.all.length") == 0
    note.get_by_role("button", name="Take none at a run").click()
    assert page.evaluate("nodes[0].values.capture_on_queue") is False
