"""The nodes a process knows, by id and by the ids they had before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.object_info import Record, record_of, spec_of_record
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec


class Registry(Mapping[str, NodeSpec]):
    """A mapping of node id to spec. Later nodes of the same id replace earlier ones, as packs rely on."""

    def __init__(self, specs: Iterable[NodeSpec] = ()) -> None:
        self._specs: dict[str, NodeSpec] = {}
        self._older_ids: dict[str, str] = {}
        for spec in specs:
            self.add(spec)

    @classmethod
    def from_catalogue(cls, records: Mapping[str, Mapping[str, Any]]) -> Registry:
        """What a process without nodes knows, or what GET /object_info answered: specs that cannot be called.

        Raises: GraphError, if it is no catalogue.
        """
        if not isinstance(records, Mapping):
            raise GraphError(say("not a catalogue: wanted an object of node id -> record, as GET /object_info answers"))
        return cls(spec_of_record(id, record) for id, record in records.items())

    def add(self, spec: NodeSpec) -> None:
        self._specs[spec.id] = spec
        self._older_ids |= dict.fromkeys(spec.was, spec.id)

    def remove(self, id: str) -> None:
        """Take a node out. Raises: KeyError, if it is not there."""
        del self._specs[id]

    def catalogue(self) -> dict[str, Record]:
        """Every node's record, as data that can travel."""
        return {id: record_of(spec) for id, spec in self._specs.items()}

    def __getitem__(self, id: str) -> NodeSpec:
        return self._specs[id if id in self._specs else self._older_ids[id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)
