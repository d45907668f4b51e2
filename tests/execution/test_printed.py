"""What a worker prints and what of it reaches the front desk."""

from __future__ import annotations

import io
import logging
import threading

from execution.printed import KEPT_BEFORE, LONGEST_LINE, MOST_A_SECOND, Printed


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def listening() -> tuple[Printed, list[str], Clock]:
    clock, heard = Clock(), []
    printed = Printed(clock)
    printed.listen(lambda line, **said: heard.append(line))
    return printed, heard, clock


def test_lines_are_told_when_they_end_and_the_terminal_has_all_at_once() -> None:
    printed, heard, _ = listening()
    terminal = io.StringIO()
    stream = printed.tee(terminal)
    print("half", end="", file=stream)
    assert heard == [] and terminal.getvalue() == "half"
    print(" and half\n\nmore", file=stream)
    stream.writelines(["a\n", "b\r\n"])
    stream.write("\r 10%")
    stream.write("\r 20%\n")
    assert heard == ["half and half", "more", "a", "b", " 20%"]
    assert terminal.getvalue() == "half and half\n\nmore\na\nb\r\n\r 10%\r 20%\n"


def test_two_streams_do_not_mix_their_lines_and_answer_for_themselves() -> None:
    printed, heard, _ = listening()
    out, errors = printed.tee(io.StringIO()), printed.tee(io.StringIO())
    out.write("one ")
    errors.write("two\n")
    out.write("three\n")
    assert heard == ["two", "one three"]
    assert out.isatty() is False and out.writable()


def test_what_was_printed_before_anybody_listened_is_told_then() -> None:
    printed, heard = Printed(Clock()), []
    stream = printed.tee(io.StringIO())
    for number in range(3):
        print(number, file=stream)
    printed.listen(lambda line, **said: heard.append(line))
    print("after", file=stream)
    assert heard == ["0", "1", "2", "after"]


def test_a_flood_is_cut_and_says_how_much() -> None:
    printed, heard, clock = listening()
    stream = printed.tee(io.StringIO())
    for number in range(MOST_A_SECOND + 50):
        print(number, file=stream)
    assert len(heard) == MOST_A_SECOND
    clock.now = 1.0
    print("x" * (LONGEST_LINE + 5), file=stream)
    assert heard[MOST_A_SECOND:] == ["(50 more lines were printed within a second)", "x" * LONGEST_LINE]


def test_lines_without_an_end_and_without_a_listener_take_no_more_memory_than_this() -> None:
    printed = Printed(Clock())
    for _ in range(100):
        printed.take(1, "x" * LONGEST_LINE)
    assert len(printed._open[1]) == LONGEST_LINE
    for _ in range(KEPT_BEFORE * 2):
        printed.take(2, "line\n")
    assert len(printed._lines) <= KEPT_BEFORE


def test_a_listener_that_prints_and_threads_that_print_at_once_do_no_harm() -> None:
    printed = Printed(Clock())
    stream = printed.tee(io.StringIO())
    heard: list[str] = []

    def hear(line: str, **said: object) -> None:
        heard.append(line)
        if line == "loud":
            logging.StreamHandler(stream).emit(logging.makeLogRecord({"msg": "echo"}))

    printed.listen(hear)
    threads = [threading.Thread(target=print, args=(f"{n}",), kwargs={"file": stream}) for n in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print("loud", file=stream)
    assert heard[-2:] == ["loud", "echo"]


def test_a_line_of_the_log_is_told_with_what_it_was_made_of_and_others_without() -> None:
    printed, heard = Printed(Clock()), []
    stream = printed.tee(io.StringIO())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(printed.formatter("%(levelname)s %(name)s: %(message)s"))
    logged = {"name": "heddle", "levelname": "INFO", "msg": "%s is here", "args": ("a",)}
    handler.emit(logging.makeLogRecord(logged))
    printed.listen(lambda line, **said: heard.append((line, said)))
    handler.emit(logging.makeLogRecord(logged))
    print("INFO heddle: a is here", file=stream)
    told = ("INFO heddle: a is here", {"said": {"words": "{0} is here", "values": {"0": "a"}}})
    assert heard == [told, told, ("INFO heddle: a is here", {})]
