"""What nodes that write images into files have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.media.beside import made_ahead, threads_for
from heddle.media.output_names import OutputName, plan_name


def refuse_unless_writable(images: Tensor) -> None:
    """Raises: ShapeError, if these are no images that a file can hold."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ShapeError(
            say(
                "images of shape {shape} cannot be written; [batch, height, width, 1, 3 or 4] is wanted",
                shape=list(images.shape),
            ),
            wanted="[B, H, W, 1 | 3 | 4]",
            got=list(images.shape),
        )
    if 0 in images.shape[1:3]:
        raise ShapeError(
            say(
                "an image of shape {shape} has no pixels; a picture of 1 x 1 px is the smallest",
                shape=list(images.shape[1:]),
            ),
            wanted="[B, H, W, C], H and W at least 1",
            got=list(images.shape),
        )


def plan_for(images: Tensor, root: str, prefix: str, ctx: Context, folders: Any = None) -> OutputName:
    """Where files of images go, below the context's folders or those given."""
    height, width = images.shape[1:3]
    return plan_name(folders or ctx.folders, root, prefix, width=width, height=height, now=datetime.now())


def write_each(
    images: Tensor,
    root: str,
    prefix: str,
    encode: Callable[[Tensor], bytes],
    ctx: Context,
    *,
    extension: str = ".png",
    folders: Any = None,
) -> list[dict[str, str]]:
    """One file for each image of [B, H, W, C]; returns where they are, as clients are told.

    Args:
        root: "output" or "temp".
        encode: an image [H, W, C], float32 on the CPU -> the bytes of its file. Several threads call it at once.
    """
    refuse_unless_writable(images)
    target = plan_for(images, root, prefix, ctx, folders)
    written = []
    single = (image.detach().float().cpu() for image in images)
    threads = threads_for(len(images), images.shape[1] * images.shape[2])
    with closing(made_ahead(single, encode, threads)) as packed:
        for number, data in enumerate(packed):
            ctx.check_cancelled()
            path = target.save(data, extension, batch_number=number, claim=ctx.next_save())
            written.append(shown_file(path.name, target))
            ctx.progress(number + 1, len(images))
    return written


def shown_file(name: str, target: OutputName) -> dict[str, str]:
    return {"filename": name, "subfolder": target.subfolder, "type": target.root_type}
