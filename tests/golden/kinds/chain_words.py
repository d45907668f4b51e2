"""What cases of f_ sets say in words: which conditioning, which mask."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.golden.checks import NotCovered
from tests.golden.notation import read_slice

_NUMBER = r"[\d.]+"
_AREA = re.compile(rf"(\w+) in (?:area )?w(\d+) h(\d+) x(\d+) y(\d+)(?: strength ({_NUMBER}))?")
_SPAN = re.compile(rf"(\w+) in ({_NUMBER})\.\.({_NUMBER})")
_EVERYWHERE = re.compile(r"(\w+) everywhere")
_AVERAGE = re.compile(rf"ConditioningAverage\(to (\w+), from (\w+), ({_NUMBER})\)")
_CONCAT = re.compile(r"ConditioningConcat\(to (\w+), from (\w+)\)")
_MASK = re.compile(r"ones in (\[[^]]*\]) of a zero (\[[^]]*\]) mask")


def read_conditioning(
    words: str, encode: Callable[[str], Any], encode_sdxl: Callable[[], Any], call: Callable[..., Any]
) -> Any:
    """The conditioning that words such as `positive in area w64 h64 x0 y0 + second everywhere` stand for.

    Args:
        encode: a text of the set, by its name. encode_sdxl: the set's text with sizes. call: a node by its id.
    """
    if words == "CLIPTextEncodeSDXL":
        return encode_sdxl()
    if words == "ConditioningZeroOut":
        return call("ConditioningZeroOut", conditioning=encode("negative"))[0]
    if average := _AVERAGE.match(words):
        to, source, strength = average.groups()
        both = {"conditioning_to": encode(to), "conditioning_from": encode(source)}
        return call("ConditioningAverage", **both, conditioning_to_strength=float(strength))[0]
    if concat := _CONCAT.match(words):
        to, source = concat.groups()
        return call("ConditioningConcat", conditioning_to=encode(to), conditioning_from=encode(source))[0]
    whole, *others = [_part(part.strip(), encode, call) for part in words.split(" + ")]
    for other in others:
        whole = call("ConditioningCombine", conditioning_1=whole, conditioning_2=other)[0]
    return whole


def _part(words: str, encode: Callable[[str], Any], call: Callable[..., Any]) -> Any:
    if area := _AREA.fullmatch(words):
        name, width, height, x, y, strength = area.groups()
        place = {"width": int(width), "height": int(height), "x": int(x), "y": int(y)}
        given = encode(name)
        return call("ConditioningSetArea", conditioning=given, **place, strength=float(strength or 1))[0]
    if span := _SPAN.fullmatch(words):
        name, start, end = span.groups()
        given = encode(name)
        return call("ConditioningSetTimestepRange", conditioning=given, start=float(start), end=float(end))[0]
    if everywhere := _EVERYWHERE.fullmatch(words):
        return encode(everywhere[1])
    raise NotCovered(f"conditioning: {words}")


def read_mask(words: str) -> Tensor:
    """`ones in [0, 16:48, 8:40] of a zero [1,64,64] mask`."""
    found = _MASK.fullmatch(words)
    if found is None:
        raise NotCovered(f"mask: {words}")
    mask = torch.zeros([int(size) for size in re.findall(r"\d+", found[2])])
    first, _, rest = found[1].strip("[]").partition(",")
    mask[int(first)][read_slice(rest)] = 1
    return mask
