"""In which number formats nets are kept and computed, where their handles leave that to the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from heddle.settings.memory import MemorySettings

#: What another role's formats are for, too.
_AS = {"control": "network"}


@dataclass(frozen=True)
class NumberFormats:
    """What was asked for, by the roles of nets.

    everything: for all roles that none is asked for; VAEs are left out of float16, in which published ones overflow.
    computed: what a role's nets are kept and computed in.
    kept: 8-bit formats that a role's weights are kept in; each is widened when it is used.
    """

    everything: torch.dtype | None = None
    computed: Mapping[str, torch.dtype] = field(default_factory=dict)
    kept: Mapping[str, torch.dtype] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, memory: MemorySettings) -> NumberFormats:
        names = {"network": memory.network_format, "text": memory.text_format, "vae": memory.vae_format}
        formats = {role: _dtype(name) for role, name in names.items() if name is not None}
        return cls(
            everything=None if memory.force is None else _dtype(memory.force),
            computed={role: dtype for role, dtype in formats.items() if dtype.itemsize > 1},
            kept={role: dtype for role, dtype in formats.items() if dtype.itemsize == 1},
        )

    @property
    def asked(self) -> dict[str, str]:
        """What was asked for, by role, for people; `all` stands for the roles that are not named."""
        roles = {**self.computed, **self.kept} | ({} if self.everything is None else {"all": self.everything})
        return {role: str(dtype).removeprefix("torch.") for role, dtype in sorted(roles.items())}

    def computed_in(self, role: str) -> torch.dtype | None:
        """None, if that is left to the device and the file."""
        asked = self.computed.get(_AS.get(role, role))
        if asked is not None:
            return asked
        return None if role == "vae" and self.everything is torch.float16 else self.everything

    def kept_in(self, role: str) -> torch.dtype | None:
        """None: as the file has them."""
        return self.kept.get(_AS.get(role, role))

    def __str__(self) -> str:
        """Tells apart what gives other numbers."""
        asked = [("all", self.everything)] if self.everything is not None else []
        asked += sorted(self.computed.items()) + sorted(self.kept.items())
        return ", ".join(f"{what} {dtype}" for what, dtype in asked)


def usual_format(role: str, file_dtype: torch.dtype | None, *, has_bfloat16: bool) -> torch.dtype:
    """What suits a card: the large network in half precision, in the kind it was published in, or, where the file is
    narrower than that, in bfloat16, in which nothing overflows; VAEs in bfloat16, since in float16 activations of
    published ones overflow.

    Args:
        file_dtype: of most of the net's weights in the file; None = narrower than 16 bits.
        has_bfloat16: whether the card computes in it.
    """
    if role == "vae" or file_dtype is torch.bfloat16:
        return torch.bfloat16 if has_bfloat16 else torch.float32
    return torch.bfloat16 if file_dtype is None and has_bfloat16 else torch.float16


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype
