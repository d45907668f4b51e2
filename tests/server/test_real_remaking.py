"""From end to end: a workflow is queued as a page has it, and the picture that comes of it opens as that workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import FormData

from tests.server.front_desk import Desk, front_desk
from tests.server.test_real_previews import is_ready, real_worker

LOAD = {"class_type": "LoadImage", "inputs": {"image": "heddle_example.png"}}


def save(prefix: str) -> dict[str, Any]:
    """Another prefix, another picture: what is asked for again is not saved again."""
    return {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}}


def saved(prefix: str) -> dict[str, Any]:
    nodes = [{"id": 1, "becomes": LOAD}, {"id": 2, "becomes": save(prefix)}]
    return {"version": 0.4, "nodes": nodes, "extra": {"note": "猫"}}


async def opened(desk: Desk, job_id: str) -> Any:
    """What the first picture of a job is when it is dropped onto the page."""
    (made,) = (await desk.ended(job_id, timeout_s=60))["outputs"]["2"]["images"]
    query = "&".join(f"{key}={made[key]}" for key in ("filename", "subfolder", "type"))
    async with desk.get(f"/view?{query}") as response:
        picture = await response.read()
    form = FormData()
    form.add_field("file", picture, filename=made["filename"])
    async with desk.post("/heddle/open", data=form) as response:
        return await response.json()


async def test_the_picture_carries_the_saved_form_that_was_queued_unless_the_client_names_another(
    tmp_path: Path,
) -> None:
    async with front_desk(tmp_path, real_worker(tmp_path)) as desk:
        await desk.until(lambda: is_ready(desk), timeout_s=120)  # torch is imported meanwhile
        for number, extra in enumerate(({}, {"extra_pnginfo": {}}, {"extra_pnginfo": {"more": 1}})):
            workflow = saved(f"made{number}")
            found = await opened(desk, await desk.submit(workflow, extra_data=extra))
            assert (found["kind"], found["workflow"]) == ("workflow", workflow)
        named = {**saved("named"), "extra": {"note": "the client's own"}}
        extra = {"extra_pnginfo": {"workflow": named}}
        assert (await opened(desk, await desk.submit(saved("named"), extra_data=extra)))["workflow"] == named
        found = await opened(desk, await desk.submit({"1": LOAD, "2": save("graph")}))
        assert (found["kind"], found["prompt"]["2"]["class_type"]) == ("prompt", "SaveImage")
        assert [node["type"] for node in found["workflow"]["nodes"]] == ["LoadImage", "SaveImage"]
