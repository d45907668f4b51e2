"""Networks that are made weaker, held against what diffusers makes of the same random weights."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heddle.adapters.transformer_names import diffusers_targets
from heddle.networks.hooks import BlockPlace
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.samplers.conditions import Call
from heddle.samplers.guiders import cfg
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.weaker_guidance import self_attention_guidance
from model_management.attention_guidance import look_nowhere, skip_blocks, watch_middle
from tests.model_management.test_diffusers_unet import in_diffusers
from tests.oracles import diffusers


def drawn(net: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    return net


CONFIG = UNetConfig((32, 64), (1, 1), (1, 2), middle_depth=2, context_width=16, time_width=128, heads=4)


def two_unets() -> tuple[Any, Any, ModuleType]:
    """One net as ours and as that of diffusers, which comes too."""
    net, kind = drawn(UNet(CONFIG, TRAINABLE)), diffusers()
    theirs = kind.UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2, cross_attention_dim=16, attention_head_dim=4,
        transformer_layers_per_block=(1, 2), reverse_transformer_layers_per_block=(2, 1),
    )  # fmt: skip
    theirs.load_state_dict(in_diffusers(net.state_dict(), CONFIG))
    return net, theirs, kind


def test_perturbed_attention_is_that_of_diffusers() -> None:
    net, theirs, kind = two_unets()
    perturbed = kind.models.attention_processor.PAGIdentitySelfAttnProcessor2_0
    theirs.set_attn_processor(
        {
            name: perturbed() if "mid_block" in name and "attn1" in name else processor
            for name, processor in theirs.attn_processors.items()
        }
    )
    x, times, text = torch.randn(2, 4, 8, 12), torch.tensor([500.0, 20.0]), torch.randn(2, 5, 16)
    with torch.no_grad():  # which runs the first half of a batch as it is, the second one perturbed
        plain, weak = theirs(*(torch.cat([each, each]) for each in (x, times, text))).sample.chunk(2)
        torch.testing.assert_close(net(x, times, text), plain, atol=1e-5, rtol=1e-4)
        hooks = look_nowhere(Call({})).hooks
        torch.testing.assert_close(net(x, times, text, hooks=hooks), weak, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(plain, weak, atol=1e-3)


def test_self_attention_guidance_asks_about_the_picture_that_diffusers_asks_about() -> None:
    net, theirs, kind = two_unets()
    sag = kind.pipelines.deprecated.stable_diffusion_sag.pipeline_stable_diffusion_sag
    store = sag.CrossAttnStoreProcessor()
    theirs.mid_block.attentions[0].transformer_blocks[0].attn1.processor = store
    x, times, text = torch.randn(1, 4, 12, 20), torch.tensor([500.0]), torch.randn(1, 5, 16)
    asked: list[Tensor] = []

    def guess(x: Tensor, sigma: Tensor, names: Sequence[str], /, change: Any = None) -> dict[str, Tensor]:
        asked.append(x)
        call = change(Call({}, ("negative",), areas=(None,)))
        with torch.no_grad():
            said: Tensor = net(x, times, text, **({"hooks": call.hooks} if call.hooks else {}))
        return dict.fromkeys(names, said)

    with torch.no_grad():
        theirs(x, times, text)
    prediction = Epsilon(scaled_linear(0.00085, 0.012))
    change = self_attention_guidance(watch_middle, 0.5, 1.0)
    cfg(guess, 3.0, prediction, [change])(x, torch.tensor(2.0))
    pipeline = SimpleNamespace(
        unet=SimpleNamespace(config=SimpleNamespace(attention_head_dim=CONFIG.heads)),
        scheduler=SimpleNamespace(add_noise=lambda clean, noise, timesteps: clean + noise),
    )
    with torch.no_grad():
        clean = net(x, times, text)
    masking = sag.StableDiffusionSAGPipeline.sag_masking
    wanted = masking(pipeline, clean, store.attention_probs, (6, 10), torch.tensor(500), x - clean)
    torch.testing.assert_close(asked[1], wanted, atol=1e-5, rtol=1e-4)
    assert 0.1 < float((asked[1] != x).float().mean()) < 0.9


@pytest.mark.parametrize("layers", [[], [0], [1], [0, 1]])
def test_skipped_layers_are_those_of_diffusers(layers: list[int]) -> None:
    net = drawn(Mmdit(MmditConfig(128, 512, (False,) * 3, 24, 12, 8, in_channels=4, out_channels=4), TRAINABLE))
    theirs = diffusers().SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=3, attention_head_dim=64,
        num_attention_heads=2, joint_attention_dim=24, caption_projection_dim=128, pooled_projection_dim=12,
        pos_embed_max_size=8,
    )  # fmt: skip
    theirs.load_state_dict(by_diffusers_names(net.state_dict(), set(theirs.state_dict())))
    x, times, text, vector = (
        torch.randn(2, 4, 8, 12),
        torch.tensor([500.0, 20.0]),
        torch.randn(2, 5, 24),
        torch.randn(2, 12),
    )
    with torch.no_grad():
        wanted = theirs(x, text, vector, times, skip_layers=layers or None).sample
        hooks = skip_blocks([BlockPlace("double", number) for number in layers])(Call({})).hooks
        torch.testing.assert_close(net(x, times, text, vector, hooks=hooks), wanted, atol=1e-5, rtol=1e-4)


def by_diffusers_names(state: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    made = {"pos_embed.pos_embed": state["pos_embed"]}
    for layer, target in diffusers_targets({name: tuple(tensor.shape) for name, tensor in state.items()}):
        for kind, name in (("weight", target.weight), ("bias", target.bias)):
            if f"{layer}.{kind}" in wanted and f"{layer}.{kind}" not in made:
                rows = state[name] if target.rows is None else state[name][slice(*target.rows)]
                made[f"{layer}.{kind}"] = rows.roll(len(rows) // 2, 0) if target.is_swapped else rows
    return made
