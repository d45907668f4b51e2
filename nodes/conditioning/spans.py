"""Parts of a run, which are wires of their own."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Number, node
from heddle.wires import TimestepsRange


@node(
    "ConditioningTimestepsRange", category="advanced/hooks", name="Timesteps Range", experimental=True,
    outputs=("TIMESTEPS_RANGE", "BEFORE_RANGE", "AFTER_RANGE"),
)  # fmt: skip
def timesteps_range(
    start_percent: Annotated[
        float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it begins, 0 to 1.")
    ],
    end_percent: Annotated[
        float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it ends, 0 to 1.")
    ],
) -> tuple[TimestepsRange, TimestepsRange, TimestepsRange]:
    """A part of a run, what comes before it, and what comes after it."""
    return (start_percent, end_percent), (0.0, start_percent), (end_percent, 1.0)
