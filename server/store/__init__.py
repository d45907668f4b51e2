"""Jobs on disk: what was asked, in which order, what came of it."""

from server.store.records import (
    KNOWN_STATES,
    DuplicateJob,
    Job,
    JobRow,
    NewJob,
    State,
    StoreDamaged,
    StoredEvent,
    StoreTrouble,
    Which,
    key_in_batch,
    now_ms,
)
from server.store.store import Store

__all__ = [
    "KNOWN_STATES",
    "DuplicateJob",
    "Job",
    "JobRow",
    "NewJob",
    "State",
    "Store",
    "StoreDamaged",
    "StoreTrouble",
    "StoredEvent",
    "Which",
    "key_in_batch",
    "now_ms",
]
