"""The weights of a net on a device that may not hold all of them: what stays there, and what comes in ahead of its use.

A weight comes in the form in which it is stored and is widened there, at each use. Nothing is copied back: what leaves
is forgotten. The first run shows in which order weights are used, how long each takes and what is needed beside them;
from that follows what stays (`residency_plan.py`), and when the others may come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heddle.graph.errors import OutOfMemory
from heddle.graph.said import say
from heddle.networks.ops import lendable
from model_management.accelerators.accelerator import Accelerator, Arrival
from model_management.estimates import NetEstimates
from model_management.lent_net import stand_in
from model_management.main_memory import MainMemory, MemoryShare
from model_management.residency_plan import Use, choose_staying, is_same, room_to_stay
from model_management.running_out import bytes_asked
from model_management.stored_net import OnPart, ignore_parts
from model_management.stored_weight import widened_bytes
from model_management.weight_sources import WeightSource

T = TypeVar("T")

#: A second run may keep what the first one worked out, and use other weights for it.
RUNS_TO_SEE = 2
#: Where little is to be there, so many of the largest weights may come in beside what stays.
AHEAD = 2
#: What the first run leaves free beside weights, as a share of the device.
FIRST_RESERVE = 0.25


@dataclass(eq=False)
class Books:
    """What the weights of a net take on the device, with those of its changed states, which share most of them."""

    staying_bytes: int = 0
    coming_bytes: int = 0

    @property
    def device_bytes(self) -> int:
        """But for the one that is in use."""
        return self.staying_bytes + self.coming_bytes


class Neighbours(Protocol):
    """The other nets of a device. lock: held while anything is moved there."""

    lock: threading.RLock

    def others_bytes(self, streamed: Streamed, /) -> int:
        """What their weights take there."""
        ...

    def make_leave(self, streamed: Streamed, wanted_bytes: int, /) -> int:
        """Let some of them go. Returns: the bytes that became free."""
        ...


@dataclass(eq=False)
class PlacedWeight:
    """A weight, and what of it is on the device.

    prepared: its tensors in main memory, where the device reads them quicker.
    kept: its tensors there, while it stays. coming: on their way.
    is_chosen: it is to stay, once it is there.
    is_ready: it needs no widening, which would take `widened_bytes` more.
    name: stands for it, see `heddle.networks.ops.LentTensor`.
    """

    source: WeightSource
    prepared: tuple[Tensor, ...] | None = None
    kept: tuple[Tensor, ...] | None = None
    coming: Arrival | None = None
    is_chosen: bool = False
    is_ready: bool = False
    widened_bytes: int = 0
    name: Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def nbytes(self) -> int:
        return self.source.nbytes

    @property
    def is_here(self) -> bool:
        return self.kept is not None or self.coming is not None


@dataclass(eq=False)
class Loan:
    """One weight of a net that streams."""

    streamed: Streamed
    placed: PlacedWeight

    @property
    def name(self) -> Tensor:
        return self.placed.name

    def lend(self) -> Tensor:
        return self.streamed.lend(self.placed)

    def rows(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.lend())


class Streamed:
    """See the top of the file.

    Args:
        weights: of the net's layers, by name, in the order in which they are probably used.
        dtype: that they are computed in.
        base: the net without patches, of which this one shares all weights whose sources are the same.
        estimates: what earlier runs took beside weights: so much is left free in the first run, where that is not known
            a share of the device; None = nothing is left.
        most_bytes: that its weights may take there, None = what there is.
        share: of main memory, for copies there which the device reads quicker; None = there is no limit.
    """

    def __init__(
        self,
        weights: Mapping[str, WeightSource],
        dtype: torch.dtype,
        accelerator: Accelerator,
        neighbours: Neighbours,
        *,
        base: Streamed | None = None,
        estimates: NetEstimates | None = None,
        most_bytes: int | None = None,
        share: MemoryShare | None = None,
    ) -> None:
        share = share or MainMemory().share()
        self.accelerator = accelerator
        self.most_bytes = most_bytes
        self._dtype = dtype
        self._neighbours = neighbours
        self.books = Books() if base is None else base.books
        shared = {} if base is None else {placed.source: placed for placed in base._placed}
        self._placed = [shared.get(source) or PlacedWeight(source) for source in weights.values()]
        self._own = [placed for placed in self._placed if placed.source not in shared]
        # What is prepared of a shared weight stays as long as the net does whose it is.
        self._shares = dict.fromkeys(self._placed, share) | ({} if base is None else base._shares)
        self._numbers = {placed: number for number, placed in enumerate(self._placed)}
        self.loans = {name: Loan(self, placed) for name, placed in zip(weights, self._placed, strict=True)}
        self._settled: nn.Module | None = None
        for placed in self._placed:
            stored = placed.source.stored()
            placed.is_ready = stored.is_ready(dtype)
            placed.widened_bytes = widened_bytes(stored, dtype)
        self._estimates = estimates
        self._size: int | None = None
        self.reserve_bytes = 0 if estimates is None else int(FIRST_RESERVE * accelerator.total_bytes())
        self._lock = neighbours.lock
        self._is_stale = False
        self._is_running = False
        self._known: list[Use] = []  # the run before
        self._seen: list[Use] = []  # this run
        self._cursor = 0
        self._marks: list[Any] = []
        self._runs_seen = 0
        self._is_learning = False
        self._weights_then = self._beside_before = 0
        self._in_use: Tensor | None = None
        self._blocked_at = -1
        self.runs_again = 0
        self.beside_bytes = 0  # the most that was seen beside weights in the run that was looked at last

    @property
    def whole_bytes(self) -> int:
        return sum(placed.nbytes for placed in self._placed)

    @property
    def largest_bytes(self) -> int:
        """The least that one use of a weight needs."""
        return max((placed.nbytes + placed.widened_bytes for placed in self._placed), default=0)

    @property
    def coming_bytes(self) -> int:
        """What comes in in each run, as far as is known."""
        if not self._known:
            return self.whole_bytes - self.books.staying_bytes
        return sum(use.stored_bytes for use in self._known if not self._placed[use.weight].is_chosen)

    def forget(self) -> None:
        """What earlier runs showed: the next one may be of another size."""
        self._known, self._runs_seen = [], 0
        self._expect(None)

    def _expect(self, size: int | None) -> None:
        """Have as much room left for a first run as those of its size took. size: None = as the last one."""
        expected = None if self._estimates is None else self._estimates.expected(size)
        if expected is not None:
            self.reserve_bytes = min(expected, self.accelerator.total_bytes())

    def bring_all(self, on_part: OnPart = ignore_parts) -> None:
        """Have all weights there to stay. Raises: torch.OutOfMemoryError, if there is no room."""
        total = self.whole_bytes
        with self._lock:
            for placed in self._placed:
                placed.is_chosen = True
                if placed.kept is None:
                    self._take(placed)
                on_part(self.books.staying_bytes, total)

    def run(self, call: Callable[[], T], size: int | None = None) -> T:
        """What a run of the net gives. Where the device has no room for it, it is run again with fewer weights there.

        Args:
            size: of what it is run with, by which runs are told apart that take more or less room.
        Raises: OutOfMemory, if there is no room with the fewest.
        """
        if self._is_running:
            return call()
        self._size = size
        if size is not None and not self._known:
            self._expect(size)
        while True:
            self._begin()
            try:
                with self.accelerator.running():
                    made = call()
            except torch.OutOfMemoryError as error:
                asked = bytes_asked(str(error))
            else:
                self._end()
                return made
            finally:
                self._is_running, self._is_learning, self._in_use = False, False, None
            # Outside of the handler, whose traceback holds what was computed so far.
            self._give_way(asked)

    def lend(self, placed: PlacedWeight) -> Tensor:
        """The weight on the device, in the net's dtype."""
        with self._lock:
            if self._is_learning:
                self._measure()
                self._seen.append(Use(self._numbers[placed], placed.nbytes, placed.widened_bytes, 0, 0.0))
            self._in_use = None
            at = self._find(placed) if self._is_running else None
            tensors = placed.kept or self._take(placed)
            if at is not None:
                self._send_ahead(at, 0 if placed.kept else placed.nbytes)
            weight = tensors[0] if placed.is_ready else placed.source.stored().widened(self._dtype, tensors)
            del tensors
            if self._is_learning:
                # It stays until the next is asked for, so that what is used beside weights can be told from them.
                self._in_use = weight
                own = self.books.device_bytes + (0 if placed.kept and placed.is_ready else weight.nbytes)
                self._weights_then = own + self._neighbours.others_bytes(self)
                self.accelerator.peak_bytes()
        return weight

    def let_go(self, wanted_bytes: int) -> int:
        """Let weights leave, until so many bytes went; others may stay then. Returns: how many bytes."""
        with self._lock:
            self.unsettle()
            self._is_stale = True
            before = self.books.device_bytes
            while before - self.books.device_bytes < wanted_bytes and (leaving := self._latest(None)) is not None:
                self._drop(leaving)
                leaving.is_chosen = False
            return before - self.books.device_bytes

    def leave(self) -> None:
        """Let all weights go that this net does not share with the one without patches."""
        with self._lock:
            self.unsettle()
            for placed in self._own:
                self._drop(placed)
                placed.is_chosen = False

    def settle(self, net: nn.Module) -> None:
        """Have a net, all of whose weights are here to stay, hold them itself, so that lending costs nothing."""
        with self._lock:
            if self._settled is not None or not all(placed.kept and placed.is_ready for placed in self._placed):
                return
            for path, layer, name in list(lendable(net)):
                if layer.lent and path in self.loans and name in layer.lent:
                    kept = self.loans[path].placed.kept
                    assert kept is not None
                    layer._parameters[name] = nn.Parameter(kept[0], requires_grad=False)
                    layer.lent = {each: lender for each, lender in layer.lent.items() if each != name} or None
            self._settled = net

    def unsettle(self) -> None:
        """Lend again."""
        net, self._settled = self._settled, None
        if net is None:
            return
        for path, layer, name in list(lendable(net)):
            if path in self.loans and (own := layer._parameters[name]) is not None:
                layer._parameters[name] = nn.Parameter(stand_in(own.shape, own.device, own.dtype), requires_grad=False)
                layer.lent = {**(layer.lent or {}), name: self.loans[path]}

    def _begin(self) -> None:
        self._seen, self._cursor, self._is_running = [], 0, True
        if self._is_stale:
            self._runs_seen, self._is_stale = 0, False
        self._is_learning = self._runs_seen < RUNS_TO_SEE
        if self._is_learning:
            self._marks = []
            self._beside_before = self._beside_bytes()
            self._weights_then = self.books.device_bytes + self._neighbours.others_bytes(self)
            self.accelerator.peak_bytes()
        self._blocked_at = -1

    def _end(self) -> None:
        """Choose what stays, if this run showed something new."""
        if not self._is_learning:
            return
        with self._lock:
            if not self._seen:  # the net holds its weights itself
                self._note(max(0, self.accelerator.peak_bytes() - self._weights_then))
            self._measure()
            self._in_use = None
            self._runs_seen += 1
            spans = zip(self._marks, self._marks[1:], strict=False)
            seconds = [self.accelerator.seconds(first, last) for first, last in spans]
            self._seen = [replace(use, seconds=each) for use, each in zip(self._seen, seconds, strict=True)]
            # What the run keeps for the next, such as keys and values of a text, is there all through that one.
            kept = max(0, self._beside_bytes() - self._beside_before)
            self._seen = [replace(use, beside_bytes=use.beside_bytes + kept) for use in self._seen]
            if self._seen:
                self._note(max(use.widened_bytes + use.beside_bytes for use in self._seen))
            if is_same(self._seen, self._known):
                more = [
                    replace(seen, beside_bytes=max(seen.beside_bytes, known.beside_bytes))
                    for seen, known in zip(self._seen, self._known, strict=True)
                ]
                if all(new.beside_bytes == old.beside_bytes for new, old in zip(more, self._known, strict=True)):
                    return
                self._seen = more
            self._known = self._seen
            total = self.accelerator.total_bytes() - self._neighbours.others_bytes(self)
            room = room_to_stay(self._known, total)
            room = room if self.most_bytes is None else min(room, self.most_bytes)
            staying = choose_staying(self._known, room)
            self._have_stay(staying, room)

    def _have_stay(self, staying: set[int], room: int) -> None:
        """Let go of all others but those which runs of another kind use, such as a VAE's decoder beside its encoder."""
        used = {use.weight for use in self._known}
        room -= sum(self._placed[number].nbytes for number in staying)
        for number, placed in enumerate(self._placed):
            placed.is_chosen = number in staying
            if number not in used and placed.kept is not None and placed.nbytes <= room:
                placed.is_chosen = True
                room -= placed.nbytes
            if not placed.is_chosen:
                self._drop(placed)

    def _note(self, beside_bytes: int) -> None:
        self.beside_bytes = beside_bytes
        if self._estimates is not None and self._size is not None:
            self._estimates.note(self._size, beside_bytes)

    def _beside_bytes(self) -> int:
        """What is on the device beside weights."""
        return self.accelerator.used_bytes() - self.books.device_bytes - self._neighbours.others_bytes(self)

    def _measure(self) -> None:
        """Note what the use before took beside weights, and when it ended."""
        if self._seen:
            beside = max(0, self.accelerator.peak_bytes() - self._weights_then)
            self._seen[-1] = replace(self._seen[-1], beside_bytes=beside)
        self._marks.append(self.accelerator.mark())

    def _find(self, placed: PlacedWeight) -> int | None:
        """Which use of the run that was looked at this one is."""
        number = self._numbers[placed]
        for at in range(self._cursor, len(self._known)):
            if self._known[at].weight == number:
                self._cursor = at + 1
                return at
        self._is_stale = True  # another order than it had
        return None

    def _take(self, placed: PlacedWeight) -> tuple[Tensor, ...]:
        """The tensors of a weight that does not stay yet."""
        arrival = placed.coming
        if arrival is None:
            self._make_room(placed)
            arrival = self._bring(placed)
        self._drop(placed)
        tensors = arrival.take()
        if placed.is_chosen or (not self._known and self._is_first_choice(placed)):
            placed.is_chosen = True
            placed.kept = tensors
            self.books.staying_bytes += placed.nbytes
        return tensors

    def _bring(self, placed: PlacedWeight) -> Arrival:
        share = self._shares[placed]
        if placed.prepared is None and not placed.is_chosen and self._known and share(placed.nbytes):
            placed.prepared = self.accelerator.prepared(placed.source.stored().tensors)
            if placed.prepared is None:
                share.give_back(placed.nbytes)
        return self.accelerator.bring(placed.prepared or placed.source.stored().tensors)

    def _is_first_choice(self, placed: PlacedWeight) -> bool:
        most = self.most_bytes
        return self._free_bytes() >= self.reserve_bytes and (
            most is None or self.books.device_bytes + placed.nbytes <= most
        )

    def _make_room(self, placed: PlacedWeight) -> None:
        """See that a weight has room: own ones leave that are needed latest, then other nets'."""
        while (lacking := placed.nbytes - self._free_bytes()) > 0:
            leaving = self._latest(placed)
            if leaving is not None:
                self._drop(leaving)
            elif not self._neighbours.make_leave(self, lacking):
                raise torch.OutOfMemoryError(f"Tried to allocate {placed.nbytes} bytes")

    def _free_bytes(self) -> int:
        return self.accelerator.total_bytes() - self.accelerator.used_bytes()

    def _latest(self, wanted: PlacedWeight | None) -> PlacedWeight | None:
        """The weight that is needed latest: of those on their way, then those that happen to be here, then the rest."""
        here = [placed for placed in self._placed if placed.is_here and placed is not wanted]
        places = {use.weight: at for at, use in enumerate(self._known)}
        count = max(1, len(places))

        def rank(placed: PlacedWeight) -> tuple[bool, bool, int]:
            number = self._numbers[placed]
            ahead = (places.get(number, number) - self._cursor) % count
            return placed.coming is not None, not placed.is_chosen, ahead

        return max(here, key=rank, default=None)

    def _drop(self, placed: PlacedWeight) -> None:
        if placed.kept is not None:
            placed.kept = None
            self.books.staying_bytes -= placed.nbytes
        if placed.coming is not None:
            placed.coming = None
            self.books.coming_bytes -= placed.nbytes

    def _send_ahead(self, now: int, in_use_bytes: int) -> None:
        """Send for what is used next, as far as there is room until then."""
        if not in_use_bytes and now <= self._blocked_at:
            return  # what stood in the way still does
        count = len(self._known)
        room = self.accelerator.total_bytes() - self._neighbours.others_bytes(self) - in_use_bytes
        if self.most_bytes is not None:
            room = min(room, self.most_bytes + AHEAD * self.largest_bytes)
        needed, needed_at = 0, now
        for step in range(count):
            at = (now + step) % count
            use = self._known[at]
            if use.widened_bytes + use.beside_bytes > needed:
                needed, needed_at = use.widened_bytes + use.beside_bytes, now + step
            placed = self._placed[use.weight]
            if placed.is_here or not step:
                continue
            if self.books.device_bytes + placed.nbytes + needed > room or placed.nbytes > self._free_bytes():
                self._blocked_at = needed_at
                return
            try:
                placed.coming = self._bring(placed)
            except torch.OutOfMemoryError:
                self._blocked_at = needed_at
                return
            self.books.coming_bytes += placed.nbytes
        self._blocked_at = count

    def _give_way(self, asked: int | None) -> None:
        """Make room after a run that had not enough: own weights leave, half of those that stay at least; then others'.

        Raises: OutOfMemory, if nothing is left that could leave.
        """
        with self._lock:
            self.forget()
            self.runs_again += 1
            wanted = max(asked or 0, self.books.device_bytes // 2, 1)
            self.reserve_bytes = max(self.reserve_bytes, self._free_bytes() + wanted)
            if self.let_go(wanted) or self._neighbours.make_leave(self, wanted):
                return
        free = self._free_bytes()
        words = " ({asked:,.0f} MB asked for, {free:,.0f} MB free)"
        needs = "" if asked is None else say(words, asked=asked / 1e6, free=free / 1e6)
        raise OutOfMemory(
            say(
                "out of memory{needs}, though no weight stays on the device; make the picture or the batch smaller, "
                "or raise the limit",
                needs=needs,
            ),
            asked=asked,
            free=free,
        )
