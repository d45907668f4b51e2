"""Letters for images: which font has them, how wide they are, and what they cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

#: Fonts of many systems that have letters which Pillow's own one lacks, looked for where a system keeps its fonts.
_WIDER_FONTS = (
    *("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-zenhei.ttc"),
    *("wqy-microhei.ttc", "msyh.ttc", "simhei.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "YuGothM.ttc"),
    *("malgun.ttf", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf", "arial.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf"),
)

_NO_LETTER = "\U0010ffff"  # no font has it, so it looks like all those that a font lacks


def font_for(text: str, size_px: float) -> tuple[Font, str]:
    """A font for a text, and the letters that it lacks.

    Pillow's own font, which looks the same on every machine; only where that lacks letters, the first of this
    machine's that lacks fewest.
    """
    letters = frozenset(text) - frozenset(" \t\r\n\u00a0\u3000\u200b\ufeff")
    own = ImageFont.load_default(size_px)
    best, lacking = own, _lacking(own, letters)
    for name in _WIDER_FONTS if lacking else ():
        if (font := _system_font(name, size_px)) is None:
            continue
        found = _lacking(font, letters)
        if len(found) < len(lacking):
            best, lacking = font, found
        if not lacking:
            break
    return best, "".join(sorted(lacking))


@cache
def _system_font(name: str, size_px: float) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size_px)
    except OSError:  # not on this machine
        return None


def _lacking(font: Font, letters: frozenset[str]) -> frozenset[str]:
    empty = _look(font, _NO_LETTER)
    return frozenset(letter for letter in letters if _look(font, letter) == empty)


def _look(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    _, _, width, height = font.getbbox(letter)
    plane = Image.new("L", (max(int(width), 1), max(int(height), 1)))
    ImageDraw.Draw(plane).text((0, 0), letter, fill=255, font=font)
    return plane.size, plane.tobytes()


def wrap(text: str, font: Font, width_px: float) -> Iterator[str]:
    """The lines of a text, broken between words where they would be wider; within a word that is too wide alone."""
    for paragraph in text.splitlines():
        yield from _broken(paragraph, font, width_px)


def _broken(paragraph: str, font: Font, width_px: float) -> Iterator[str]:
    line = ""
    for word in paragraph.split(" "):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width_px:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > width_px and len(line) > 1:
            fitting = 1
            while font.getlength(line[: fitting + 1]) <= width_px:
                fitting += 1
            yield line[:fitting]
            line = line[fitting:]
    yield line


@dataclass(frozen=True)
class Block:
    """Lines of text on an image. All sizes in px.

    Attributes:
        align: left, center or right between `left` and `right`.
    """

    lines: tuple[str, ...]
    font: Font
    left: float
    top: float
    right: float
    align: str = "left"

    def cover(self, width: int, height: int, stroke_px: int = 0) -> NDArray[np.float32]:
        """How much of each pixel [height, width] the letters cover, 0..1; thicker by the stroke on all sides."""
        plane = Image.new("L", (width, height))
        pen = ImageDraw.Draw(plane)
        for number, line in enumerate(self.lines):
            room = self.right - self.left - self.font.getlength(line)
            x = self.left + {"left": 0.0, "center": room / 2, "right": room}[self.align]
            place = (x, self.top + number * line_height(self.font))
            pen.text(place, line, fill=255, font=self.font, stroke_width=stroke_px)
        return np.asarray(plane).astype(np.float32) / np.float32(255)


def line_height(font: Font) -> float:
    """From the top of one line to that of the next, px."""
    if isinstance(font, ImageFont.FreeTypeFont):
        ascent, descent = font.getmetrics()
        return ascent + descent
    return font.getbbox("Ag")[3]
