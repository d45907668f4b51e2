"""How picture and noise make a latent."""

import math

import pytest
import torch

from heddle.samplers.mixing import ADDED, MIXED, Mixing
from heddle.samplers.noise_schedules import FlowSchedule


@pytest.mark.parametrize("mixing", [ADDED, MIXED], ids=["added", "mixed"])
def test_lambda_is_half_the_logarithm_of_the_signal_to_noise_ratio(mixing: Mixing) -> None:
    for sigma in (0.01, 0.3, 0.999):
        ratio = (mixing.alpha(sigma) / sigma) ** 2
        assert mixing.log_snr(sigma) == pytest.approx(math.log(ratio) / 2)
        assert mixing.sigma(mixing.log_snr(sigma)) == pytest.approx(sigma)
        level = torch.tensor(sigma, dtype=torch.float64)
        assert float(mixing.log_ratio(level)) == pytest.approx(-mixing.log_snr(sigma))
        assert float(mixing.at_log_ratio(mixing.log_ratio(level))) == pytest.approx(sigma)


def test_a_flow_that_begins_with_noise_alone_begins_a_little_below() -> None:
    flow = Mixing(True, FlowSchedule(3.0).percent_to_sigma)
    sigmas = torch.tensor([1.0, 0.5, 0.0])
    below = flow.below_one(sigmas)
    assert 0.9999 < float(below[0]) < 1
    assert below[1:].tolist() == [0.5, 0.0]
    assert sigmas[0] == 1
    assert flow.below_one(below) is below
    assert ADDED.below_one(sigmas) is sigmas
    assert len(flow.below_one(torch.zeros(0))) == 0
