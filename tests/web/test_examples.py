"""The workflows that ship, opened in the page: nothing is missing, nothing is said, no node lies over another."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from playwright.sync_api import Page, expect

from tests.web.page_server import HOUSE

OPEN = """(saved) => {
    heddle.editor.services.workflows.openSaved(saved, { name: "example" });
    heddle.editor.fitAll();
}"""
BOXES = """() => [...heddle.editor.graph.nodes.values()].map((node) => {
    const { left, top, right, bottom } = heddle.editor.view.layouts.boxOf(node);
    return [node.type, left, top, right, bottom];
})"""
UNKNOWN = "[...heddle.editor.graph.nodes.values()].filter((node) => !node.spec).map((node) => node.type)"


@pytest.mark.parametrize("name", sorted(path.stem for path in (HOUSE / "workflows").glob("*.json")))
def test_a_shipped_workflow_opens_tidily_and_without_a_warning(editor_page: Page, name: str) -> None:
    page = editor_page
    said = set(page.locator(".note").all_inner_texts())  # such as that no graphics card is used
    saved = json.loads((HOUSE / "workflows" / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate(OPEN, saved)
    assert page.evaluate(UNKNOWN) == []
    boxes = page.evaluate(BOXES)
    assert len(boxes) == len(saved["nodes"])
    for (one, *a), (other, *b) in combinations(boxes, 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], f"{one} lies over {other}"
    expect(page.locator("dialog")).to_have_count(0)
    assert set(page.locator(".note").all_inner_texts()) <= said
