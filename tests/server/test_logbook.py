"""What the console is told of each line: when, how grave, and who said it."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from server.clients import Clients
from server.logbook import LogBook
from tests.server.front_desk import Desk


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("INFO heddle.nodes: ready", "info"),
        ("WARNING heddle.nodes: hot", "warning"),
        ("ERROR heddle: broken", "error"),
        ("CRITICAL heddle: on fire", "error"),
        ("DEBUG heddle: x", "debug"),
        ("[ERROR] a pack: broken", "error"),
        ("ERRORS were found: none", "info"),
        ("just words", "info"),
        ("", "info"),
    ],
)
def test_the_level_of_a_printed_line_is_read_from_it(line: str, level: str) -> None:
    book = LogBook(Clients())
    book.take("worker 0", line)
    assert [(e["level"], e["source"], e["m"]) for e in book.entries] == [(level, "worker 0", f"{line}\n")]
    assert "pack" not in book.entries[0]


def test_a_traceback_is_an_error_to_its_last_line_whatever_others_say() -> None:
    book = LogBook(Clients())
    said = [
        *[("worker 0", "Traceback (most recent call last):"), ("worker 1", "INFO heddle: fine")],
        ("worker 0", '  File "/somewhere/custom_nodes/a pack/nodes.py", line 3'),
        *[("worker 0", "ValueError: no"), ("worker 0", "going on")],
    ]
    for worker, line in said:
        book.take(worker, line)
    assert [each["level"] for each in book.entries] == ["error", "info", "error", "error", "info"]
    assert [each.get("pack") for each in book.entries] == [None, None, "a pack", None, None]


async def test_a_console_gets_level_source_and_time(desk: Desk) -> None:
    await desk.ready()
    logging.getLogger("heddle.test").warning("a line of the desk")
    await desk.post("/free", json={"unload_models": True})

    async def printed() -> bool:
        return "free True" in await desk.json("/internal/logs")

    await desk.until(printed)
    plain = (await desk.json("/internal/logs/raw"))["entries"]
    assert {tuple(each) for each in plain} == {("t", "m")}
    entries = (await desk.json("/internal/logs/raw?details=true"))["entries"]
    (own,) = [each for each in entries if "a line of the desk" in each["m"]]
    (theirs,) = [each for each in entries if "free True" in each["m"]]
    assert (own["level"], own["source"], theirs["level"], theirs["source"]) == ("warning", "desk", "info", "worker 0")
    assert datetime.fromisoformat(own["t"]) <= datetime.fromisoformat(theirs["t"])


async def test_only_clients_that_know_the_word_hear_details(desk: Desk) -> None:
    await desk.ready()
    knows, other = await desk.socket("knows", heddle_logs=True), await desk.socket("other", something=True)
    for client_id in ("knows", "other"):
        await desk.client.patch("/internal/logs/subscribe", json={"clientId": client_id, "enabled": True})
    logging.getLogger("heddle.test").error("a line")
    heard = []
    for socket in (knows, other):
        while (message := await socket.receive_json(timeout=60))["type"] != "logs":
            pass
        heard.append(message["data"]["entries"][0])
    assert (heard[0]["level"], heard[0]["source"]) == ("error", "desk") and sorted(heard[1]) == ["m", "t"]


def test_a_line_of_ours_says_what_it_was_made_of_and_one_of_a_worker_what_that_says() -> None:
    book = LogBook(Clients())
    book.handle(logging.LogRecord("heddle", logging.WARNING, "a.py", 1, "%s is damaged", ("a",), None))
    facts = {"words": "{0} is damaged", "values": {"0": "a"}}
    book.take("worker 0", "WARNING heddle: a is damaged", facts)
    book.take("worker 0", "a is damaged")
    assert [(each["m"], each.get("said")) for each in book.entries] == [
        ("WARNING heddle: a is damaged\n", facts),
        ("WARNING heddle: a is damaged\n", facts),
        ("a is damaged\n", None),
    ]
