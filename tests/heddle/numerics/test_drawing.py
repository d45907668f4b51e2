"""Texts and boxes on images, and histograms."""

import pytest
import torch

from heddle.graph.errors import GraphError
from heddle.numerics.box_drawing import draw_boxes, empty_board
from heddle.numerics.histograms import histograms
from heddle.numerics.lettering import font_for, wrap
from heddle.numerics.text_overlay import overlay_text

WHITE = (1.0, 1.0, 1.0, 1.0)


def changed(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return (after != before).any(dim=-1)[0]


class TestText:
    @pytest.mark.parametrize("position", ["top", "bottom"])
    @pytest.mark.parametrize("align", ["left", "center", "right"])
    def test_it_stands_where_it_is_put_and_leaves_the_rest_to_the_bit(self, position: str, align: str):
        image = torch.rand(2, 100, 200, 3, generator=torch.Generator().manual_seed(0))
        got = overlay_text(image, "hey", 10, WHITE, position, align, True)
        assert not got.lacking and not got.is_cut
        rows, columns = changed(got.images, image).nonzero(as_tuple=True)
        assert rows.max() < 40 if position == "top" else rows.min() > 60
        middle = {"left": columns.max() < 80, "right": columns.min() > 120}
        assert middle.get(align, abs(float(columns.min() + columns.max()) / 2 - 100) < 6)
        assert torch.equal((got.images != image)[0], (got.images != image)[1])

    def test_letters_are_as_high_as_asked_of_the_image(self):
        black = torch.zeros(1, 400, 400, 3)
        heights = []
        for size in (10, 20):
            rows = changed(overlay_text(black, "H", size, WHITE, "top", "left", False).images, black).any(1).nonzero()
            heights.append(int(rows.max() - rows.min()) + 1)
        assert 0.6 * 40 < heights[0] < 40 and abs(heights[1] - 2 * heights[0]) <= 2

    def test_bright_letters_have_a_dark_edge_and_dark_ones_a_bright_one(self):
        grey = torch.full((1, 100, 100, 3), 0.5)
        for colour, edge in ((WHITE, 0.0), ((0.0, 0.0, 0.0, 1.0), 1.0)):
            got = overlay_text(grey, "I", 40, colour, "top", "left", True).images
            assert {0.0, 1.0} <= set(got.unique().tolist())
            rows, columns = changed(got, grey).nonzero(as_tuple=True)
            assert abs(float(got[0, rows[len(rows) // 2], columns.min() + 1, 0]) - edge) < 0.5
            assert overlay_text(grey, "I", 40, colour, "top", "left", False).images.ne(edge).all()

    def test_opacity_mixes(self):
        got = overlay_text(torch.zeros(1, 100, 100, 3), "I", 40, (1.0, 1.0, 1.0, 0.25), "top", "left", False)
        assert float(got.images.max()) == pytest.approx(0.25)

    def test_long_lines_are_broken_and_what_has_no_room_is_told(self):
        image = torch.zeros(1, 100, 100, 3)
        got = overlay_text(image, "many words " * 4, 10, WHITE, "top", "left", False)
        assert changed(got.images, image)[:, 97:].sum() == 0 and not got.is_cut
        assert overlay_text(image, "many words " * 400, 10, WHITE, "bottom", "left", False).is_cut

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_grey_and_transparent_images_keep_their_channels(self, channels: int):
        got = overlay_text(torch.zeros(1, 64, 64, channels), "W", 50, WHITE, "top", "left", False).images
        assert got.shape[-1] == channels and got.max() == 1

    @pytest.mark.parametrize("text", ["", " \n "])
    def test_no_text_changes_nothing(self, text: str):
        image = torch.rand(1, 8, 8, 3)
        assert overlay_text(image, text, 5, WHITE, "top", "left", True).images is image

    def test_the_smallest_image_is_taken(self):
        assert overlay_text(torch.zeros(1, 1, 1, 3), "text", 50, WHITE, "bottom", "right", True).images.shape == (
            1,
            1,
            1,
            3,
        )

    def test_letters_that_no_font_has_are_named(self):
        assert font_for("a\U0010fffd b", 12)[1] == "\U0010fffd"

    def test_words_stay_whole_unless_one_is_too_wide_alone(self):
        font, _ = font_for("a", 20)
        lines = list(wrap("one two\n\n" + "w" * 30, font, 100))
        assert lines[:2] == ["one two", ""] and "".join(lines[2:]) == "w" * 30
        assert all(font.getlength(line) <= 100 for line in lines)
        assert list(wrap("abc", font, 0.5)) == ["a", "b", "c"]


class TestBoxes:
    def test_an_outline_lies_within_its_box_and_each_label_has_its_colour(self):
        image = torch.zeros(1, 100, 100, 3)
        entries = [{"x": 10, "y": 20, "width": 30, "height": 40}, {"x": 60, "y": 20, "width": 20, "height": 20}]
        got = draw_boxes(image, [entries])[0]
        drawn = (got > 0).any(-1)
        wanted = torch.zeros(100, 100, dtype=torch.bool)
        for each in entries:
            x, y, right, bottom = each["x"], each["y"], each["x"] + each["width"], each["y"] + each["height"]
            wanted[y:bottom, x:right] = True
            wanted[y + 1 : bottom - 1, x + 1 : right - 1] = False
        assert torch.equal(drawn, wanted)
        labelled = [{**each, "label": name, "score": 0.5} for each, name in zip(entries, "ab", strict=True)]
        got = draw_boxes(image, [labelled])[0]
        assert not torch.equal(got[40, 10], got[30, 60]) and got[40, 10].max() == 1

    def test_one_list_is_for_all_images_and_more_are_for_one_each(self):
        box = [{"x": 1, "y": 1, "width": 5, "height": 5}]
        images = torch.zeros(3, 10, 10, 3)
        assert [bool(each.any()) for each in draw_boxes(images, [box])] == [True] * 3
        assert [bool(each.any()) for each in draw_boxes(images, [[], box])] == [False, True, False]
        assert not images.any()

    @pytest.mark.parametrize("box", [(-50, -50, 20, 20), (200, 5, 9, 9), (5, 5, 0, 0), (-1e9, -1e9, 3e9, 3e9)])
    def test_boxes_outside_empty_and_around_everything_draw_no_line(self, box: tuple[float, ...]):
        x, y, width, height = box
        entry = {"x": x, "y": y, "width": width, "height": height}
        assert not draw_boxes(torch.zeros(1, 40, 40, 3), [[entry]]).any()

    def test_what_is_no_box_is_refused(self):
        with pytest.raises(GraphError, match="x, y, width and height"):
            draw_boxes(torch.zeros(1, 4, 4, 3), [[{"x": 1}]])

    def test_without_an_image_all_boxes_have_room(self):
        entries = [[{"x": 10, "y": 20, "width": 30, "height": 5}], [{"x": 0, "y": 0, "width": 4, "height": 40}]]
        assert empty_board(entries).shape == (2, 40, 40, 3)
        assert empty_board([]).shape == (1, 1, 1, 3)
        with pytest.raises(GraphError, match="16384"):
            empty_board([[{"x": 10**9, "y": 0, "width": 1, "height": 1}]])


class TestHistograms:
    def test_every_pixel_is_counted_once_at_its_level(self):
        image = torch.tensor([[[[0.0, 1.0, 0.5], [0.0, 0.2, float("nan")]]], [[[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]]]])
        found = histograms(image)
        assert {level: n for level, n in enumerate(found["red"]) if n} == {0: 3, 255: 1}
        assert {level: n for level, n in enumerate(found["green"]) if n} == {0: 2, 51: 1, 255: 1}
        assert {level: n for level, n in enumerate(found["blue"]) if n} == {0: 2, 128: 2}
        assert sum(found["rgb"]) == 12 and found["rgb"][128] == 2
        assert sum(found["luminance"]) == 4 and found["luminance"][0] == 1

    def test_a_grey_image_has_one_histogram(self):
        found = histograms(torch.full((1, 2, 2, 1), 0.6))
        assert found["red"] == found["blue"] == found["luminance"] and found["red"][153] == 4
