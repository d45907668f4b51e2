"""What a job is, and what a worker hands to every job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from execution.cache import ResultCache
from execution.capsules import Capsules
from execution.collecting import Garbage
from execution.disk_cache import DiskCache
from execution.events import Event
from execution.explain import LastTime
from execution.keys import CodeVersion, Fingerprint
from execution.outside import Outside
from execution.plan import Plan
from execution.protection import Protection
from heddle.graph.spec import Calls, NodeSpec

Emit = Callable[[Event], None]


@dataclass
class House:
    """What a worker hands to every job: where files and weights are, the guards that a node runs under, and what
    stays from job to job.

    `capsules` makes what files carry of this house, None where nobody asks for that; `writes_metadata`: whether files
    carry what made them at all.
    `claims_of` gives the names that a job took for its files (`heddle.media.claims`), None where no job is tried twice.
    `preview_method` is one of `heddle.settings.options.PREVIEW_METHODS`; `preview_px` the longer side of previews;
    `previews_were_asked_for`: not only by default, see `NodePreview`.
    """

    folders: Any
    weights: Any
    fingerprint: Fingerprint
    guard: Callable[[], AbstractContextManager[Any]]
    cache: ResultCache
    disk: DiskCache | None = None
    protection: Protection | None = None
    claims_of: Callable[[str], Any] = lambda job_id: None
    code_version: CodeVersion = lambda spec: ""
    capsules: Capsules | None = None
    writes_metadata: bool = True
    preview_method: str = "none"
    previews_were_asked_for: bool = False
    preview_px: int = 512
    last_time: LastTime = field(default_factory=LastTime)
    garbage: Garbage = field(default_factory=Garbage)
    calls: dict[tuple[str, str], tuple[type | None, Calls]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outside = Outside(self.guard)


@dataclass(frozen=True)
class Job:
    """A checked graph with what came along.

    Attributes:
        nodes: every node there is, for graphs that nodes make.
        prompt: the graph as it was sent, and `extra_pnginfo` what clients sent besides: both go into pictures.
        keys: passwords of outside services, by the hidden input that asks for them.
        finished: output nodes that an earlier try of this job ended.
        use_cache: results are taken from earlier runs and kept for later ones.
        preview_method: this job's own; None = the house's.
        client_id: who queued it; None = nobody in particular.
    """

    id: str
    plan: Plan
    nodes: Mapping[str, NodeSpec] = field(default_factory=dict)
    prompt: Mapping[str, Any] = field(default_factory=dict)
    extra_pnginfo: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    finished: frozenset[str] = frozenset()
    stop_at_first_error: bool = False
    use_cache: bool = True
    preview_method: str | None = None
    client_id: str | None = None

    def let_through(self, error: BaseException) -> None:
        """Raise what is not a node's failure: somebody at a terminal who asked to stop for the second time."""
        if isinstance(error, KeyboardInterrupt) and self.stop.is_set():
            raise error
