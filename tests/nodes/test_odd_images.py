"""Odd images and masks through every node that takes some: a result, or an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.errors import HeddleError
from heddle.graph.spec import NodeSpec
from nodes.catalogue import built_in
from tests.nodes.fake_context import FakeContext

NAN = float("nan")
CASES: dict[str, tuple[torch.Size, torch.Size, float | None]] = {
    "a mask of another size": (torch.Size((1, 32, 48, 3)), torch.Size((1, 20, 30)), None),
    "more masks than images": (torch.Size((2, 32, 48, 3)), torch.Size((3, 50, 70)), None),
    "a mask without a batch": (torch.Size((1, 32, 48, 3)), torch.Size((32, 48)), None),
    "one pixel": (torch.Size((1, 1, 1, 3)), torch.Size((1, 1, 1)), None),
    "one pixel, a larger mask": (torch.Size((1, 1, 1, 3)), torch.Size((1, 9, 9)), None),
    "an empty batch": (torch.Size((0, 32, 48, 3)), torch.Size((0, 32, 48)), None),
    "no masks": (torch.Size((2, 32, 48, 3)), torch.Size((0, 32, 48)), None),
    "no numbers": (torch.Size((1, 32, 48, 3)), torch.Size((1, 32, 48)), NAN),
    "black and empty": (torch.Size((1, 32, 48, 3)), torch.Size((1, 32, 48)), 0.0),
    "beyond white": (torch.Size((1, 32, 48, 3)), torch.Size((1, 32, 48)), 7.5),
    "grey": (torch.Size((1, 32, 48, 1)), torch.Size((1, 32, 48)), None),
    "with an alpha": (torch.Size((2, 32, 48, 4)), torch.Size((1, 32, 48)), None),
}
#: What the inputs without a default get, by their type.
PLAIN: dict[str, Any] = {"STRING": "a", "INT": 1, "FLOAT": 1.0, "BOOLEAN": False}


def made(shape: torch.Size, value: float | None) -> torch.Tensor:
    return torch.rand(shape, generator=torch.manual_seed(1)) if value is None else torch.full(shape, value)


def inputs_of(spec: NodeSpec, case: str, with_optional: bool) -> dict[str, Any] | None:
    """What to call a node with; None, if it wants something that is not made here."""
    image, mask, value = CASES[case]
    given: dict[str, Any] = {}
    for each in spec.inputs:
        if each.section == "hidden" or (each.section == "optional" and not with_optional):
            continue
        if each.type in ("IMAGE", "MASK"):
            found: Any = made(image if each.type == "IMAGE" else mask, value)
        elif each.has_default:
            found = each.options["default"]
        elif each.section == "optional":
            continue
        elif each.type == "COMBO" and each.options.get("options"):
            found = each.options["options"][0]
        elif each.type in PLAIN:
            found = PLAIN[each.type]
        else:
            return None
        given[each.name] = [found] if spec.takes_lists else found
    return given


TAKERS = {
    id: spec
    for id, spec in built_in().items()
    if spec.call is not None
    and any(each.type in ("IMAGE", "MASK") for each in spec.inputs)
    and inputs_of(spec, "grey", with_optional=False) is not None
}


def test_most_nodes_for_images_are_tried() -> None:
    assert len(TAKERS) > 60


@pytest.mark.parametrize("id", list(TAKERS))
def test_odd_images_give_a_result_or_words(id: str, tmp_path: Path) -> None:
    spec = TAKERS[id]
    assert spec.call is not None
    for case in CASES:
        for with_optional in (True, False):
            given = inputs_of(spec, case, with_optional)
            assert given is not None
            if spec.takes_context:
                given["ctx"] = FakeContext(tmp_path)
            before = {name: each.clone() for name, each in given.items() if isinstance(each, torch.Tensor)}
            try:
                with torch.inference_mode():
                    spec.call(**given)
            except HeddleError as problem:
                assert problem.message, case
            except Exception as error:
                raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
            for name, each in before.items():
                assert torch.equal(each.nan_to_num(-1), given[name].nan_to_num(-1)), f"{case}: {name} was changed"
