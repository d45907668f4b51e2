"""Kept pictures: made once, few at a time, for those who still wait, and never more than the bound."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from heddle.graph.errors import FileProblem
from server.outputs import Thumbnails, key_of
from server.outputs.poster import make_poster


async def test_many_who_wait_for_one_picture_have_it_made_once(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t.sqlite")
    made = 0

    async def make() -> bytes:
        nonlocal made
        made += 1
        await asyncio.sleep(0.02)
        return b"picture"

    assert await asyncio.gather(*(thumbnails.get("key", make) for _ in range(20))) == [b"picture"] * 20
    assert made == 1
    await thumbnails.close()
    again = Thumbnails(tmp_path / "t.sqlite")
    assert await again.get("key", make) == b"picture" and made == 1
    await again.close()


async def test_nothing_is_made_for_those_who_left_and_few_at_a_time(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t.sqlite", at_once=2)
    go, at_work, most = asyncio.Event(), 0, 0
    left: set[int] = set()
    made: list[int] = []

    async def ask(number: int) -> bytes | None:
        async def make() -> bytes:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await go.wait()
            at_work -= 1
            made.append(number)
            return b"%d" % number

        return await thumbnails.get(f"key {number}", make, lambda: number not in left)

    asking = [asyncio.ensure_future(ask(number)) for number in range(8)]
    while at_work < 2:
        await asyncio.sleep(0.001)
    left.update(range(2, 7))
    go.set()
    answers = await asyncio.gather(*asking)
    assert sorted(made) == [0, 1, 7] and most == 2 and answers == [b"0", b"1", None, None, None, None, None, b"7"]
    await thumbnails.close()


async def test_a_picture_that_fails_fails_for_all_who_wait_and_is_tried_again(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t.sqlite")

    async def fail() -> bytes:
        await asyncio.sleep(0)
        raise FileProblem("no picture")

    async def make() -> bytes:
        return b"picture"

    told = await asyncio.gather(*(thumbnails.get("key", fail) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [FileProblem] * 3
    assert await thumbnails.get("key", make) == b"picture"
    await thumbnails.close()


async def test_the_oldest_are_given_up_at_the_bound(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t.sqlite", most_bytes=1000)
    made: list[int] = []

    async def ask(number: int) -> None:
        async def make() -> bytes:
            made.append(number)
            return bytes(100)

        await thumbnails.get(str(number), make)

    for number in range(30):
        await ask(number)
    assert 800 <= thumbnails._kept_bytes <= 1000
    await ask(29)
    await ask(0)
    assert made == [*range(30), 0]
    await thumbnails.close()


@pytest.mark.parametrize("content", [b"no database" * 500, None])
async def test_a_shelf_that_cannot_be_used_costs_time_and_no_picture(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "t.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    thumbnails = Thumbnails(path)

    async def make() -> bytes:
        return b"picture"

    for _ in range(2):
        assert await thumbnails.get("key", make) == b"picture"
    assert thumbnails.made == (2 if content is None else 1)
    await thumbnails.close()


def test_another_file_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    first = key_of(path, "256")
    assert key_of(path, "512") != first == key_of(path, "256")
    path.write_bytes(b"three")
    assert key_of(path, "256") != first


async def test_a_video_that_is_none_or_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    with pytest.raises(FileProblem, match=r"a\.mp4 cannot be shown as a video"):
        await make_poster(path, 256)
    with pytest.raises(FileProblem):
        await make_poster(path, 256, patience_s=0.01)
