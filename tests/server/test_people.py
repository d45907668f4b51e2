"""Several people on one server: who there is, and whose files a request means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heddle.graph.errors import FileProblem
from tests.server.front_desk import Desk, front_desk

SEVERAL = {"multi_user": True}


@pytest_asyncio.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Desk]:
    async with front_desk(tmp_path, settings=SEVERAL) as desk:
        yield desk


async def add(desk: Desk, name: str) -> dict[str, str]:
    """The header that says that it is this person's request."""
    async with desk.post("/api/users", json={"username": name}) as response:
        assert response.status == 200, await response.text()
        return {"comfy-user": await response.json()}


async def test_people_are_added_listed_and_known_after_a_restart(tmp_path: Path) -> None:
    async with front_desk(tmp_path, settings=SEVERAL) as desk:
        assert await desk.json("/api/users") == {"storage": "server", "users": {}}
        ada, bo = await add(desk, " Ada L. "), await add(desk, "Bô/..")
        assert ada["comfy-user"].startswith("Ada-L-_") and "/" not in bo["comfy-user"]
        await desk.post("/settings/a", json=1, headers=ada)
    async with front_desk(tmp_path, settings=SEVERAL) as desk:
        users = {ada["comfy-user"]: "Ada L.", bo["comfy-user"]: "Bô/.."}
        assert await desk.json("/users") == {"storage": "server", "users": users}
        assert json.loads((tmp_path / "user" / "users.json").read_bytes()) == users
        assert await desk.json("/settings", headers=ada) == {"a": 1}


async def test_each_person_has_settings_files_and_workflows_of_their_own(shared: Desk) -> None:
    ada, bo = await add(shared, "Ada"), await add(shared, "Bo")
    for who, value in ((ada, "dark"), (bo, "light")):
        async with shared.post("/api/settings/palette", json=value, headers=who) as response:
            assert response.status == 200
        async with shared.post("/userdata/workflows%2Fmine.json", json=[value], headers=who) as response:
            assert response.status == 200
    for who, value in ((ada, "dark"), (bo, "light")):
        assert await shared.json("/settings/palette", headers=who) == value
        assert await shared.json("/userdata?dir=workflows", headers=who) == ["mine.json"]
        assert await shared.json("/userdata/workflows%2Fmine.json", headers=who) == [value]
        home = shared.parts.folders.user / who["comfy-user"]
        assert sorted(path.name for path in home.iterdir()) == ["comfy.settings.json", "workflows"]
    async with shared.client.delete("/userdata/workflows%2Fmine.json", headers=ada) as response:
        assert response.status == 204
    assert [each["name"] for each in await shared.json("/heddle/workflows", headers=bo)] == ["mine"]
    assert await shared.json("/heddle/workflows", headers=ada) == await shared.json("/heddle/workflows") == []


@pytest.mark.parametrize("who", [None, "", "default", "nobody", "..", "Ada", "../default"])
async def test_files_of_nobody_are_not_given(shared: Desk, who: str | None) -> None:
    await add(shared, "Ada")
    headers = {} if who is None else {"comfy-user": who}
    for path in ("settings", "settings/a", "userdata?dir=workflows", "userdata/a.json", "v2/userdata"):
        async with shared.get(f"/api/{path}", headers=headers) as response:
            assert response.status == 401, path
            assert "comfy-user" in (await response.json())["error"]["message"]
    for path in ("settings", "settings/a", "userdata/a.json", "userdata/a.json/move/b.json"):
        async with shared.post(f"/api/{path}", json={}, headers=headers) as response:
            assert response.status == 401, path
    async with shared.get("/user.css", headers=headers) as response:
        assert response.status == 404  # the page asks for it before anybody was chosen
    assert not (shared.parts.folders.user / "default").exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", 5, None, "Ada"])
async def test_a_name_that_is_taken_or_none_is_refused(shared: Desk, name: object) -> None:
    await add(shared, "Ada")
    async with shared.post("/users", json={"username": name}) as response:
        assert response.status == 400 and (await response.json())["error"]["message"]
    assert list((await shared.json("/users"))["users"].values()) == ["Ada"]


async def test_of_two_people_who_want_one_name_at_once_one_gets_it(shared: Desk) -> None:
    async def try_it() -> int:
        async with shared.post("/users", json={"username": "Ada"}) as response:
            return response.status

    assert sorted(await asyncio.gather(*(try_it() for _ in range(8)))) == [200] + [400] * 7


async def test_without_the_option_the_header_means_nothing(desk: Desk) -> None:
    async with desk.post("/settings/a", json=1, headers={"comfy-user": "Ada_1"}) as response:
        assert response.status == 200
    assert await desk.json("/settings") == {"a": 1}


@pytest.mark.parametrize("damage", ["{", "[]", '{"a": 1}', '{"../a": "A"}', '{".a": "A"}'])
async def test_a_damaged_list_of_people_is_told_at_the_start_and_stays(tmp_path: Path, damage: str) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "users.json").write_text(damage)
    with pytest.raises(FileProblem, match=r"users\.json: .* mend it"):
        async with front_desk(tmp_path, settings=SEVERAL):
            pass
    assert (tmp_path / "user" / "users.json").read_text() == damage
