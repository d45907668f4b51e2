"""Prompts for diffusion transformers: a text for each encoder, the strength of guidance, what Lumina reads before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, More, Number, Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import all_of, say
from heddle.wires import Clip, Conditioning
from model_management.prompt_tokens import with_t5_padding
from nodes.conditioning.places import with_options
from nodes.conditioning.texts import encode_texts

FLUX = "model/conditioning/flux"

#: What Lumina Image 2's published code puts before every prompt: two descriptions of who answers it, of its training.
SYSTEM_PROMPTS = {
    "superior": "You are an assistant designed to generate superior images with the superior degree of image-text "
    "alignment based on textual prompts or user prompts.",
    "alignment": "You are an assistant designed to generate high-quality images with the highest degree of image-text "
    "alignment based on textual prompts.",
}
PROMPT_START = " <Prompt Start> "

TextL = Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt for CLIP-L.")]
TextG = Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt for OpenCLIP-bigG.")]
TextT5 = Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt for T5, which reads whole sentences.")]
Guidance = Annotated[
    float,
    Number(
        default=3.5,
        low=0.0,
        high=100.0,
        step=0.1,
        tip="How closely to follow the text: the model is told this number, at no cost in time.",
    ),
]


@node("FluxGuidance", category=FLUX, name="FluxGuidance", search=("distilled", "cfg"))
def set_guidance(conditioning: Conditioning, guidance: Guidance) -> Conditioning:
    """Tell FLUX.1 how closely to follow the text."""
    return with_options(conditioning, guidance=guidance)


@node("FluxDisableGuidance", category=FLUX, name="FluxDisableGuidance", search=("distilled", "cfg"))
def leave_out_guidance(conditioning: Conditioning) -> Conditioning:
    """Tell FLUX.1 no guidance at all, for models that were trained on from it without any."""
    return with_options(conditioning, guidance=None)


@node("CLIPTextEncodeFlux", category=FLUX, name="CLIPTextEncodeFlux", search=("prompt", "text", "guidance"))
def encode_flux(clip: Clip, clip_l: TextL, t5xxl: TextT5, guidance: Guidance, ctx: Context) -> Conditioning:
    """Turn one prompt for each of FLUX.1's text encoders, and a guidance, into what steers the sampling."""
    texts = {"l": clip_l, "t5xxl": t5xxl}
    _see_that_all_read(clip, texts, "FLUX.1")
    return encode_texts(clip, texts, ctx, guidance=guidance)


@node(
    "CLIPTextEncodeSD3", category="model/conditioning/stable diffusion", name="CLIP Text Encode (SD3)",
    search=("prompt", "text"),
)  # fmt: skip
def encode_sd3(
    clip: Clip,
    clip_l: TextL,
    clip_g: TextG,
    t5xxl: TextT5,
    empty_padding: Annotated[
        str,
        Choice("none", "empty_prompt", advanced=True, tip="What an empty text becomes: nothing, or an empty prompt."),
        More({"multiselect": False}),
    ],
    ctx: Context,
) -> Conditioning:
    """Turn one prompt for each of Stable Diffusion 3's text encoders into what steers the sampling."""
    texts: dict[str, str | None] = {"l": clip_l, "g": clip_g, "t5xxl": t5xxl}
    _see_that_all_read(clip, texts, "Stable Diffusion 3")
    if empty_padding == "none":
        texts = {name: text or None for name, text in texts.items()}
    return encode_texts(clip, texts, ctx)


@node(
    "T5TokenizerOptions", category="model/conditioning", name="T5 Tokenizer Options", experimental=True,
    search=("padding", "chroma"),
)  # fmt: skip
def set_t5_padding(
    clip: Clip,
    min_padding: Annotated[
        int, Number(default=0, low=0, high=10000, step=1, tip="Padding behind a prompt, however long it is.")
    ],
    min_length: Annotated[
        int, Number(default=0, low=0, high=10000, step=1, tip="Shorter prompts are padded to so many tokens.")
    ],
) -> Clip:
    """Say how far prompts are padded for T5, in place of what the model's family is used to."""
    return with_t5_padding(clip, min_padding, min_length)


@node(
    "CLIPTextEncodeLumina2", category="model/conditioning/lumina", name="CLIP Text Encode (Lumina 2)",
    search=("prompt", "text", "gemma", "system"),
)  # fmt: skip
def encode_lumina2(
    system_prompt: Annotated[
        str,
        Choice(
            *SYSTEM_PROMPTS,
            tip="The words before the prompt that the model was trained with: 'superior' asks for beauty and for "
            "closeness to the text, 'alignment' above all for closeness to the text.",
        ),
        More({"multiselect": False}),
    ],
    user_prompt: Annotated[str, Text(multiline=True, dynamic=True, tip="The prompt.")],
    clip: Clip,
    ctx: Context,
) -> Conditioning:
    """Turn a prompt into what steers the sampling, behind the words that Lumina Image 2 was trained to read first."""
    return encode_texts(clip, f"{SYSTEM_PROMPTS[system_prompt]}{PROMPT_START}{user_prompt}", ctx)


def _see_that_all_read(clip: Clip, texts: Mapping[str, str | None], family: str) -> None:
    """Raises: GraphError, if one of the clip's encoders is none that a text is given for."""
    found = [encoder.part.name for encoder in clip.encoders]
    if not set(found) <= set(texts):
        raise GraphError(
            say(
                "clip: the encoders {wanted} of {family} are wanted, found {found}; load {family}'s text "
                "encoders, or encode with CLIP Text Encode (Prompt)",
                wanted=all_of(texts),
                family=family,
                found=all_of(found),
            ),
            input_name="clip",
            found=found,
            wanted=list(texts),
        )
