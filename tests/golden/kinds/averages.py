"""Cases of g_ sets that blend two texts: they name the tensors of each, not the node's inputs."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.conditioning.combining import average
from tests.golden.checks import Check
from tests.golden.sets import Case
from tests.golden.workshop import Workshop
from tests.nodes.fake_context import FakeContext


def check_average(case: Case, workshop: Workshop) -> Iterator[Check]:
    first, second = (
        [[workshop.tensor(case.inputs[side]), {"pooled_output": workshop.tensor(case.inputs[f"pooled_{side}"])}]]
        for side in ("to", "from")
    )
    [[states, more]] = average(first, second, case.inputs["conditioning_to_strength"], FakeContext())
    for name, got in (("cond", states), ("pooled", more["pooled_output"])):
        yield Check(name, got, workshop.golden.tensors()[case.tensors[name]], 0.0, 1e-5)
