"""Lists of images, with texts beside them, that models are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Hidden, More, Number, Text, Wire, node
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.beside import made_ahead, threads_for
from heddle.media.datasets import DatasetFolder, list_pictures, state_of, text_beside
from heddle.media.pictures import encode_png, read_picture, to_bytes
from heddle.numerics.image_batches import listed, shuffled
from heddle.settings.current import current_folders
from nodes.image.batch import CATEGORY, Images
from nodes.image.writing import refuse_unless_writable
from nodes.metadata import texts_for

_LEVEL = 4  # zlib's effort

Texts = Annotated[list[str], Wire("STRING", many=True)]

_ONE = More({"multiselect": False})
_Folder = Annotated[str, Files("input_folders", tip="A folder in the input folder; its folders are read, too."), _ONE]
_Many = Annotated[list[Tensor], Wire("IMAGE", tip="A list of images.")]
_TEXTS = (Text(tip="A text for each image, in the same order."), More({"forceInput": True, "multiline": False}))
_Seed = Annotated[list[int], Number(default=0, low=0, high=2**64 - 1, tip="The same seed gives the same order.")]
_FolderName = Annotated[
    list[str],
    Text(tip="A folder in the output folder; slashes make folders in it."),
    More({"default": "dataset", "multiline": False}),
]
_Prefix = Annotated[
    list[str],
    Text(tip="How the names begin; a number follows."),
    More({"default": "image", "multiline": False, "advanced": True}),
]
_Mode = Annotated[
    list[str],
    Choice("overwrite", "increment", tip="overwrite begins at 0 again; increment goes on behind the last."),
    More({"default": "overwrite", "multiselect": False}),
]


def folder_state(folder: str) -> str:
    """What tells that something in a folder has changed."""
    return state_of(current_folders().input_folder(folder))


@node(
    "LoadImageDataSetFromFolder",
    category="image",
    name="Load Image (from Folder)",
    outputs=("images",),
    experimental=True,
    fingerprint=folder_state,
    search=("dataset", "directory"),
)
def load_folder(folder: _Folder, ctx: Context) -> Images:
    """Read all pictures of a folder as a list of images, which the nodes behind take one after the other.

    Those of a folder in it that is called 10_something count ten times, as trainers read it.
    """
    return _read(list_pictures(ctx.folders.input_folder(folder)), ctx)


@node(
    "LoadImageTextDataSetFromFolder",
    category="image",
    name="Load Image-Text (from Folder)",
    outputs=("images", "texts"),
    experimental=True,
    fingerprint=folder_state,
    search=("dataset", "captions"),
)
def load_folder_with_texts(folder: _Folder, ctx: Context) -> tuple[Images, Texts]:
    """Read all pictures of a folder, and of each the text file beside it of the same name.

    A picture without one has an empty text. Those of a folder in it that is called 10_something count ten times.
    """
    paths = list_pictures(ctx.folders.input_folder(folder))
    return _read(paths, ctx), [text_beside(path) for path in paths]


def _read(paths: Sequence[Path], ctx: Context) -> list[Tensor]:
    """Each picture once, however often it counts; of an animation the first frame."""
    images: dict[Path, Tensor] = {}
    for number, path in enumerate(paths):
        if path not in images:
            images[path] = torch.from_numpy(read_picture(path, path.name, most_frames=1).as_float())
        ctx.progress(number + 1, len(paths))
    return [images[path] for path in paths]


@node(
    "SaveImageDataSetToFolder",
    category="image",
    name="Save Image (to Folder) (DEPRECATED)",
    effects=True,
    takes_lists=True,
    deprecated=True,
    experimental=True,
)
def save_folder(
    images: _Many,
    folder_name: _FolderName,
    filename_prefix: _Prefix,
    mode: _Mode,
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[()]:
    """Write a list of images into a folder of the output folder. Save Image-Text does the same, also with texts."""
    return _write(images, None, folder_name[0], filename_prefix[0], mode[0], prompt, extra_pnginfo, ctx)


@node(
    "SaveImageTextDataSetToFolder",
    category="image",
    name="Save Image-Text (to Folder)",
    effects=True,
    takes_lists=True,
    experimental=True,
    search=("dataset", "captions"),
)
def save_folder_with_texts(
    images: _Many,
    folder_name: _FolderName,
    filename_prefix: _Prefix,
    mode: _Mode,
    *,
    texts: Annotated[list[str] | None, *_TEXTS] = None,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[()]:
    """Write a list of images into a folder of the output folder, and beside each its text under the same name."""
    return _write(images, texts, folder_name[0], filename_prefix[0], mode[0], prompt, extra_pnginfo, ctx)


def _write(
    images: list[Tensor],
    texts: list[str] | None,
    folder_name: str,
    prefix: str,
    mode: str,
    prompt: Any,
    extra: Any,
    ctx: Context,
) -> Any:
    whole = listed(images)
    beside: Sequence[str | None] = [None] * len(whole) if texts is None else _paired(whole, texts)
    sent, more = ((each[0] if isinstance(each, list) else each) for each in (prompt, extra))
    notes = texts_for(sent, more, ctx)
    folder = DatasetFolder(ctx.folders, folder_name, prefix, is_overwritten=mode == "overwrite")
    for batch in whole:
        refuse_unless_writable(batch)
    texts_of_each = [text for batch, text in zip(whole, beside, strict=True) for _ in batch]
    single = (image.detach().float().cpu() for batch in whole for image in batch)
    most_pixels = max((batch.shape[1] * batch.shape[2] for batch in whole), default=0)

    def encode(image: Tensor) -> bytes:
        return encode_png(to_bytes(image.numpy()), notes, _LEVEL)

    written = []
    with closing(made_ahead(single, encode, threads_for(len(texts_of_each), most_pixels))) as packed:
        for data, text in zip(packed, texts_of_each, strict=True):
            path = folder.write(data, text, ctx.next_save())
            written.append({"filename": path.name, "subfolder": folder.name, "type": "output"})
            ctx.progress(len(written), len(texts_of_each))
    return Shown((), {"images": written})


def _paired(images: Sequence[Tensor], texts: Sequence[str]) -> list[str]:
    """A text for each image; a lone one is for all. Raises: GraphError, if there are more or fewer."""
    if len(texts) == 1:
        return list(texts) * len(images)
    if len(texts) != len(images):
        words = "there are {images} images, but {texts} texts; give one for each image, or one for all"
        raise GraphError(
            say(words, images=len(images), texts=len(texts)),
            input_name="texts",
            found=len(texts),
            wanted=len(images),
        )
    return list(texts)


@node(
    "ShuffleDataset",
    category=CATEGORY,
    name="Shuffle Images List",
    outputs=("images",),
    takes_lists=True,
    experimental=True,
    search=("random", "dataset"),
)
def shuffle(images: _Many, seed: _Seed) -> Images:
    """Put a list of images into an order that the seed draws."""
    whole = listed(images)
    return [whole[place] for place in shuffled(len(whole), seed[0])]


@node(
    "ShuffleImageTextDataset",
    category=CATEGORY,
    name="Shuffle Pairs of Image-Text",
    outputs=("images", "texts"),
    takes_lists=True,
    experimental=True,
    search=("random", "dataset"),
)
def shuffle_with_texts(images: _Many, texts: Annotated[list[str], *_TEXTS], seed: _Seed) -> tuple[Images, Texts]:
    """Put a list of images and one of texts into an order that the seed draws; what belongs together stays so."""
    whole = listed(images)
    beside = _paired(whole, texts)
    order = shuffled(len(whole), seed[0])
    return [whole[place] for place in order], [beside[place] for place in order]
