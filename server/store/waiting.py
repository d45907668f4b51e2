"""The order of the jobs that wait: classes, priorities, turns of the clients. It does no input or output.

Interactive jobs go before background ones, higher priorities before lower ones. Within those, every job has a turn:
a client's jobs have rising ones, and a client that comes new starts with the next. So clients alternate, whoever of
them queued a thousand jobs first, and a client's own jobs keep their order. The whole order is one sorted list, so
that a place, a page and a change cost the same in a queue of a hundred thousand.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from math import floor

#: Numbers that jobs get anew begin here at most: larger ones leave little room between two of them.
LARGEST_BEGIN = 2.0**30

Key = tuple[bool, int, int, float, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One job that waits."""

    seq: int
    id: str
    client_id: str | None
    number: float
    turn: int
    priority: int = 0
    background: bool = False

    @property
    def key(self) -> Key:
        return (self.background, -self.priority, self.turn, self.number, self.seq)


class Line:
    """Those who wait, in order."""

    def __init__(self, waiting: Iterable[Waiting] = ()) -> None:
        self._jobs = {each.seq: each for each in waiting}
        self._seqs = {each.id: each.seq for each in self._jobs.values()}
        self._keys = sorted(each.key for each in self._jobs.values())
        self._now: dict[tuple[bool, int], int] = {}  # class and priority -> the turn that was last taken
        self._last: dict[tuple[bool, int, str | None], int] = {}  # the last turn that a client has there
        for key in reversed(self._keys):
            self._now[key[:2]] = key[2] - 1
        for each in self._jobs.values():
            self._remember(each)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._seqs

    @property
    def ids(self) -> set[str]:
        return set(self._seqs)

    def place(
        self,
        seq: int,
        job_id: str,
        client_id: str | None,
        *,
        number: float | None = None,
        front: bool = False,
        priority: int = 0,
        background: bool = False,
    ) -> Waiting:
        """The place that a job gets; it is taken by `add`.

        Args:
            number: before the client's first job with a higher one; None: behind its others. Below zero: as `front`.
            front: before all of its class and priority.
        """
        at = (background, -priority)
        place_number = number if number is not None else float(-seq if front else seq)
        if front or place_number < 0:
            first = self._first_of(at)
            turn = self._now.get(at, 0) + 1 if first is None else first.turn
        else:
            later = None if number is None else self._first_later(at, client_id, number)
            turn = max(self._now.get(at, 0), self._last.get((*at, client_id), 0)) + 1 if later is None else later.turn
        placed = Waiting(seq, job_id, client_id, place_number, turn, priority, background)
        if number is None and not front:
            self._remember(placed)
        return placed

    def beside(self, job: Waiting, other: Waiting, *, behind: bool) -> Waiting | None:
        """The place right before another job, or right behind it, with that one's class and priority.

        Args: job: one that has left the line; it is taken in again by `add`.
        Returns: None if there is no number between those of the neighbours; `spread` makes room.
        """
        at = bisect_left(self._keys, other.key)
        same = other.key[:3]
        first, second = (at, at + 1) if behind else (at - 1, at)
        low = self._keys[first][3] if first >= 0 and self._keys[first][:3] == same else None
        high = self._keys[second][3] if second < len(self._keys) and self._keys[second][:3] == same else None
        if low is not None and high is not None:
            number = (low + high) / 2
        elif low is not None:
            number = low + _a_step(low)
        else:
            assert high is not None, "one of both neighbours is the other job"
            number = high - _a_step(high)
        if (low is None or low < number) and (high is None or number < high):
            return replace(job, number=number, turn=other.turn, priority=other.priority, background=other.background)
        return None

    def spread(self, other: Waiting) -> list[tuple[Waiting, Waiting]]:
        """Number the jobs that share another one's class, priority and turn anew, in their order, with room between.

        Who is moved between the same two again and again halves what is between their numbers each time.
        Returns: each of them as it was and as it is.
        """
        same = other.key[:3]
        at = bisect_left(self._keys, same)
        end = at
        while end < len(self._keys) and self._keys[end][:3] == same:
            end += 1
        begin = max(-LARGEST_BEGIN, min(float(floor(self._keys[at][3])), LARGEST_BEGIN))
        changes = []
        for place, key in enumerate(self._keys[at:end]):
            before = self._jobs[key[-1]]
            after = replace(before, number=begin + place)
            self._jobs[after.seq] = after
            self._keys[at + place] = after.key
            changes.append((before, after))
        return changes

    def put_back(self, changes: Iterable[tuple[Waiting, Waiting]]) -> None:
        """Undo what `spread` did, for those that still wait as it left them."""
        for before, after in changes:
            if self._jobs.get(after.seq) == after:
                self._keys.remove(after.key)
                insort(self._keys, before.key)
                self._jobs[before.seq] = before

    def behind_all(self, job: Waiting) -> Waiting:
        """The last place of the job's class and priority; it has left the line."""
        background, priority = job.key[:2]
        at = bisect_left(self._keys, (background, priority + 1))
        if at == 0 or self._keys[at - 1][:2] != job.key[:2]:
            return job
        return self.beside(job, self._jobs[self._keys[at - 1][-1]], behind=True) or job

    def add(self, job: Waiting) -> None:
        """Let it wait."""
        insort(self._keys, job.key)
        self._jobs[job.seq] = job
        self._seqs[job.id] = job.seq

    def first(self) -> Waiting | None:
        return self._jobs[self._keys[0][-1]] if self._keys else None

    def take(self) -> Waiting | None:
        """The job whose turn it is; it waits no longer."""
        job = self.first()
        if job is not None:
            self._forget(job)
            at, whose = job.key[:2], (*job.key[:2], job.client_id)
            self._now[at] = max(self._now.get(at, 0), job.turn)
            if self._last.get(whose, 0) <= self._now[at]:
                self._last.pop(whose, None)
        return job

    def remove(self, job_id: str) -> Waiting | None:
        """Take one out of the line, if it waits."""
        seq = self._seqs.get(job_id)
        if seq is None:
            return None
        job = self._jobs[seq]
        self._forget(job)
        return job

    def clear(self) -> list[Waiting]:
        """Take all out of the line."""
        removed = self.page(0, len(self))
        self._keys.clear()
        self._jobs.clear()
        self._seqs.clear()
        self._last.clear()
        return removed

    def get(self, job_id: str) -> Waiting | None:
        seq = self._seqs.get(job_id)
        return None if seq is None else self._jobs[seq]

    def position(self, job_id: str) -> int | None:
        """How many go before it; None, if it does not wait."""
        job = self.get(job_id)
        return None if job is None else bisect_left(self._keys, job.key)

    def page(self, offset: int, limit: int) -> list[Waiting]:
        """Up to `limit` jobs in order, after the first `offset`."""
        return [self._jobs[key[-1]] for key in self._keys[offset : offset + limit]]

    def _first_of(self, at: tuple[bool, int]) -> Waiting | None:
        place = bisect_left(self._keys, at)
        if place < len(self._keys) and self._keys[place][:2] == at:
            return self._jobs[self._keys[place][-1]]
        return None

    def _first_later(self, at: tuple[bool, int], client_id: str | None, number: float) -> Waiting | None:
        end = bisect_left(self._keys, (at[0], at[1] + 1))
        for key in islice(self._keys, bisect_left(self._keys, at), end):
            if key[3] > number and self._jobs[key[-1]].client_id == client_id:
                return self._jobs[key[-1]]
        return None

    def _remember(self, job: Waiting) -> None:
        whose = (job.background, -job.priority, job.client_id)
        self._last[whose] = max(self._last.get(whose, 0), job.turn)

    def _forget(self, job: Waiting) -> None:
        del self._keys[bisect_left(self._keys, job.key)]
        del self._jobs[job.seq]
        del self._seqs[job.id]


def _a_step(number: float) -> float:
    return max(1.0, abs(number) * 2.0**-40)  # one that changes a number of any size
