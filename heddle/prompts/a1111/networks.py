"""A1111's calls of other networks in a prompt: `a cat <lora:fur:0.8>` -> the text without them, and the calls."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

_CALL = re.compile(r"<(\w+):([^>]+)>")


class Strengths(NamedTuple):
    """How much of a network is put into the diffusion network and into the text encoder."""

    network: float
    text: float


class NetworkCall(NamedTuple):
    """One `<kind:name:...>`.

    Attributes:
        kind: "lora", "lyco", "hypernet" or the word of an extension.
        items: what stood between the colons, the name first.
    """

    kind: str
    items: Sequence[str]

    @property
    def positional(self) -> list[str]:
        return [item for item in self.items if "=" not in item]

    @property
    def named(self) -> dict[str, str]:
        """What was written as `key=value`."""
        return dict(item.split("=", 1) for item in self.items if "=" in item)

    @property
    def strengths(self) -> Strengths:
        """By position or by the keys `te` and `unet`; the network's is the text's where only that is said."""
        numbers, named = self.positional[1:3], self.named
        text = _number(numbers[0], 1.0) if numbers else 1.0
        text = _number(named["te"], text) if "te" in named else text
        network = _number(numbers[1], text) if len(numbers) > 1 else text
        return Strengths(_number(named["unet"], network) if "unet" in named else network, text)


def take_networks(prompt: str, kinds: Collection[str] | None = None) -> tuple[str, list[NetworkCall]]:
    """The prompt without its calls, and the calls in reading order.

    Args:
        kinds: those that count as calls, in small letters; what else looks like one stays text. None = all.
    """
    calls: list[NetworkCall] = []

    def take(match: re.Match[str]) -> str:
        if kinds is not None and match[1].lower() not in kinds:
            return match[0]
        calls.append(NetworkCall(match[1], match[2].split(":")))
        return ""

    end = prompt.rfind(">") + 1  # behind it every `<` would be followed to the end of the text in vain
    return _CALL.sub(take, prompt[:end]) + prompt[end:], calls


def _number(text: str, otherwise: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return otherwise
    return number if math.isfinite(number) else otherwise
