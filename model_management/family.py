"""What a model family is, and how a file's family is told from its header alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.networks.clip_text import EncodedText
from heddle.networks.ops import Ops
from heddle.numerics.latent_rgb import LatentColours
from heddle.prompts.sequences import SequenceLayout
from heddle.prompts.tokenizer import END
from heddle.prompts.vocabularies import Vocabulary
from heddle.samplers.predictions import Prediction
from model_management.header import Header
from model_management.known_layouts import KNOWN_LAYOUTS, LOOSE
from model_management.places import Place, as_named
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

    def inward(self, latent: Tensor) -> Tensor:
        """A VAE's latent in the network's units."""
        return (latent - self.shift) * self.scale

    def outward(self, latent: Tensor) -> Tensor:
        """The network's latent in the VAE's units."""
        return latent / self.scale + self.shift

    def start_of(self, latent: Tensor) -> Tensor:
        """What a run starts from, in the network's units: an empty latent stands for "no picture", 0 there as well."""
        return self.inward(latent) if bool(latent.any()) else latent


@dataclass(frozen=True)
class NetPart:
    """One net of a checkpoint: where its tensors stand, how large it is and how it is built.

    prefix: what its names begin with in the file.
    config: sizes, read from names and shapes.
    place: where behind the prefix each tensor of `build(...)`'s `state_dict()` lies.
    """

    prefix: str
    config: Callable[[Header, str], Any]
    build: Callable[[Any, Ops], nn.Module]
    place: Callable[[str], Place] = as_named


@dataclass(frozen=True)
class RowReading:
    """layout: what stands around a prompt's tokens. vocabulary: the table that they are numbered by.

    hides_padding: what fills the row up is not looked at by the encoder, and its states are zeros.
    """

    layout: SequenceLayout
    vocabulary: Vocabulary
    hides_padding: bool = False


@dataclass(frozen=True)
class TextPart(NetPart):
    """A text encoder, and what of it the family's network was trained on.

    name: "l", "g" or "h", as the ecosystem calls CLIP-L, OpenCLIP-bigG and OpenCLIP-H, or "t5xxl". Textual inversions
        for it lie under clip_<name>, or its name where it reads in one row.
    pad: the token that a chunk is filled up with.
    layer: whose output is taken; -1 = the last. with_norm: that output goes through the final norm.
    row: how encoders that do not read CLIP's chunks, but all of a prompt in one row, have it.
    may_lack: there are files without it.
    """

    name: str = "l"
    pad: int = END
    layer: int = -1
    with_norm: bool = True
    row: RowReading | None = None
    may_lack: bool = False


#: From the encoded texts, by name of their encoders, to what the network reads. An encoder that the file lacks, or
#: whose text was left out, is missing.
JoinTexts = Callable[[Mapping[str, EncodedText]], EncodedText]


def only_text(texts: Mapping[str, EncodedText]) -> EncodedText:
    """For networks that read one encoder."""
    (text,) = texts.values()
    return text


def side_by_side(*names: str, pooled_of: str) -> JoinTexts:
    """Each token's states of these encoders one beside the other, in this order, and the pooled vector of one.

    A text that is longer for one encoder than for another is cut to the shorter.
    """

    def join(texts: Mapping[str, EncodedText]) -> EncodedText:
        length = min(texts[name].states.shape[1] for name in names)
        states = torch.cat([texts[name].states[:, :length] for name in names], dim=-1)
        return EncodedText(states, texts[pooled_of].pooled)

    return join


@dataclass(frozen=True)
class RunFacts:
    """What a family may ask of a run when it reads a conditioning.

    shape: of the latent, [B, C, h, w]. latent: in the network's units, noise: of unit variance, both in that shape.
    mask: of the latent, where it has one: [B, H, W] or [B, 1, H, W], 1 = drawn anew.
    side: the input that the conditioning came in by: "positive", "negative" ...
    seed: of the run's noise.
    sigmas: the levels of the run; of one that takes some of the steps of another, all of that one's. None = not known.
    first_sigma: the highest level of the run.
    """

    shape: tuple[int, ...]
    latent: Tensor
    noise: Tensor
    mask: Tensor | None = None
    side: str = ""
    seed: int = 0
    sigmas: Tensor | None = None
    first_sigma: float = math.inf


#: A family's text encoders are told from all others by themselves, whatever word is chosen where they are loaded.
ANY_TYPE = "*"

#: From one entry of a conditioning, its states [B, T, D] and what belongs to them by name, to what the network takes
#: beside latent and time, by its keyword.
ReadEntry = Callable[[Tensor, Mapping[str, Any], RunFacts], dict[str, Tensor]]


def text_alone(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """For networks that are shown a text and nothing else."""
    return {"context": states}


#: From a file and the names that it has for the network's tensors to what it says that the network predicts.
TellPrediction = Callable[[Header, Callable[[str], str]], Prediction | None]


def as_published(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """For families whose files all predict the same."""
    return None


@dataclass(frozen=True)
class Family:
    """One family of models: everything that its files have in common and do not say themselves.

    signs: all of them hold for a full checkpoint of this family, and for no file of another.
    network_signs: the same for the network alone, asked of its names without a prefix.
    predicts: what the network's output means, with the noise schedule of its training.
    told_prediction: the same where a file says otherwise, by a tensor, its metadata or what lies beside it.
    native_px: side of the pictures that the published model was trained on.
    read_entry: what of a conditioning the network takes.
    may_repeat_text: a text and its repetition say the same to the network. Not where text and picture share one
        attention: there a text that is said twice weighs twice.
    join: what it reads of several text encoders.
    text_type: the word of the nodes that load text encoders alone for the families that read these, or `ANY_TYPE`.
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
    may_repeat_text: bool = True
    join: JoinTexts = only_text
    text_type: str = ""
    network_signs: tuple[Sign, ...] = ()
    told_prediction: TellPrediction = as_published


#: What a network's names begin with: nothing in most files of its own, a checkpoint's prefix in those cut out of one.
NETWORK_PREFIXES = ("model.diffusion_model.", "")


def recognise(header: Header, families: Sequence[Family]) -> Family:
    """The one family whose signs the file shows.

    Raises: WeightsError, if none fits (saying what the file looks like, where that is known) or more than one.
    """
    fitting = [family for family in families if holds(family.signs, header)]
    if not fitting:
        _refuse(header, families, "checkpoint", "choose a full checkpoint of one of them")
    return _only(fitting, header)


def recognise_network(header: Header, families: Sequence[Family]) -> tuple[Family, str]:
    """The one family whose network the file holds, and the prefix behind which it lies.

    Raises: WeightsError, as `recognise`.
    """
    for prefix in NETWORK_PREFIXES:
        if header.has_prefix(prefix):
            inner = header.below(prefix)
            fitting = [family for family in families if family.network_signs and holds(family.network_signs, inner)]
            if fitting:
                return _only(fitting, header), prefix
    _refuse(header, families, "diffusion model", "choose a file that holds one")


def _only(fitting: Sequence[Family], header: Header) -> Family:
    if len(fitting) > 1:
        names = " and ".join(family.name for family in fitting)
        raise WeightsError(
            f"{header.path.name} fits the families {names}, which should exclude each other", file=header.path
        )
    return fitting[0]


def _refuse(header: Header, families: Sequence[Family], wanted: str, next_step: str) -> NoReturn:
    file = header.path.name
    known = ", ".join(family.name for family in families)
    for layout in KNOWN_LAYOUTS:
        if holds(layout.signs, header):
            step = next_step if wanted != "checkpoint" and layout.next_step == LOOSE else layout.next_step
            raise WeightsError(
                f"{file} looks like {layout.title}, not like a {wanted} of a family that runs here ({known}); {step}",
                file=header.path,
            )
    raise WeightsError(
        f"{file} is no {wanted} of a family that runs here ({known}): it holds {describe_names(header)}; {next_step}",
        file=header.path,
    )


def describe_names(header: Header, most: int = 4) -> str:
    """A few words on what a file holds, for messages: `1,131 tensors, such as a.b.weight, c.d.bias`."""
    keys: Iterable[str] = sorted(header.tensors)[:: max(1, len(header.tensors) // most)]
    return f"{len(header.tensors):,} tensors, such as {', '.join(list(keys)[:most])}"
