import math
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.networks.clip_vision import ClipVision, ClipVisionConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests.heddle.networks import plain

TINY: dict[str, Any] = {"width": 24, "layers": 3, "mlp_width": 40, "heads": 3, "patch_px": 4, "image_px": 12}


def normed(state: plain.State, name: str, x: Tensor, eps: float) -> Tensor:
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (var + eps).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]


def gate(kind: str, x: Tensor) -> Tensor:
    if kind == "quick":
        return x / (1 + torch.exp(-1.702 * x))
    if kind == "tanh":
        return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + torch.erf(x / math.sqrt(2)))


def layers_of(state: plain.State, x: Tensor, count: int, kind: str, eps: float) -> Tensor:
    for number in range(count):
        layer = f"vision_model.encoder.layers.{number}"
        y = normed(state, f"{layer}.layer_norm1", x, eps)
        q, k, v = (plain.linear(state, f"{layer}.self_attn.{letter}_proj", y) for letter in "qkv")
        x = x + plain.linear(state, f"{layer}.self_attn.out_proj", plain.attention(q, k, v, 3))
        y = plain.linear(state, f"{layer}.mlp.fc1", normed(state, f"{layer}.layer_norm2", x, eps))
        x = x + plain.linear(state, f"{layer}.mlp.fc2", gate(kind, y))
    return x


def patches_of(state: plain.State, pixels: Tensor) -> Tensor:
    weight = state["vision_model.embeddings.patch_embedding.weight"]
    rows = []
    for y in range(0, 12, 4):
        for x in range(0, 12, 4):
            rows.append(torch.einsum("bcij,wcij->bw", pixels[:, :, y : y + 4, x : x + 4], weight))
    return torch.stack(rows, 1)


@pytest.mark.parametrize("kind", ["quick", "gelu"])
@torch.no_grad()
def test_clip_computes_what_the_formulas_say(kind: str):
    torch.manual_seed(0)
    net = ClipVision(ClipVisionConfig(**TINY, quick_gate=kind == "quick", projection_width=7), TRAINABLE)
    state, pixels = net.state_dict(), torch.randn(2, 3, 12, 12)
    first = state["vision_model.embeddings.class_embedding"].expand(2, 1, 24)
    x = torch.cat([first, patches_of(state, pixels)], 1)
    x = normed(state, "vision_model.pre_layrnorm", x + state["vision_model.embeddings.position_embedding.weight"], 1e-5)
    last = layers_of(state, x, 3, kind, 1e-5)
    got = net(pixels)
    torch.testing.assert_close(got.last, last, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.penultimate, layers_of(state, x, 2, kind, 1e-5), rtol=1e-4, atol=1e-5)
    whole = normed(state, "vision_model.post_layernorm", last[:, 0], 1e-5) @ state["visual_projection.weight"].T
    torch.testing.assert_close(got.whole, whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_siglip_computes_what_the_formulas_say():
    torch.manual_seed(0)
    net = ClipVision(ClipVisionConfig(**TINY, is_siglip=True), TRAINABLE)
    state, pixels = net.state_dict(), torch.randn(2, 3, 12, 12)
    x = patches_of(state, pixels) + state["vision_model.embeddings.patch_embedding.bias"]
    x = x + state["vision_model.embeddings.position_embedding.weight"]
    got = net(pixels)
    last = normed(state, "vision_model.post_layernorm", layers_of(state, x, 3, "tanh", 1e-6), 1e-6)
    torch.testing.assert_close(got.last, last, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.penultimate, layers_of(state, x, 2, "tanh", 1e-6), rtol=1e-4, atol=1e-5)
    assert got.whole is got.last


def test_the_published_sizes_have_the_published_number_of_weights():
    with torch.device("meta"):
        net = ClipVision(ClipVisionConfig(1024, 24, 4096, 16, quick_gate=True, projection_width=768), PLAIN)
    assert sum(weight.numel() for weight in net.parameters()) == 303_966_208
    assert len(net.state_dict()) == 392


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ShapeError, match="5 heads"):
        ClipVisionConfig(**{**TINY, "heads": 5})
