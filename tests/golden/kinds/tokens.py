"""c_tokens sets of the CLIP encoders: prompts to chunks of tokens, weights and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.prompts.chunks import TokenizedPrompt, tokenize_prompt
from heddle.prompts.embeddings import EmbeddingFinder, EmbeddingRow
from heddle.prompts.tokenizer import END, clip_tokenizer
from heddle.prompts.weights import parse_weights
from model_management.embedding_files import read_embedding_file
from tests.golden.checks import Check, NotCovered
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

# Of each text encoder: what pads its chunks, the width of its vectors, its name inside embedding files.
ENCODERS = {"l": (END, 768, "clip_l"), "g": (0, 1280, "clip_g"), "h": (0, 1024, "clip_h")}
_WEIGHT_ATOL = 1e-9


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if "weights_of" in case.inputs:
        yield from _check_weights(case)
        return
    # Our tokenizer is the fast one; where the variants do not differ, only `slow` is listed.
    known = {"slow", "fast"} & case.values.keys()
    if not known or not set(ENCODERS) & case.values["fast" if "fast" in known else "slow"].keys():
        raise NotCovered("tokens of other encoders than CLIP")
    variants = {**case.values.get("slow", {}), **case.values.get("fast", {})}
    prompt = case.inputs["prompt"]
    for encoder, chunks in variants.items():
        if encoder not in ENCODERS:
            raise NotCovered(f"encoder {encoder}")
        if _is_binding(encoder, chunks, workshop):
            yield from check_chunks(encoder, _tokenized(prompt, encoder, workshop), chunks)
    unweighted = case.values.get("slow_disable_weights_l")
    if unweighted is not None and "fast" not in known and _is_binding("l", unweighted, workshop):
        got = _tokenized(prompt, "l", workshop, weighted=False)
        yield from check_chunks("l, weights disabled", got, unweighted)


TOKENS = Kind(names=("c_tokens*",), check=check)


def _check_weights(case: Case) -> Iterator[Check]:
    got, want = parse_weights(case.inputs["weights_of"]), case.values["segments"]
    yield Check("segments", [segment.text for segment in got], [text for text, _ in want])
    yield Check("weights", _doubles(segment.weight for segment in got), _doubles(w for _, w in want), atol=_WEIGHT_ATOL)


def check_chunks(encoder: str, got: TokenizedPrompt, want: list[dict[str, Any]]) -> Iterator[Check]:
    yield Check(f"{encoder}: number of chunks", len(got.chunks), len(want))
    for number, (chunk, stored) in enumerate(zip(got.chunks, want, strict=False)):
        # Lists are cut after the first token of the padding.
        whole = {
            name: [*stored[name], *[stored[name][-1]] * (stored["length"] - len(stored[name]))]
            for name in ("tokens", "weights", "word_ids")
        }
        place = f"{encoder}, chunk {number}"
        yield Check(f"{place}: tokens", [_as_stored(token.token) for token in chunk], whole["tokens"])
        yield Check(f"{place}: words", [token.word for token in chunk], whole["word_ids"])
        weights = _doubles(token.weight for token in chunk)
        yield Check(f"{place}: weights", weights, _doubles(whole["weights"]), atol=_WEIGHT_ATOL)


def _tokenized(prompt: str, encoder: str, workshop: Workshop, weighted: bool = True) -> TokenizedPrompt:
    pad, width, key = ENCODERS[encoder]
    finder = EmbeddingFinder([_embedding_folder(workshop)], read_embedding_file, key=key, width=width)
    return tokenize_prompt(prompt, clip_tokenizer(), pad=pad, find_embedding=finder, weighted=weighted)


def _is_binding(encoder: str, chunks: list[dict[str, Any]], workshop: Workshop) -> bool:
    """Whether the list is to be met: one with an embedding of another encoder's width is not."""
    _, width, _ = ENCODERS[encoder]
    used = [token["embedding"] for chunk in chunks for token in chunk["tokens"] if isinstance(token, dict)]
    if not used:
        return True
    _embedding_folder(workshop)
    contents = workshop.kept["embeddings"]
    return all(_vectors(contents[name], key).shape[-1] == width for name, key, _ in used)


def _vectors(content: Mapping[str, Any], key: str) -> Tensor:
    found = content[key]
    return found if isinstance(found, Tensor) else next(iter(found.values()))


def _embedding_folder(workshop: Workshop) -> Path:
    """The embedding files that the set describes, made now."""
    folder = workshop.folder("embeddings")
    if "embeddings" not in workshop.kept:
        about = workshop.golden.about
        contents = {name: _content(text) for name, text in about.get("embeddings", {}).items()}
        for name, content in contents.items():
            path = folder / about["embedding_files"][name]
            if path.suffix == ".safetensors":
                save_file(content, path)
            else:
                torch.save(content, path)
        workshop.kept["embeddings"] = contents
    return folder


def _content(description: str) -> dict[str, Any]:
    """`..., key clip_l = 0.02*randn(seed 102, [2,768]), clip_g = ...` as what the file holds."""
    parts = re.findall(r"(\w+)(\['\*'\])? = ([\d.]+)\*randn\(seed (\d+), (\[[\d, ]+\])\)", description)
    if not parts:  # one key whose name does not matter
        found = re.search(r"()()([\d.]+)\*randn\(seed (\d+), (\[[\d, ]+\])\)", description)
        if found is None:
            raise NotCovered(f"embedding file: {description}")
        parts = [("<concept>", *found.groups()[1:])]
    content: dict[str, Any] = {}
    for key, star, factor, seed, shape in parts:
        sizes = [int(size) for size in shape.strip("[]").split(",")]
        vectors = float(factor) * torch.randn(sizes, generator=torch.Generator("cpu").manual_seed(int(seed)))
        content[key] = {"*": vectors} if star else vectors
    return content


def _as_stored(token: int | EmbeddingRow) -> Any:
    if isinstance(token, int):
        return token
    return {"embedding": [token.embedding.name, token.embedding.key, token.row]}


def _doubles(values: Any) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)
