"""What a model family is, and how a file's family is told from its header alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.networks.ops import Ops
from heddle.numerics.latent_rgb import LatentColours
from heddle.samplers.predictions import Prediction
from model_management.header import Header
from model_management.known_layouts import KNOWN_LAYOUTS
from model_management.signs import Sign, holds


@dataclass(frozen=True)
class LatentSpace:
    """The latents that a family's network works on: (VAE latent - shift) * scale.

    colours: how they show as a picture, for autoencoders of the sizes `published_vae`; None where that is not known.
    small_vae: the name of the small autoencoder that makes and reads them, for previews.
    """

    channels: int
    scale: float
    shift: float = 0.0
    colours: LatentColours | None = None
    published_vae: Any = None
    small_vae: str | None = None


@dataclass(frozen=True)
class NetPart:
    """One net of a checkpoint: where its tensors stand, how large it is and how it is built.

    prefix: what its names begin with in the file; behind it follow the names of `build(...)`'s `state_dict()`.
    config: sizes, read from names and shapes.
    """

    prefix: str
    config: Callable[[Header, str], Any]
    build: Callable[[Any, Ops], nn.Module]


@dataclass(frozen=True)
class TextPart(NetPart):
    """A text encoder, and which of its layers the family's network was trained on."""

    layer: int = -1
    with_norm: bool = True


@dataclass(frozen=True)
class RunFacts:
    """What a family may ask of a run when it reads a conditioning.

    shape: of the latent, [B, C, h, w]. latent: in the network's units, noise: of unit variance, both in that shape.
    """

    shape: tuple[int, ...]
    latent: Tensor
    noise: Tensor


#: From one entry of a conditioning, its states [B, T, D] and what belongs to them by name, to what the network takes
#: beside latent and time, by its keyword.
ReadEntry = Callable[[Tensor, Mapping[str, Any], RunFacts], dict[str, Tensor]]


def text_alone(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """For networks that are shown a text and nothing else."""
    return {"context": states}


@dataclass(frozen=True)
class Family:
    """One family of models: everything that its files have in common and do not say themselves.

    signs: all of them hold for a file of this family, and for no file of another.
    predicts: what the network's output means, with the noise schedule of its training.
    native_px: side of the pictures that the published model was trained on.
    read_entry: what of a conditioning the network takes.
    """

    name: str
    signs: tuple[Sign, ...]
    network: NetPart
    text: tuple[TextPart, ...]
    vae: NetPart
    latent: LatentSpace
    predicts: Prediction
    native_px: int
    read_entry: ReadEntry = text_alone


def recognise(header: Header, families: Sequence[Family]) -> Family:
    """The one family whose signs the file shows.

    Raises: WeightsError, if none fits (saying what the file looks like, where that is known) or more than one.
    """
    fitting = [family for family in families if holds(family.signs, header)]
    if len(fitting) == 1:
        return fitting[0]
    file = header.path.name
    if fitting:
        names = " and ".join(family.name for family in fitting)
        raise WeightsError(f"{file} fits the families {names}, which should exclude each other", file=header.path)
    known = ", ".join(family.name for family in families)
    for layout in KNOWN_LAYOUTS:
        if holds(layout.signs, header):
            raise WeightsError(
                f"{file} looks like {layout.title}, not like a checkpoint of a family that runs here ({known}); "
                f"{layout.next_step}",
                file=header.path,
            )
    raise WeightsError(
        f"{file} is no checkpoint of a family that runs here ({known}): it holds {describe_names(header)}; "
        "choose a full checkpoint of one of them",
        file=header.path,
    )


def describe_names(header: Header, most: int = 4) -> str:
    """A few words on what a file holds, for messages: `1,131 tensors, such as a.b.weight, c.d.bias`."""
    keys: Iterable[str] = sorted(header.tensors)[:: max(1, len(header.tensors) // most)]
    return f"{len(header.tensors):,} tensors, such as {', '.join(list(keys)[:most])}"
