"""Signs that tell the UNets of Stable Diffusion's families apart, by names without a prefix."""

from __future__ import annotations

from model_management.signs import Sign, has, lacks, shaped, some_shaped

_FIRST = "input_blocks.0.0.weight"
_VECTOR = "label_emb.0.0.weight"
_NUMBER = "label_emb.weight"
_LAST = "out.2.weight"  # control nets, which copy a UNet's first half, have none


def plain_unet(channels: int, *, is_linear: bool) -> tuple[Sign, ...]:
    """A UNet of so many input channels that takes a text and no vector.

    is_linear: its spatial transformers begin and end with linear layers, as from Stable Diffusion 2 on.
    """
    return (
        shaped(_FIRST, None, channels, 3, 3),
        some_shaped(".1.proj_in.weight", *(None,) * (2 if is_linear else 4)),
        lacks(_VECTOR, _NUMBER),
        has(_LAST),
    )


def vector_unet(channels: int) -> tuple[Sign, ...]:
    """A UNet of so many input channels that takes a text and a vector."""
    return (shaped(_FIRST, None, channels, 3, 3), some_shaped(".1.proj_in.weight", None, None), has(_VECTOR, _LAST))


def numbered_unet(channels: int) -> tuple[Sign, ...]:
    """A UNet of so many input channels that takes a text and the number of a kind."""
    return (shaped(_FIRST, None, channels, 3, 3), some_shaped(".1.proj_in.weight", None, None), has(_NUMBER))
