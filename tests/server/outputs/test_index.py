"""The index of results by itself: order, pages, counts, and a hundred thousand files that lie nowhere."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.outputs import Cursor, OutputIndex, Page, Wish, kind_of
from server.outputs.index import Look, Seen

MANY = 100_000


@pytest.fixture
def index(tmp_path: Path) -> Iterator[OutputIndex]:
    index = OutputIndex(tmp_path / "gallery" / "index.sqlite")
    index.open()
    yield index
    index.close()


def seen(name: str, at_ms: int, size: int = 10) -> Seen:
    return Seen(name, at_ms, size, at_ms * 1_000_000)


def names(page: Page) -> list[str]:
    return [each.filename for each in page.entries]


def test_kinds_are_told_by_the_ending() -> None:
    told = {name: kind_of(name) for name in ("a.PNG", "b.webm", "c.Flac", "d.txt", "e.glb", "f.latent", "png")}
    assert list(told.values()) == ["image", "video", "audio", "text", "3d", "other", "other"]


def test_pages_follow_each_other_while_new_files_arrive(index: OutputIndex) -> None:
    index.put("output", "", [seen(f"{i}.png", 1000 + i) for i in range(10)])
    first = index.page(Wish(limit=4))
    assert (names(first), first.has_more, first.total) == (["9.png", "8.png", "7.png", "6.png"], True, 10)
    index.put("output", "", [seen(f"new {i}.png", 5000 + i) for i in range(3)])
    second = index.page(Wish(limit=4, beyond=first.entries[-1].cursor))
    assert names(second) == ["5.png", "4.png", "3.png", "2.png"]
    back = index.page(Wish(limit=2, beyond=first.entries[0].cursor, backwards=True))
    assert (names(back), back.has_more) == (["new 1.png", "new 0.png"], True)
    assert names(index.page(Wish(limit=4, beyond=back.entries[0].cursor, backwards=True))) == ["new 2.png"]
    oldest = index.page(Wish(limit=2, newest_first=False))
    assert names(oldest) == ["0.png", "1.png"]
    assert names(index.page(Wish(limit=2, newest_first=False, beyond=Cursor(1004 * 10**6, 0), backwards=True))) == [
        "2.png",
        "3.png",
    ]


def test_a_cursor_holds_when_its_own_file_is_gone(index: OutputIndex) -> None:
    index.put("output", "", [seen(f"{i}.png", i) for i in range(5)])
    page = index.page(Wish(limit=2))
    index.remove("output", "", ["3.png"])
    assert names(index.page(Wish(limit=2, beyond=page.entries[-1].cursor))) == ["2.png", "1.png"]


def test_files_of_one_moment_come_once_each(index: OutputIndex) -> None:
    index.put("output", "", [seen(f"{i}.png", 7) for i in range(9)])
    found: list[str] = []
    page = index.page(Wish(limit=2))
    while page.entries:
        found += names(page)
        page = index.page(Wish(limit=2, beyond=page.entries[-1].cursor))
    assert sorted(found) == [f"{i}.png" for i in range(9)] and len(found) == 9


def test_filters_choose_by_folder_kind_text_job_and_time(index: OutputIndex) -> None:
    index.put("output", "", [seen("a.png", 1), seen("b.mp4", 2), seen("c.latent", 3)])
    index.put("output", "cats", [seen("Große Katze.png", 4)])
    index.put("output", "cats/small", [seen("d.png", 5)])
    index.put("output", "cats2", [seen("e.png", 6)])
    index.put("input", "", [seen("f.png", 7)])
    index.sign("job 1", "9", [("output", "", "a.png"), ("output", "cats", "Große Katze.png")], is_new=True)
    index.put_words("job 1", "A RED circle\non a table")
    assert names(index.page(Wish())) == ["e.png", "d.png", "Große Katze.png", "b.mp4", "a.png"]
    assert index.page(Wish()).total == 5  # what is of no known kind is shown to those who ask for it
    assert names(index.page(Wish(kinds=("other", "video")))) == ["c.latent", "b.mp4"]
    assert names(index.page(Wish(folder="cats"))) == ["d.png", "Große Katze.png"]
    assert index.page(Wish(folder="cats")).total == 2
    assert names(index.page(Wish(folder="cats", is_deep=False))) == ["Große Katze.png"]
    assert names(index.page(Wish(folder="", is_deep=False))) == ["b.mp4", "a.png"]
    assert names(index.page(Wish(text="GROSSE katze"))) == ["Große Katze.png"]
    assert names(index.page(Wish(text="cats/ png"))) == ["d.png", "Große Katze.png"]
    assert names(index.page(Wish(text="red table"))) == ["Große Katze.png", "a.png"]
    assert index.page(Wish(text="red katze")).total == 1
    assert names(index.page(Wish(text="50% _ * ' \""))) == []
    assert names(index.page(Wish(job_id="job 1"))) == ["Große Katze.png", "a.png"]
    assert names(index.page(Wish(since_ms=2, until_ms=6))) == ["d.png", "Große Katze.png", "b.mp4"]
    assert names(index.page(Wish(since_ms=-(2**61), until_ms=2**61, place="input"))) == ["f.png"]
    assert index.folders("output")["cats2"] == {"kinds": {"image": 1}, "bytes": 10}


def test_what_was_known_of_a_file_is_forgotten_when_it_is_another(index: OutputIndex) -> None:
    index.put("output", "", [seen("a.png", 1)])
    entry = index.page(Wish()).entries[0]
    index.put_looks({entry.id: (entry.modified_ns, Look(64, 32, None, True))})
    index.sign("job", "3", [("output", "", "a.png")], is_new=True)
    index.sign("later", "3", [("output", "", "a.png")], is_new=False)
    index.put("output", "", [Seen("a.png", 99, 10, 1_000_000)])  # the same on another disk
    kept = index.page(Wish()).entries[0]
    assert (kept.look.width, kept.look.has_workflow, kept.job_id, kept.id) == (64, True, "job", entry.id)
    assert index.known("output", "")["a.png"].inode == 99
    index.put("output", "", [seen("a.png", 2, size=30)])
    index.put_looks({entry.id: (entry.modified_ns, Look(64, 32, None, True))})  # of the file before
    page = index.page(Wish())
    assert page.entries[0].look == Look() and page.entries[0].job_id is None and not page.entries[0].looked
    assert page.total_bytes == 30


def test_counts_and_words_go_with_the_files(index: OutputIndex) -> None:
    index.put("output", "a", [seen("1.png", 1), seen("2.png", 2)])
    index.put("output", "a/b", [seen("3.png", 3)])
    index.put("output", "ab", [seen("4.png", 4)])
    index.put_folder("output", "a/b", 1, 2)
    index.sign("job", None, [("output", "a", "1.png"), ("output", "a", "2.png")], is_new=True)
    index.put_words("job", "a secret")
    index.remove("output", "a", ["1.png", "was never there.png"])
    assert index.page(Wish(text="secret")).total == 1
    index.remove_folder("output", "a")
    assert names(index.page(Wish())) == ["4.png"] and index.page(Wish()).total == 1
    assert index.walked("output") == {} and list(index.folders("output")) == ["ab"]
    assert index._reading.execute("SELECT count(*) FROM words").fetchone() == (0,)


def test_a_damaged_index_is_made_anew_and_one_that_is_whole_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    for content, kept in ((None, 1), (b"no database at all" * 100, 0)):
        if content is not None:
            for each in tmp_path.iterdir():
                each.unlink()
            path.write_bytes(content)
        else:
            first = OutputIndex(path)
            first.open()
            first.put("output", "", [seen("a.png", 1)])
            first.close()
        index = OutputIndex(path)
        index.open()
        assert index.page(Wish()).total == kept
        index.close()


def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE files (strange TEXT)")
        other.execute("PRAGMA user_version = 77")
    other.close()
    index = OutputIndex(path)
    index.open()
    index.put("output", "", [seen("a.png", 1)])
    assert index.page(Wish()).total == 1
    index.close()


def test_a_hundred_thousand_files_are_found_in_the_index_alone(index: OutputIndex) -> None:
    order = list(range(MANY))
    random.Random(1).shuffle(order)
    for start in range(0, MANY, 20_000):
        index.put("output", f"day {start}", [seen(f"picture {i:06}.png", i) for i in order[start : start + 20_000]])
    page = index.page(Wish(limit=100))
    assert names(page)[0] == f"picture {MANY - 1:06}.png" and page.total == MANY and page.total_bytes == 10 * MANY
    assert names(index.page(Wish(limit=1, offset=MANY - 1))) == ["picture 000000.png"]
    middle = index.page(Wish(limit=3, beyond=Cursor(50_000 * 10**6, 0)))
    assert names(middle) == [f"picture {i:06}.png" for i in (49_999, 49_998, 49_997)]
    assert index.page(Wish(text="PICTURE 01234")).total == 11  # 001234 has it, too
    index.put("output", "", [seen("picture 01234.png", 5)])
    assert index.page(Wish(text="PICTURE 01234")).total == 12
    index.remove("output", "", ["picture 01234.png"])
    assert index.page(Wish(text="PICTURE 01234")).total == 11
    # No list may have to look at the rows, or to sort them.
    for wish in (Wish(), Wish(text="01", kinds=("video",)), Wish(folder="day 0"), Wish(since_ms=5, job_id="x")):
        plans: list[str] = []
        index._reading.set_trace_callback(plans.append)
        index.page(wish)
        index._reading.set_trace_callback(None)
        for statement in (each for each in plans if each.startswith(("SELECT id FROM", "SELECT count"))):
            how = " ".join(row[3] for row in index._reading.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert "USING COVERING INDEX files_by_time" in how and "TEMP B-TREE" not in how, how
