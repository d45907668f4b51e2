"""Layers put onto a canvas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.numerics.boxes import read_entries
from heddle.numerics.image_layers import Layer, Layers, compose
from heddle.numerics.layer_cutting import cut_layers
from heddle.numerics.layer_edits import edit_layers


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def plain(height: int, width: int, *colour: float) -> Tensor:
    return torch.tensor(colour).expand(1, height, width, -1).clone()


BASE = draw(1, 8, 10, 3, seed=1)


def test_an_opaque_layer_at_a_place_is_copied_to_the_bit_and_cut_at_the_canvas() -> None:
    top = draw(1, 4, 5, 3, seed=2)
    wanted = BASE.clone()
    wanted[:, 6:, 7:] = top[:, :2, :3]
    found, alpha = compose([Layer(BASE), Layer(top, x=7, y=6)], 10, 8)
    assert torch.equal(found, wanted)
    assert torch.equal(alpha, torch.ones(1, 8, 10))
    wanted = BASE.clone()
    wanted[:, :3, :4] = top[:, 1:, 1:]
    assert torch.equal(compose([Layer(BASE), Layer(top, x=-1, y=-1)], 10, 8)[0], wanted)
    assert torch.equal(compose([Layer(BASE), Layer(top, x=50, y=-9)], 10, 8)[0], BASE)


def test_alphas_multiply_and_what_is_not_covered_stays_to_the_bit() -> None:
    seen = torch.cat([plain(8, 10, 1.0, 0.0, 0.0), torch.full((1, 8, 10, 1), 0.5)], dim=-1)
    mask = torch.zeros(1, 8, 10)
    mask[:, :, 5:] = 0.8
    found, alpha = compose([Layer(BASE), Layer(seen, mask, opacity=0.5)], 10, 8)
    assert torch.equal(found[:, :, :5], BASE[:, :, :5])
    torch.testing.assert_close(found[:, :, 5:], BASE[:, :, 5:] * 0.8 + 0.2 * seen[:, :, 5:, :3])
    assert torch.equal(alpha, torch.ones(1, 8, 10))
    found, alpha = compose([Layer(seen, mask, opacity=0.5)], 10, 8)  # on nothing: the colour itself, and its alpha
    torch.testing.assert_close(alpha[:, :, 5:], torch.full((1, 8, 5), 0.2))
    torch.testing.assert_close(found[:, :, 5:], seen[:, :, 5:, :3])
    assert not found[:, :, :5].any() and not alpha[:, :, :5].any()


def test_a_blend_counts_only_where_something_lies_below() -> None:
    """The specification's mean of blend and source by the backdrop's alpha."""
    below, above = plain(1, 1, 0.5, 0.5, 0.5), plain(1, 1, 0.2, 0.4, 1.0)
    half = torch.full((1, 1, 1), 0.5)
    found, alpha = compose([Layer(below, half), Layer(above, blend_mode="multiply")], 1, 1)
    torch.testing.assert_close(found, 0.5 * above + 0.5 * below * above)
    assert alpha.item() == 1
    found, _alpha = compose([Layer(above, blend_mode="multiply")], 1, 1)
    assert torch.equal(found, above)


def test_numbers_that_are_none_do_not_come_through_what_hides_them() -> None:
    broken = torch.full((1, 8, 10, 3), math.nan)
    found, _alpha = compose([Layer(BASE), Layer(broken, torch.zeros(1, 4, 4))], 10, 8)
    assert torch.equal(found, BASE)
    found, _alpha = compose([Layer(BASE), Layer(broken, torch.zeros(1, 4, 4), rotation=30)], 10, 8)
    assert torch.equal(found, BASE)


def test_z_index_orders_layers_and_equal_ones_lie_as_they_were_added() -> None:
    red, green, blue = (plain(2, 2, *(float(at == one) for at in range(3))) for one in range(3))
    assert torch.equal(compose([Layer(red, z_index=1), Layer(green), Layer(blue)], 2, 2)[0], red)
    assert torch.equal(compose([Layer(red), Layer(green), Layer(blue)], 2, 2)[0], blue)


def test_quarter_turns_and_mirrors_move_pixels_and_lose_none() -> None:
    image = draw(1, 4, 6, 3)
    turned, alpha = compose([Layer(image, rotation=90, x=2)], 10, 8)  # clockwise, around (5, 2)
    wanted = torch.zeros(1, 8, 10, 3)
    wanted[:, :5, 3:7] = torch.rot90(image, -1, (1, 2))[:, 1:]
    assert torch.equal(turned, wanted)
    assert alpha.sum() == 20
    for degrees in (180, -180):
        assert torch.equal(compose([Layer(image, rotation=degrees)], 6, 4)[0], image.flip(1, 2))
    assert torch.equal(compose([Layer(image, rotation=-270, x=2)], 10, 8)[0], turned)
    assert torch.equal(compose([Layer(image, rotation=360)], 6, 4)[0], image)
    assert torch.equal(compose([Layer(image, flip_h=True)], 6, 4)[0], image.flip(2))
    assert torch.equal(compose([Layer(image, flip_v=True)], 6, 4)[0], image.flip(1))


def test_a_turned_layer_lies_where_geometry_puts_it() -> None:
    """A linear ramp is sampled exactly by bilinear reading, so each pixel says where it was read."""
    ys, xs = torch.meshgrid(torch.arange(40.0) + 0.5, torch.arange(60.0) + 0.5, indexing="ij")
    image = torch.stack([xs, ys, torch.zeros_like(xs)], dim=-1)[None] / 100
    found, alpha = compose([Layer(image, x=10, y=20, rotation=30)], 100, 100)
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    # A point of the layer 12 right of its middle and 5 above it, clockwise.
    x, y = 40 + cos * 12 - sin * -5, 40 + sin * 12 + cos * -5
    column, row = int(x), int(y)
    dx, dy = column + 0.5 - x, row + 0.5 - y
    wanted = torch.tensor([30 + 12 + cos * dx + sin * dy, 20 - 5 + cos * dy - sin * dx, 0]) / 100
    torch.testing.assert_close(found[0, row, column], wanted, rtol=0, atol=1e-5)
    assert abs(float(alpha.sum()) - 40 * 60) < 5  # as much is covered as before
    assert alpha[0, 1:60, 1].sum() == 0


def test_a_layer_of_another_size_is_stretched_as_bilinear_resizing_does_it() -> None:
    image = draw(1, 4, 6, 3)
    planes = image.movedim(-1, 1)
    larger = torch.nn.functional.interpolate(planes, size=(9, 11), mode="bilinear").movedim(1, -1)
    found, alpha = compose([Layer(image, width=11, height=9)], 11, 9)
    torch.testing.assert_close(found, larger, rtol=0, atol=1e-5)
    assert torch.equal(alpha, torch.ones(1, 9, 11))
    smaller = torch.nn.functional.interpolate(planes, size=(2, 3), mode="bilinear", antialias=True).movedim(1, -1)
    torch.testing.assert_close(compose([Layer(image, width=3, height=2)], 3, 2)[0], smaller, rtol=0, atol=1e-5)
    assert Layer(image, width=3).size == (3, 2)
    assert Layer(image, height=8).size == (12, 8)


def test_what_is_transparent_lends_no_colour_to_its_neighbours() -> None:
    image = torch.cat([plain(4, 4, 1.0, 0.0, 0.0), torch.ones(1, 4, 4, 1)], dim=-1)
    image[:, :, 2:] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    for layer in (Layer(image, width=2, height=3), Layer(image, width=9, height=9), Layer(image, rotation=20)):
        found, alpha = compose([layer], 9, 9)
        assert (found[..., 1] == 0).all()
        torch.testing.assert_close(found[..., 0][alpha > 0], torch.ones(int((alpha > 0).sum())))


def test_batches_of_different_length_begin_again_and_a_layer_of_one_picture_shows_there_alone() -> None:
    two, three = draw(2, 4, 4, 3), draw(3, 4, 4, 3, seed=4)
    found, _alpha = compose([Layer(two), Layer(three, x=2)], 6, 4)
    assert len(found) == 3
    assert torch.equal(found[2, :, :2], two[0, :, :2])
    assert torch.equal(found[:, :, 2:], three)
    one = draw(1, 4, 4, 3, seed=5)
    found, _alpha = compose([Layer(two), Layer(one, only=1)], 4, 4)
    assert torch.equal(found[0], two[0]) and torch.equal(found[1], one[0])
    grey = draw(1, 4, 4, 1)
    assert torch.equal(compose([Layer(grey)], 4, 4)[0], grey.expand(-1, -1, -1, 3))


def test_the_first_layer_says_how_large_the_picture_is_unless_there_is_a_canvas() -> None:
    first, second = Layer(draw(1, 4, 6, 3), x=2, y=1), Layer(draw(1, 9, 9, 3))
    assert Layers((first, second)).size == (8, 5)
    assert Layers((first,), canvas=(30, 20)).size == (30, 20)
    assert Layers().size == (1, 1)


@pytest.mark.parametrize(
    "written",
    [
        {"x": 1, "y": 2, "width": 3, "height": 4},
        [1, 2, 3, 4],
        [[1, 2, 3, 4]],
        [{"x": 1, "y": 2, "width": 3, "height": 4}],
        [[{"x": 1, "y": 2, "width": 3, "height": 4}]],
        '{"x": 1, "y": 2, "width": 3, "height": 4}',
        "[[[1, 2, 3, 4]]]",
    ],
)
def test_boxes_are_read_in_every_form(written: object) -> None:
    assert read_entries(written) == [[{"x": 1, "y": 2, "width": 3, "height": 4}]]


def test_boxes_of_several_images_stay_apart_and_others_are_refused() -> None:
    assert read_entries([[], [[1, 2, 3, 4]]]) == [[], [{"x": 1, "y": 2, "width": 3, "height": 4}]]
    assert read_entries("") == read_entries(None) == []
    assert read_entries([]) == [[]]
    for wrong in ("no json", 7, ["a"], [[1, 2]], '{"x": 1}', [None]):
        with pytest.raises(GraphError):
            read_entries(wrong)


def boxes(*rows: tuple[int, int, int, int]) -> list[list[dict[str, int]]]:
    return [[dict(zip(("x", "y", "width", "height"), row, strict=True)) for row in rows]]


def test_cut_boxes_laid_back_make_the_picture_again() -> None:
    image = draw(2, 8, 10, 3)
    made = cut_layers(image, boxes((0, 0, 5, 8), (5, 0, 9, 8), (20, 0, 4, 4), (3, 3, 0, 2)))
    assert [(each.name, each.x, each.y, *each.size) for each in made] == [
        ("box 1", 0, 0, 5, 8),
        ("box 2", 5, 0, 5, 8),
    ]
    assert torch.equal(compose(made, 10, 8)[0], image)


def test_transparent_borders_are_trimmed_and_empty_boxes_make_no_layer() -> None:
    image = draw(1, 8, 10, 3)
    mask = torch.zeros(1, 8, 10)
    mask[:, 2:4, 3:8] = 1
    entries = [[{"x": 1, "y": 1, "width": 6, "height": 6, "label": "cat"}, *boxes((0, 5, 3, 3))[0]]]
    (layer,) = cut_layers(image, entries, mask)
    assert (layer.name, layer.x, layer.y, *layer.size) == ("cat", 3, 2, 4, 2)
    assert torch.equal(layer.image, image[:, 2:4, 3:7])
    whole = cut_layers(image, entries, mask, trims=False)
    assert [each.size for each in whole] == [(6, 6), (3, 3)]
    found, alpha = compose(whole, 10, 8)
    assert torch.equal(alpha[:, 2:4, 3:7], torch.ones(1, 2, 4)) and alpha.sum() == 8
    assert torch.equal(found, compose([layer], 10, 8)[0])


def test_boxes_on_a_canvas_of_another_size_are_cut_where_they_lie_on_the_image() -> None:
    image = draw(1, 8, 10, 3)
    (layer,) = cut_layers(image, boxes((4, 4, 8, 4)), canvas=(20, 16))
    assert torch.equal(layer.image, image[:, 2:4, 2:6])
    assert (layer.x, layer.y, layer.width, layer.height) == (4, 4, 8, 4)
    mask = torch.zeros(1, 8, 10)
    mask[:, 3:, 3:] = 1
    (trimmed,) = cut_layers(image, boxes((4, 4, 8, 4)), mask, canvas=(20, 16))
    assert (trimmed.x, trimmed.y, trimmed.width, trimmed.height) == (6, 6, 6, 2)


def test_boxes_for_each_image_show_on_that_image() -> None:
    image = draw(2, 8, 10, 3)
    made = cut_layers(image, boxes((0, 0, 2, 2)) + boxes((4, 4, 2, 2)))
    assert [each.only for each in made] == [0, 1]
    found, alpha = compose(made, 10, 8)
    assert torch.equal(found[1, 4:6, 4:6], image[1, 4:6, 4:6])
    assert alpha.sum((1, 2)).tolist() == [4, 4]


STACK = Layers((Layer(BASE, name="sky"), Layer(BASE, name="cat", x=3), Layer(BASE, name="cat"), Layer(BASE)))


def test_edits_find_layers_by_number_name_or_place_and_change_them() -> None:
    edited = edit_layers(STACK, {
        "width": 64, "height": 32.0, "background": "#ff000080",
        "layers": [
            {"visible": False},
            {"name": "cat", "opacity": 0.5, "blend_mode": "screen", "flip_h": True},
            {"index": 3, "x": -4, "rotation": 700, "z_index": 2, "width": 8},
        ],
    })  # fmt: skip
    assert (edited.width, edited.height) == (64, 32)
    assert edited.background == (1, 0, 0, 128 / 255)
    assert [each.name for each in edited.layers] == ["cat", "cat", ""]
    assert {(each.opacity, each.blend_mode, each.flip_h) for each in edited.layers[:2]} == {(0.5, "screen", True)}
    assert [each.x for each in edited.layers] == [3, 0, -4]
    assert (edited.layers[2].rotation, edited.layers[2].z_index, edited.layers[2].width) == (360, 2, 8)
    by_key = edit_layers(STACK, {"layers": {"sky": {"hidden": True}, "1": {"y": 5}, "nobody": {"y": 9}}})
    assert [each.y for each in by_key.layers] == [5, 0, 0]
    assert STACK.layers[1].y == 0


@pytest.mark.parametrize(
    "edits",
    [
        {},
        None,
        "text",
        [1, 2],
        {"width": "wide", "height": None, "background": 7, "layers": "sky"},
        {"width": math.nan, "height": math.inf, "background": "no colour", "layers": [1, None, "a"]},
        {"layers": [{"index": 99, "hidden": True}, {"index": -1, "x": 4}, {"index": 0.5, "x": 4}, {"name": "nobody"}]},
        {"layers": {"0": {"x": "7", "opacity": True, "blend_mode": "none", "flip_h": 1, "hidden": "yes"}}},
        {"objects": [{"left": 3}], "version": 2},
    ],
)
def test_what_is_not_understood_of_edits_is_left_out(edits: object) -> None:
    edited = edit_layers(STACK, edits)
    assert (edited.width, edited.height, edited.background) == (10, 8, (0, 0, 0, 0))
    plainly = [(each.x, each.y, each.opacity, each.blend_mode, each.flip_h) for each in STACK.layers]
    assert [(each.x, each.y, each.opacity, each.blend_mode, each.flip_h) for each in edited.layers] == plainly
