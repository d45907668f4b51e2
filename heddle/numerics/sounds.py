"""What nodes do to sounds ({"waveform": [B, C, T] float32, "sample_rate": int}): cut, join, mix, make louder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.numerics.batches import fit_batch

MIXES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda a, b: a + b,
    "mean": lambda a, b: (a + b) / 2,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
}


def sound(waveform: Tensor, rate: int) -> dict[str, Any]:
    return {"waveform": waveform, "sample_rate": rate}


def parts_of(audio: Any, name: str = "audio") -> tuple[Tensor, int]:
    """[B, C, T] float32, and how many samples a second has.

    Args:
        audio: what came along the wire; [C, T] counts as a batch of one.
        name: of the input.
    Raises: GraphError, if nothing came, as from a video without sound; ShapeError, if it has another shape.
    """
    if audio is None:
        words = "there is no sound: a video without any was linked, perhaps; link another sound, or Empty Audio"
        raise GraphError(say(words), input_name=name)
    waveform, rate = audio["waveform"], int(audio["sample_rate"])
    if waveform.ndim == 2:
        waveform = waveform[None]
    if waveform.ndim != 3 or not waveform.shape[0] or not waveform.shape[1] or rate < 1:
        words = (
            "a sound of shape {shape} at {rate} samples a second cannot be used; [batch, channels, samples] is wanted"
        )
        raise ShapeError(say(words, shape=list(waveform.shape), rate=rate), wanted="[B, C, T]", got=waveform.shape)
    return waveform.float(), rate


def silence(seconds: float, rate: int, channels: int, most_bytes: int) -> Tensor:
    """[1, channels, samples] of zeros. Raises: GraphError, if they would take more than `most_bytes`."""
    count = round(seconds * rate)
    if count * channels * 4 > most_bytes:
        words = "{seconds:,.0f} s of silence take {wanted:,.1f} GB, but {free:,.1f} GB are free; make it shorter"
        facts = {"seconds": seconds, "wanted": count * channels * 4 / 1e9, "free": most_bytes / 1e9}
        raise GraphError(say(words, **facts), input_name="duration")
    return torch.zeros(1, channels, count)


def resample(waveform: Tensor, old: int, new: int) -> Tensor:
    """The same sound at another rate, [..., T * new / old rounded up].

    A polyphase filter with Kaiser's window (beta 5) of 10 zero crossings a side, scipy's `resample_poly`.
    """
    if old == new or not waveform.shape[-1]:
        return waveform
    from scipy.signal import resample_poly  # heavy, and what it imports changes Python's filters of warnings

    common = math.gcd(old, new)
    changed = resample_poly(waveform.detach().cpu().numpy(), new // common, old // common, axis=-1)
    return torch.from_numpy(changed).to(waveform)


def trim(waveform: Tensor, rate: int, start_s: float, duration_s: float) -> Tensor:
    """A part of a sound. Args: start_s: below 0: counted from the end. Raises: GraphError, if nothing lies there."""
    length = waveform.shape[-1]
    # Times are bounded before they are counted in samples: people may write any number.
    start = _samples(start_s, rate, length)
    start = max(start + length if start_s < 0 else start, 0)
    end = min(start + _samples(duration_s, rate, length), length)
    if start >= end and length:
        words = "nothing is left of {length:.2f} s of sound after {start:.2f} s for {duration:.2f} s; change the times"
        raise GraphError(say(words, length=length / rate, start=float(start_s), duration=float(duration_s)))
    return waveform[..., start:end]


def _samples(seconds: float, rate: int, most: int) -> int:
    return round(min(max(seconds * rate, -most), most))


def matched(first: Any, second: Any) -> tuple[Tensor, Tensor, int]:
    """Two sounds at the higher of their rates, with as many channels and as long a batch each.

    One channel becomes as many alike as the other sound has; a shorter batch is repeated from its start.

    Raises: ShapeError, if both have several channels, but not as many.
    """
    (a, a_rate), (b, b_rate) = parts_of(first, "audio1"), parts_of(second, "audio2")
    rate = max(a_rate, b_rate)
    channels = max(a.shape[1], b.shape[1])
    for each in (a, b):
        if each.shape[1] not in (1, channels):
            words = "sounds of {first} and {second} channels cannot be put together; give both as many, or one a single"
            raise ShapeError(say(words, first=a.shape[1], second=b.shape[1]), wanted=channels, got=each.shape[1])
    size = max(len(a), len(b))
    a, b = resample(a, a_rate, rate), resample(b, b_rate, rate).to(a.device)
    a, b = (fit_batch(each.expand(-1, channels, -1), size) for each in (a, b))
    return a, b, rate


def join(first: Any, second: Any) -> dict[str, Any]:
    """One sound after the other."""
    a, b, rate = matched(first, second)
    return sound(torch.cat([a, b], dim=-1), rate)


def mix(first: Any, second: Any, how: str) -> dict[str, Any]:
    """Two sounds at once, as long as the first: a longer second one is cut, a shorter one ends in silence.

    Args:
        how: one of `MIXES`. What becomes louder than 1 is made quieter as a whole, so that nothing is cut off.
    """
    a, b, rate = matched(first, second)
    length = a.shape[-1]
    b = torch.nn.functional.pad(b[..., :length], (0, max(length - b.shape[-1], 0)))
    mixed = MIXES[how](a, b)
    loudest = mixed.nan_to_num().abs().amax().item() if mixed.numel() else 0.0
    return sound(mixed / loudest if loudest > 1 else mixed, rate)


def as_stereo(left: Any, right: Any) -> dict[str, Any]:
    """One sound with two channels, of the mean of each one's channels; as long as the longer."""
    (a, a_rate), (b, b_rate) = parts_of(left, "audio_left"), parts_of(right, "audio_right")
    first, second, rate = matched(sound(a.mean(1, keepdim=True), a_rate), sound(b.mean(1, keepdim=True), b_rate))
    length = max(first.shape[-1], second.shape[-1])
    padded = [torch.nn.functional.pad(each, (0, length - each.shape[-1])) for each in (first, second)]
    return sound(torch.cat(padded, dim=1), rate)


def louder(waveform: Tensor, decibels: float) -> Tensor:
    """Ten to the power of a twentieth of the decibels, times the sound."""
    return waveform * 10 ** (decibels / 20)
