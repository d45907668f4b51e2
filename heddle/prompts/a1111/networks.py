"""A1111's calls of other networks in a prompt: `a cat <lora:fur:0.8>` -> the text without them, and the calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_CALL = re.compile(r"<(\w+):([^>]+)>")


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


def take_networks(prompt: str) -> tuple[str, list[NetworkCall]]:
    """The prompt without its calls, and the calls in reading order."""
    calls: list[NetworkCall] = []

    def take(match: re.Match[str]) -> str:
        calls.append(NetworkCall(match[1], match[2].split(":")))
        return ""

    end = prompt.rfind(">") + 1  # behind it every `<` would be followed to the end of the text in vain
    return _CALL.sub(take, prompt[:end]) + prompt[end:], calls
