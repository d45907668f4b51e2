from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from heddle.networks.reference_places import reference_name
from tests.heddle.networks import plain_transformers as plain

TINY = FluxConfig(
    width=64,
    head_width=32,
    mlp_width=48,
    double_blocks=2,
    single_blocks=2,
    context_width=24,
    vector_width=12,
    in_channels=4,
    out_channels=4,
)


def seeded_flux(config: FluxConfig = TINY) -> Flux:
    torch.manual_seed(0)
    net = Flux(config, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float(name.endswith("norm.scale")), std=0.2)
    return net


def inputs(height: int, width: int, batch: int = 2, channels: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "x": torch.randn(batch, channels, height, width),
        "timesteps": torch.rand(batch) / 20,  # larger ones are angles of which float32 has few digits
        "context": torch.randn(batch, 5, 24),
        "vector": torch.randn(batch, 12),
        "guidance": torch.rand(batch) / 20,
    }


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 1)])
def test_it_computes_what_the_formulas_say_at_even_and_odd_sizes(size):
    net, given = seeded_flux(), inputs(*size)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.flux(net.state_dict(), **given), rtol=1e-4, atol=1e-4)


def test_a_net_without_guidance_takes_no_notice_of_one():
    net = seeded_flux(replace(TINY, has_guidance=False))
    given = inputs(4, 4)
    alone = {name: tensor for name, tensor in given.items() if name != "guidance"}
    with torch.no_grad():
        wanted = plain.flux(net.state_dict(), **alone)
        torch.testing.assert_close(net(**given), wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net(**alone), wanted, rtol=1e-4, atol=1e-4)


def test_a_net_with_guidance_does_without_one():
    net, given = seeded_flux(), inputs(4, 4)
    del given["guidance"]
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.flux(net.state_dict(), **given), rtol=1e-4, atol=1e-4)


def test_more_channels_may_come_in_than_go_out():
    net = seeded_flux(replace(TINY, in_channels=24))
    given = inputs(4, 6, channels=24)
    with torch.no_grad():
        found = net(**given)
        torch.testing.assert_close(found, plain.flux(net.state_dict(), **given), rtol=1e-4, atol=1e-4)
    assert found.shape == (2, 4, 4, 6)


@pytest.mark.parametrize(
    ("sizes", "places"),
    [
        ([(6, 4)], [(1, 0, 0)]),
        # the second would make the whole taller than wide, so it goes to the right; the third goes below
        ([(6, 4), (4, 3)], [(1, 0, 0), (1, 0, 2)]),
        ([(4, 6), (3, 5)], [(1, 0, 0), (1, 2, 0)]),
    ],
)
def test_references_stand_beside_the_picture_without_overlap(sizes, places):
    net, given = seeded_flux(), inputs(4, 4)
    references = [torch.randn(2, 4, *size) for size in sizes]
    with torch.no_grad():
        found = net(**given, **{f"reference_{number}": each for number, each in enumerate(references)})
        wanted = plain.flux(net.state_dict(), **given, references=references, reference_places=places)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert found.shape == (2, 4, 4, 4)


@pytest.mark.parametrize(
    ("method", "places"),
    [
        ("index", [(1, 0, 0), (2, 0, 0)]),
        ("uxo", [(0, 2, 2), (0, 2 + 3, 2 + 2)]),  # behind 4 x 4 cells, then behind the first reference too
        ("offset", [(1, 0, 0), (1, 0, 2)]),
    ],
)
def test_references_are_placed_as_their_names_say(method, places):
    net, given = seeded_flux(), inputs(4, 4)
    references = [torch.randn(2, 4, *size) for size in ((6, 4), (4, 3))]
    named = {reference_name(method, number): each for number, each in enumerate(references)}
    with torch.no_grad():
        wanted = plain.flux(net.state_dict(), **given, references=references, reference_places=places)
        torch.testing.assert_close(net(**given, **named), wanted, rtol=1e-4, atol=1e-4)


def test_references_may_be_told_that_they_are_clean():
    net, given = seeded_flux(), inputs(4, 4)
    references = [torch.randn(2, 4, *size) for size in ((6, 4), (4, 3))]
    names = [reference_name("index_timestep_zero", number) for number in (0, 1)]
    shown = {"references": references, "reference_places": [(1, 0, 0), (2, 0, 0)]}
    with torch.no_grad():
        found = net(**given, **dict(zip(names, references, strict=True)))
        wanted = plain.flux(net.state_dict(), **given, **shown, are_clean=True)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(found, plain.flux(net.state_dict(), **given, **shown), atol=1e-3)


def test_each_item_of_a_batch_is_computed_alone():
    net, given = seeded_flux(), inputs(4, 6)
    with torch.no_grad():
        alone = net(**{name: tensor[1:] for name, tensor in given.items()})
        torch.testing.assert_close(net(**given)[1:], alone, rtol=1e-4, atol=1e-5)


def test_the_size_may_change_between_calls_and_training_may_follow_inference():
    net = seeded_flux()
    with torch.inference_mode():
        small, large = net(**inputs(4, 4)), net(**inputs(6, 8))
        torch.testing.assert_close(net(**inputs(4, 4)), small)
    assert large.shape == (2, 4, 6, 8)
    net(**inputs(4, 4)).square().mean().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


def test_half_precision_goes_through_unchanged():
    net = seeded_flux().bfloat16()
    given = {name: tensor.bfloat16() for name, tensor in inputs(4, 4).items()}
    with torch.no_grad():
        found = net(**{**given, "timesteps": inputs(4, 4)["timesteps"]})
    assert found.dtype == torch.bfloat16


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights():
    config = FluxConfig(3072, 128, 12288, 19, 38, 4096, 768)
    with torch.device("meta"):
        net = Flux(config, PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    assert sum(weight.numel() for weight in net.parameters()) == 11_901_408_320


@pytest.mark.parametrize("wrong", [{"head_width": 48}, {"head_width": 16}, {"width": 80}])
def test_widths_that_do_not_split_into_heads_are_refused(wrong):
    with pytest.raises(ShapeError, match="FluxConfig"):
        replace(TINY, **wrong)


def test_what_a_mask_forbids_to_look_at_is_as_if_it_were_not_there():
    net, given = seeded_flux(), inputs(5, 3)
    token = torch.randn(2, 1, 24)
    mask = torch.zeros(2, 7, 7)
    mask[:, [0, 1, 2, 3, 4, 6], 5] = -torch.inf  # text and picture, not the token itself
    longer = {**given, "context": torch.cat([given["context"], token], 1)}
    with torch.no_grad():
        wanted = net(**given)
        assert not torch.allclose(net(**longer), wanted, atol=1e-2)
        torch.testing.assert_close(net(**longer, attention_mask=mask), wanted, rtol=1e-4, atol=1e-4)
        free = net(**longer, attention_mask=torch.zeros(2, 7, 7))
        torch.testing.assert_close(free, net(**longer), rtol=1e-4, atol=1e-4)
