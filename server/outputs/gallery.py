"""Keeps the index of results true and answers from it: folders walked in the background, words of jobs taken in.

A place is walked when somebody asks for it first, and all of it is looked at once in each run of the server. From then
on only folders whose time has moved are listed again, at most every few seconds. What a job says it wrote is there at
once. Nobody waits for a walk, except a little for the first one: a small folder is complete then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.settings.folders import Folders
from server.outputs import trash
from server.outputs.headers import look_at
from server.outputs.index import Entry, Look, OutputIndex, Page, Seen, Wish, seen_at
from server.outputs.kinds import PLACES
from server.outputs.probe import probe
from server.outputs.thumbnails import Thumbnails
from server.outputs.walking import is_settled, list_folder, seen_now, time_of
from server.routes.records import items_of
from server.store import Job, Store, StoreTrouble, Which, now_ms
from server.store.records import ENDED
from server.store.rows import storable
from server.tasks import Tasks
from server.user_files import Absent

log = logging.getLogger("heddle.server.outputs")

T = TypeVar("T")
FOLDER = "gallery"  # below the user folder
FIRST_WALK_S = 0.5  # that the first who asks waits for a walk
LOOK_S = 0.008  # that a page waits for the sizes of its pictures; the next one that asks finds them
LOOKS_AT_ONCE = 16
PROBED = ("video", "audio")
REFRESH_EVERY_S = 2.0
REST = 20  # times as long as the last walk took
ROWS_AT_ONCE = 2_000  # others write in between
TAKE_AFTER_S = 0.1  # a batch of pictures comes as several words
TELL_EVERY_S = 1.0
MOST_PROMPTS = 64  # of jobs that run, kept for their words
JOBS_AT_ONCE = 500
CLEAN_EVERY_S = 86_400.0
SIGNED = "signed jobs of "  # a place: up to which job the history has said what it wrote there


@dataclass(frozen=True, slots=True)
class Written:
    """What a node of a job showed."""

    job_id: str
    node_id: str
    files: list[tuple[str, str, str]]
    is_new: bool
    prompt: dict[str, Any] | None


class Gallery:
    """The results of one server. Use it from the event loop. Opens its files when it is first needed."""

    def __init__(self, folders: Folders, store: Store, tell: Callable[[list[str]], None] = lambda places: None) -> None:
        """
        Args:
            tell: is told, at most once a second, in which places something has changed.
        """
        self._folders = folders
        self._store = store
        self._tell = tell
        home = folders.user / FOLDER
        self._path = home / "index.sqlite"
        self.thumbnails = Thumbnails(home / "thumbnails.sqlite")
        self._index: OutputIndex | None = None
        self._opening = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "outputs-writer")
        self._reader = ThreadPoolExecutor(1, "outputs-reader")
        self._tasks = Tasks(log, "the index of results was held up")
        self._is_closed = False
        self._walked: set[str] = set()  # places that were looked at as a whole in this run
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._rest_until: dict[str, float] = {}
        self._walks_later: dict[str, asyncio.TimerHandle] = {}
        self._written: list[Written] = []
        self._taking: asyncio.TimerHandle | None = None
        self._prompts: dict[str, dict[str, Any]] = {}
        self._looking: set[int] = set()
        self._probing = asyncio.Semaphore(1)  # its processes are large
        self._changed: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._clean_at = 0.0
        self._removing = asyncio.Lock()

    async def close(self) -> None:
        """Break off what is under way and let go of the files."""
        self._is_closed = True
        for timer in (self._taking, self._telling, *self._walks_later.values()):
            if timer is not None:
                timer.cancel()
        await self._tasks.end()
        await self.thumbnails.close()
        self._reader.shutdown()  # quick: one statement at most
        self._writer.shutdown()
        if self._index is not None:
            self._index.close()
            self._index = None

    # Asking

    async def page(self, wish: Wish) -> tuple[Page, bool]:
        """Files as the index has them now, and whether their place is still being walked for the first time."""
        walk = self._walk_soon(wish.place)
        if walk is not None and wish.place not in self._walked:
            await asyncio.wait([walk], timeout=FIRST_WALK_S)
        page = await self._read(lambda index: index.page(wish))
        if new := [each for each in page.entries if not each.looked and each.id not in self._looking]:
            looking = self._tasks.begin(self._look([each for each in new if each.kind not in PROBED]))
            if played := [each for each in new if each.kind in PROBED]:
                self._tasks.begin(self._look_played(played))
            await asyncio.wait([looking], timeout=LOOK_S)
            if looking.done():
                ids = [each.id for each in page.entries]
                page = replace(page, entries=await self._read(lambda index: index.entries(ids)))
        return page, wish.place not in self._walked

    async def folders(self, place: str) -> dict[str, dict[str, Any]]:
        """Each folder that holds files, with how many of each kind, and their bytes."""
        walk = self._walk_soon(place)
        if walk is not None and place not in self._walked:
            await asyncio.wait([walk], timeout=FIRST_WALK_S)
        return await self._read(lambda index: index.folders(place))

    async def entry(self, place: str, subfolder: str, filename: str) -> Entry | None:
        """One file, as it is now; None if it is not there."""
        await self.take_files([(place, subfolder, filename)])
        return await self._read(lambda index: index.find(place, subfolder, filename))

    async def keep_look(self, entry: Entry, look: Look) -> None:
        """Write down what somebody found out about a file."""
        await self._write(lambda index: index.put_looks({entry.id: (entry.modified_ns, look)}))

    # Changing

    async def take_files(self, files: Sequence[tuple[str, str, str]]) -> None:
        """Look at files by name and have the index say what is there."""
        seen = await asyncio.to_thread(seen_now, self._folders, files)
        there = {(place, subfolder, each.filename) for place, subfolder, each in seen}

        def write(index: OutputIndex) -> None:
            with index.together():
                for place, subfolder, each in seen:
                    index.put(place, subfolder, [each])
                for place, subfolder, filename in files:
                    if (place, subfolder, filename) not in there:
                        index.remove(place, subfolder, [filename])

        await self._write(write)

    async def delete(
        self, files: Iterable[trash.Named], *, forever: bool
    ) -> tuple[list[trash.Named], list[tuple[trash.Named, str]], str | None]:
        """Take files away: what is gone, what is not and why, and under which name it comes back from the trash."""
        trash_id = None if forever else trash.new_id(now_ms())
        gone: list[trash.Named] = []
        kept: list[tuple[trash.Named, str]] = []
        absent: list[trash.Named] = []  # somebody else took them away: the index need not wait until it looks again

        def remove(files: list[trash.Named]) -> None:
            for each in files:
                try:
                    gone.append(trash.remove(self._folders, each, trash_id))
                except HeddleError as problem:
                    kept.append((each, problem.message))
                    if isinstance(problem, Absent):
                        absent.append(each)
                except (OSError, ValueError) as error:  # said without the path of our folders
                    why = getattr(error, "strerror", None) or say("not a name")
                    kept.append((each, say("the disk refused: {why}", why=why)))

        async with self._removing:
            await asyncio.to_thread(remove, list(files))

        by_folder: dict[tuple[str, str], list[str]] = {}
        for each in (*gone, *absent):
            by_folder.setdefault((each.place, each.subfolder), []).append(each.filename)

        def write(index: OutputIndex) -> None:
            with index.together():
                for (place, subfolder), filenames in by_folder.items():
                    index.remove(place, subfolder, filenames)

        await self._write(write)
        self._note(each.place for each in (*gone, *absent))
        held = trash_id if any(each.place in trash.PLACES for each in gone) else None
        return gone, kept, held

    async def restore(self, trash_id: str) -> list[tuple[trash.Named, trash.Named]]:
        """Bring back what was deleted together: the name that each file had, and the one it has. Raises: Absent."""
        async with self._removing:
            back = await asyncio.to_thread(trash.restore, self._folders, trash_id)
        await self.take_files([(now.place, now.subfolder, now.filename) for _, now in back])
        self._note(now.place for _, now in back)
        return back

    async def trash(self) -> list[tuple[str, list[tuple[trash.Named, int]]]]:
        """What can be brought back, the latest first."""
        return await asyncio.to_thread(trash.listed, self._folders)

    async def empty_trash(self, trash_id: str | None = None) -> int:
        """Give up what was deleted. Returns: how many heaps of it."""
        async with self._removing:
            return await asyncio.to_thread(trash.empty, self._folders, trash_id)

    # What jobs say; as a watcher of the store

    def take_claim(self, job: Job) -> None:
        """A job was handed to a worker."""
        while len(self._prompts) >= MOST_PROMPTS:
            del self._prompts[next(iter(self._prompts))]
        self._prompts[job.id] = job.prompt

    def take_events(self, job_id: str, at_ms: int, bodies: list[dict[str, Any]]) -> None:
        """Something happened to a job."""
        for body in bodies:
            if body.get("kind") == "node_finished" and (files := self._concerning(_files_of(body.get("output")))):
                is_new = not body.get("cached")
                prompt = self._prompts.get(job_id)
                self._written.append(Written(job_id, storable(body.get("node_id")), files, is_new, prompt))
            elif body.get("kind") == "job_finished":
                self._prompts.pop(job_id, None)
        if self._written and self._taking is None and not self._is_closed:
            self._taking = asyncio.get_running_loop().call_later(TAKE_AFTER_S, self._take_soon)

    def _concerning(self, files: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Those that belong into the index now: previews in temp only once somebody asked for that place."""
        return [each for each in files if each[0] == "output" or each[0] in self._walked or each[0] in self._walks]

    def _take_soon(self) -> None:
        self._taking = None
        written, self._written = self._written, []
        self._tasks.begin(self._take(written))

    async def _take(self, written: list[Written]) -> None:
        """Have the index say what jobs wrote, all that came together in one write."""

        def look() -> tuple[list[list[tuple[str, str, Seen]]], dict[str, str]]:
            words = {each.job_id: words_of(each.prompt) for each in written if each.prompt is not None}
            return [seen_now(self._folders, each.files) for each in written], words

        seen, words = await asyncio.to_thread(look)

        def write(index: OutputIndex) -> None:
            with index.together():
                for each, files in zip(written, seen):
                    for place, subfolder, file in files:
                        index.put(place, subfolder, [file])
                    named = [(place, subfolder, file.filename) for place, subfolder, file in files]
                    index.sign(each.job_id, each.node_id, named, is_new=each.is_new)
                    if files and (said := words.get(each.job_id)):
                        index.put_words(each.job_id, said)

        await self._write(write)
        names = [(place, below, file.filename) for files in seen for place, below, file in files]
        self._note(place for place, _, _ in names)
        if shown := [each for each in names if each[0] in self._walked]:  # somebody looks at this place
            found = await self._read(lambda index: [index.find(*each) for each in shown])
            new = [each for each in found if each is not None and not each.looked]
            await self._look([each for each in new if each.kind not in PROBED])
            await self._look_played([each for each in new if each.kind in PROBED])

    # Walking

    def _walk_soon(self, place: str) -> asyncio.Task[None] | None:
        """The walk that is under way or begins now; None if the last one is fresh, then another follows its rest.

        Without that one, who asks just after a file came would never hear of it.
        """
        if (walk := self._walks.get(place)) is not None:
            return walk
        if (rest_s := self._rest_until.get(place, 0.0) - time.monotonic()) > 0:
            if place not in self._walks_later and not self._is_closed:
                later = asyncio.get_running_loop().call_later(rest_s, self._walk_after_rest, place)
                self._walks_later[place] = later
            return None
        walk = self._walks[place] = self._tasks.begin(self._walk(place))
        walk.add_done_callback(lambda done: self._walks.pop(place, None))
        return walk

    def _walk_after_rest(self, place: str) -> None:
        del self._walks_later[place]
        self._walk_soon(place)

    async def _walk(self, place: str) -> None:
        begun = time.monotonic()
        try:
            await self._read(lambda index: None)  # opens it
            if begun >= self._clean_at:
                self._clean_at = begun + CLEAN_EVERY_S
                await asyncio.to_thread(trash.empty, self._folders, before_ms=now_ms() - trash.KEPT_DAYS * 86_400_000)
            index = self._index
            if await self._walk_place(place):
                self._note([place])
            if index is not self._index:  # it was damaged; the next walk fills the new one
                return
            is_first = place not in self._walked
            self._walked.add(place)
            if is_first:
                await self._sign_from_history(place)
        except HeddleError as trouble:
            log.warning("the %s folder is not listed now: %s", place, trouble.message)
        finally:
            took = time.monotonic() - begun
            self._rest_until[place] = time.monotonic() + max(REFRESH_EVERY_S, REST * took)

    async def _walk_place(self, place: str) -> bool:
        """Bring the index to what the folders hold. Returns: whether anything was different."""
        walked = await self._read(lambda index: index.walked(place))
        looks_at_all = place not in self._walked
        others = [self._folders.root(each) for each in (*PLACES, "user") if each != place]
        leave_out = await asyncio.to_thread(lambda: {os.path.realpath(each) for each in others})
        waiting = [""] if looks_at_all or "" not in walked else await asyncio.to_thread(self._moved, place, walked)
        seen: set[str] = set()
        is_different = False
        while waiting:
            subfolder = waiting.pop()
            if subfolder in seen:
                continue
            seen.add(subfolder)
            known = await self._read(partial(OutputIndex.known, place=place, subfolder=subfolder))
            listing = await asyncio.to_thread(
                list_folder,
                *(self._folders, place, subfolder, known, time.time_ns()),
                looks_at_all=looks_at_all,
                leave_out=leave_out,
            )
            if listing is None:
                is_different |= bool(known)
                if not subfolder and walked:  # a disk that is not there now may be back: then say again whose they are
                    await self._write(lambda index: index.put_number(SIGNED + place, 0))
                await self._write(partial(OutputIndex.remove_folder, place=place, subfolder=subfolder))
                continue
            for start in range(0, len(listing.changed), ROWS_AT_ONCE):
                some = listing.changed[start : start + ROWS_AT_ONCE]
                await self._write(partial(OutputIndex.put, place=place, subfolder=subfolder, seen=some))
            for start in range(0, len(listing.gone), ROWS_AT_ONCE):
                some_gone = listing.gone[start : start + ROWS_AT_ONCE]
                await self._write(partial(OutputIndex.remove, place=place, subfolder=subfolder, filenames=some_gone))
            is_different |= bool(listing.changed or listing.gone)
            inner = {f"{subfolder}/{name}" if subfolder else name for name in listing.folders}
            waiting += [each for each in inner if looks_at_all or each not in walked]
            times = (listing.modified_ns, listing.walked_ns)
            await self._write(lambda index, at=subfolder, times=times: index.put_folder(place, at, *times))
        if looks_at_all:
            for subfolder in walked.keys() - seen:
                await self._write(partial(OutputIndex.remove_folder, place=place, subfolder=subfolder))
        return is_different

    def _moved(self, place: str, walked: dict[str, tuple[int, int]]) -> list[str]:
        """The folders that are not as they were when they were walked, or may not be."""
        root = Path(os.path.realpath(self._folders.root(place)))
        moved = []
        for subfolder, (modified_ns, walked_ns) in walked.items():
            now = time_of(root / subfolder if subfolder else root)
            if now != modified_ns or not is_settled(modified_ns, walked_ns):
                moved.append(subfolder)
        return moved

    async def _sign_from_history(self, place: str) -> None:
        """Say of files from before which job wrote them, as far as the history knows it."""
        last = await self._read(lambda index: index.number(SIGNED + place))
        while True:
            which = Which(ENDED, newest_first=False, beyond=last)
            rows, _ = await self._store.list_jobs(which, JOBS_AT_ONCE)
            if not rows:
                return
            last = rows[-1].seq

            def write(index: OutputIndex, rows: Any = rows, last: int = last) -> None:
                with index.together():
                    for row in rows:
                        for node_id, output in row.results.items():
                            files = [each for each in _files_of(output) if each[0] == place]
                            index.sign(row.id, storable(node_id), files, is_new=False)
                    index.put_number(SIGNED + place, last)

            await self._write(write)

    # Looking into files

    async def _look(self, entries: Sequence[Entry]) -> None:
        self._looking.update(each.id for each in entries)
        try:
            for start in range(0, len(entries), LOOKS_AT_ONCE):
                some = entries[start : start + LOOKS_AT_ONCE]
                looks, other = await asyncio.to_thread(self._look_at, some)
                if looks:
                    await self._write(partial(OutputIndex.put_looks, looks=looks))
                if other:
                    await self.take_files(other)
        except HeddleError as trouble:
            log.debug("sizes of results are not kept: %s", trouble.message)
        finally:
            self._looking.difference_update(each.id for each in entries)

    async def _look_played(self, entries: Sequence[Entry]) -> None:
        """Videos and sounds: another process says how long they are, so nobody waits, and clients are told."""
        self._looking.update(each.id for each in entries)
        try:
            for start in range(0, len(entries), LOOKS_AT_ONCE):
                async with self._probing:
                    if self._is_closed:
                        return
                    looks, other = await asyncio.to_thread(self._look_at, entries[start : start + LOOKS_AT_ONCE])
                    some = [each for each in entries[start : start + LOOKS_AT_ONCE] if each.id in looks]
                    paths = [self._folders.resolve(each.place, each.subfolder, each.filename) for each in some]
                    for each, found in zip(some, await probe(paths)):
                        if found is not None:
                            time_ns, look = looks[each.id]
                            sizes = (found.width, found.height, found.duration_s)
                            looks[each.id] = (time_ns, Look(*sizes, look.has_workflow))
                await self._write(partial(OutputIndex.put_looks, looks=looks))
                if other:
                    await self.take_files(other)
                self._note(each.place for each in some)
        except HeddleError as trouble:
            log.debug("what videos and sounds say is not kept: %s", trouble.message)
        finally:
            self._looking.difference_update(each.id for each in entries)

    def _look_at(self, entries: Sequence[Entry]) -> tuple[dict[int, tuple[int, Look]], list[tuple[str, str, str]]]:
        """What files say of themselves, and those that are gone or other ones by now."""
        looks: dict[int, tuple[int, Look]] = {}
        other: list[tuple[str, str, str]] = []
        for each in entries:
            name = (each.place, each.subfolder, each.filename)
            try:
                path = self._folders.resolve(*name)
                if seen_at(path, each.filename).modified_ns != each.modified_ns:
                    other.append(name)
                    continue
                looks[each.id] = (each.modified_ns, look_at(path, each.kind))
            except (OSError, HeddleError):
                other.append(name)
        return looks, other

    # Small things

    def _note(self, places: Iterable[str]) -> None:
        self._changed.update(places)
        if self._changed and self._telling is None and not self._is_closed:
            self._telling = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        changed, self._changed = sorted(self._changed), set()
        self._tell(changed)

    async def _read(self, work: Callable[[OutputIndex], T]) -> T:
        return await self._do(self._reader, work)

    async def _write(self, work: Callable[[OutputIndex], T]) -> T:
        return await self._do(self._writer, work)

    async def _do(self, thread: ThreadPoolExecutor, work: Callable[[OutputIndex], T]) -> T:
        """Raises: StoreTrouble."""
        loop = asyncio.get_running_loop()
        index = self._index
        try:
            if index is None:
                async with self._opening:
                    if (index := self._index) is None:
                        index = OutputIndex(self._path)
                        await loop.run_in_executor(self._writer, index.open)
                        self._index = index
            return await loop.run_in_executor(thread, work, index)
        except (sqlite3.Error, OSError) as error:
            is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            if type(error) is sqlite3.DatabaseError and index is not None:  # its kin are about something else
                await self._start_over(index)
            words = say("the index of results cannot be used now ({why}); try again", why=error)
            raise StoreTrouble(words, full=is_full) from error

    async def _start_over(self, damaged: OutputIndex) -> None:
        """The index is damaged; it is made anew by the next walk."""
        if self._index is not damaged:  # somebody else has met it before
            return
        self._index = None
        self._walked.clear()
        self._rest_until.clear()

        def remove() -> None:
            for ending in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

        log.warning("%s is damaged and is made anew", self._path)
        loop = asyncio.get_running_loop()
        async with self._opening:
            for thread, close in ((self._reader, damaged.close_reading), (self._writer, damaged.close_writing)):
                with suppress(sqlite3.Error):
                    await loop.run_in_executor(thread, close)
            await loop.run_in_executor(self._writer, remove)


def words_of(prompt: dict[str, Any]) -> str:
    """What of a prompt a person would search for: the texts that were written, not names of files and choices."""
    found: list[str] = []
    for node in prompt.values():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        for name, value in inputs.items() if isinstance(inputs, dict) else ():
            if isinstance(value, str) and (" " in value.strip() or "text" in name or "prompt" in name):
                found.append(storable(value))
    return "\n".join(dict.fromkeys(found))


def _files_of(output: Any) -> list[tuple[str, str, str]]:
    """The files among what a node showed, as (place, subfolder, name)."""
    return [
        (place, storable(item.get("subfolder") or "").replace("\\", "/").strip("/"), storable(item["filename"]))
        for _, item in items_of(output)
        if isinstance(item, dict) and (place := str(item.get("type") or "output")) in PLACES
    ]
