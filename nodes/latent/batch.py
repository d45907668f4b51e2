"""Batches of latents: put together, taken apart, repeated."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Number, Wire, node
from heddle.graph.declare_dynamic import Growing
from heddle.numerics.latent_batches import join, rebatch, repeat, take
from heddle.wires import Latent

CATEGORY = "model/latent/batch"


@node("BatchLatentsNode", category=CATEGORY, name="Batch Latents", search=("join", "combine", "merge"))
def join_latents(
    latents: Annotated[dict[str, Any], Growing("latent", Latent, high=50, tip="Brought to the size of the first.")],
) -> Latent:
    """Put latents together into one batch."""
    return join(list(latents.values()))


@node("LatentBatch", category=CATEGORY, name="Batch Latents (DEPRECATED)", deprecated=True)
def join_two(
    samples1: Latent,
    samples2: Annotated[Latent, Wire("LATENT", tip="Brought to the size of the first.")],
) -> Latent:
    """Put two latents together into one batch. Batch Latents does so with any number of them."""
    return join([samples1, samples2])


@node("LatentFromBatch", category=CATEGORY, name="Get Latent From Batch", search=("select", "pick", "index"))
def take_from_batch(
    samples: Latent,
    batch_index: Annotated[
        int,
        Number(default=0, low=-16384, high=16384, tip="The first that is taken, from 0 on; negative: from the end."),
    ],
    length: Annotated[int, Number(default=1, low=1, high=64, tip="How many are taken.")],
) -> Latent:
    """Take some latents out of a batch. Sampled again, they get the noise that they had in the whole batch."""
    return take(samples, batch_index, length)


@node("RepeatLatentBatch", category=CATEGORY, name="Repeat Latent Batch", search=("copy", "duplicate", "count"))
def repeat_batch(
    samples: Latent, amount: Annotated[int, Number(default=1, low=1, high=64, tip="How often it is there then.")]
) -> Latent:
    """Repeat a batch, to make several pictures of each latent."""
    return repeat(samples, amount)


@node("RebatchLatents", category=CATEGORY, name="Rebatch Latents", takes_lists=True, search=("split", "chunk"))
def split_batches(
    latents: Annotated[Any, Wire("LATENT", tip="A latent or a list of them, in batches of any size.")],
    batch_size: Annotated[list[int], Number(default=1, low=1, high=4096, tip="How many each batch has.")],
) -> Annotated[Any, Wire("LATENT", many=True)]:
    """Make a list of batches of one size, for which the nodes behind it run once each. It may save memory."""
    return (list(rebatch(latents, batch_size[0])),)
