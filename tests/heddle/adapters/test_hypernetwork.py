"""Hypernetworks against the layers that they describe."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heddle.adapters.hypernetwork import read_hypernetwork
from heddle.graph.errors import WeightsError


def small_net(*layers: nn.Module) -> tuple[nn.Module, dict[str, Tensor]]:
    net = nn.Sequential(*layers)
    return net, {f"linear.{name}": tensor.detach() for name, tensor in net.state_dict().items()}


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def file_of(keys: dict[str, Tensor], values: dict[str, Tensor], **more: Any) -> dict[Any, Any]:
    return {8: [keys, values], "step": 3, **more}


def test_keys_and_values_go_through_nets_of_their_own() -> None:
    torch.manual_seed(0)
    keys, keys_state = small_net(nn.Linear(8, 16), nn.ELU(), nn.LayerNorm(16), nn.Linear(16, 8))
    values, values_state = small_net(nn.Linear(8, 12), nn.ELU(), nn.Linear(12, 8))
    hypernetwork = read_hypernetwork(file_of(keys_state, values_state, activation_func="elu"))
    k, v = randn(2, 5, 8), randn(2, 5, 8) + 1
    changed = hypernetwork.change(k, v, 0.5)
    torch.testing.assert_close(changed[0], k + 0.5 * keys(k))
    torch.testing.assert_close(changed[1], v + 0.5 * values(v))


def test_the_last_layer_is_active_where_the_file_says_so() -> None:
    torch.manual_seed(0)
    net, state = small_net(nn.Linear(8, 8), nn.Tanh())
    hypernetwork = read_hypernetwork(file_of(state, state, activation_func="tanh", activate_output=True))
    k = randn(1, 3, 8)
    torch.testing.assert_close(hypernetwork.change(k, k, 1.0)[0], k + net(k))


def test_other_widths_are_left_alone() -> None:
    _net, state = small_net(nn.Linear(8, 8))
    k = randn(1, 3, 6)
    changed = read_hypernetwork(file_of(state, state)).change(k, k, 1.0)
    assert changed[0] is k and changed[1] is k


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no hypernetwork"),
        ({"string_to_param": {}}, "no hypernetwork"),
        (file_of({}, {}), "no layers"),
        ({8: [{}]}, "no pair of nets"),
        (file_of({"linear.0.weight": randn(8, 7)}, {}), "is given 8 numbers"),
        (file_of({"linear.0.weight": randn(7, 8)}, {}), "gives 7 numbers"),
        (file_of({}, {}, activation_func="cube"), "'cube' is not known"),
    ],
)
def test_what_is_no_hypernetwork_is_refused(content: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_hypernetwork(content)
