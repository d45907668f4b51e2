"""What a model family is, and how a file's family is told from its header alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.graph.said import all_of, say
from heddle.networks.clip_text import EncodedText
from heddle.networks.ops import Ops
from heddle.numerics.latent_rgb import LatentColours
from heddle.prompts.chats import ChatLayout
from heddle.prompts.sequences import SequenceLayout
from heddle.prompts.tokenizer import END
from heddle.prompts.vocabularies import Vocabulary
from heddle.samplers.predictions import Prediction
from model_management.header import Header
from model_management.known_layouts import KNOWN_LAYOUTS, KnownLayout
from model_management.places import Place, as_named
from model_management.signs import Sign, holds


@dataclass(frozen=True)
class LatentSpace:
    """The latents that a family's network works on: (VAE latent - shift) * scale.

    means, spreads: of each channel, taken off and divided by beside that; none where all channels are alike.
    colours: how they show as a picture, for autoencoders of the sizes `published_vae`; None where that is not known.
    small_vae: the name of the small autoencoder that makes and reads them, for previews.
    """

    channels: int
    scale: float
    shift: float = 0.0
    means: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()
    colours: LatentColours | None = None
    published_vae: Any = None
    small_vae: str | None = None

    @property
    def offset(self) -> float | Tensor:
        """What is taken off a VAE's latent; for channels that differ [C, 1, 1]."""
        return torch.tensor(self.means)[:, None, None] + self.shift if self.means else self.shift

    @property
    def factor(self) -> float | Tensor:
        """What the rest is multiplied by, in the same way."""
        return self.scale / torch.tensor(self.spreads)[:, None, None] if self.spreads else self.scale

    def inward(self, latent: Tensor) -> Tensor:
        """A VAE's latent in the network's units."""
        return (latent - _beside(self.offset, latent)) * _beside(self.factor, latent)

    def outward(self, latent: Tensor) -> Tensor:
        """The network's latent in the VAE's units."""
        return latent / _beside(self.factor, latent) + _beside(self.offset, latent)

    def start_of(self, latent: Tensor) -> Tensor:
        """What a run starts from, in the network's units: an empty latent stands for "no picture", 0 there as well."""
        return self.inward(latent) if bool(latent.any()) else latent


def _beside(number: float | Tensor, latent: Tensor) -> float | Tensor:
    return number.to(latent) if isinstance(number, Tensor) else number


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

    hides_padding: what fills the row up is not looked at by the encoder.
    zeros_padding: and its states are zeros.
    """

    layout: SequenceLayout
    vocabulary: Vocabulary
    hides_padding: bool = False
    zeros_padding: bool = False


@dataclass(frozen=True)
class TextPart(NetPart):
    """A text encoder, and what of it the family's network was trained on.

    name: "l", "g" or "h", as the ecosystem calls CLIP-L, OpenCLIP-bigG and OpenCLIP-H, or "t5xxl". Textual inversions
        for it lie under clip_<name>, or its name where it reads in one row.
    pad: the token that a chunk is filled up with.
    layer: whose output is taken; -1 = the last. with_norm: that output goes through the final norm.
    row: how encoders that do not read CLIP's chunks, but all of a prompt in one row, have it.
    may_lack: there are files without it.
    chat: how a language model is asked to write a text.
    """

    name: str = "l"
    pad: int = END
    layer: int = -1
    with_norm: bool = True
    row: RowReading | None = None
    may_lack: bool = False
    chat: ChatLayout | None = None


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
    config, header: sizes of the network, and of the file that it lies in; None where nobody asks.
    note: takes a line for the person who runs it.
    """

    shape: tuple[int, ...]
    latent: Tensor
    noise: Tensor
    mask: Tensor | None = None
    side: str = ""
    seed: int = 0
    sigmas: Tensor | None = None
    first_sigma: float = math.inf
    config: Any = None
    header: Header | None = None
    note: Callable[[str], None] = lambda text: None


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


#: From a file to the latents that it says its network works on; None = the family's.
TellLatent = Callable[[Header], LatentSpace | None]


def familys_own(header: Header) -> LatentSpace | None:
    """For families whose networks all work on the same latents."""
    return None


@dataclass(frozen=True)
class Family:
    """One family of models: everything that its files have in common and do not say themselves.

    signs: all of them hold for a checkpoint of this family with its text encoders, and for no file of another.
    network_signs: the same for the network alone, asked of its names without a prefix.
    predicts: what the network's output means, with the noise schedule of its training.
    told_prediction: the same where a file says otherwise, by a tensor, its metadata or what lies beside it.
    told_latent: its latents where a file says its own.
    native_px: side of the pictures that the published model was trained on.
    read_entry: what of a conditioning the network takes.
    shown_pictures: of that, also what a vision encoder read off pictures.
    may_repeat_text: a text and its repetition say the same to the network. Not where text and picture share one
        attention: there a text that is said twice weighs twice.
    join: what it reads of several text encoders.
    text_type: the word of the nodes that load text encoders alone for the families that read these.
    any_text_type: its text encoders are told from all others by themselves, whatever word is chosen there.
    frames_together: a latent's batch is the frames of one video, which the network looks at together.
    vision_prefix: behind which its checkpoints hold a vision encoder, in OpenCLIP's layout; "" = they hold none.
    """

    counts_as_small: ClassVar[bool] = True
    name: str
    signs: tuple[Sign, ...]
    network: NetPart
    text: tuple[TextPart, ...]
    vae: NetPart
    latent: LatentSpace
    predicts: Prediction
    native_px: int
    read_entry: ReadEntry = text_alone
    shown_pictures: bool = False
    may_repeat_text: bool = True
    join: JoinTexts = only_text
    text_type: str = ""
    any_text_type: bool = False
    network_signs: tuple[Sign, ...] = ()
    told_prediction: TellPrediction = as_published
    told_latent: TellLatent = familys_own
    frames_together: bool = False
    vision_prefix: str = ""


#: What a network's names begin with: a checkpoint's prefix, what trainers write, or nothing.
NETWORK_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.", "net.", "")


def recognise(header: Header, families: Sequence[Family]) -> tuple[Family, str]:
    """The one family whose checkpoint the file is, and the prefix behind which its network lies.

    A file that has not all of the text encoders is told by its network.

    Raises: WeightsError, if none fits (saying what the file looks like, where that is known) or more than one.
    """
    fitting = [family for family in families if holds(family.signs, header)]
    if fitting:
        family = _only(fitting, header)
        return family, family.network.prefix
    for prefix, fitting in _networks(header, families):
        apart = [each for each in fitting if prefix != each.network.prefix or not has_its_texts(header, each)]
        if apart:
            return _only(apart, header), prefix
    _refuse(header, families, say("checkpoint"), say("choose a checkpoint of one of them"))


def has_its_texts(header: Header, family: Family) -> bool:
    """Whether a checkpoint has all text encoders that those of the family have."""
    return all(part.may_lack or header.has_prefix(part.prefix) for part in family.text)


def recognise_network(header: Header, families: Sequence[Family]) -> tuple[Family, str]:
    """The one family whose network the file holds, and the prefix behind which it lies.

    Raises: WeightsError, as `recognise`.
    """
    for prefix, fitting in _networks(header, families):
        return _only(fitting, header), prefix
    _refuse(header, families, say("diffusion model"), say("choose a file that holds one"))


def _networks(header: Header, families: Sequence[Family]) -> Iterator[tuple[str, list[Family]]]:
    """The prefixes behind which a network of these families lies, with those families."""
    for prefix in NETWORK_PREFIXES:
        if header.has_prefix(prefix):
            inner = header.below(prefix)
            fitting = [family for family in families if family.network_signs and holds(family.network_signs, inner)]
            if fitting:
                yield prefix, fitting


def _only(fitting: Sequence[Family], header: Header) -> Family:
    if len(fitting) > 1:
        names = all_of(family.name for family in fitting)
        raise WeightsError(
            say(
                "{file} fits the families {names}, which should exclude each other", file=header.path.name, names=names
            ),
            file=header.path,
        )
    return fitting[0]


def _refuse(header: Header, families: Sequence[Family], wanted: str, next_step: str) -> NoReturn:
    file = header.path.name
    known = ", ".join(family.name for family in families)
    layout = _known_layout(header)
    if layout is not None:
        raise WeightsError(
            say(
                "{file} looks like {title}, not like a {wanted} of a family that runs here ({known}); {next_step}",
                file=file,
                title=layout.title,
                wanted=wanted,
                known=known,
                next_step=layout.next_step or next_step,
            ),
            file=header.path,
        )
    raise WeightsError(
        say(
            "{file} is no {wanted} of a family that runs here ({known}): it holds {found}; {next_step}",
            file=file,
            wanted=wanted,
            known=known,
            found=describe_names(header),
            next_step=next_step,
        ),
        file=header.path,
    )


def _known_layout(header: Header) -> KnownLayout | None:
    return next((layout for layout in KNOWN_LAYOUTS if holds(layout.signs, header)), None)


def describe_names(header: Header, most: int = 4) -> str:
    """A few words on what a file holds, for messages: `1,131 tensors, such as a.b.weight, c.d.bias`."""
    keys: Iterable[str] = sorted(header.tensors)[:: max(1, len(header.tensors) // most)]
    named = say("{count:,} tensors, such as {names}", count=len(header.tensors), names=", ".join(list(keys)[:most]))
    layout = _known_layout(header)
    return named if layout is None else say("{named}, and looks like {title}", named=named, title=layout.title)
