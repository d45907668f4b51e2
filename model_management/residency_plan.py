"""Which weights of a net stay on a device that cannot hold all of them, worked out from what one run of it showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """One use of a weight in a run of a net.

    weight: which one, by its number.
    stored_bytes: what it takes as it is brought.
    widened_bytes: what more while it is used; 0 where it needs no widening.
    beside_bytes: the most that was used beside weights until the next one's use.
    seconds: until then.
    """

    weight: int
    stored_bytes: int
    widened_bytes: int
    beside_bytes: int
    seconds: float


def room_to_stay(uses: Sequence[Use], total_bytes: int) -> int:
    """How many bytes of weights may stay, so that each use has room, and the next weight may come in meanwhile."""
    largest = max((use.stored_bytes for use in uses), default=0)
    needed = max((use.stored_bytes + use.widened_bytes + use.beside_bytes for use in uses), default=0)
    return max(0, total_bytes - needed - largest)


def choose_staying(uses: Sequence[Use], room_bytes: int) -> set[int]:
    """The weights that stay.

    All bytes that come in save as much time by staying; but while they come in something is to be computed, and the
    link is not to stand still. So what comes in is spread over the run as its time is: where little is computed with
    many bytes, they stay.
    """
    bytes_of: dict[int, int] = {}
    times: dict[int, int] = {}
    for use in uses:
        bytes_of[use.weight] = use.stored_bytes
        times[use.weight] = times.get(use.weight, 0) + 1
    if sum(bytes_of.values()) <= room_bytes:
        return set(bytes_of)
    low, high = 0.0, 2.0 * sum(use.stored_bytes for use in uses) / max(1e-9, sum(use.seconds for use in uses))
    staying: set[int] = set()
    for _ in range(40):  # halvings of the rate at which weights come in
        rate = (low + high) / 2
        found = _staying_at(uses, times, rate)
        if sum(bytes_of[weight] for weight in found) <= room_bytes:
            staying, high = found, rate
        else:
            low = rate
    left = room_bytes - sum(bytes_of[weight] for weight in staying)
    # Uses of one weight more than once count for more; then what fills the room best.
    for weight in sorted(bytes_of.keys() - staying, key=lambda one: (-times[one], -bytes_of[one])):
        if bytes_of[weight] <= left:
            staying.add(weight)
            left -= bytes_of[weight]
    return staying


def _staying_at(uses: Sequence[Use], times: dict[int, int], rate: float) -> set[int]:
    """What stays, if others come in at most at this rate, in bytes for each second of the run."""
    staying: set[int] = set()
    coming: set[int] = set()
    owed = 0.0
    before = 0.0
    for use in uses:
        owed += before * rate
        before = use.seconds
        if use.weight in staying or use.weight in coming:
            continue
        cost = use.stored_bytes * times[use.weight]
        if owed >= cost / 2:
            coming.add(use.weight)
            owed -= cost
        else:
            staying.add(use.weight)
    return staying


def is_same(uses: Sequence[Use], others: Sequence[Use]) -> bool:
    """The weights are used in the same order."""
    return len(uses) == len(others) and all(one.weight == other.weight for one, other in zip(uses, others, strict=True))
