"""Nodes that answer, fail and show in every way that Python allows: the job goes on and says what was wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.protocol import pack
from heddle.graph.errors import Cancelled
from heddle.graph.results import ExecutionBlocker
from tests.execution.control import ran
from tests.execution.packs import ANY, pack_node, pack_worker, show
from tests.execution.toys import graph, run

# Errors


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no words")


class Shapeless:
    @property
    def shape(self) -> Any:
        raise ValueError("no shape")


def in_a_circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "error",
    [Speechless(), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError(), MemoryError(), Exception()],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_node_raises_fails_that_node_alone(error: BaseException) -> None:
    def go() -> Any:
        raise error

    async def go_later() -> Any:
        raise error

    made = pack_worker(pack_node("Bad", go), pack_node("BadLater", go_later))
    prompt = graph(n1=("Bad", {}), n2=show("1"), n3=("BadLater", {}), n4=show("3"), n5=("Tell", {"name": "a"}),
                   n6=("Meet", {"name": "b", "after": ["5", 0]}), n7=show("6"))  # fmt: skip
    heard = run(made, prompt)
    assert heard.end.status == "partial"
    assert heard.shown() == ["b"]
    assert {each.node_id for each in heard.of("node_failed")} == {"1", "3"}
    assert {each.exception_type for each in heard.of("node_failed")} == {type(error).__name__}
    assert run(made, graph(n1=("Meet", {"name": "still"}), n2=show("1"))).shown() == ["still"]


@pytest.mark.parametrize("value", [Unprintable(), Shapeless(), in_a_circle(), {"a": in_a_circle()}], ids=lambda v: "v")
def test_a_value_that_cannot_be_printed_does_not_hide_the_failure(value: Any) -> None:
    made = pack_worker(pack_node("Give", lambda: (value,)), pack_node("Fail", lambda a: 1 / 0, takes={"a": ANY}))
    heard = run(made, graph(n1=("Give", {}), n2=("Fail", {"a": ["1", 0]}), n3=show("2")))
    assert [each.exception_type for each in heard.of("node_failed")] == ["ZeroDivisionError"]


def test_an_error_with_endless_words_is_cut() -> None:
    def go() -> Any:
        raise ValueError("x" * 10_000_000)

    heard = run(pack_worker(pack_node("Long", go)), graph(n1=("Long", {}), n2=show("1")))
    assert len(pack(heard.of("node_failed")[0].as_message())) < 200_000


def test_a_node_may_end_the_job_as_an_interrupt_does() -> None:
    def go() -> Any:
        raise Cancelled()

    heard = run(
        pack_worker(pack_node("Halt", go)),
        graph(n1=("Halt", {}), n2=show("1"), n3=("Tell", {"name": "a"}), n4=show("3")),
    )
    assert heard.end.status == "interrupted"
    assert heard.of("node_failed") == []


# Values


@pytest.mark.parametrize(
    ("value", "elements"),
    [((1, 2), ["1", "2"]), (iter([1, 2]), ["1", "2"]), ({3}, ["3"]), (range(2), ["0", "1"]), ({}.keys(), []),
     ("ab", ["ab"]), (5, ["5"]), ({"a": 1}, ["{'a': 1}"]), ((x for x in "ab"), ["a", "b"])],
    ids=repr,
)  # fmt: skip
def test_a_list_output_is_whatever_can_be_gone_through(value: Any, elements: list[str]) -> None:
    made = pack_worker(pack_node("Give", lambda: (value,), OUTPUT_IS_LIST=(True,)))
    assert run(made, graph(n1=("Give", {}), n2=show("1"))).shown() == elements


def test_none_in_the_place_of_a_list_is_refused_in_words() -> None:
    made = pack_worker(pack_node("Give", lambda: (None,), OUTPUT_IS_LIST=(True,)))
    heard = run(made, graph(n1=("Give", {}), n2=show("1")))
    assert "declared as a list" in heard.of("node_failed")[0].message


def test_values_that_a_node_leaves_out_are_none_to_who_reads_them() -> None:
    made = pack_worker(
        pack_node("Few", lambda: (1,), ("INT", "INT")), pack_node("Seen", lambda: {"ui": {"a": [1]}}, ("INT",))
    )
    heard = run(made, graph(n1=("Few", {}), n2=show("1"), n3=show("1", 1), n4=("Seen", {}), n5=show("4")))
    assert heard.shown() == ["1", "None", "None"]


def test_a_node_that_forgot_its_return_is_told_so() -> None:
    heard = run(pack_worker(pack_node("Forgot", lambda: None)), graph(n1=("Forgot", {}), n2=show("1")))
    assert "returned nothing" in heard.of("node_failed")[0].message


def test_only_the_blocked_elements_of_a_list_are_kept_back() -> None:
    def mixed() -> Any:
        return ([ExecutionBlocker("first"), 1, ExecutionBlocker(None), 2, ExecutionBlocker("first")],)

    made = pack_worker(
        pack_node("Mixed", mixed, OUTPUT_IS_LIST=(True,)), pack_node("Same", lambda a: (a,), takes={"a": ANY})
    )
    prompt = graph(n1=("Mixed", {}), n2=("Same", {"a": ["1", 0]}), n3=show("2"), n4=("Gather", {"things": ["2", 0]}),
                   n5=show("4"))  # fmt: skip
    heard = run(made, prompt)
    assert heard.shown() == ["1", "2"]
    assert [(each.node_id, each.message) for each in heard.of("node_blocked")] == [("2", "first")]


def test_a_node_that_takes_lists_gets_lists_of_its_own() -> None:
    def take(a: list[Any], id: list[str]) -> Any:
        a.pop()
        return (f"{len(a)} {id}",)

    made = pack_worker(pack_node("Take", take, takes={"a": ANY}, hidden={"id": "UNIQUE_ID"}, INPUT_IS_LIST=True))
    prompt = graph(n1=("Spread", {"count": 3}), n2=("Take", {"a": ["1", 0]}), n3=("Take", {"a": ["1", 0]}),
                   n4=show("2"), n5=show("3"), n6=show("1"))  # fmt: skip
    assert sorted(run(made, prompt).shown()) == ["0", "1", "2", "2 ['2']", "2 ['3']"]


def test_a_node_that_takes_lists_is_called_with_an_empty_one_and_without_what_is_not_linked() -> None:
    made = pack_worker(
        pack_node("Take", lambda **all: (f"{all}",), takes={"a": ANY}, may_take={"b": ANY}, INPUT_IS_LIST=True)
    )
    prompt = graph(n1=("Spread", {"count": 0}), n2=("Take", {"a": ["1", 0]}), n3=show("2"))
    assert run(made, prompt).shown() == ["{'a': []}"]


def test_a_function_that_takes_any_name_gets_what_is_linked_to_inputs_that_nobody_declared() -> None:
    """Scripts of packs give a node more sockets, `image_3` and on, and a count beside them."""
    took: list[dict[str, Any]] = []

    def any_name(count: int, **more: Any) -> Any:
        took.append(more)
        return (sorted(more),)

    takes = {"count": ("INT", {"default": 2}), "image_1": ANY}
    made = pack_worker(
        pack_node("Many", any_name, takes=takes, hidden={"id": "UNIQUE_ID"}),
        pack_node("Few", lambda count, image_1: (f"{count} {image_1}",), takes=takes),
    )
    given = {"count": 3, "image_1": ["1", 0], "image_2": ["2", 0], "image_3": ["1", 0], "label": "x", "id": ["1", 0]}
    prompt = graph(n1=("Tell", {"name": "a"}), n2=("Tell", {"name": "b"}), n3=("Many", given), n4=show("3"),
                   n5=("Few", given), n6=show("5"))  # fmt: skip
    heard = run(made, prompt)
    assert sorted(heard.shown()) == ["3 a", "['id', 'image_1', 'image_2', 'image_3']"]
    assert {**took[0], "id": None} == {"image_1": "a", "image_2": "b", "image_3": "a", "id": None}
    assert took[0]["id"] == "3"


class EveryName(dict[str, Any]):
    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return self.get(name, (None, {}))


def test_hidden_inputs_that_have_every_name_let_values_of_any_name_through() -> None:
    """A video's format brings widgets that only a script knows; the node takes what they hold."""
    node = pack_node(
        "Combine",
        lambda format, **more: (f"{format} {sorted(more.items())}",),
        takes={"format": (["gif", "mp4"], {"default": "gif"})},
        hidden=EveryName(id="UNIQUE_ID"),
    )
    given = {"format": "mp4", "crf": 19, "pix_fmt": "yuv420p"}
    heard = run(pack_worker(node), graph(n1=("Combine", given), n2=show("1")))
    assert heard.shown() == ["mp4 [('crf', 19), ('id', '1'), ('pix_fmt', 'yuv420p')]"]


def test_nothing_sent_along_is_none_to_a_pack() -> None:
    made = pack_worker(pack_node("Extra", lambda x: (repr(x),), hidden={"x": "EXTRA_PNGINFO"}))
    prompt = graph(n1=("Extra", {}), n2=show("1"))
    assert run(made, prompt).shown() == ["None"]
    sent = {"extra_pnginfo": {"workflow": {}}}
    assert run(made, prompt, extra_data=sent, use_cache=False).shown() == ["{'workflow': {}}"]


def test_every_hidden_input_that_the_engine_knows_arrives() -> None:
    hidden = {"id": "UNIQUE_ID", "prompt": "PROMPT", "extra": "EXTRA_PNGINFO", "graph": "DYNPROMPT"}

    def tell(id: Any, prompt: Any, extra: Any, graph: Any) -> tuple[str]:
        own = graph.get_node(id)["class_type"]
        return (f"{id} {prompt[id]['class_type']} {extra['workflow']} {own} {graph.get_parent_node_id(id)}",)

    heard = run(
        pack_worker(pack_node("Hidden", tell, hidden=hidden)),
        graph(n1=("Hidden", {}), n2=show("1")),
        extra_data={"extra_pnginfo": {"workflow": "w"}},
    )
    assert heard.shown() == ["1 Hidden w Hidden None"]


def test_a_hidden_input_of_a_packs_own_kind_is_what_the_graph_gives_or_nothing() -> None:
    made = pack_worker(pack_node("Own", lambda **all: (f"{all}",), hidden={"mine": ANY, "yours": ("STRING", {})}))
    prompt = graph(n1=("Own", {"mine": 5, "yours": ["2", 0]}), n2=("Tell", {"name": "a"}), n3=("Own", {}), n4=show("1"),
                   n5=show("3"))  # fmt: skip
    assert sorted(run(made, prompt).shown()) == ["{'mine': 5, 'yours': 'a'}", "{}"]


# What is shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("abc", ["abc"]), (1, [1]), ({1, 2}, [1, 2]), (b"x", [None]), ({"a": 1}, [{"a": 1}]), ([float("nan")], [None]),
     ({1: 2}, [{"1": 2}]), ((x for x in (1, 2)), [1, 2]), (("a", "b"), ["a", "b"])],
    ids=repr,
)  # fmt: skip
def test_what_a_node_shows_is_lists_of_plain_json(value: Any, shown: Any) -> None:
    made = pack_worker(pack_node("Ui", lambda: {"ui": {"it": value, 7: [1]}}, (), OUTPUT_NODE=True))
    for _ in ("run", "kept"):
        finished = run(made, graph(n1=("Ui", {}))).of("node_finished")[0]
        assert finished.output == {"it": shown, "7": [1]}
        json.loads(json.dumps(finished.output, allow_nan=False))


def test_what_has_no_end_fails_the_node_that_shows_it() -> None:
    made = pack_worker(pack_node("Ui", lambda: {"ui": {"it": in_a_circle()}}, (), OUTPUT_NODE=True))
    heard = run(made, graph(n1=("Ui", {}), n2=("Tell", {"name": "a"}), n3=show("2")))
    assert heard.end.status == "partial"
    assert "cannot be sent" in heard.of("node_failed")[0].message


def test_what_the_calls_of_a_list_show_stands_one_behind_the_other() -> None:
    made = pack_worker(pack_node("Ui", lambda a: {"ui": {"it": a}}, (), takes={"a": ANY}, OUTPUT_NODE=True))
    heard = run(made, graph(n1=("Spread", {"count": 3}), n2=("Ui", {"a": ["1", 0]})))
    assert heard.of("node_finished")[-1].output == {"it": ["0", "1", "2"]}
    assert ran == {}


def test_progress_in_numbers_of_other_libraries_can_be_sent() -> None:
    class Seven:
        def __float__(self) -> float:
            return 7.0

    from heddle.graph.running import current_context

    def go() -> Any:
        context = current_context.get()
        assert context is not None
        context.progress(Seven(), Seven())  # type: ignore[arg-type]
        context.note(Seven())  # type: ignore[arg-type]
        return (1,)

    heard = run(pack_worker(pack_node("Count", go)), graph(n1=("Count", {}), n2=show("1")))
    for event in heard:
        pack(event.as_message())
    assert [(each.value, each.max) for each in heard.of("node_progress")] == [(7.0, 7.0)]


def test_inputs_may_have_any_name_at_all() -> None:
    names = ("self", "cls", "ctx", "inputs", "answer", "id", "not a name", "a.b")
    odd = pack_node("Odd", lambda **given: (sorted(given),), takes={name: ("INT", {}) for name in names})
    heard = run(pack_worker(odd), graph(n1=("Odd", dict.fromkeys(names, 1)), n2=show("1")))
    assert heard.shown() == [str(sorted(names))], heard.of("node_failed")


# Choices that claim to be what they are compared with


class AnyChoice(list[str]):
    def __ne__(self, other: object) -> bool:
        return False


def test_a_choice_that_is_of_every_type_takes_any_link_and_feeds_any_input() -> None:
    choices = AnyChoice(["a", "b"])
    outputs: Any = (choices,)
    chosen = pack_node("Chosen", lambda choice: (choice,), outputs, takes={"choice": (choices, {})})
    number = pack_node("Number", lambda number: (number,), ("INT",), takes={"number": ("INT", {})})
    made = pack_worker(chosen, number)
    nodes = graph(
        n1=("Number", {"number": 5}), n2=("Chosen", {"choice": ["1", 0]}), n3=("Number", {"number": ["2", 0]})
    )
    assert run(made, nodes | graph(n4=show("3"))).shown() == ["5"]
    assert chosen.inputs[0].choices == ("a", "b")
    refused = run(made, graph(n2=("Chosen", {"choice": "c"}), n4=show("2")))
    assert "found 'c', wanted one of: a, b" in refused.end.message
