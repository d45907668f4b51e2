"""Those who step into the blocks of diffusion transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from heddle.networks.auraflow import AuraFlow, AuraFlowConfig
from heddle.networks.chroma import Chroma, ChromaConfig
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.hooks import NO_HOOKS, BlockPlace, Hooks
from heddle.networks.lumina import Lumina, LuminaConfig
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import TRAINABLE

NETS: dict[str, Callable[[], Any]] = {
    "flux": lambda: Flux(FluxConfig(64, 32, 48, 2, 3, 24, 12, in_channels=4, out_channels=4), TRAINABLE),
    "chroma": lambda: Chroma(
        ChromaConfig(64, 32, 48, 2, 3, 24, in_channels=4, out_channels=4, asking_width=40, asking_layers=2), TRAINABLE
    ),
    "auraflow": lambda: AuraFlow(AuraFlowConfig(256, 48, 2, 3, 24, places=6, registers=3), TRAINABLE),
    "lumina": lambda: Lumina(LuminaConfig(48, 12, 4, 2, 40, 1, 3, 24, 32, in_channels=4, out_channels=4), TRAINABLE),
    "mmdit": lambda: Mmdit(MmditConfig(64, 48, (False, True, False), 24, 12, 8, in_channels=4), TRAINABLE),
}
TEXT_LENGTH = 5


def made(name: str) -> Any:
    torch.manual_seed(0)
    net = NETS[name]()
    for each, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float(each.endswith(".scale")), std=0.1)
    return net


def run(net: nn.Module, hooks: Hooks = NO_HOOKS) -> Tensor:
    torch.manual_seed(1)
    given = {"x": torch.randn(1, 4, 4, 6), "timesteps": torch.rand(1) / 20, "context": torch.randn(1, TEXT_LENGTH, 24)}
    if not isinstance(net, (Chroma, AuraFlow, Lumina)):
        given["vector"] = torch.randn(1, 12)
    with torch.no_grad():
        return net(**given, hooks=hooks)


@pytest.mark.parametrize("name", NETS)
def test_every_block_is_asked_with_its_place(name: str) -> None:
    places: list[BlockPlace] = []

    def note(place: BlockPlace, q: Tensor, seen: Tensor, heads: int) -> Tensor:
        places.append(place)
        assert (
            q.shape == seen.shape == (1, 6, net.config.width) and q.shape[-1] % heads == 0
        )  # the picture's tokens alone
        return seen

    net = made(name)
    torch.testing.assert_close(run(net, Hooks(seen=(note,))), run(net))
    counts = net.config.block_counts
    assert places == [
        BlockPlace(kind, number) for kind in ("double", "single") for number in range(counts.get(kind, 0))
    ]


@pytest.mark.parametrize("name", NETS)
def test_a_skipped_block_is_as_if_it_were_not_there(name: str) -> None:
    net = made(name)
    names = {"mmdit": "joint_blocks", "auraflow": "{}_layers", "lumina": "layers"}
    whole = run(net)
    for kind, count in net.config.block_counts.items():
        for number in range(count):
            found = run(net, Hooks(skipped=(BlockPlace(kind, number),)))
            assert not torch.allclose(found, whole, atol=1e-5)
            shorter = made(name)
            blocks = getattr(shorter, names.get(name, "{}_blocks").format(kind))
            if name == "chroma":  # whose blocks are moved by vectors of their number
                blocks[number] = Idle(kind, number)
            else:
                del blocks[number]
            torch.testing.assert_close(found, run(shorter))


class Idle(nn.Module):
    def __init__(self, kind: Literal["double", "single"], number: int) -> None:
        super().__init__()
        self.place, self.kind = BlockPlace(kind, number), kind

    def forward(self, *given: Any) -> Any:
        return given[:2] if self.kind == "double" else given[0]


@pytest.mark.parametrize("name", NETS)
def test_what_the_picture_has_seen_may_be_changed_and_the_texts_is_left_alone(name: str) -> None:
    net = made(name)
    half = Hooks(seen=(lambda place, q, seen, heads: seen / 2,))
    twice = Hooks(seen=(lambda place, q, seen, heads: seen * 2,))
    torch.testing.assert_close(run(net, half + twice), run(net))
    assert not torch.allclose(run(net, half), run(net), atol=1e-5)
    seen = torch.ones(1, 8, 4)
    changed = half.change_seen(BlockPlace("double", 0), seen, seen, 1, text_length=3)
    assert changed[:, :3].eq(1).all() and changed[:, 3:].eq(0.5).all() and seen.eq(1).all()
