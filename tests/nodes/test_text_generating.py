"""The node that writes texts with a clip's language model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, GraphError
from heddle.networks.causal_text import CausalText
from heddle.networks.ops import TRAINABLE
from heddle.prompts.vocabularies import PieceTokenizer
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Clip
from model_management.weights import Weights
from nodes.loaders.parts import load_text_encoder
from nodes.text import generating
from tests.heddle.prompts.tables import trained_pieces
from tests.model_management import test_language_models, tiny, tiny_transformers
from tests.nodes.fake_context import FakeContext

TEXT = "text_encoders.gemma2_2b.transformer."
GEMMA_2 = replace(tiny_transformers.GEMMA_2, vocabulary=330)
ON = {"sampling_mode": "on", "temperature": 1.0, "top_k": 64, "top_p": 0.95, "min_p": 0.0, "repetition_penalty": 1.05}
OFF = {"sampling_mode": "off"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    tensors = {
        **tiny_transformers.lumina_tensors(),
        **{name: 3 * each for name, each in tiny_transformers.drawn(CausalText(GEMMA_2, TRAINABLE), TEXT, 4).items()},
        "text_encoders.spiece_model": torch.frombuffer(bytearray(trained_pieces("bpe")), dtype=torch.uint8),
    }
    return open_checkpoint(
        tiny.write_checkpoint(tmp_path_factory.mktemp("m") / "m.safetensors", tensors), FAMILIES
    ).clip


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


def generate(clip: Any, prompt: str, length: int, mode: dict[str, Any], ctx: FakeContext, **more: Any) -> str:
    """The node, called as the engine calls it: what a choice brings is named after it."""
    spec = spec_of(generating.generate)
    assert spec.call is not None
    brought = {name if name == "sampling_mode" else f"sampling_mode.{name}": value for name, value in mode.items()}
    return spec.call(clip=clip, prompt=prompt, max_length=length, **brought, ctx=ctx, **more)[0]


def test_a_seed_gives_a_text_and_another_gives_another(clip: Clip, ctx: FakeContext) -> None:
    first, again, other = (generate(clip, "a cat", 12, {**ON, "seed": seed}, ctx) for seed in (1, 1, 2**64 - 1))
    assert first == again != other and first


def test_it_tells_how_far_it_is_and_shows_what_is_there(clip: Clip, ctx: FakeContext, monkeypatch) -> None:
    monkeypatch.setattr(generating, "SHOWN_S", 0.0)
    text = generate(clip, "a cat", 5, OFF, ctx)
    assert ctx.steps == [(number, 5) for number in range(1, 6)]
    assert len(ctx.texts) == 6 and ctx.texts[-1] == text and ctx.texts[0] != text


def test_it_stops_between_tokens(clip: Clip) -> None:
    ctx = FakeContext(weights=Weights(torch.device("cpu")), cancel_after=3)
    with pytest.raises(Cancelled):
        generate(clip, "a cat", 5, OFF, ctx)
    assert len(ctx.steps) == 3


def test_without_the_template_it_goes_on_from_the_prompt(clip: Clip, ctx: FakeContext, monkeypatch) -> None:
    rows: list[list[int]] = []

    def listen(_writer: Any, row: list[int], *_: Any, **__: Any) -> list[int]:
        rows.append(row)
        return []

    monkeypatch.setattr(generating, "write_text", listen)
    generate(clip, " a cat ", 5, OFF, ctx, use_default_template=False)
    generate(clip, " a cat ", 5, OFF, ctx)
    pieces = PieceTokenizer(trained_pieces("bpe"), "here")
    assert rows[0] == [2, *pieces.encode(" a cat ")]
    asked, answer = pieces.encode("user\na cat"), pieces.encode("model\n")
    assert rows[1] == [2, 106, *asked, 107, *pieces.encode("\n"), 106, *answer]


def test_a_presence_penalty_that_is_left_out_is_none(clip: Clip, ctx: FakeContext) -> None:
    mode = {**ON, "seed": 1}
    found = generate(clip, "a cat", 8, mode, ctx)
    assert found == generate(clip, "a cat", 8, {**mode, "presence_penalty": 0.0}, ctx)
    assert found != generate(clip, "a cat", 8, {**mode, "presence_penalty": 5.0}, ctx)


def test_a_model_that_cannot_think_says_so_and_answers(clip: Clip, ctx: FakeContext) -> None:
    assert generate(clip, "a cat", 3, OFF, ctx, thinking=True) == generate(clip, "a cat", 3, OFF, ctx)
    assert ctx.notes == ["Gemma 2 knows no thinking: it answers at once"]


@pytest.mark.parametrize("name", ["image", "video", "audio"])
def test_what_is_not_text_is_refused_by_the_name_of_its_input(clip: Clip, ctx: FakeContext, name: str) -> None:
    with pytest.raises(GraphError, match=f"Gemma 2 reads texts alone here: .* linked to {name}") as caught:
        generate(clip, "a cat", 3, OFF, ctx, **{name: torch.zeros(1, 8, 8, 3)})
    assert caught.value.input_name == name


def test_a_penalty_of_nothing_is_refused(clip: Clip, ctx: FakeContext) -> None:
    with pytest.raises(GraphError, match="repetition_penalty is 0"):
        generate(clip, "a cat", 3, {**ON, "repetition_penalty": 0.0, "seed": 0}, ctx)


def test_an_empty_prompt_is_answered_too(clip: Clip, ctx: FakeContext) -> None:
    for template in (True, False):
        assert generate(clip, "", 3, OFF, ctx, use_default_template=template)


@pytest.mark.parametrize(("thinking", "thought"), [(True, []), (False, [151667, 198, 151668, 198])])
def test_a_language_model_from_a_file_of_its_own_thinks_if_it_is_to(
    tmp_path: Path, monkeypatch, thinking: bool, thought: list[int]
) -> None:
    (tmp_path / "models" / "text_encoders").mkdir(parents=True)
    config = replace(test_language_models.QWEN_3, vocabulary=151669, mlp_width=8, layers=1)
    tensors = test_language_models.tensors_of(config)
    tiny.write_checkpoint(tmp_path / "models" / "text_encoders" / "q.safetensors", tensors)
    table = Tokenizer(models.WordLevel({"a": 5, "?": 198}, unk_token="?"))
    (tmp_path / "models" / "tokenizers" / "qwen3").mkdir(parents=True)
    table.save(str(tmp_path / "models" / "tokenizers" / "qwen3" / "tokenizer.json"))
    ctx = FakeContext(tmp_path, weights=Weights(torch.device("cpu")))
    clip = load_text_encoder("q.safetensors", "lumina2", ctx=ctx)
    assert ctx.notes == ["no model that runs here reads this text encoder, but Generate Text writes with it"]
    rows: list[list[int]] = []
    monkeypatch.setattr(generating, "write_text", lambda _writer, row, *_, **__: rows.append(row) or [5])
    assert generate(clip, "a", 4, OFF, ctx, thinking=thinking) == "a"
    assert rows[0][-5 if not thinking else -1 :] == [198, *thought]


def test_a_clip_that_writes_nothing_is_refused(tmp_path: Path, ctx: FakeContext) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    with pytest.raises(GraphError, match=r"it holds l and t5xxl, but a language model is wanted: Gemma 2"):
        generate(open_checkpoint(path, FAMILIES).clip, "a cat", 3, OFF, ctx)
