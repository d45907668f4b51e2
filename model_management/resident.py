"""A net that the ledger lends, and how much of it is to stay where it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from torch import nn

from heddle.graph.said import Said, say
from model_management.main_memory import MemoryShare
from model_management.stored_net import StoredNet
from model_management.streaming import Streamed
from model_management.weight_patches import WeightPatch
from model_management.weight_sources import FileWeight


class Keeps(Enum):
    """How much of a net stays on the device."""

    AS_FITS = "as fits"
    WHOLE = "whole"  # with no room left beside it, for what is computed
    HALF = "half"  # of the device at most
    NOTHING = "nothing"


class Handle(Protocol):
    """Whatever names a stored net: a Model, a Clip, a Vae."""

    @property
    def stored(self) -> StoredNet: ...
    @property
    def weight_patches(self) -> tuple[WeightPatch, ...]: ...


@dataclass(eq=False)
class Resident:
    """A net that is lent. `working_bytes` is what its holders asked for beside its weights.

    size_bytes: of its own weights on the device, where they are all there; else `streamed` knows.
    base: the net without changes, of which this one has all weights but those it counts; it stays as long as this does.
    streamed: its weights, on a device that they are brought to.
    in_place_bytes: of weights that are there whatever happens, beside those that stream.
    share: what copies of its weights take in main memory, beside a device.
    told: the mode that was last said of it.
    """

    stored: StoredNet
    net: nn.Module
    size_bytes: int
    holders: int = 0
    working_bytes: int = 0
    base: Resident | None = None
    sources: dict[str, FileWeight] = field(default_factory=dict)
    streamed: Streamed | None = None
    in_place_bytes: int = 0
    share: MemoryShare | None = None
    told: str = ""

    @property
    def device_bytes(self) -> int:
        """What its weights take there now, less what its base has."""
        if self.streamed is None:
            return self.size_bytes
        return self.in_place_bytes + (0 if self.base is not None else self.streamed.books.device_bytes)

    @property
    def whole_bytes(self) -> int:
        """What all its weights take in the form in which they are stored."""
        if self.streamed is not None:
            return self.in_place_bytes + self.streamed.whole_bytes
        return sum(weight.nbytes for weight in self.sources.values()) or self.size_bytes

    @property
    def mode(self) -> Literal["whole", "partly", "streaming", "mapped"]:
        """How its weights lie."""
        if self.streamed is None:
            return "mapped" if any(weight.is_mapped for weight in self.sources.values()) else "whole"
        if not self.streamed.coming_bytes:
            return "whole"
        return "partly" if self.streamed.books.staying_bytes else "streaming"

    def words(self) -> Said:
        """The same for the log."""
        streamed, whole = self.streamed, self.whole_bytes / 1e6
        net = say("{file} ({role})", file=self.stored.header.path.name, role=self.stored.role)
        if self.mode == "mapped":
            return say("{net}: {whole:,.0f} MB, mapped", net=net, whole=whole)
        if streamed is None or self.mode == "whole":
            return say("{net}: {whole:,.0f} MB, all of it in place", net=net, whole=whole)
        lying = say(
            "{net}: {whole:,.0f} MB, of which {there:,.0f} MB are on the device; {coming:,.0f} MB come in each run",
            net=net,
            whole=whole,
            there=self.device_bytes / 1e6,
            coming=streamed.coming_bytes / 1e6,
        )
        if not streamed.beside_bytes:
            return lying
        beside = streamed.beside_bytes / 1e6
        return say("{lying}, and {beside:,.0f} MB are used beside them", lying=lying, beside=beside)
