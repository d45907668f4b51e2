"""A prompt in A1111's grammar as entries of a conditioning: which text counts at which steps, and how far it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.clip_text import EncodedText
from heddle.numerics.emphasis import EMPHASES
from heddle.prompts.a1111.chunks import BACKTRACK, EmbeddingNames, chunk_prompt
from heddle.prompts.a1111.conditions import split_conditions
from heddle.prompts.a1111.editing import read_schedule
from heddle.prompts.a1111.networks import NetworkCall, take_networks
from heddle.prompts.chunks import Token
from heddle.prompts.embeddings import EmbeddingFinder
from heddle.prompts.tokenizer import clip_tokenizer
from model_management.embedding_files import read_embedding_file
from model_management.handles import Clip
from model_management.prompt_tokens import MAX_CHUNKS
from model_management.text_encoding import encode_text
from model_management.weights import Weights

#: What a prompt calls by `<kind:name:strength>`; other words in such brackets are text.
NETWORK_KINDS = ("lora", "lyco", "hypernet")


@dataclass(frozen=True)
class A1111Reading:
    """How a prompt is read.

    steps: of the run that it is for, by which prompt editing counts.
    hires_steps: of the second pass, where it is read for that one; 0 = for the first.
    emphasis: one of `heddle.numerics.emphasis.EMPHASES`. backtrack: see `chunk_prompt`.
    """

    steps: int
    hires_steps: int = 0
    emphasis: str = "Original"
    backtrack: int = BACKTRACK


def networks_in(text: str) -> tuple[str, list[NetworkCall]]:
    """The prompt without its calls of other networks, and the calls."""
    return take_networks(text, NETWORK_KINDS)


def encode_a1111(
    clip: Clip,
    text: str,
    reading: A1111Reading,
    embedding_folders: Iterable[Path],
    weights: Weights,
    on_part: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[list[Any]], list[str]]:
    """The conditioning of a prompt, and what the person who wrote it should know.

    Each text of the prompt is encoded once. An entry that counts at some steps only has a "step_span", one of several
    conditions (AND), or one with a weight, a "gain": so many times its way from the negative counts, among as many
    entries as there are conditions, that in the mean each counts as often as its weight says.

    Raises: GraphError, for a prompt that calls other networks, a text that is too long, and a clip with other encoders
        than CLIP's.
    """
    _, calls = networks_in(text)
    if calls:
        shown = ", ".join(f"<{call.kind}:{':'.join(call.items)}>" for call in calls)
        raise GraphError(
            say(
                "text: it calls {shown}, which no text encoder can load; put Load LoRA of Prompt (A1111) "
                "before, and take the model, the clip and the text from there",
                shown=shown,
            ),
            input_name="text",
            found=shown,
            wanted="a text without such calls",
        )
    encoder = _Encoder(clip, reading, list(embedding_folders), weights, on_part)
    conditions = split_conditions(text)
    steps = reading.hires_steps or reading.steps
    entries: list[list[Any]] = []
    for part, weight in conditions:
        first = 0
        for last, words in read_schedule(part, reading.steps, hires_steps=reading.hires_steps or None):
            states, pooled = encoder.encode(words)
            more: dict[str, Any] = {"pooled_output": pooled}
            if (first, last) != (0, steps):
                more["step_span"] = (first, last, steps)
            if weight * len(conditions) != 1:
                more["gain"] = weight * len(conditions)
            entries.append([states, more])
            first = last
    return entries, list(encoder.notes)


class _Encoder:
    """Encodes texts, each once."""

    def __init__(
        self,
        clip: Clip,
        reading: A1111Reading,
        embedding_folders: list[Path],
        weights: Weights,
        on_part: Callable[[int, int], None],
    ) -> None:
        others = [each.part.name for each in clip.encoders if each.part.row is not None]
        if others or not clip.encoders:
            found = ", ".join(others) or say("none")
            raise GraphError(
                say(
                    "clip: A1111's grammar is read for encoders of CLIP, found {found}; use CLIP Text Encode (Prompt)",
                    found=found,
                ),
                input_name="clip",
                found=found,
                wanted="encoders of CLIP",
            )
        self.notes: dict[str, None] = {}
        self._clip, self._reading, self._weights, self._on_part = clip, reading, weights, on_part
        self._known: dict[str, EncodedText] = {}
        self._finders = {
            each.part.name: EmbeddingFinder(
                embedding_folders, read_embedding_file, key=f"clip_{each.part.name}", width=each.config.width
            )
            for each in clip.encoders
        }
        names = next(iter(self._finders.values())).names
        self._names = EmbeddingNames(names, clip_tokenizer())

    def encode(self, text: str) -> EncodedText:
        if text not in self._known:
            emphasis = EMPHASES[self._reading.emphasis]
            chunks = self._chunks(text)
            self._known[text] = encode_text(self._clip, chunks, self._weights, self._on_part, emphasis)
        return self._known[text]

    def _chunks(self, text: str) -> dict[str, list[list[Token]]]:
        """For each encoder, equally many."""
        chunks = {each.part.name: self._chunked(text, each.part.name, each.part.pad) for each in self._clip.encoders}
        longest = max(map(len, chunks.values()))
        if longest > MAX_CHUNKS:
            raise GraphError(
                say(
                    "text: {count:,} characters make {longest} chunks of 75 tokens, but {max_chunks} is "
                    "the most that is encoded; shorten the text",
                    count=len(text),
                    longest=longest,
                    max_chunks=MAX_CHUNKS,
                ),
                input_name="text",
                found=longest,
                wanted=MAX_CHUNKS,
            )
        for each in self._clip.encoders:
            own = chunks[each.part.name]
            own.extend(chunk_prompt("", clip_tokenizer(), pad=each.part.pad).chunks * (longest - len(own)))
        return chunks

    def _chunked(self, text: str, name: str, pad: int) -> list[list[Token]]:
        prompt = chunk_prompt(
            text,
            clip_tokenizer(),
            pad=pad,
            names=self._names,
            find_embedding=self._finders[name],
            weighted=self._reading.emphasis != "None",
            backtrack=self._reading.backtrack,
        )
        self.notes |= dict.fromkeys(prompt.notes)
        return prompt.chunks
