"""Language models that no network here reads, and that write texts: how a file of one is told, and how it is asked.

Of a kind's sizes only those are known whose other facts follow from names and shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers
from heddle.prompts.chats import GEMMA_3_CHAT, QWEN_2_5_CHAT, QWEN_3_CHAT, ChatLayout
from heddle.prompts.sequences import GEMMA_2 as GEMMA_LAYOUT
from heddle.prompts.sequences import SequenceLayout
from heddle.prompts.vocabularies import GEMMA_3 as GEMMA_3_VOCABULARY
from heddle.prompts.vocabularies import QWEN_2_5 as QWEN_2_5_VOCABULARY
from heddle.prompts.vocabularies import QWEN_3 as QWEN_3_VOCABULARY
from heddle.prompts.vocabularies import Vocabulary
from model_management.checkpoint import text_encoder
from model_management.family import RowReading, TextPart
from model_management.handles import Clip
from model_management.header import Header

TOKEN_TABLE = "model.embed_tokens.weight"
_FIRST = "model.layers.0."

#: Facts that no tensor tells. Source: the config.json of the published models.
_GEMMA_3_HEAD = 256  # the model of 27B has another, and scales its queries otherwise
_GEMMA_3_SHORT_WIDTHS = (640, 1152)  # of the models that were trained on 32,768 places
_QWEN_2_5_HEADS = {896: 64}
_QWEN_HEAD = 128
_QWEN_2_5_TIED, _QWEN_3_TIED = 2048, 2560  # the widest with one matrix for reading and writing
_FAR_THETA = 1e6


def gemma3_config(header: Header, prefix: str) -> CausalTextConfig:
    """The Gemma 3 language model below `prefix`."""
    is_short = header.shape(f"{prefix}{TOKEN_TABLE}")[1] in _GEMMA_3_SHORT_WIDTHS
    return CausalTextConfig(
        **_sizes(header, prefix, _GEMMA_3_HEAD),
        activation="gelu",
        theta=_FAR_THETA,
        places_per_token=1.0 if is_short else 1 / 8,
        has_qk_norm=True,
        is_gemma=True,
        near=NearLayers(every=6, window=512 if is_short else 1024),
    )


def qwen25_config(header: Header, prefix: str) -> CausalTextConfig:
    """The Qwen 2.5 language model below `prefix`."""
    width = header.shape(f"{prefix}{TOKEN_TABLE}")[1]
    return CausalTextConfig(
        **_sizes(header, prefix, _QWEN_2_5_HEADS.get(width, _QWEN_HEAD)),
        theta=_FAR_THETA,
        has_qkv_bias=True,
        ties_head=width <= _QWEN_2_5_TIED,
    )


def qwen3_config(header: Header, prefix: str) -> CausalTextConfig:
    """The Qwen 3 language model below `prefix`."""
    width = header.shape(f"{prefix}{TOKEN_TABLE}")[1]
    return CausalTextConfig(
        **_sizes(header, prefix, _QWEN_HEAD),
        theta=_FAR_THETA,
        has_qk_norm=True,
        ties_head=width <= _QWEN_3_TIED,
    )


def _sizes(header: Header, prefix: str, head_width: int) -> dict[str, Any]:
    vocabulary, width = header.shape(f"{prefix}{TOKEN_TABLE}")
    return {
        "width": width,
        "layers": header.numbered(f"{prefix}model.layers."),
        "heads": header.shape(f"{prefix}{_FIRST}self_attn.q_proj.weight")[0] // head_width,
        "kv_heads": header.shape(f"{prefix}{_FIRST}self_attn.k_proj.weight")[0] // head_width,
        "head_width": head_width,
        "mlp_width": header.shape(f"{prefix}{_FIRST}mlp.gate_proj.weight")[0],
        "vocabulary": vocabulary,
    }


@dataclass(frozen=True)
class LanguageModel:
    """One kind.

    name: of its encoder. has, lacks: names of a first layer's tensors. normed: how wide a query is that is normed.
    """

    name: Literal["gemma3", "qwen25", "qwen3"]
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    config: Callable[[Header, str], CausalTextConfig]
    layout: SequenceLayout
    vocabulary: Vocabulary
    chat: ChatLayout
    normed: int | None = None

    def fits(self, header: Header, prefix: str) -> bool:
        first, norm = f"{prefix}{_FIRST}", f"{prefix}{_FIRST}self_attn.q_norm.weight"
        return (
            all(first + name in header for name in ("mlp.gate_proj.weight", *self.has))
            and not any(first + name in header for name in self.lacks)
            and (self.normed is None or header.shape(norm) == (self.normed,))
        )


_Q_NORM, _Q_BIAS, _THIRD_NORM = "self_attn.q_norm.weight", "self_attn.q_proj.bias", "pre_feedforward_layernorm.weight"
_QWEN_LAYOUT = SequenceLayout(pad=151643)
LANGUAGE_MODELS = (
    LanguageModel(
        "gemma3",
        (_Q_NORM, _THIRD_NORM),
        (_Q_BIAS,),
        gemma3_config,
        GEMMA_LAYOUT,
        GEMMA_3_VOCABULARY,
        GEMMA_3_CHAT,
        normed=_GEMMA_3_HEAD,
    ),
    LanguageModel(
        "qwen25", (_Q_BIAS,), (_Q_NORM, _THIRD_NORM), qwen25_config, _QWEN_LAYOUT, QWEN_2_5_VOCABULARY, QWEN_2_5_CHAT
    ),
    LanguageModel(
        "qwen3",
        (_Q_NORM,),
        (_Q_BIAS, _THIRD_NORM),
        qwen3_config,
        _QWEN_LAYOUT,
        QWEN_3_VOCABULARY,
        QWEN_3_CHAT,
        normed=_QWEN_HEAD,
    ),
)


def open_language_model(header: Header) -> Clip | None:
    """The handle of a language model that only writes; None, if the file holds none known here.

    Raises: WeightsError, if a tensor of it is missing or has a shape that does not fit the others.
    """
    prefixes = [
        key.removesuffix(TOKEN_TABLE) for key in header.tensors if key == TOKEN_TABLE or key.endswith(f".{TOKEN_TABLE}")
    ]
    if len(prefixes) != 1:
        return None
    (prefix,) = prefixes
    for kind in LANGUAGE_MODELS:
        if kind.fits(header, prefix):
            row = RowReading(kind.layout, kind.vocabulary)
            part = TextPart(prefix, kind.config, CausalText, name=kind.name, row=row, chat=kind.chat)
            return Clip((text_encoder(header, part),))
    return None


def is_only_for_writing(clip: Clip) -> bool:
    """No network here reads what the clip says of a text."""
    return any(encoder.part.name == kind.name for encoder in clip.encoders for kind in LANGUAGE_MODELS)
