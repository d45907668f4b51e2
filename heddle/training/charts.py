"""What a training shows of itself: loss curves and sheets of samples, as PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH_PX, HEIGHT_PX, MARGIN_PX = 900, 300, 48
INKS = ((31, 90, 180), (200, 70, 40), (40, 140, 80), (130, 70, 170))


def smooth(values: Sequence[float], points: int = 400) -> list[tuple[float, float]]:
    """(step, mean of the steps around it), at most `points` of them."""
    chunk = max(1, math.ceil(len(values) / points))
    chunks = [values[i : i + chunk] for i in range(0, len(values), chunk)]
    return [(i * chunk + len(part) / 2, sum(part) / len(part)) for i, part in enumerate(chunks)]


def draw_curves(curves: Mapping[str, Sequence[float]], path: Path) -> None:
    """The picture of `paint_curves`, in a file."""
    paint_curves(curves).save(path)


def paint_curves(curves: Mapping[str, Sequence[float]]) -> Image.Image:
    """One panel for each named curve, one below the other, loss on a logarithmic axis."""
    # What is no number (a training that failed) has no place on an axis.
    finite = {name: [value for value in values if math.isfinite(value)] for name, values in curves.items()}
    shown = {name: values for name, values in finite.items() if values}
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX * max(1, len(shown))), "white")
    pen = ImageDraw.Draw(picture)
    for number, (name, values) in enumerate(shown.items()):
        top = number * HEIGHT_PX
        line = [(step, math.log10(max(loss, 1e-9))) for step, loss in smooth(values)]
        low, high = min(y for _, y in line), max(y for _, y in line)
        low, high = (low - 0.05, high + 0.05)
        left, right, upper, lower = MARGIN_PX + 20, WIDTH_PX - 16, top + 28, top + HEIGHT_PX - 28
        pen.rectangle((left, upper, right, lower), outline=(190, 190, 190))
        pen.text((left, top + 8), f"{name}: {len(values)} steps, last {10 ** line[-1][1]:.4g}", fill=(40, 40, 40))
        for share in (0.0, 0.5, 1.0):
            y = lower - (lower - upper) * share
            pen.text((8, y - 6), f"{10 ** (low + (high - low) * share):.3g}", fill=(90, 90, 90))
            x = left + (right - left) * share
            pen.text((x - 24 * share, lower + 8), str(round(len(values) * share)), fill=(90, 90, 90))
        corners = [
            (left + (right - left) * step / len(values), lower - (lower - upper) * (y - low) / (high - low))
            for step, y in line
        ]
        if len(corners) > 1:
            pen.line(corners, fill=INKS[number % len(INKS)], width=2)
    return picture


def draw_sheet(pictures: np.ndarray, labels: Sequence[str], path: Path, columns: int = 6) -> None:
    """Pictures [N, H, W, 3] uint8 in rows, the words below each."""
    count, height, width, _ = pictures.shape
    gap, words_px = 8, 30
    rows = math.ceil(count / columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + words_px + gap) + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (pixels, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = gap + i % columns * (width + gap), gap + i // columns * (height + words_px + gap)
        sheet.paste(Image.fromarray(pixels), (x, y))
        letters = max(8, width // 6)
        lines = [label[j : j + letters].strip() for j in range(0, min(len(label), 2 * letters), letters)]
        pen.multiline_text((x, y + height + 2), "\n".join(lines), fill=(30, 30, 30), spacing=1)
    sheet.save(path)
