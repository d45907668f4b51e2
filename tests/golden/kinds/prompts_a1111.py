"""c_prompts_a1111 sets: the prompt grammar of A1111's web UI, its chunks, and what weights do to encoded text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.numerics.emphasis import EMPHASES
from heddle.prompts.a1111.attention import parse_attention
from heddle.prompts.a1111.chunks import EmbeddingNames, chunk_prompt
from heddle.prompts.a1111.conditions import split_conditions
from heddle.prompts.a1111.editing import read_schedule
from heddle.prompts.a1111.networks import take_networks
from heddle.prompts.embeddings import Embedding, EmbeddingRow
from heddle.prompts.tokenizer import clip_tokenizer
from tests.golden.checks import Check, NotCovered
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

_ATOL = 1e-9
_EMPHASIS_ATOL = 1e-6


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    for output, checks in _BY_OUTPUT.items():
        if output in case.values or output in case.tensors:
            yield from checks(case, workshop)
            return
    raise NotCovered("A1111 prompt of another kind")


def _attention(case: Case, workshop: Workshop) -> Iterator[Check]:
    got, want = parse_attention(case.inputs["prompt"]), case.values["attention"]
    yield Check("texts", [segment.text for segment in got], [text for text, _ in want])
    yield Check("weights", _doubles([segment.weight for segment in got]), _doubles([w for _, w in want]), atol=_ATOL)


def _schedule(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    got = read_schedule(
        inputs["prompt"],
        inputs["steps"],
        hires_steps=inputs.get("hires_steps"),
        by_old_rule=inputs.get("use_old_scheduling", False),
    )
    yield Check("schedule", [list(one) for one in got], case.values["schedule"])


def _conditions(case: Case, workshop: Workshop) -> Iterator[Check]:
    """Prompts share their texts, which are numbered in the order of their first use."""
    texts: dict[str, int] = {}
    indexes = [
        [[texts.setdefault(text, len(texts)), weight] for text, weight in split_conditions(prompt)]
        for prompt in case.inputs["prompts"]
    ]
    yield Check("texts", list(texts), case.values["texts"])
    yield Check("indexes", indexes, case.values["indexes"])


def _networks(case: Case, workshop: Workshop) -> Iterator[Check]:
    text, calls = take_networks(case.inputs["prompt"])
    networks: dict[str, list[dict[str, Any]]] = {}
    for call in calls:
        networks.setdefault(call.kind, []).append(
            {"items": list(call.items), "positional": call.positional, "named": call.named}
        )
    yield Check("text", text, case.values["text"])
    yield Check("networks", networks, case.values["networks"])


def _chunks(case: Case, workshop: Workshop) -> Iterator[Check]:
    sizes: Mapping[str, int] = case.inputs.get("embeddings", {})
    got = chunk_prompt(
        case.inputs["prompt"],
        clip_tokenizer(),
        names=EmbeddingNames(sizes, clip_tokenizer()),
        find_embedding=lambda name: Embedding(name, "clip_l", [torch.zeros(8)] * sizes[name]),
    )
    want = case.values.get("fast", case.values["slow"])  # our tokenizer is the fast one
    yield Check("token count", got.token_count, want["token_count"])
    yield Check("number of chunks", len(got.chunks), len(want["chunks"]))
    for number, (chunk, stored) in enumerate(zip(got.chunks, want["chunks"], strict=False)):
        rows = [(place, token.token) for place, token in enumerate(chunk) if isinstance(token.token, EmbeddingRow)]
        fixes = [[place - 1, row.embedding.name] for place, row in rows if row.row == 0]
        tokens = [0 if isinstance(token.token, EmbeddingRow) else token.token for token in chunk]
        place = f"chunk {number}"
        yield Check(f"{place}: tokens", tokens, _whole(stored, "tokens"))
        weights = _doubles([token.weight for token in chunk])
        yield Check(f"{place}: weights", weights, _doubles(_whole(stored, "multipliers")), atol=_ATOL)
        yield Check(f"{place}: embeddings", fixes, stored["fixes"])


def _emphasis(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    text = re.fullmatch(r"(.*\))\s*\+\s*([\d.]+)", inputs["z"])
    if text is None or inputs["emphasis"] not in EMPHASES:
        raise NotCovered(f"emphasis {inputs['emphasis']} of {inputs['z']}")
    states = workshop.tensor(text[1]) + float(text[2])
    weights = torch.ones(states.shape[:2])
    for row, first, last, weight in re.findall(r"\[(\d+),(\d+)(?::(\d+))?\]=([-\d.]+)", inputs["multipliers"]):
        weights[int(row), int(first) : int(last or int(first) + 1)] = float(weight)
    got = EMPHASES[inputs["emphasis"]](states, weights)
    yield Check("z", got, workshop.golden.tensors()[case.tensors["z"]], atol=_EMPHASIS_ATOL)


_BY_OUTPUT: Mapping[str, Callable[[Case, Workshop], Iterator[Check]]] = {
    "attention": _attention,
    "schedule": _schedule,
    "indexes": _conditions,
    "networks": _networks,
    "slow": _chunks,
    "z": _emphasis,
}


def _whole(stored: Mapping[str, Any], name: str) -> list[Any]:
    """A list that was cut after the first entry of its padding."""
    return [*stored[name], *[stored[name][-1]] * (stored["length"] - len(stored[name]))]


def _doubles(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


PROMPTS_A1111 = Kind(names=("c_prompts_a1111*",), check=check)
