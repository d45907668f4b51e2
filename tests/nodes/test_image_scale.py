from typing import Any

import pytest
import torch

from heddle.graph.declare import spec_of
from heddle.numerics.resize import resize
from nodes.image.scale import scale_image
from tests.nodes.resize_cases import cases_of, drawn, expected, tolerance

CASES = cases_of("ImageScale")


@pytest.mark.parametrize(("case", "inputs"), CASES.items(), ids=CASES)
def test_images_come_out_as_existing_workflows_expect(case: str, inputs: dict[str, Any]):
    arguments = {key: value for key, value in inputs.items() if key not in ("node", "image")}
    made = scale_image(drawn(inputs["image"]), **arguments)
    torch.testing.assert_close(made, expected(case), atol=tolerance(inputs["upscale_method"]), rtol=0)


def test_every_method_and_side_was_compared():
    assert len(CASES) == 11
    methods = spec_of(scale_image).input("upscale_method")
    assert methods is not None and set(methods.choices or ()) == {each["upscale_method"] for each in CASES.values()}


def test_no_size_at_all_changes_nothing():
    image = torch.rand(1, 5, 7, 3)
    assert torch.equal(scale_image(image, "lanczos", 0, 0, "disabled"), image)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_flat_colour_stays_that_colour(method: str, channels: int):
    image = torch.full((2, 9, 6, channels), 0.6)
    made = scale_image(image, method, 13, 5, "center")
    assert made.shape == (2, 5, 13, channels)
    torch.testing.assert_close(made, torch.full_like(made, 0.6), atol=1 / 255, rtol=0)


def test_cutting_the_sides_stretches_nothing():
    circle = (
        torch.hypot(*torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")) < 15
    ).float()
    made = scale_image(circle[None, :, :, None].expand(1, 40, 80, 3), "area", 20, 20, "center")[0, :, :, 0]
    torch.testing.assert_close(made, made.T)
    assert float(made.sum()) * 4 == pytest.approx(float(circle.sum()), rel=0.01)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="bicubic"):
        resize(torch.zeros(1, 3, 4, 4), 2, 2, "sinc")


def test_the_input_is_left_as_it_was():
    image = torch.rand(1, 9, 6, 3)
    before = image.clone()
    scale_image(image, "lanczos", 3, 3, "center")
    assert torch.equal(image, before)
