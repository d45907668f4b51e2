"""Text encoders from files of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from heddle.graph.errors import GraphError, WeightsError
from heddle.graph.said import all_of, one_of, say
from model_management.checkpoint import text_encoder
from model_management.family import Family, TextPart, describe_names
from model_management.handles import Clip
from model_management.header import Header, read_header
from model_management.language_models import open_language_model
from model_management.net_sizes import clip_text_config, open_clip_text_config
from model_management.places import Place, as_named, in_open_clip
from model_management.transformer_sizes import gemma2_config, t5_config

#: By the width of their tokens, which published encoders of one kind differ in.
NAMES = {768: "l", 1024: "h", 1280: "g"}
#: Stable Diffusion 2 reads OpenCLIP-H's second last layer, so files of diffusers leave its last one out.
LAYERS_WITHOUT_LAST = {"h": 23}
T5_NAMES = {4096: "t5xxl", 2048: "pile_t5xl"}
GEMMA_NAMES = {2304: "gemma2_2b"}


class TextLayout(NamedTuple):
    """How files spell a text encoder. tokens: the name of its token table, which stands behind the encoder's prefix."""

    tokens: str
    config: Callable[[Header, str], Any]
    place: Callable[[str], Place]
    kind: Literal["clip", "t5", "gemma"] = "clip"

    @property
    def names(self) -> dict[int, str]:
        return {"clip": NAMES, "t5": T5_NAMES, "gemma": GEMMA_NAMES}[self.kind]


def _bare_gemma2_config(header: Header, prefix: str) -> Any:
    bare = header.below(prefix)
    return gemma2_config(bare.renamed({key: f"model.{key}" for key in bare.tensors}), "")


def _bare(name: str) -> Place:
    """A language model as transformers writes it where it writes no words, as for the folders of diffusers."""
    return Place(name.removeprefix("model."))


LAYOUTS = (
    TextLayout("text_model.embeddings.token_embedding.weight", clip_text_config, as_named),
    TextLayout("token_embedding.weight", open_clip_text_config, in_open_clip),
    TextLayout("shared.weight", t5_config, as_named, "t5"),
    TextLayout("model.embed_tokens.weight", gemma2_config, as_named, "gemma"),
    TextLayout("embed_tokens.weight", _bare_gemma2_config, _bare, "gemma"),
)


def open_text_encoders(paths: Sequence[Path], type: str, families: Sequence[Family]) -> Clip:
    """The handle of text encoders that belong together, each in a file of its own, in any order.

    A language model that no family reads writes texts, whatever the type.

    Args:
        type: the loader nodes' word for the families that read them, see `Family.text_type`.
    Raises: WeightsError, if a file is missing, damaged or holds no encoder known here; GraphError, if no family of
        this type reads just these.
    """
    if len(paths) == 1 and (clip := open_language_model(read_header(paths[0]))) is not None:
        return clip
    found = {name: (header, layout, prefix) for header, layout, name, prefix in map(find_text_encoder, paths)}
    family = _reader_of(set(found), type, families)
    encoders = []
    for part in family.text:
        if part.name not in found:
            continue
        header, layout, prefix = found[part.name]
        own: TextPart = replace(part, prefix=prefix, config=layout.config, place=layout.place)
        encoder = text_encoder(header, own)
        if LAYERS_WITHOUT_LAST.get(part.name) == encoder.config.layers:
            encoder = replace(encoder, last_layer=part.layer + 1)
        encoders.append(encoder)
    return Clip(tuple(encoders), family.join)


def find_text_encoder(path: Path | str) -> tuple[Header, TextLayout, str, str]:
    """The header of a file, how its text encoder is spelt, which one it is ("l", "t5xxl" ...) and behind which prefix.

    Raises: WeightsError, if the file is missing, damaged, or does not hold one text encoder of a width known here.
    """
    header = read_header(path)
    for layout in LAYOUTS:
        keys = [key for key in header.tensors if key == layout.tokens or key.endswith(f".{layout.tokens}")]
        if len(keys) > 1:
            raise WeightsError(
                say(
                    "{file} holds {count} text encoders, but a file with one is wanted; load it with "
                    "CheckpointLoaderSimple, if it is a checkpoint",
                    file=header.path.name,
                    count=len(keys),
                ),
                file=header.path,
            )
        for key in keys:
            width = header.shape(key)[-1]
            if width not in layout.names:
                raise WeightsError(
                    say(
                        "{file}: {key} is {width} wide; text encoders known here are {known} wide: choose another file",
                        file=header.path.name,
                        key=key,
                        width=width,
                        known=", ".join((f"{name} ({wide})" for wide, name in layout.names.items())),
                    ),
                    file=header.path,
                    key=key,
                )
            return header, layout, layout.names[width], key.removesuffix(layout.tokens)
    raise WeightsError(
        say(
            "{file} holds no text encoder known here: it holds {found}; choose a file with CLIP-L, "
            "OpenCLIP-H, OpenCLIP-bigG, T5, Gemma or Qwen",
            file=header.path.name,
            found=describe_names(header),
        ),
        file=header.path,
    )


def _readable(family: Family) -> str:
    names = " with ".join(part.name for part in family.text)
    return say("some of {names}", names=names) if any(part.may_lack for part in family.text) else names


def _reader_of(names: set[str], type: str, families: Sequence[Family]) -> Family:
    of_type = [family for family in families if family.text_type == type]
    for family in (*of_type, *(family for family in families if family.any_text_type)):
        needed = {part.name for part in family.text if not part.may_lack}
        if needed <= names <= {part.name for part in family.text}:
            return family
    known = {_readable(family): None for family in of_type}
    wanted = one_of(known) if known else say("nothing: models of this type do not run here yet")
    raise GraphError(
        say(
            "type {type}: the files hold the text encoders {found}, but wanted is {wanted}; choose other "
            "files or another type",
            type=type,
            found=all_of(sorted(names)),
            wanted=wanted,
        ),
        input_name="type",
        found=sorted(names),
        wanted=list(known),
    )
