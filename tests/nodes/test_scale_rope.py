"""The node that changes rotary positions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heddle.graph.errors import GraphError
from heddle.numerics.rope import PlaceScaling
from heddle.samplers.conditions import Call
from model_management.checkpoint import open_network
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes.patches.places import scale_places
from tests.model_management import tiny, tiny_transformers
from tests.tiny_checkpoint import write_tiny_checkpoint

AS_IT_IS = (1.0, 0.0, 1.0, 0.0, 1.0, 0.0)


@torch.inference_mode()
def test_a_picture_is_told_other_places(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    model, x, sigma = open_network(path, FAMILIES), torch.randn(1, 16, 4, 6), torch.tensor(0.6)
    context, pooled, guidance = torch.randn(1, 7, 48), torch.randn(1, 64), torch.tensor([3.5])
    call = Call({"context": context, "vector": pooled, "guidance": guidance})
    with Weights(torch.device("cpu")).hold(model) as net:

        def guess(*numbers: float) -> torch.Tensor:
            return denoiser_for(scale_places(model, *numbers), net)(x, sigma, call)

        plain = denoiser_for(model, net)(x, sigma, call)
        torch.testing.assert_close(guess(*AS_IT_IS), plain)
        # rows and columns are told apart, and a shift alone counts beside a text, which stays where it is
        changed = [
            guess(0.5, 0, 1, 0, 1, 0),
            guess(1, 0, 0.5, 0, 1, 0),
            guess(1, 3, 1, 0, 1, 0),
            guess(1, 0, 1, 0, 1, 3),
        ]
        assert all(not torch.allclose(one, plain, atol=1e-5) for one in changed)
        assert not torch.allclose(changed[0], changed[1], atol=1e-5)
        scaling = PlaceScaling((1.0, 0.5, 2.0), (0.0, 1.0, 4.0))
        by_hand = x - 0.6 * net(x, sigma[None], context, pooled, guidance, scaling=scaling)
        torch.testing.assert_close(guess(2.0, 4.0, 0.5, 1.0, 1.0, 0.0), by_hand)


def test_a_model_without_rotary_positions_is_refused(tmp_path: Path) -> None:
    model = open_network(write_tiny_checkpoint(tmp_path / "tiny.safetensors"), FAMILIES)
    with pytest.raises(GraphError, match=r"rotary positions, but the network of sd15 \(tiny\.safetensors\) has none"):
        scale_places(model, *AS_IT_IS)


@torch.inference_mode()
def test_of_lumina_rows_and_columns_are_changed_and_not_its_place_behind_the_text(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.lumina_tensors())
    model, x, sigma = open_network(path, FAMILIES), torch.randn(1, 16, 4, 6), torch.tensor(0.6)
    context = torch.randn(1, 7, 48)
    with Weights(torch.device("cpu")).hold(model) as net:

        def guess(*numbers: float) -> torch.Tensor:
            return denoiser_for(scale_places(model, *numbers), net)(x, sigma, Call({"context": context}))

        plain = guess(*AS_IT_IS)
        torch.testing.assert_close(plain, x - 0.6 * net(x, sigma[None], context))
        torch.testing.assert_close(guess(1, 0, 1, 0, 3, 5), plain)
        changed = [guess(0.5, 0, 1, 0, 1, 0), guess(1, 0, 0.5, 0, 1, 0), guess(1, 3, 1, 0, 1, 0)]
        assert all(not torch.allclose(one, plain, atol=1e-5) for one in changed)
        assert not torch.allclose(changed[0], changed[1], atol=1e-5)
