"""A handful of nodes without tensors, and short ways to write graphs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from execution.cache import ResultCache
from execution.events import Event
from execution.fingerprints import Fingerprints
from execution.job import House
from execution.worker import Worker
from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Hidden, Number, Text, Wire, node, spec_of
from heddle.graph.errors import FileProblem
from heddle.graph.registry import Registry
from heddle.graph.results import Shown
from heddle.graph.spec import NodeSpec

Thing = Annotated[str, Wire("THING")]


@node("Make", category="toys")
def make(
    text: Annotated[str, Text()] = "a",
    count: Annotated[int, Number(low=1, high=9)] = 1,
    mode: Annotated[str, Choice("plain", "loud")] = "plain",
) -> Thing:
    """A thing from a text."""
    return text * count if mode == "plain" else (text * count).upper()


@node("Join", category="toys")
def join(left: Thing, right: Thing, *, also: Thing | None = None) -> Thing:
    """Two things as one."""
    return left + right + (also or "")


@node("Seeded", category="toys")
def seeded(
    seed: Annotated[int, Number(default=0, low=0, high=2**64 - 1, control=True)],
    weight: Annotated[float, Number(default=1.0, low=0.0, high=2.0)],
    thing: Thing,
) -> Thing:
    """A thing with a seed."""
    return f"{thing}:{seed}:{weight}"


@node("Break", category="toys")
def fail(thing: Thing) -> Thing:
    """Always fails."""
    raise ValueError(f"cannot use {thing}")


@node("Read", category="toys")
def read(name: Annotated[str, Files("input", also=("nothing",))], ctx: Context) -> Thing:
    """A thing from a file."""
    return "" if name == "nothing" else ctx.folders.annotated(name).read_text()


@node("Steps", category="toys")
def steps(thing: Thing, count: Annotated[int, Number(low=1, high=1000)] = 3, *, ctx: Context) -> Thing:
    """Takes steps and says so."""
    for done in range(count):
        ctx.progress(done + 1, count)
    ctx.note(f"took {count}")
    return thing


@node("Show", category="toys", effects=True)
def show(thing: Thing, *, prompt: Annotated[Any, Hidden("PROMPT")] = None) -> Shown:
    """Shows a thing."""
    return Shown((), {"text": [thing]})


ALL = (make, join, seeded, fail, read, steps, show)


def registry(*more: NodeSpec) -> Registry:
    return Registry([*map(spec_of, ALL), *more])


def graph(**nodes: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`graph(n1=("Make", {...}))`: an API-form graph whose ids are the names without their first letter."""
    return {id[1:]: {"class_type": kind, "inputs": inputs} for id, (kind, inputs) in nodes.items()}


class FewFolders:
    """Stands in for the real folders: files of one folder, listed for every kind."""

    def __init__(self, path: Any = None) -> None:
        self.path = path

    def list_files(self, kind: str) -> list[str]:
        return sorted(each.name for each in self.path.iterdir()) if self.path else []

    def annotated(self, name: str) -> Any:
        if self.path is None or not (self.path / name).is_file():
            raise FileProblem(f"{name}: not there", path=name)
        return self.path / name

    def resolve(self, root_type: str, subfolder: str, filename: str) -> Any:
        return self.path / subfolder / filename

    find = None


@contextmanager
def no_guard() -> Iterator[None]:
    yield


class NoWeights:
    """Counts how often it was asked to let go."""

    released = 0

    def release_all(self) -> None:
        self.released += 1


def worker(*more: NodeSpec, path: Any = None, guard: Callable[..., Any] = no_guard) -> Worker:
    folders = FewFolders(path)
    fingerprints = Fingerprints(folders)  # pyright: ignore[reportArgumentType]  # the two methods it asks for are there
    cache = ResultCache(1 << 20, lambda value: len(repr(value)))
    return Worker(registry(*more), House(folders, NoWeights(), fingerprints.of, guard, cache), fingerprints)


class Heard(list[Event]):
    """Every event of a run, in order."""

    def kinds(self) -> list[str]:
        return [each.kind for each in self]

    def of(self, kind: str) -> list[Any]:
        return [each for each in self if each.kind == kind]

    @property
    def end(self) -> Any:
        """How the job went."""
        return self[-1]

    def shown(self) -> list[str]:
        return [text for each in self.of("node_finished") for text in (each.output or {}).get("text", ())]


def run(made: Worker, prompt: Any, job_id: str = "job", **more: Any) -> Heard:
    heard = Heard()
    made.run(job_id, prompt, heard.append, **more)
    return heard
