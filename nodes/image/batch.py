"""Batches of images: made, taken apart, repeated, thinned out."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Number, Wire, node
from heddle.graph.declare_dynamic import Growing
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.image_batches import join, rebatch, singles, take_from, without_doubles
from heddle.numerics.image_boards import lay_in_grid
from heddle.wires import Image

CATEGORY = "image/batch"

#: What a node gives that gives a list of images.
Images = Annotated[list[Tensor], Wire("IMAGE", many=True)]

_Many = Annotated[list[Tensor], Wire("IMAGE", tip="Images, in lists or batches.")]


@node("BatchImagesNode", category=CATEGORY, name="Batch Images", search=("combine", "join", "merge"))
def batch_images(
    images: Annotated[dict[str, Tensor], Growing("image", Image, high=50, tip="The images, in this order.")],
) -> Image:
    """Make one batch of images. All are brought to the first one's size, cut at the sides rather than stretched."""
    return join([each for each in images.values() if each is not None])


@node("ImageBatch", category=CATEGORY, name="Batch Images (DEPRECATED)", deprecated=True)
def batch_two(
    image1: Annotated[Image, Wire("IMAGE", tip="The first images.")],
    image2: Annotated[Image, Wire("IMAGE", tip="The images after them, brought to the first ones' size.")],
) -> Image:
    """Make one batch of two. Batch Images does the same for any number."""
    return join([image1, image2])


@node("ImageFromBatch", category=CATEGORY, name="Get Image from Batch", search=("select", "pick", "frame"))
def from_batch(
    image: Annotated[Image, Wire("IMAGE", tip="A batch of images.")],
    batch_index: Annotated[
        int, Number(default=0, low=-16384, high=16384, tip="The first to take, from 0 on; -1 is the last.")
    ],
    length: Annotated[int, Number(default=1, low=1, high=4096, tip="How many to take.")],
) -> Image:
    """Take some images out of a batch. Beyond its end there is nothing to take, so there may be fewer."""
    return take_from(image, batch_index, length)


@node("RepeatImageBatch", category=CATEGORY, name="Repeat Image Batch", search=("copy", "duplicate"))
def repeat(
    image: Annotated[Image, Wire("IMAGE", tip="The images to repeat.")],
    amount: Annotated[int, Number(default=1, low=1, high=4096, tip="How often the batch is there afterwards.")],
) -> Image:
    """Repeat a batch of images, the whole of it one time after the other."""
    return image.repeat(amount, 1, 1, 1)


@node("RebatchImages", category=CATEGORY, name="Rebatch Images", takes_lists=True, search=("split", "list"))
def rebatch_images(
    images: _Many,
    batch_size: Annotated[
        list[int], Number(default=1, low=1, high=4096, tip="Images in each batch; the last may have fewer.")
    ],
) -> Images:
    """Make batches of another size, which the nodes behind take one after the other.

    Where the size of the images changes, a new batch begins.
    """
    return rebatch(images, batch_size[0])


@node(
    "ImageDeduplication",
    category=CATEGORY,
    name="Deduplicate Images",
    outputs=("images",),
    takes_lists=True,
    experimental=True,
    search=("duplicate", "dataset"),
)
def deduplicate(
    images: _Many,
    similarity_threshold: Annotated[
        list[float],
        Number(
            default=0.95, low=0.0, high=1.0, advanced=True, tip="How alike two must be so that one goes; 1 = equal."
        ),
    ],
    ctx: Context,
) -> Images:
    """Leave out images that look like one before them, also if they differ in size or a little in colour."""
    all_of_them = singles(images)
    kept = without_doubles(all_of_them, similarity_threshold[0])
    if len(kept) < len(all_of_them):
        words = "{count} of {total} images look like another and are left out"
        ctx.note(say(words, count=len(all_of_them) - len(kept), total=len(all_of_them)))
    return kept


@node(
    "ImageGrid",
    category=CATEGORY,
    name="Make Image Grid",
    outputs=("images",),
    takes_lists=True,
    experimental=True,
    search=("contact sheet", "collage", "montage"),
)
def make_grid(
    images: _Many,
    columns: Annotated[list[int], Number(default=4, low=1, high=20, tip="Images in a row.")],
    cell_width: Annotated[list[int], Number(default=256, low=32, high=2048, advanced=True, tip="In pixels.")],
    cell_height: Annotated[list[int], Number(default=256, low=32, high=2048, advanced=True, tip="In pixels.")],
    padding: Annotated[list[int], Number(default=4, low=0, high=50, advanced=True, tip="Between images, in pixels.")],
) -> Image:
    """Lay images out in rows on one black image. Larger ones are made to fit into their cell, smaller ones left."""
    laid = singles(images)
    if not laid:
        words = "there are no images to lay out; link at least one"
        raise GraphError(say(words), input_name="images", found=0)
    return lay_in_grid(laid, columns[0], cell_width[0], cell_height[0], padding[0])


@node(
    "MergeImageLists",
    category=CATEGORY,
    name="Merge Image Lists (DEPRECATED)",
    outputs=("images",),
    takes_lists=True,
    deprecated=True,
    experimental=True,
)
def merge_lists(images: _Many) -> Images:
    """Pass on a list of images as one list, whatever number of nodes it came from."""
    return list(images)
