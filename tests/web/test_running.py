"""Running a workflow in the page: pictures arrive, problems show where they are, a broken line loses nothing."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.conftest import Troubles
from tests.web.page_server import HOUSE, PageServer, running
from tests.web.waits import PATIENCE_S, until, until_kept

# A node that waits, one that fails, and one that lets nothing through, as a pack brings them.
PACK = """
import time
class Wait:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"seconds": ("INT", {"default": 1, "min": 0, "max": 100}),
        "seed": ("INT", {"default": 0})}})
    RETURN_TYPES, FUNCTION, OUTPUT_NODE, CATEGORY = ("INT",), "run", True, "test"
    def run(self, seconds, seed):
        import comfy.utils
        bar = comfy.utils.ProgressBar(seconds * 20)
        for step in range(seconds * 20):
            time.sleep(0.05)
            bar.update(1)
        return {"ui": {"text": [f"waited {seconds}"]}, "result": (seconds,)}
class Fail:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"value": ("INT", {"forceInput": True})}})
    RETURN_TYPES, FUNCTION, OUTPUT_NODE, CATEGORY = (), "run", True, "test"
    def run(self, value):
        raise ValueError("it is full of eels")
class Block:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"value": ("INT", {"forceInput": True})}})
    RETURN_TYPES, FUNCTION, CATEGORY = ("INT",), "run", "test"
    def run(self, value):
        from comfy_execution.graph import ExecutionBlocker
        return (ExecutionBlocker("there is no face"),)
NODE_CLASS_MAPPINGS = {"Wait": Wait, "Fail": Fail, "Block": Block}
"""
OPEN = """(saved) => {
    const { editor } = heddle;
    editor.services.workflows.openSaved(saved, { name: "test" });
    editor.fitAll();
    editor.view.element.focus();
}"""

CANCELLED = "heddle.editor.services.run.jobs.all.filter((job) => job.state === 'cancelled')"

SET = """([id, name, value]) => heddle.editor.edit("undo.value", () => {
    const { root } = heddle.editor.document;
    root.setValue(root.node(id), name, value);
})"""


def shipped(name: str) -> dict[str, Any]:
    return json.loads((HOUSE / "workflows" / f"{name}.json").read_text(encoding="utf-8"))


def node(number: int, kind: str, **more: Any) -> dict[str, Any]:
    usual = {"id": number, "type": kind, "pos": [number * 260, 100], "size": [220, 120], "flags": {}, "mode": 0}
    return {**usual, "inputs": [], "outputs": [], "properties": {}, **more}


def workflow(nodes: list[dict[str, Any]], links: list[list[Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {"version": 0.4, "last_node_id": 99, "last_link_id": 99, "nodes": nodes, "links": links or [], **more}


def waiting(seconds: int, control: str = "fixed") -> dict[str, Any]:
    return workflow([node(1, "Wait", widgets_values=[seconds, 7, control])])


def jobs(page: Page) -> list[str]:
    return page.evaluate("heddle.editor.services.run.jobs.all.map((job) => job.state)")


def load_again(page: Page) -> None:
    """Load the page again; all of its features are there then."""
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    until(page, "Boolean(heddle.editor.services.errors)")


def until_ended(page: Page, count: int = 1) -> list[str]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        states = jobs(page)
        if len(states) >= count and not {"sending", "queued", "running"} & set(states):
            return states
        page.wait_for_timeout(50)
    raise AssertionError(jobs(page))


def shown(page: Page, node_id: int | str, what: str) -> Any:
    """What a node shows: `pictures.length`, `text`, `state`, `errors`."""
    return page.evaluate(
        "([id, what]) => { const { node } = heddle.editor.nodeOf(String(id)); "
        "const content = heddle.editor.services.content.get(node); return content ? content[what] : null; }",
        [node_id, what],
    )


def give_pack(base: Path) -> None:
    (base / "custom_nodes").mkdir(parents=True)
    (base / "custom_nodes" / "waits.py").write_text(PACK, encoding="utf-8")


@pytest.fixture(scope="module")
def pack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    base = tmp_path_factory.mktemp("packs")
    give_pack(base)
    with running(PageServer(base)) as server:
        yield server


@pytest.fixture
def pack_page(pack_server: PageServer, new_context: Callable[..., BrowserContext]) -> Page:
    page = new_context(pack_server).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    return page


def test_a_workflow_is_run_by_a_key_and_its_picture_stands_in_the_node(editor_page: Page) -> None:
    page = editor_page
    page.evaluate(OPEN, shipped("text_to_image"))
    seed = random.randrange(2**40)  # one that no other test made a picture with
    page.evaluate(SET, [5, "seed", seed])
    page.evaluate("() => { window.heard = []; heddle.editor.services.run.after.add((job) => heard.push(job.state)); }")
    page.keyboard.press("Control+Enter")
    assert until_ended(page) == ["done"]
    [picture] = shown(page, 7, "pictures")
    assert picture["file"]["filename"].startswith("heddle")
    assert page.request.get(picture["src"]).headers["content-type"] == "image/png"
    until(page, "heard.length", 1)  # the answer to the sending may come after the picture
    assert page.evaluate("heddle.editor.document.root.node(5).values.seed") != seed  # drawn for the next run
    expect(page.locator(".voice")).to_contain_text("Done in")
    expect(page).to_have_title("test · Heddle")  # no percent is left
    until(page, "heddle.editor.services.content.get(heddle.editor.document.root.node(5))?.ms > 0")
    assert shown(page, 5, "state") == "done"


def test_what_is_wrong_stands_at_its_widget_and_in_a_list_that_mends_it(editor_page: Page, troubles: Troubles) -> None:
    troubles.allow("status of 400")
    page, saved = editor_page, shipped("text_to_image")
    by_type = {each["type"]: each for each in saved["nodes"]}
    by_type["CheckpointLoaderSimple"]["widgets_values"] = ["heddle-demo-old.safetensors"]
    by_type["KSampler"]["widgets_values"][4] = "eulr"
    by_type["VAEDecode"]["type"] = "VAEDecod"
    page.evaluate(OPEN, saved)
    page.keyboard.press("Control+Enter")
    card = page.locator(".errors")
    expect(card).to_contain_text("There is no node type VAEDecod")
    card.get_by_role("button", name="Use VAEDecode", exact=True).click()
    page.keyboard.press("Control+Enter")
    expect(card).to_contain_text("2 problems")
    assert [each["input"] for each in shown(page, 5, "errors")] == ["sampler_name"]
    card.get_by_role("button", name="Go to").nth(1).click()
    assert page.evaluate("heddle.editor.selection.nodes.map((node) => node.type)") == ["KSampler"]
    card.get_by_role("button", name="Use euler").click()
    expect(card).to_contain_text("One problem")
    assert shown(page, 5, "errors") == []
    card.get_by_role("button", name="Use heddle-demo.safetensors").click()
    expect(card).to_be_hidden()
    page.keyboard.press("Control+Enter")
    assert until_ended(page, 3) == ["failed", "failed", "done"]
    assert len(shown(page, 7, "pictures")) == 1
    page.evaluate("for (let i = 0; i < 3; i++) heddle.editor.document.journal.undo()")
    assert page.evaluate("heddle.editor.document.root.node(6).type") == "VAEDecod"


def test_a_node_that_fails_says_why_and_what_others_made_stays(pack_page: Page) -> None:
    page = pack_page
    nodes = [
        node(1, "Wait", widgets_values=[0, 7, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": [1]}]),
        node(2, "Fail", inputs=[{"name": "value", "type": "INT", "link": 1}]),
    ]
    page.evaluate(OPEN, workflow(nodes, [[1, 1, 0, 2, 0, "INT"]]))
    page.keyboard.press("Control+Enter")
    card = page.locator(".errors")
    expect(card).to_contain_text("it is full of eels")
    assert until_ended(page) == ["partial"]
    assert shown(page, 1, "text") == "waited 0" and shown(page, 2, "state") == "error"
    expect(card.locator("pre")).to_be_hidden()
    card.get_by_text("Details").click()
    expect(card.locator("pre")).to_contain_text("ValueError")
    expect(page.locator(".voice")).to_contain_text("Failed at Fail")
    page.locator(".rail-button", has_text="Queue").click()
    row = page.locator(".queue-partial")
    expect(row).to_contain_text("it is full of eels")
    row.get_by_role("button", name="Run it again").click()
    assert until_ended(page, 2) == ["partial", "partial"]
    expect(page.locator(".queue-partial")).to_have_count(2)


def test_a_node_that_is_kept_from_running_says_why_and_the_rest_is_done(pack_page: Page) -> None:
    page = pack_page
    number = {"name": "INT", "type": "INT"}
    nodes = [
        node(1, "Wait", widgets_values=[0, 7, "fixed"], outputs=[{**number, "links": [1]}]),
        node(2, "Block", inputs=[{"name": "value", "type": "INT", "link": 1}], outputs=[{**number, "links": [2]}]),
        node(3, "Fail", inputs=[{"name": "value", "type": "INT", "link": 2}]),
    ]
    page.evaluate(OPEN, workflow(nodes, [[1, 1, 0, 2, 0, "INT"], [2, 2, 0, 3, 0, "INT"]]))
    card = page.locator(".errors")
    for run in (1, 2):
        page.keyboard.press("Control+Enter")
        assert until_ended(page, run) == ["done"] * run
        expect(card.locator("li")).to_have_count(1)
        expect(card).to_contain_text("here is no face")
        expect(card).to_contain_text("the rest runs")
        assert shown(page, 1, "text") == "waited 0"
        assert [each["message"].lower() for each in shown(page, 3, "errors")] == ["there is no face"]
    load_again(page)
    expect(card).to_contain_text("here is no face")
    expect(card.locator("li")).to_have_count(1)
    until(page, "heddle.editor.services.run.jobs.all.map((job) => job.state).join()", "done,done")
    assert [each["message"].lower() for each in shown(page, 3, "errors")] == ["there is no face"]


def test_what_went_wrong_earlier_does_not_come_back_with_a_reload(pack_page: Page) -> None:
    page = pack_page
    nodes = [
        node(1, "Wait", widgets_values=[0, 7, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": [1]}]),
        node(2, "Fail", inputs=[{"name": "value", "type": "INT", "link": 1}]),
    ]
    page.evaluate(OPEN, workflow(nodes, [[1, 1, 0, 2, 0, "INT"]]))
    card = page.locator(".errors")
    page.keyboard.press("Control+Enter")
    expect(card).to_contain_text("it is full of eels")
    load_again(page)
    expect(card).to_contain_text("it is full of eels")
    page.evaluate("heddle.editor.edit('x', () => heddle.editor.graph.setNode(heddle.editor.graph.node(2), 'mode', 2))")
    page.evaluate(SET, [1, "seconds", 100])
    page.locator(".canvas").focus()
    page.keyboard.press("Control+Enter")
    until(page, "heddle.editor.services.run.jobs.running?.running", "1")
    load_again(page)
    until(page, "heddle.editor.services.run.jobs.all.map((job) => job.state).sort().join()", "partial,running")
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")  # what follows from it has followed
    assert page.evaluate("heddle.editor.services.errors.list().length") == 0
    assert not shown(page, 2, "errors")
    page.evaluate("() => void heddle.editor.commands.run('run.interrupt')")
    until(page, f"{CANCELLED}.length", 1)


def test_jobs_wait_in_an_order_that_can_be_changed_and_run_ones_can_be_stopped(pack_page: Page) -> None:
    page = pack_page
    page.evaluate(OPEN, waiting(20, "increment"))
    page.locator(".run-count").fill("3")
    page.locator(".canvas").focus()
    page.keyboard.press("Control+Enter")
    page.locator(".rail-button", has_text="Queue").click()
    rows = page.locator(".queue-waits")
    expect(rows).to_have_count(2)
    expect(page.locator(".queue-job .queue-words").first).to_contain_text("Wait")
    before = [row.get_attribute("data-job") for row in rows.all()]
    rows.nth(1).focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(rows.first).to_have_attribute("data-job", str(before[1]))
    expect(rows.first).to_be_focused()
    rows.nth(1).drag_to(rows.first, target_position={"x": 40, "y": 3})
    expect(rows.first).to_have_attribute("data-job", str(before[0]))
    rows.nth(1).get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(1)
    expect(page.locator(".progress-bar")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    until(page, f"{CANCELLED}.length", 2)  # else a second press would be meant for the same job
    expect(rows).to_have_count(0)
    page.get_by_role("button", name="Stop", exact=True).click()
    assert until_ended(page, 3) == ["cancelled"] * 3
    until(page, "heddle.editor.document.root.node(1).values.seed", 10)


def test_the_queue_is_gone_through_and_put_in_order_by_keyboard(
    pack_page: Page, find_barriers: Callable[..., list[str]]
) -> None:
    page = pack_page
    page.evaluate(OPEN, waiting(100, "increment"))
    page.locator(".run-count").fill("40")
    page.locator(".canvas").focus()
    page.keyboard.press("Control+Enter")
    page.locator(".rail-button", has_text="Queue").click()
    rows = page.locator(".queue-waits")
    expect(page.get_by_role("button", name="Show more (9 left)")).to_be_visible()
    expect(rows).to_have_count(30)
    order = [row.get_attribute("data-job") or "" for row in rows.all()]
    assert find_barriers(page, ".side-right") == []
    # One stop of Tab leads in; the row that has the keyboard shows its buttons to it.
    page.get_by_role("button", name="Clear the queue").focus()
    page.keyboard.press("Tab")
    expect(rows.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(rows.first.get_by_role("button", name="To the front")).to_be_focused()
    rows.first.focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("listitem", name="Running: ")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(rows.last).to_be_focused()
    assert rows.last.get_attribute("data-job") == order[29]
    page.keyboard.press("Alt+ArrowDown")  # past the last one that is shown: more are
    moved = page.locator(f'.queue-waits[data-job="{order[29]}"]')
    expect(moved.locator(".queue-words")).to_have_text("Place 31")
    expect(moved).to_be_focused()
    assert rows.count() > 30
    page.keyboard.press("Alt+Home")
    expect(rows.first).to_have_attribute("data-job", order[29])
    expect(moved).to_be_focused()
    page.keyboard.press("Alt+End")
    expect(rows).to_have_count(39)
    expect(rows.last).to_have_attribute("data-job", order[29])
    expect(moved).to_be_focused()
    page.keyboard.press("Delete")
    expect(rows).to_have_count(38)
    expect(rows.last).to_be_focused()  # what is there now
    page.keyboard.press("Home")
    expect(rows.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="To the front")).to_be_focused()
    page.keyboard.press("Escape")
    expect(rows.first).to_be_focused()
    page.get_by_role("button", name="Clear the queue").click()
    page.get_by_role("dialog").get_by_role("button", name="Clear the queue").click()
    expect(rows).to_have_count(0)
    page.get_by_role("listitem", name="Running: ").press("Delete")
    until(page, f"{CANCELLED}.length >= 1")
    expect(page.get_by_role("listitem", name="Running: ")).to_have_count(0)


def test_a_run_follows_changes_of_what_it_makes_and_goes_on_until_it_is_stopped(pack_page: Page) -> None:
    page = pack_page
    page.evaluate(OPEN, waiting(0, "increment"))
    page.evaluate("heddle.editor.commands.run('run.on-change')")
    assert until_ended(page) == ["done"]
    page.evaluate(
        "heddle.editor.edit('undo.move', () => heddle.editor.graph.moveNode(heddle.editor.graph.node(1), 5, 5))"
    )
    page.wait_for_timeout(700)  # longer than the pause after a change
    assert len(jobs(page)) == 1  # where it lies makes no other picture, nor does the seed that the run itself changed
    page.evaluate(SET, [1, "seed", 50])
    until_ended(page, 2)
    page.evaluate("heddle.editor.commands.run('run.continuously')")
    until(page, "heddle.editor.services.run.jobs.all.length >= 5")
    page.evaluate("heddle.editor.services.run.setMode('once')")
    count = len(until_ended(page, 5))
    page.wait_for_timeout(500)  # time enough for one more
    assert len(jobs(page)) == count
    until(page, "heddle.editor.document.root.node(1).values.seed", 51 + count - 2)


def test_what_is_chosen_runs_alone_and_each_tab_gets_its_own_results(pack_page: Page) -> None:
    page = pack_page
    nodes = [node(number, "Wait", widgets_values=[0, number, "fixed"]) for number in (1, 2)]
    page.evaluate(OPEN, workflow(nodes))
    page.evaluate("heddle.editor.selection.set([heddle.editor.document.root.node(2)])")
    page.keyboard.press("Alt+Shift+Enter")
    assert until_ended(page) == ["done"]
    assert [shown(page, 1, "text"), shown(page, 2, "text")] == [None, "waited 0"]
    page.evaluate(OPEN, waiting(1))
    page.keyboard.press("Control+Enter")
    page.evaluate("heddle.editor.show(heddle.editor.documents.at(-2))")
    page.evaluate("void heddle.editor.commands.run('run.queue')")
    assert until_ended(page, 3) == ["done"] * 3
    assert [shown(page, 1, "text"), shown(page, 2, "text")] == ["waited 0", "waited 0"]
    page.evaluate("heddle.editor.show(heddle.editor.documents.at(-1))")
    assert shown(page, 1, "text") == "waited 1"


def test_a_run_survives_a_server_that_goes_away(
    start_server: Callable[..., PageServer],
    new_context: Callable[..., BrowserContext],
    tmp_path: Path,
    troubles: Troubles,
) -> None:
    troubles.allow("WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource")
    give_pack(tmp_path / "server0")
    server = start_server()
    page = new_context(server).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.evaluate(OPEN, waiting(1))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".progress-bar")).to_be_visible()
    page.evaluate("heddle.editor.shell.openPanel('queue')")
    running = page.locator(".queue-job .queue-words").first
    expect(running).to_contain_text("Wait")
    server.stop()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("does not answer")
    expect(running).to_contain_text("Waiting for the server. Last known: ")
    expect(running).not_to_contain_text("left")
    expect(page.locator(".progress-bar")).to_have_attribute("aria-valuetext", re.compile("no connection"))
    page.evaluate(SET, [1, "seed", 8])
    page.keyboard.press("Control+Enter")
    expect(banner).to_contain_text("Runs that wait here: 1")
    assert jobs(page)[1] == "sending"
    page.get_by_role("button", name="Models").click()  # its module was never asked for before
    panel = page.locator(".side-left")
    expect(panel).to_contain_text("This could not be loaded.")
    page.get_by_role("button", name="Gallery").click()
    expect(page.locator(".side-right")).to_contain_text("This could not be loaded.")
    page.locator(".canvas").focus()
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    server.start()
    assert until_ended(page, 2) == ["done", "done"]
    assert shown(page, 1, "text") == "waited 1"
    expect(panel.get_by_text("heddle-demo")).to_be_visible()
    expect(page.locator(".gallery-empty")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(banner).not_to_contain_text("does not answer")
    page.evaluate("heddle.editor.shell.openPanel('queue')")
    expect(page.locator(".queue-done")).to_have_count(2)
    expect(page.get_by_text("Waiting for the server")).to_have_count(0)


def test_results_stand_at_the_right_instance_of_a_subgraph_and_come_back_after_a_reload(pack_page: Page) -> None:
    page = pack_page
    inside = "11111111-1111-4111-8111-111111111111"
    slot = {"name": "seconds", "type": "INT", "widget": {"name": "seconds"}, "link": None}
    ends = {"origin_id": -10, "origin_slot": 0, "target_id": 20, "target_slot": 0}
    definition = {
        "id": inside,
        "version": 1,
        "name": "Twice",
        "state": {"lastNodeId": 21, "lastLinkId": 1},
        "inputNode": {"id": -10, "bounding": [0, 0, 80, 40]},
        "outputNode": {"id": -20, "bounding": [600, 0, 80, 40]},
        "inputs": [{"id": "a", "name": "seconds", "type": "INT", "linkIds": [1]}],
        "outputs": [],
        "nodes": [node(20, "Wait", widgets_values=[0, 77, "fixed"], inputs=[{**slot, "link": 1}])],
        "links": [{"id": 1, "type": "INT", **ends}],
    }
    nodes = [node(number, inside, inputs=[slot], widgets_values=[seconds]) for number, seconds in ((1, 0), (2, 1))]
    page.evaluate(OPEN, workflow(nodes, definitions={"subgraphs": [definition]}))
    page.keyboard.press("Control+Enter")
    assert until_ended(page) == ["done"]
    assert [shown(page, 1, "text"), shown(page, 2, "text")] == ["waited 0", "waited 1"]
    enter = "(id) => heddle.editor.enter(id ? [heddle.editor.document.root.node(id)] : [])"
    for number, text in ((2, "waited 1"), (1, "waited 0")):
        page.evaluate(enter, number)
        assert shown(page, f"{number}:20", "text") == text
    page.evaluate(enter, None)
    assert shown(page, 2, "state") == "done"
    until_kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    until_ended(page)
    assert [shown(page, 1, "text"), shown(page, 2, "text")] == ["waited 0", "waited 1"]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_nothing_of_it_hinders_those_who_cannot_see_it(
    locale: str,
    new_context: Callable[..., BrowserContext],
    server: PageServer,
    find_barriers: Callable[..., list[str]],
    troubles: Troubles,
) -> None:
    troubles.allow("status of 400")
    page = new_context(server, locale=locale, viewport={"width": 390, "height": 844}).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    saved = shipped("text_to_image")
    page.evaluate(OPEN, saved)
    page.evaluate("heddle.editor.services.form.show('graph')")
    page.locator(".run-go").click()
    assert until_ended(page) == ["done"]
    page.evaluate("heddle.editor.shell.openPanel('queue')")
    page.locator(".queue-done").first.wait_for()
    assert find_barriers(page, ".side-right") + find_barriers(page, ".run") == []
    page.evaluate("heddle.editor.shell.closePanel('right')")
    page.evaluate(SET, [5, "steps", -4])
    page.locator(".run-go").click()
    page.locator(".errors").wait_for()
    assert find_barriers(page, ".errors") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_job_of_a_long_queue_can_be_reached_and_one_that_failed_opened_at_its_node(
    start_server: Callable[..., PageServer], new_context: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    give_pack(tmp_path / "server0")
    server = start_server()

    def send(label: str, seconds: int, seed: int, fails: bool = False) -> None:
        graph: dict[str, Any] = {"1": {"class_type": "Wait", "inputs": {"seconds": seconds, "seed": seed}}}
        if fails:
            graph["2"] = {"class_type": "Fail", "inputs": {"value": ["1", 0]}}
        server.ask("/prompt", {"prompt": graph, "label": label})

    for each in range(36):
        send(f"ended {each}", 0, each, each == 0)
    until_empty(server)
    send("runs", 100, 100)
    for each in range(40):
        send(f"waits {each}", 100, 101 + each)
    page = new_context(server).new_page()
    page.goto("/")
    page.locator("body[data-ready]").wait_for()
    page.locator(".rail-button", has_text="Queue").click()
    waiting, names = page.locator(".queue-waits"), page.locator(".queue-name")
    expect(waiting).to_have_count(30)
    page.get_by_role("button", name="Show more (10 left)").click()
    expect(waiting).to_have_count(40)
    waiting.last.get_by_role("button", name="To the front").click()
    expect(waiting.first).to_contain_text("waits 39")
    page.get_by_role("button", name="Show more (6 left)").click()
    expect(names).to_have_count(1 + 40 + 36)

    # One more ends, one is forgotten by somebody else: no other leaves the list.
    page.get_by_role("button", name="Stop this job").click()
    expect(names.filter(has_text="ended")).to_have_count(36)
    expect(page.locator(".queue-cancelled")).to_have_count(1)
    server.ask("/history", {"delete": [server.ask("/heddle/queue?parts=ended&limit=500")["ended"][34]["id"]]})
    expect(names.filter(has_text="ended")).to_have_count(35)

    failed = page.locator(".queue-failed, .queue-partial")
    expect(failed).to_contain_text("Fail: it is full of eels")
    failed.get_by_role("button", name="Go to node").click()
    until(page, "heddle.editor.selection.nodes.map((node) => node.type).join()", "Fail")

    page.get_by_role("button", name="Clear the queue").click()
    dialog = page.get_by_role("dialog", name="Clear the queue")
    expect(dialog).to_contain_text("All 39 jobs")
    dialog.get_by_role("button", name="Cancel").click()
    expect(waiting).to_have_count(39)
    page.get_by_role("button", name="Clear the queue").click()
    dialog.get_by_role("button", name="Clear the queue").click()
    expect(waiting).to_have_count(0)
    page.get_by_role("button", name="Clear the list of jobs that ended").click()
    page.get_by_role("dialog").get_by_role("button", name="Clear the list of jobs that ended").click()
    expect(page.locator(".queue-job")).to_have_count(1)  # which still runs


def until_empty(server: PageServer) -> None:
    end = time.monotonic() + PATIENCE_S
    while server.ask("/heddle/status")["queue_remaining"]:
        assert time.monotonic() < end, "jobs do not come to an end"
        time.sleep(0.1)
