"""e_textual_inversion sets: which vectors a file gives to which text encoder."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from heddle.graph.errors import FileProblem
from heddle.prompts.embeddings import EmbeddingFinder
from model_management.embedding_files import read_embedding_file
from tests.golden.checks import Check
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs, values = case.inputs, case.values
    folder = workshop.golden.path.parent / "embeddings"
    find = EmbeddingFinder([folder], read_embedding_file, key=inputs["key"], width=inputs["size"])
    try:
        embedding, is_usable = find(inputs["name"]), True
    except FileProblem:
        embedding, is_usable = None, False
    is_found = embedding is not None or not is_usable
    yield Check("found", is_found, values.get("found"))
    if is_found:
        yield Check("usable", is_usable, values.get("usable"))
    if embedding is not None and values.get("usable"):
        yield Check("rows", torch.stack(list(embedding.rows)), workshop.golden.tensors()[case.tensors["rows"]])


TEXT_INVERSION = Kind(names=("e_textual_inversion*",), check=check)
