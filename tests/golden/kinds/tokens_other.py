"""c_tokens_other sets: tokens of text encoders other than CLIP, where their tables are in models/tokenizers/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heddle.prompts.sequences import PILE_T5_XL, QWEN_IMAGE, T5_XXL, T5_XXL_77, tokenize_sequence
from heddle.prompts.vocabularies import PILE_T5, QWEN_2_5, T5, read_tokenizer_folder
from heddle.prompts.words import Tokenizer
from tests.golden.checks import Check, NotCovered
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.tokens import check_chunks
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

_TABLES = Path(__file__).parents[3] / "models" / "tokenizers"
_KNOWN = {
    "t5xxl_flux": (T5, T5_XXL),
    "t5xxl_sd3": (T5, T5_XXL_77),
    "pile_t5xl": (PILE_T5, PILE_T5_XL),
    "qwen_image": (QWEN_2_5, QWEN_IMAGE),
}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    name = case.inputs["tokenizer"]
    if name not in _KNOWN:
        raise NotCovered(f"tokenizer {name}")
    vocabulary, layout = _KNOWN[name]
    tables: dict[str, Tokenizer | None] = workshop.kept
    if vocabulary.folder not in tables:
        tables[vocabulary.folder] = read_tokenizer_folder(_TABLES / vocabulary.folder, vocabulary.bytes)
    tokenizer = tables[vocabulary.folder]
    if tokenizer is None:
        raise NotCovered(f"no table in models/tokenizers/{vocabulary.folder}")
    wanted: list[dict[str, Any]] = next(iter(case.values.values()))
    yield from check_chunks(name, tokenize_sequence(case.inputs["prompt"], tokenizer, layout), wanted)


TOKENS_OTHER = Kind(names=("c_tokens_other*",), check=check)
