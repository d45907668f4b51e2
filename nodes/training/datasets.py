"""Training sets: made of pictures and their captions, kept in files, grouped by size."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Files, Hidden, More, Number, Text, Wire, node
from heddle.graph.errors import FileProblem, GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.settings.current import current_folders
from heddle.training.buckets import by_resolution, pairs_of
from model_management.image_coding import encode_image
from model_management.training_sets import read_set, shards_of, write_set
from nodes.conditioning.texts import encode_texts
from nodes.image.cells import crop_to_cells

CATEGORY = "model/training"

_SINGLE = More({"multiselect": False})

Latents = Annotated[Any, Wire("LATENT", tip="The encoded pictures, a list of them.")]
Conditionings = Annotated[Any, Wire("CONDITIONING", tip="The encoded captions, one for each picture.")]
ManyLatents = Annotated[Any, Wire("LATENT", many=True)]
ManyConditionings = Annotated[Any, Wire("CONDITIONING", many=True)]


@node(
    "MakeTrainingDataset", category=CATEGORY, name="Make Training Dataset", outputs=("latents", "conditioning"),
    takes_lists=True, experimental=True, search=("encode", "caption"),
)  # fmt: skip
def make_dataset(
    images: Annotated[Any, Wire("IMAGE", tip="The pictures to learn from, a list of them.")],
    vae: Annotated[Any, Wire("VAE", tip="The autoencoder of the model that is to learn.")],
    clip: Annotated[Any, Wire("CLIP", tip="The text encoder of the model that is to learn.")],
    *,
    texts: Annotated[
        Any,
        Wire("STRING", tip="What each picture shows; one text goes with all of them, none with no caption."),
        More({"forceInput": True, "multiline": False}),
    ] = None,
    ctx: Context,
) -> tuple[ManyLatents, ManyConditionings]:
    """Encode pictures and their captions once, so that a training need not do it again in each step."""
    captions = list(texts or [""])
    if len(captions) == 1:
        captions *= len(images)
    if len(captions) != len(images):
        words = "{images} pictures and {texts} captions; give one caption for all, or one for each"
        said = say(words, images=len(images), texts=len(captions))
        raise GraphError(said, input_name="texts", found=len(captions), wanted=len(images))
    latents, conditionings, encoded = [], [], {}
    for done, (image, caption) in enumerate(zip(images, captions, strict=True)):
        fitting = crop_to_cells(image[..., :3], vae[0].px_per_cell, ctx)
        latents.append(
            {"samples": encode_image(vae[0], fitting, ctx.weights, lambda *_: ctx.check_cancelled(), ctx.note)}
        )
        if caption not in encoded:
            encoded[caption] = encode_texts(clip[0], caption, ctx)
        conditionings.append(encoded[caption])
        ctx.progress(done + 1, len(images))
    return latents, conditionings


@node(
    "SaveTrainingDataset", category=CATEGORY, name="Save Training Dataset", takes_lists=True, effects=True,
    experimental=True, search=("export", "shard"),
)  # fmt: skip
def save_dataset(
    latents: Latents,
    conditioning: Conditionings,
    folder_name: Annotated[
        list[str],
        Text(tip="A folder in the output folder. Where there is one already, the new one gets a number."),
        More({"default": "training_dataset", "multiline": False}),
    ],
    shard_size: Annotated[
        list[int],
        Number(default=1000, low=1, high=100000, advanced=True, tip="How many pictures each file holds."),
    ],
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Shown:
    """Write an encoded training set into files, which Load Training Dataset reads. Nothing is overwritten."""
    if len(latents) != len(conditioning):
        pairs_of(latents, conditioning)  # says what is wrong
    folder = ctx.folders.resolve("output", str(folder_name[0]), "")
    if folder == ctx.folders.resolve("output", "", ""):
        said = say("folder_name is empty; name a folder for the training set")
        raise GraphError(said, input_name="folder_name")
    made = write_set(folder, list(zip(latents, conditioning, strict=True)), shard_size[0], ctx.progress)
    name = made.relative_to(ctx.folders.resolve("output", "", "")).as_posix()
    ctx.note(say("{count} examples are written into {folder}", count=len(latents), folder=name))
    return Shown((), {"text": [name]})


def _fingerprint(folder_name: str | None = None) -> str:
    """Changes with the files of a training set."""
    if folder_name is None:
        return ""
    try:
        states = [(each.name, each.stat()) for each in shards_of(current_folders().resolve("output", folder_name, ""))]
    except (FileProblem, OSError):  # the node says what is wrong
        return "unreadable"
    return ", ".join(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)


@node(
    "LoadTrainingDataset", category=CATEGORY, name="Load Training Dataset", outputs=("latents", "conditioning"),
    experimental=True, fingerprint=_fingerprint, search=("import", "shard"),
)  # fmt: skip
def load_dataset(
    folder_name: Annotated[
        str,
        Files("output", which="datasets", tip="A folder in the output folder that Save Training Dataset wrote."),
        _SINGLE,
    ],
    ctx: Context,
) -> tuple[ManyLatents, ManyConditionings]:
    """Read an encoded training set from files. Nothing in them is executed."""
    examples = read_set(ctx.folders.resolve("output", folder_name, ""), folder_name, ctx.progress)
    return [latent for latent, _ in examples], [entries for _, entries in examples]


@node(
    "ResolutionBucket", category=CATEGORY, name="Resolution Bucket", outputs=("latents", "conditioning"),
    takes_lists=True, experimental=True, search=("size", "group", "batch"),
)  # fmt: skip
def group_by_size(latents: Latents, conditioning: Conditionings) -> tuple[ManyLatents, ManyConditionings]:
    """Put pictures of equal size together into batches, so that a training can take several of them at once."""
    buckets = by_resolution(pairs_of(latents, conditioning))
    return [{"samples": samples} for samples, _ in buckets], [entries for _, entries in buckets]
