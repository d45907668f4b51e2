"""Who wants previews: the house's method, or the job's own."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from execution.worker import Worker
from heddle.graph.context import Context
from heddle.graph.declare import Text, node, spec_of
from tests.execution import toys
from tests.execution.toys import Heard, Thing, graph


@node("Preview", category="toys")
def preview(text: Annotated[str, Text()], *, ctx: Context) -> Thing:
    """Shows a picture on its way, if that is wanted, and tells the size that is."""
    if ctx.preview_px:
        ctx.preview(text.encode(), "jpeg")
    return str(ctx.preview_px)


@node("Write", category="toys")
def write(text: Annotated[str, Text()], *, ctx: Context) -> Thing:
    """Shows a text that grows."""
    for length in range(1, len(text) + 1):
        ctx.show_text(text[:length])
    return text


def a_worker(method: str, size_px: int = 40) -> Worker:
    made = toys.worker(spec_of(preview))
    made.house.preview_method, made.house.preview_px = method, size_px
    return made


def run(worker: Worker, **extra_data: Any) -> Heard:
    prompt = graph(n1=("Preview", {"text": "picture"}), n2=("Show", {"thing": ["1", 0]}))
    heard = Heard()
    worker.run("job", prompt, heard.append, extra_data=extra_data)
    return heard


def test_a_preview_goes_up_with_the_node_that_made_it() -> None:
    heard = run(a_worker("auto"))
    (event,) = heard.of("node_preview")
    assert (event.node_id, event.format, event.picture) == ("1", "jpeg", b"picture")
    assert heard.shown() == ["40"]


def test_a_text_goes_up_each_time_it_has_grown() -> None:
    heard = Heard()
    prompt = graph(n1=("Write", {"text": "abc"}), n2=("Show", {"thing": ["1", 0]}))
    toys.worker(spec_of(write)).run("job", prompt, heard.append)
    assert [(event.node_id, event.text) for event in heard.of("node_text")] == [("1", "a"), ("1", "ab"), ("1", "abc")]


@pytest.mark.parametrize(("house", "job", "asked"), [(False, None, False), (True, None, True), (False, "auto", True)])
def test_a_preview_tells_whether_anybody_asked_for_it(house: bool, job: str | None, asked: bool) -> None:
    worker = a_worker("auto")
    worker.house.previews_were_asked_for = house
    (event,) = run(worker, **({} if job is None else {"preview_method": job})).of("node_preview")
    assert event.as_message().get("was_asked_for", True) is asked


def test_a_house_shows_none_unless_told_to() -> None:
    assert toys.worker().house.preview_method == "none"


@pytest.mark.parametrize(
    ("house", "job", "size"),
    [
        ("none", None, "0"),
        ("none", "default", "0"),
        ("none", "auto", "40"),
        ("none", "latent2rgb", "40"),
        ("none", "taesd", "40"),
        ("auto", "none", "0"),
        ("auto", "default", "40"),
        ("taesd", None, "40"),
        ("latent2rgb", "no such method", "40"),
        ("none", ["auto"], "0"),
        ("auto", {"none": 1}, "40"),
    ],
)
def test_a_jobs_own_method_counts_before_the_houses(house: str, job: Any, size: str) -> None:
    extra = {} if job is None else {"preview_method": job}
    heard = run(a_worker(house), **extra)
    assert heard.shown() == [size]
    assert len(heard.of("node_preview")) == (size != "0")
