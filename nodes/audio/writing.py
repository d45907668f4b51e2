"""What writes sounds into files, for nodes and for packs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from heddle.graph.context import Context
from heddle.media.output_names import plan_name
from heddle.media.sounds import encode_sound
from heddle.numerics.sounds import parts_of
from nodes.image.writing import shown_file


def write_sounds(
    audio: Any, root: str, prefix: str, kind: str, quality: str, texts: Mapping[str, str], ctx: Context
) -> list[dict[str, str]]:
    """One file for each sound of the batch; returns where they are, as clients are told.

    Args:
        root: "output" or "temp".
        kind, quality, texts: as `encode_sound`.
    """
    waveform, rate = parts_of(audio)
    target = plan_name(ctx.folders, root, prefix, width=0, height=0, now=datetime.now())
    written = []
    for number, samples in enumerate(waveform):
        ctx.check_cancelled()
        data = encode_sound(samples.detach().cpu().numpy(), rate, kind, quality, texts)
        path = target.save(data, f".{kind}", batch_number=number, claim=ctx.next_save())
        written.append(shown_file(path.name, target))
        ctx.progress(number + 1, len(waveform))
    return written
