"""Recorded conversations, played against the real front desk with a worker of the tests.

In a recorded answer a text stands for any text, unless it begins with `=`; a number for any number, a truth for any
truth, null for null. An object must have the recorded keys and no others; `*` stands for any number of keys alike,
`"any"` below it for any value. A list has elements like the recorded ones, by position where there are as many.
`{name}` stands for what an earlier step kept.
"""

from __future__ import annotations

import json
import logging
import struct
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from yarl import URL

from tests.server.front_desk import Desk, front_desk, heard_until, is_over

HERE = Path(__file__).parent
ERROR = {"error": {"type": "x", "message": "x", "details": "x", "extra_info": {}}, "node_errors": {}}


def differences(found: Any, recorded: Any, place: str = "answer") -> list[str]:
    """Where an answer is not of the recorded shape."""
    if isinstance(recorded, dict):
        if not isinstance(found, dict):
            return [f"{place}: {found!r} is no object"]
        if set(recorded) == {"*"}:
            if recorded["*"] == "any":
                return []
            return [each for key in found for each in differences(found[key], recorded["*"], f"{place}.{key}")]
        told = [f"{place}: has {key!r}" for key in found.keys() - recorded.keys()]
        told += [f"{place}: lacks {key!r}" for key in recorded.keys() - found.keys()]
        both = found.keys() & recorded.keys()
        return told + [each for key in both for each in differences(found[key], recorded[key], f"{place}.{key}")]
    if isinstance(recorded, list):
        if not isinstance(found, list):
            return [f"{place}: {found!r} is no list"]
        if not recorded:
            return [f"{place}: {found!r} is not empty"] if found else []
        if not found:
            return [f"{place}: is empty"]
        alike = recorded if len(recorded) == len(found) else [recorded[0]] * len(found)
        return [
            told
            for i, (mine, theirs) in enumerate(zip(found, alike))
            for told in differences(mine, theirs, f"{place}[{i}]")
        ]
    if isinstance(recorded, str) and recorded.startswith("="):
        return [] if found == recorded[1:] else [f"{place}: {found!r} is not {recorded[1:]!r}"]
    if isinstance(recorded, bool) or isinstance(found, bool):
        return [] if type(recorded) is type(found) else [f"{place}: {found!r} is not like {recorded!r}"]
    if isinstance(recorded, int | float):
        return [] if isinstance(found, int | float) else [f"{place}: {found!r} is no number"]
    return [] if type(found) is type(recorded) else [f"{place}: {found!r} is not like {recorded!r}"]


def filled(value: Any, kept: dict[str, str]) -> Any:
    """A recorded value with what earlier steps kept in the place of `{name}`."""
    if isinstance(value, str):
        for name, text in kept.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {filled(key, kept): filled(each, kept) for key, each in value.items()}
    return [filled(each, kept) for each in value] if isinstance(value, list) else value


class Play:
    """One conversation, step by step."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[str, str] = {}
        self._socket: ClientWebSocketResponse | None = None

    async def take(self, step: dict[str, Any]) -> None:
        step = filled(step, self._kept)
        if "request" in step:
            await self._ask(step)
        elif "until_running" in step:
            await self._desk.until(self._is_running)
        elif "until" in step:
            await self._listen(step)
        else:
            if "open" in step:
                self._socket = await self._desk.client.ws_connect(f"/ws?clientId={step['open']}")
            assert self._socket is not None
            if "say" in step:
                await self._socket.send_json(step["say"])
            for recorded in step["hears"]:
                assert differences(await self._socket.receive_json(timeout=10), recorded, "message") == []

    async def _ask(self, step: dict[str, Any]) -> None:
        method, path = step["request"].split(" ", 1)
        url = URL(str(self._desk.client.make_url("/")).rstrip("/") + path, encoded=True)
        async with self._desk.client.session.request(method, url, json=step.get("json")) as response:
            body = await response.read()
            assert response.status == step.get("status", 200), (step["request"], body)
            if "content_type" in step:
                assert response.content_type == step["content_type"] and body
            elif step.get("empty"):
                assert body == b""
            else:
                answer = json.loads(body)
                recorded = ERROR if step["answer"] == "error" else step["answer"]
                if recorded is ERROR and (said := answer["error"]["extra_info"].pop("said", None)) is not None:
                    assert set(said) == {"words", "values"}  # our own addition, where the interface leaves room
                assert response.content_type == "application/json"
                assert differences(answer, recorded, step["request"]) == []
                self._kept |= {name: answer[key] for name, key in step.get("keep", {}).items()}

    async def _listen(self, step: dict[str, Any]) -> None:
        assert self._socket is not None
        heard = [named(message) for message in await heard_until(self._socket, is_over)]
        order = list(dict.fromkeys(name for name, _ in heard))
        assert [name for name in order if name in step["in_order"]] == step["in_order"]
        for name, data in heard:
            if name in step["messages"]:
                assert differences(data, step["messages"][name], name) == []
        assert set(step["messages"]) <= {name for name, _ in heard}

    async def _is_running(self) -> bool:
        return any(worker["job_id"] for worker in await self._desk.workers())


def named(message: Any) -> tuple[str, Any]:
    """A message's name and data; of a binary one, what it says of itself."""
    if isinstance(message, dict):
        assert set(message) == {"type", "data"}
        return f"{message['type']}{', the last' if is_over(message) else ''}", message["data"]
    (kind,) = struct.unpack_from(">I", message)
    if kind != 4:
        return f"binary {kind}", None
    (length,) = struct.unpack_from(">I", message, 4)
    return "binary 4", json.loads(message[8 : 8 + length])


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.json")))
async def test_a_recorded_conversation_goes_as_it_was_recorded(tmp_path: Path, name: str) -> None:
    async with front_desk(tmp_path) as desk:
        await desk.ready()
        logging.getLogger("heddle.test").warning("a line for whoever reads the log")
        play = Play(desk)
        for step in json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))["steps"]:
            await play.take(step)


@pytest.mark.parametrize(
    ("found", "recorded"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {"a": "text"}),
        ({"a": "text"}, {"a": None}),
        ({"a": "x"}, {"a": "=y"}),
        ({"a": [{"b": 1}, {"b": "1"}]}, {"a": [{"b": 1}]}),
        ({"a": [1]}, {"a": []}),
        ({"a": []}, {"a": [1]}),
        ({"x": {"a": 1}, "y": {"b": 1}}, {"*": {"a": 1}}),
        ([], {}),
        ("1", 1),
    ],
)
def test_the_comparison_sees_what_differs(found: Any, recorded: Any) -> None:
    assert differences(found, recorded)


def test_the_comparison_passes_over_what_may_differ() -> None:
    found = {"a": 5.5, "b": [{"c": "x"}, {"c": "y"}], "d": {"1": None, "2": None}}
    assert differences(found, {"a": 1, "b": [{"c": "z"}], "d": {"*": None}}) == []
