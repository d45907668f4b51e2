"""Batches and lists of images [B, H, W, C]: joined, taken apart, thinned out, put into another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.resize import resize_images

_HASH_SIDE = 8  # cells of the small picture that stands for an image


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Images with more channels: a grey one has its brightness in each colour, and what was not there is opaque."""
    if images.shape[-1] == 1 and channels >= 3:
        images = images.expand(*images.shape[:-1], 3)
    missing = channels - images.shape[-1]
    if missing <= 0:
        return images
    return torch.cat([images, images.new_ones(*images.shape[:-1], missing)], dim=-1)


def with_batch(images: Tensor, length: int) -> Tensor:
    """A batch of this length, the last image repeated. An empty one stays empty."""
    missing = length - len(images)
    return images if missing <= 0 else torch.cat([images, images[-1:].expand(missing, -1, -1, -1)])


def join(batches: Sequence[Tensor]) -> Tensor:
    """One batch of several: brought to the first one's size, cut at the sides rather than stretched.

    Raises: GraphError, if there are none.
    """
    if not batches:
        words = "there are no images to make a batch of; link at least one"
        raise GraphError(say(words), wanted="1 or more", found=0)
    channels = max(each.shape[-1] for each in batches)
    height, width = batches[0].shape[1:3]
    return torch.cat(
        [
            with_channels(
                each
                if each.shape[1:3] == (height, width)
                else resize_images(each, width, height, "bilinear", "center"),
                channels,
            )
            for each in batches
        ]
    )


def take_from(images: Tensor, index: int, length: int) -> Tensor:
    """Some images from one on. A negative index counts from the end; one outside is the nearest inside."""
    if len(images) == 0:
        return images
    first = index + len(images) if index < 0 else index
    first = min(max(0, first), len(images) - 1)
    return images[first : first + length].clone()


def rebatch(batches: Sequence[Tensor], size: int) -> list[Tensor]:
    """The same images in batches of another size; where their sizes change, a new batch begins."""
    made: list[list[Tensor]] = []
    for image in singles(batches):
        if not made or len(made[-1]) == size or made[-1][0].shape != image.shape:
            made.append([])
        made[-1].append(image)
    return [torch.cat(each) for each in made]


def singles(batches: Sequence[Tensor]) -> list[Tensor]:
    """Every image as a batch of its own."""
    return [image for batch in batches for image in batch.split(1) if len(image)]  # an empty one splits into itself


def listed(batches: Sequence[Tensor]) -> list[Tensor]:
    """The elements of a list of images. A lone batch counts as the list of its images."""
    return singles(batches) if len(batches) == 1 else list(batches)


def shuffled(length: int, seed: int) -> list[int]:
    """Places in an order that the seed draws.

    The draw is numpy's older generator's, since existing datasets were put into order by it.
    """
    return [int(place) for place in np.random.RandomState(seed % (2**32 - 1)).permutation(length)]


def without_doubles(images: Sequence[Tensor], similarity: float) -> list[Tensor]:
    """Those images that look like none before them.

    Two are compared by which cells of them, made grey and 8 x 8 small, are brighter than the mean of all: an average
    hash, see N. Krawetz, "Looks like it", 2011.

    Args:
        images: each [1, H, W, C]. similarity: the share of cells, 0..1, from which on they count as doubles.
    """
    kept: list[Tensor] = []
    hashes: list[Tensor] = []
    for image in images:
        own = _hash(image)
        if all(float((own == other).float().mean()) < similarity for other in hashes):
            kept.append(image)
            hashes.append(own)
    return kept


def _hash(image: Tensor) -> Tensor:
    colours = with_channels(image[..., :3], 3)
    luma = colours @ colours.new_tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
    small = resize_images(luma[..., None], _HASH_SIDE, _HASH_SIDE, "lanczos")
    return (small > small.mean()).flatten()
