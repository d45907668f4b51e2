"""Texts that a language model writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Flag, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.next_token import TokenChoice
from heddle.prompts.chats import chat_tokens
from heddle.wires import Clip
from model_management.families.known import FAMILIES
from model_management.text_writing import Writer, write_text, writer_of
from nodes.text.changing import CATEGORY

#: A text is shown no more often while it is written: each time all of it is made of its tokens anew.
SHOWN_S = 0.25

_PRESENCE: Any = Annotated[
    float,
    Number(
        default=0.0,
        low=0.0,
        high=5.0,
        step=0.01,
        tip="Makes words rarer that were written already, however often; 0 = as they come.",
    ),
]
_SAMPLING = {
    "on": {
        "temperature": Annotated[
            float,
            Number(
                default=0.7,
                low=0.01,
                high=2.0,
                step=0.000001,
                tip="How freely words are chosen: low keeps to the likely ones, high brings in the unlikely.",
            ),
        ],
        "top_k": Annotated[
            int, Number(default=64, low=0, high=1000, tip="Only so many of the likeliest tokens are drawn; 0 = all.")
        ],
        "top_p": Annotated[
            float,
            Number(
                default=0.95,
                low=0.0,
                high=1.0,
                step=0.01,
                tip="Only the likeliest tokens are drawn whose probabilities make this sum; 1 = all.",
            ),
        ],
        "min_p": Annotated[
            float,
            Number(
                default=0.05,
                low=0.0,
                high=1.0,
                step=0.01,
                tip="Only tokens are drawn that are at least this share as likely as the likeliest; 0 = all.",
            ),
        ],
        "repetition_penalty": Annotated[
            float,
            Number(
                default=1.05,
                low=0.0,
                high=5.0,
                step=0.01,
                tip="More than 1 makes words rarer that the prompt or the text has already; 1 = as they come.",
            ),
        ],
        "seed": Annotated[
            int, Number(default=0, low=0, high=2**64 - 1, tip="The same seed draws the same words, on every device.")
        ],
        "presence_penalty": _PRESENCE | None,
    },
    "off": {},
}


@node(
    "TextGenerate",
    category=CATEGORY,
    name="Generate Text",
    outputs=("generated_text",),
    search=("llm", "chat", "language model", "gemma", "prompt enhance", "write"),
)
def generate(
    clip: Annotated[
        Clip, Wire("CLIP", tip="A language model: the text encoder of Lumina 2, or one that Load CLIP opens.")
    ],
    prompt: Annotated[
        str,
        Text(multiline=True, dynamic=True, tip="What the model is asked, or what it goes on from."),
        More({"default": ""}),
    ],
    max_length: Annotated[
        int,
        Number(default=512, low=1, high=32768, tip="The most tokens that are written; four make about three words."),
    ],
    sampling_mode: Annotated[
        dict[str, Any],
        Brings(_SAMPLING, tip="on draws words by chance; off always takes the likeliest one."),
        More({"display_name": "Sampling Mode"}),
    ],
    *,
    image: Annotated[Any, Wire("IMAGE", tip="For models that see; those that run here read texts alone.")] = None,
    video: Annotated[Any, Wire("IMAGE", tip="For models that see; those that run here read texts alone.")] = None,
    audio: Annotated[Any, Wire("AUDIO", tip="For models that hear; those that run here read texts alone.")] = None,
    thinking: Annotated[bool, Flag(tip="Let a model that can think do so before it answers.")] = False,
    use_default_template: Annotated[
        bool,
        Flag(
            advanced=True,
            tip="Ask the prompt as a question, in the words that the model was trained with; else it is gone on from.",
        ),
    ] = True,
    ctx: Context,
) -> str:
    """Write a text with the language model that a family of models has as its text encoder.

    It answers the prompt, or goes on where that ends. The text is over when the model ends it, or at its longest.
    """
    writer = writer_of(clip, FAMILIES)
    _refuse_what_is_not_text(writer, {"image": image, "video": video, "audio": audio})
    if thinking and not writer.chat.thinks:
        ctx.note(say("{title} knows no thinking: it answers at once", title=writer.chat.title))
    tokenizer = writer.tokenizer(ctx.folders.models("tokenizers"))
    row = chat_tokens(prompt, tokenizer, writer.chat, in_template=use_default_template, thinking=thinking)
    shown_at = time.monotonic()

    def tell(written: Sequence[int]) -> None:
        nonlocal shown_at
        ctx.progress(len(written), max_length)
        if time.monotonic() - shown_at >= SHOWN_S:
            ctx.show_text(tokenizer.decode(written).rstrip("\ufffd"))  # the last letter may be there by half
            shown_at = time.monotonic()

    is_by_chance = sampling_mode["sampling_mode"] == "on"
    written = write_text(
        writer,
        row,
        ctx.weights,
        at_most=max_length,
        choice=_choice(sampling_mode) if is_by_chance else None,
        seed=sampling_mode["seed"] if is_by_chance else 0,
        on_token=tell,
    )
    text = tokenizer.decode(written)
    ctx.show_text(text)
    return text


def _choice(mode: Mapping[str, Any]) -> TokenChoice:
    return TokenChoice(
        repetition_penalty=mode["repetition_penalty"],
        presence_penalty=mode["presence_penalty"] or 0.0,
        temperature=mode["temperature"],
        top_k=mode["top_k"],
        top_p=mode["top_p"],
        min_p=mode["min_p"],
    )


def _refuse_what_is_not_text(writer: Writer, inputs: Mapping[str, Any]) -> None:
    for name, given in inputs.items():
        if given is not None:
            raise GraphError(
                say(
                    "{title} reads texts alone here: it can neither see nor hear what is linked to {name}; unlink "
                    "that, and describe it in the prompt",
                    title=writer.chat.title,
                    name=name,
                ),
                input_name=name,
            )
