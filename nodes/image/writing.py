"""What nodes that write images into files have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
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
        encode: an image [H, W, C], float32 on the CPU -> the bytes of its file.
    """
    refuse_unless_writable(images)
    target = plan_for(images, root, prefix, ctx, folders)
    written = []
    for number, image in enumerate(images):
        ctx.check_cancelled()
        data = encode(image.detach().float().cpu())
        path = target.save(data, extension, batch_number=number, claim=ctx.next_save())
        written.append(shown_file(path.name, target))
        ctx.progress(number + 1, len(images))
    return written


def shown_file(name: str, target: OutputName) -> dict[str, str]:
    return {"filename": name, "subfolder": target.subfolder, "type": target.root_type}
