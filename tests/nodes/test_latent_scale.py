from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.declare import spec_of
from heddle.numerics.resize import resize
from nodes.latent.scale import scale_latent, scale_latent_by
from tests.nodes.fake_context import FakeContext
from tests.nodes.resize_cases import cases_of, drawn, expected, tolerance

CASES = cases_of("LatentUpscale")
BY_CASES = cases_of("LatentUpscaleBy")


@pytest.mark.parametrize(("case", "inputs"), CASES.items(), ids=CASES)
def test_latents_come_out_as_existing_workflows_expect(case: str, inputs: dict[str, Any]):
    arguments = {key: value for key, value in inputs.items() if key not in ("node", "samples")}
    made = scale_latent({"samples": drawn(inputs["samples"])}, **arguments, ctx=FakeContext())["samples"]
    torch.testing.assert_close(made, expected(case), atol=tolerance(inputs["upscale_method"]), rtol=0)


@pytest.mark.parametrize(("case", "inputs"), BY_CASES.items(), ids=BY_CASES)
def test_latents_scaled_by_a_factor_come_out_as_existing_workflows_expect(case: str, inputs: dict[str, Any]):
    samples = {"samples": drawn(inputs["samples"])}
    made = scale_latent_by(samples, inputs["upscale_method"], inputs["scale_by"])["samples"]
    torch.testing.assert_close(made, expected(case), atol=tolerance(inputs["upscale_method"]), rtol=0)


@pytest.mark.parametrize("function", [scale_latent, scale_latent_by])
def test_every_method_was_compared(function: Any):
    methods = spec_of(function).input("upscale_method")
    cases = CASES if function is scale_latent else BY_CASES
    assert methods is not None and set(methods.choices or ()) == {each["upscale_method"] for each in cases.values()}


def test_what_belongs_to_the_latent_stays_with_it_and_the_old_one_is_untouched():
    mask = torch.ones(1, 64, 64)
    old = {"samples": torch.rand(1, 4, 8, 8), "noise_mask": mask, "batch_index": [3]}
    made = scale_latent(old, "bilinear", 128, 128, "disabled", ctx=FakeContext())
    assert made["noise_mask"] is mask and made["batch_index"] == [3]
    assert old["samples"].shape == (1, 4, 8, 8) and made["samples"].shape == (1, 4, 16, 16)


@pytest.mark.parametrize(
    ("asked", "made", "is_told"),
    [((128, 96), (16, 12), False), ((100, 96), (12, 12), True), ((8, 96), (8, 12), True), ((0, 16), (8, 8), True)],
)
def test_a_size_that_cannot_be_made_exactly_is_told(asked: tuple[int, int], made: tuple[int, int], is_told: bool):
    ctx = FakeContext()
    samples = scale_latent({"samples": torch.zeros(1, 4, 8, 8)}, "area", *asked, "disabled", ctx=ctx)["samples"]
    assert (samples.shape[3], samples.shape[2]) == made
    assert bool(ctx.notes) == is_told


def test_a_tiny_factor_leaves_one_cell():
    made = scale_latent_by({"samples": torch.zeros(1, 4, 8, 8)}, "area", 0.01)
    assert made["samples"].shape == (1, 4, 1, 1)


def variance_lost(method: str, x: Tensor) -> float:
    return float(1 - resize(x, 61, 61, method).var() / x.var())


def test_bislerp_keeps_the_variance_that_bilinear_loses():
    noise = torch.randn(4, 4, 32, 32, generator=torch.manual_seed(1))
    assert variance_lost("bilinear", noise) > 0.3
    assert variance_lost("bislerp", noise) < 0.15


def test_bislerp_meets_vectors_without_an_arc():
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    for pair in ((a, a), (a, -a), (a, 0 * a), (0 * a, 0 * a), (a, 3 * a)):
        x = torch.stack(pair, dim=1)[None, :, None, :]
        made = resize(x, 7, 3, "bislerp")
        assert made.isfinite().all()
        assert made.norm(dim=1).max() <= x.norm(dim=1).max() + 1e-5
        torch.testing.assert_close(made[0, :, 0, 0], pair[0], atol=1e-4, rtol=0)


def test_half_precision_stays_half_precision():
    assert resize(torch.randn(1, 4, 8, 8).half(), 5, 5, "bislerp").dtype == torch.float16
