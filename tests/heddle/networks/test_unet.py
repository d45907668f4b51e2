import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.ops import PLAIN, TRAINABLE, quiet_start
from heddle.networks.unet import UNet, UNetConfig, embed_timesteps
from heddle.numerics import layers
from model_management.weight_patches import share_weights
from tests.heddle.networks import plain

TINY = UNetConfig(widths=(32, 64), blocks=(1, 2), depths=(1, 2), middle_depth=1, context_width=48, time_width=96)


def seeded_unet(config: UNetConfig = TINY) -> UNet:
    torch.manual_seed(0)
    return UNet(config, TRAINABLE)


def inputs(height: int, width: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(batch, 4, height, width), torch.rand(batch) * 999, torch.randn(batch, 5, 48)


@pytest.mark.parametrize("linear_projections", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 3)])
def test_it_computes_what_the_formulas_say_at_even_and_odd_sizes(size, linear_projections):
    config = UNetConfig(**{**vars(TINY), "linear_projections": linear_projections})
    net = seeded_unet(config)
    arguments = inputs(*size)
    with torch.no_grad():
        torch.testing.assert_close(net(*arguments), plain.unet(net.state_dict(), *arguments), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "sizes",
    [
        {"depths": (0, 2), "middle_depth": 3},
        {"depths": (1, (0, 2)), "up_depths": ((2, 1), (1, 0, 3)), "middle_depth": 0},  # as distilled nets have them
        {"depths": (0, 1), "middle_depth": None},
    ],
)
def test_heads_of_one_width_a_vector_and_uneven_depths_compute_what_the_formulas_say(sizes):
    config = UNetConfig(
        (64, 128), (1, 2), context_width=48, time_width=96, head_width=64, linear_projections=True, vector_width=20,
        in_channels=9, **sizes,
    )  # fmt: skip
    net = seeded_unet(config)
    _, timesteps, context = inputs(6, 5)
    x, vector = torch.randn(2, 9, 6, 5), torch.randn(2, 20)
    with torch.no_grad():
        found = net(x, timesteps, context, vector)
        wanted = plain.unet(net.state_dict(), x, timesteps, context, vector, head_width=64)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(net(x, timesteps, context, vector * 2), found)
    assert found.shape == (2, 4, 6, 5)


def test_a_level_that_cannot_be_split_into_heads_is_refused_if_it_has_attention():
    sizes = {**vars(TINY), "widths": (96, 64), "head_width": 64}
    with pytest.raises(ShapeError, match="96 channels cannot be split into heads of 64"):
        UNetConfig(**sizes)
    UNetConfig(**{**sizes, "depths": (0, 1)})


def test_a_level_without_attention_has_none():
    config = UNetConfig(**{**vars(TINY), "depths": (0, 1)})
    names = seeded_unet(config).state_dict()
    assert not any(name.startswith("input_blocks.1.1.") for name in names)
    assert "input_blocks.3.1.proj_in.weight" in names


def test_each_item_of_a_batch_is_computed_alone():
    net = seeded_unet()
    x, timesteps, context = inputs(6, 6)
    with torch.no_grad():
        together = net(x, timesteps, context)
        alone = net(x[1:], timesteps[1:], context[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_every_weight_learns():
    net = seeded_unet()
    net(*inputs(4, 4)).square().mean().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_a_quiet_start_leaves_the_first_stage_untouched_by_its_blocks():
    net = seeded_unet()
    quiet_start(net)
    x = torch.randn(1, 32, 4, 4)
    time, context = torch.randn(1, 96), torch.randn(1, 5, 48)
    torch.testing.assert_close(net.input_blocks[1](x, time, context, x.shape[2:]), x)


def test_it_runs_in_inference_mode():
    with torch.inference_mode():
        assert seeded_unet()(*inputs(4, 4)).shape == (2, 4, 4, 4)


def test_a_plain_net_on_the_meta_device_takes_no_memory():
    with torch.device("meta"):
        net = UNet(UNetConfig((320, 640, 1280, 1280), (2,) * 4, (1, 1, 1, 0), 1, 768), PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    assert sum(weight.numel() for weight in net.parameters()) == 859_520_964  # the published net's number of weights


def test_timesteps_become_cosines_then_sines():
    embedded = embed_timesteps(torch.tensor([0.0, 3.5]), 8)
    torch.testing.assert_close(embedded[0], torch.tensor([1.0] * 4 + [0.0] * 4))
    angles = 3.5 / torch.tensor([1.0, 10.0, 100.0, 1000.0])
    torch.testing.assert_close(embedded[1], torch.cat([angles.cos(), angles.sin()]))


@pytest.mark.parametrize("wrong", [{"widths": (32, 40)}, {"blocks": (1,)}, {"widths": (), "blocks": (), "depths": ()}])
def test_sizes_that_make_no_net_are_refused(wrong):
    with pytest.raises(ShapeError):
        UNetConfig(**{**vars(TINY), **wrong})


def counted(net: UNet) -> list[str]:
    """Names of the layers that project keys and values, each time that one runs."""
    ran: list[str] = []
    for name, layer in net.named_modules():
        if name.endswith(("to_k", "to_v")):
            layer.register_forward_hook(lambda _layer, _given, _made, name=name: ran.append(name))
    return ran


def test_keys_and_values_of_a_text_are_worked_out_once_for_all_steps():
    net = seeded_unet()
    ran = counted(net)
    x, timesteps, context = inputs(8, 8)
    with torch.inference_mode():
        first = net(x, timesteps, context)
        of_texts = [name for name in ran if "attn2" in name]
        assert len(of_texts) == len(set(of_texts)) > 0
        ran.clear()
        assert torch.equal(net(x, timesteps, context), first)
        assert ran
        assert not [name for name in ran if "attn2" in name]
        ran.clear()
        assert not torch.equal(net(x, timesteps, context + 1), first)
        assert [name for name in ran if "attn2" in name] == of_texts


def test_a_net_with_other_weights_has_keys_and_values_of_its_own():
    net = seeded_unet()
    x, timesteps, context = inputs(8, 8)
    with torch.inference_mode():
        first = net(x, timesteps, context)
        changed = share_weights(net)
        for name, module in changed.named_modules():
            if name.endswith("attn2.to_k"):
                module._parameters["weight"] = torch.nn.Parameter(
                    2 * module.get_parameter("weight"), requires_grad=False
                )
        found = changed(x, timesteps, context)
        torch.testing.assert_close(found, plain.unet(changed.state_dict(), x, timesteps, context), rtol=1e-4, atol=1e-5)
        assert torch.equal(net(x, timesteps, context), first)


def test_wide_levels_compute_what_the_formulas_say_whichever_way_a_layer_goes(monkeypatch):
    for name in ("WIDE", "MANY_CHANNELS", "FEWEST_NUMBERS", "DOUBLED_NUMBERS"):
        monkeypatch.setattr(layers, name, 64)
    config = UNetConfig((64, 64, 64), (1, 1, 1), (1, 1, 1), middle_depth=1, context_width=48, time_width=96)
    torch.manual_seed(0)
    net = UNet(config, PLAIN)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    arguments = inputs(16, 20)
    with torch.inference_mode():
        torch.testing.assert_close(net(*arguments), plain.unet(net.state_dict(), *arguments), rtol=1e-4, atol=1e-4)
