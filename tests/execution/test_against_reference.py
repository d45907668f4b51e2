"""Random graphs of every kind of node, run by the executor and by a few lines of recursion: both must agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.graph.declare import Number, Wire, node, spec_of
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.running import call_place
from tests.execution.toys import run, worker

Num = Annotated[int, Wire("N")]
Lazy = Annotated[int, Wire("N", lazy=True)]
Whole = Annotated[int, Number()]


@node("N", category="reference")
def const(value: Whole) -> Num:
    return value


@node("Sum", category="reference")
def add(a: Num, b: Num) -> Num:
    return a + b


@node("LateSum", category="reference")
async def add_late(a: Num, b: Num) -> Num:
    await asyncio.sleep(0)
    return a + b


@node("Picky", category="reference")
def picky(a: Num) -> Num:
    if a % 5 == 4:
        raise ValueError(f"{a}")
    return a


@node("LatePicky", category="reference")
async def picky_late(a: Num) -> Num:
    await asyncio.sleep(0)
    return picky(a)


@node("Pair", category="reference")
def pair(a: Num) -> Annotated[list[int], Wire("N", many=True)]:
    return [a, a + 1]


@node("Total", category="reference", takes_lists=True)
def total(a: Num) -> Num:
    return sum(a)  # type: ignore[arg-type]  # it takes lists


@node("Stop3", category="reference")
def stop(a: Num) -> Num:
    return ExecutionBlocker(None) if a % 3 == 0 else a  # type: ignore[return-value]


def _ask(c: int, **_: Any) -> list[str]:
    return ["yes" if c % 2 == 0 else "no"]


@node("Pick", category="reference", ask_lazy=_ask)
def pick(c: Num, yes: Lazy, no: Lazy) -> Num:
    return yes if c % 2 == 0 else no


def _ids() -> str:
    place = call_place.get()
    assert place is not None
    return f"{place.node_id}.{place.call_index}"


@node("Unfold", category="reference", per_node=True)
def unfold(a: Num, b: Num) -> Annotated[Expanded, Wire("N")]:
    """a + b + 1, through a picky sum, some of it inside a graph of its own."""
    id = _ids()
    graph: dict[str, Any] = {
        f"{id}.one": {"class_type": "N", "inputs": {"value": 1}},
        f"{id}.sum": {"class_type": "LateSum", "inputs": {"a": a, "b": [f"{id}.one", 0]}},
        f"{id}.picky": {"class_type": "Picky", "inputs": {"a": [f"{id}.sum", 0]}},
        f"{id}.pick": {
            "class_type": "Pick",
            "inputs": {"c": [f"{id}.picky", 0], "yes": [f"{id}.picky", 0], "no": [f"{id}.sum", 0]},
        },
        f"{id}.end": {"class_type": "Sum", "inputs": {"a": [f"{id}.pick", 0], "b": b}},
    }
    return Expanded(([f"{id}.end", 0],), graph)


@node("UnfoldPair", category="reference", per_node=True)
def unfold_pair(a: Num) -> Annotated[Expanded, Wire("N")]:
    """A list, from inside a graph inside a graph."""
    id = _ids()
    if a % 2:
        inner = {f"{id}.u": {"class_type": "UnfoldPair", "inputs": {"a": a - 1}}}
        return Expanded(([f"{id}.u", 0],), inner)
    return Expanded(([f"{id}.p", 0],), {f"{id}.p": {"class_type": "Pair", "inputs": {"a": a}}})


@node("Show", category="reference", effects=True)
def show(a: Num) -> Shown:
    return Shown((), {"text": [a]})


NODES = [
    spec_of(each)
    for each in (const, add, add_late, picky, picky_late, pair, total, stop, pick, unfold, unfold_pair, show)
]


# The reference: every value is the list that flows, a blocker in it is None.


class _Fails(Exception):
    pass


def _picky(a: int) -> int:
    if a % 5 == 4:
        raise _Fails
    return a


def _pair_of(a: int) -> list[int]:
    return [a - a % 2, a - a % 2 + 1]


ONE_BY_ONE: dict[str, Callable[..., list[Any]]] = {
    "Sum": lambda a, b: [a + b],
    "LateSum": lambda a, b: [a + b],
    "Picky": lambda a: [_picky(a)],
    "LatePicky": lambda a: [_picky(a)],
    "Pair": lambda a: [a, a + 1],
    "Stop3": lambda a: [None if a % 3 == 0 else a],
    "Unfold": lambda a, b: [_picky(a + 1) + b],
    "UnfoldPair": _pair_of,
    "Show": lambda a: [a],
}


class Reference:
    """Works a graph out by recursion."""

    def __init__(self, prompt: dict[str, Any]) -> None:
        self.prompt = prompt
        self.known: dict[str, list[Any] | None] = {}
        self.needed: set[str] = set()

    def give(self, node_id: str) -> list[Any]:
        """The list of values of a node. Raises: _Fails."""
        if node_id not in self.known:
            self.known[node_id] = None
            self.needed.add(node_id)
            self.known[node_id] = self._work_out(node_id)
        found = self.known[node_id]
        if found is None:
            raise _Fails
        return found

    def _work_out(self, node_id: str) -> list[Any]:
        kind, inputs = self.prompt[node_id]["class_type"], self.prompt[node_id]["inputs"]
        if kind == "N":
            return [inputs["value"]]
        failed = False
        given: dict[str, list[Any]] = {}
        for name, link in inputs.items():
            if kind == "Pick" and name != "c":
                continue
            try:
                given[name] = self.give(link[0])
            except _Fails:
                failed = True  # the others are worked out all the same: they were wanted at the same time
        if failed:
            raise _Fails
        if kind == "Total":
            return [None if None in given["a"] else sum(given["a"])]
        if kind == "Pick":
            return self._pick(inputs, given["c"])
        return self._each(ONE_BY_ONE[kind], given)

    def _pick(self, inputs: dict[str, Any], choices: list[Any]) -> list[Any]:
        given: dict[str, list[Any]] = {"c": choices, "yes": [0], "no": [0]}
        asked = {"yes" if c % 2 == 0 else "no" for c in choices if c is not None}
        # Both are asked for before either is there, so a blocker in one of them cannot keep the other from running.
        fails = False
        for name in sorted(asked):
            try:
                given[name] = self.give(inputs[name][0])
            except _Fails:
                fails = True
        if fails:
            raise _Fails
        return self._each(lambda c, yes, no: [yes if c % 2 == 0 else no], given)

    @staticmethod
    def _each(function: Callable[..., list[Any]], given: dict[str, list[Any]]) -> list[Any]:
        if not all(given.values()):
            return []
        out: list[Any] = []
        for turn in range(max(map(len, given.values()))):
            one = {name: values[min(turn, len(values) - 1)] for name, values in given.items()}
            out += [None] if None in one.values() else function(**one)
        return out


@st.composite
def prompts(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    kinds = ["N", "Sum", "LateSum", "Picky", "LatePicky", "Pair", "Total", "Stop3", "Pick", "Unfold", "UnfoldPair"]
    for number in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(kinds)) if number else "N"

        def link(number: int = number) -> list[Any]:
            return [f"{draw(st.integers(max(0, number - 6), number - 1))}", 0]

        names = {"N": (), "Sum": "ab", "LateSum": "ab", "Unfold": "ab", "Pick": ("c", "yes", "no")}.get(kind, "a")
        inputs: dict[str, Any] = {name: link() for name in names}
        made[f"{number}"] = {"class_type": kind, "inputs": inputs or {"value": draw(st.integers(0, 9))}}
    for number in draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=4, unique=True)):
        made[f"s{number}"] = {"class_type": "Show", "inputs": {"a": [f"{number}", 0]}}
    return made


def _too_long(prompt: dict[str, Any]) -> bool:
    """Pairs of pairs of pairs grow without an end."""
    lengths: dict[str, int] = {}
    for node_id, record in prompt.items():
        sources = [lengths[link[0]] for link in record["inputs"].values() if isinstance(link, list)]
        factor = 2 if record["class_type"] in ("Pair", "UnfoldPair") else 1
        lengths[node_id] = 1 if record["class_type"] == "Total" else factor * max(sources, default=1)
    return max(lengths.values()) > 16


@settings(max_examples=150)
@given(prompts(), st.booleans())
def test_the_executor_agrees_with_a_recursion(prompt: dict[str, Any], again: bool) -> None:
    if _too_long(prompt):
        return
    reference = Reference(prompt)
    expected: dict[str, list[Any]] = {}
    all_fine = True
    for node_id in [each for each in prompt if each.startswith("s")]:
        try:
            expected[node_id] = [value for value in reference.give(node_id) if value is not None]
        except _Fails:
            all_fine = False
    made = worker(*NODES)
    for _ in range(1 + again):
        heard = run(made, prompt)
        assert heard.end.status == ("success" if all_fine else "partial" if expected else "error")
        found = {
            each.node_id: list((each.output or {}).get("text", ()))
            for each in heard.of("node_finished")
            if each.node_id.startswith("s")
        }
        assert {node_id: found.get(node_id, []) for node_id in expected} == expected
        started = {each.node_id for each in heard.of("node_started") if each.node_id in prompt}
        assert started <= reference.needed, "a node ran that nothing needed"
