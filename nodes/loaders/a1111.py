"""Networks that a prompt of A1111's web UI calls. A node of our own, see `docs/a1111.md`."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.prompts.a1111.networks import NetworkCall
from heddle.wires import Clip, Model
from model_management.a1111_texts import networks_in
from nodes.loaders.adapters import load_hypernetwork, load_lora

_FOLDERS = {"lora": "loras", "lyco": "loras", "hypernet": "hypernetworks"}
_HEEDED = {"te", "unet"}


@node(
    "HeddleLoraLoaderA1111", category="model/loaders", name="Load LoRA of Prompt (A1111)",
    outputs=("MODEL", "CLIP", "text"), search=("lora", "webui", "prompt"),
)  # fmt: skip
def load_networks_of_prompt(
    model: Model,
    clip: Clip,
    text: Annotated[str, Text(multiline=True, tip="A prompt with <lora:name:strength> and the like in it.")],
    ctx: Context,
) -> tuple[Model, Clip, str]:
    """Put what a prompt calls by <lora:name:strength> or <hypernet:name:strength> into a model and its text encoder.

    The text comes out without these calls, for Text Encode (A1111). A file is meant by its name without its ending,
    with or without its folder.
    """
    rest, calls = networks_in(text)
    for call in calls:
        name = _find(call, ctx)
        if more := [*call.positional[3:], *(key for key in call.named if key not in _HEEDED)]:
            ctx.note(
                say(
                    "<{kind}:{name}>: {more} has no meaning here and is left out",
                    kind=call.kind,
                    name=name,
                    more=", ".join(more),
                )
            )
        strengths = call.strengths
        if call.kind.lower() == "hypernet":
            model = load_hypernetwork(model, name, strengths.network, ctx=ctx)
        else:
            model, clip = load_lora(model, clip, name, strengths.network, strengths.text, ctx=ctx)
    return model, clip, rest


def _find(call: NetworkCall, ctx: Context) -> str:
    """The file that a call means, as the folder lists it."""
    folder = _FOLDERS[call.kind.lower()]
    wanted = call.items[0]
    files = {str(PurePosixPath(name).with_suffix("")): name for name in ctx.folders.list_files(folder)}
    for plain, name in sorted(files.items(), key=lambda file: file[0].count("/")):
        if wanted in (plain, name, PurePosixPath(plain).name):
            return name
    near = get_close_matches(wanted, files, n=3)
    hint = say("; near to it: {names}", names=", ".join(near)) if near else ""
    raise GraphError(
        say(
            "text: <{kind}:{wanted}>: there is no file of this name in models/{folder}{hint}; put it "
            "there, or take the call out of the text",
            kind=call.kind,
            wanted=wanted,
            folder=folder,
            hint=hint,
        ),
        input_name="text",
        found=wanted,
        wanted=f"a file in models/{folder}",
    )
