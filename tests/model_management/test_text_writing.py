"""Texts that language models write, against `generate` of transformers with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import Cancelled, GraphError, WeightsError
from heddle.networks.causal_text import CausalText
from heddle.networks.ops import TRAINABLE
from heddle.numerics.next_token import TokenChoice
from model_management import text_files, text_writing
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.families.known import FAMILIES
from model_management.handles import Clip
from model_management.text_files import open_text_encoders
from model_management.text_writing import Writer, write_text, writer_of
from model_management.weights import Weights
from tests import oracles
from tests.model_management import tiny, tiny_transformers
from tests.model_management.tiny_transformers import drawn

CPU = torch.device("cpu")
GEMMA_2 = replace(tiny_transformers.GEMMA_2, vocabulary=330)
ROW = [2, 106, 40, 41, 42, 107, 9, 106, 44]
BY_CHANCE = TokenChoice(1.05, 0.0, 0.7, 64, 0.95, 0.05)


def gemma2_tensors() -> dict[str, Tensor]:
    return {name: 3 * each for name, each in drawn(CausalText(GEMMA_2, TRAINABLE), "", 4).items()}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clip]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "GEMMA_NAMES", {48: "gemma2_2b"})
        yield opened(tmp_path_factory.mktemp("m"), gemma2_tensors())


def opened(folder: Path, tensors: dict[str, Tensor]) -> Clip:
    return open_text_encoders([tiny.write_checkpoint(folder / "m.safetensors", tensors)], "lumina2", FAMILIES)


@pytest.fixture
def writer(clip: Clip) -> Writer:
    return writer_of(clip, FAMILIES)


@pytest.fixture(scope="module")
def theirs() -> Any:
    return their_net(gemma2_tensors())


def their_net(tensors: dict[str, Tensor]) -> Any:
    transformers = oracles.transformers()
    sizes = transformers.Gemma2Config(
        vocab_size=GEMMA_2.vocabulary,
        hidden_size=GEMMA_2.width,
        intermediate_size=GEMMA_2.mlp_width,
        num_hidden_layers=GEMMA_2.layers,
        num_attention_heads=GEMMA_2.heads,
        num_key_value_heads=GEMMA_2.kv_heads,
        head_dim=GEMMA_2.head_width,
        query_pre_attn_scalar=GEMMA_2.head_width,
        attn_logit_softcapping=None,
        attn_implementation="eager",
        tie_word_embeddings="lm_head.weight" not in tensors,
    )
    net = transformers.Gemma2ForCausalLM(sizes)
    # Without a matrix of its own the head is what is not there: the token table.
    loaded = net.load_state_dict({name: each.float() for name, each in tensors.items()}, strict=False)
    assert not loaded.unexpected_keys and set(loaded.missing_keys) <= {"lm_head.weight"}
    net.tie_weights()
    return net.eval()


def generated(net: Any, seed: int | None, length: int, **more: Any) -> list[int]:
    """What they write, up to the end."""
    if seed is not None:
        torch.manual_seed(seed)
    ends = {"eos_token_id": [1, 107], "pad_token_id": 0}
    asked = net.generate(
        torch.tensor([ROW]), do_sample=seed is not None, max_new_tokens=length, **({"top_k": 50} | ends | more)
    )
    row = asked[0, len(ROW) :].tolist()
    return row[:-1] if row[-1] in (1, 107) else row


def test_the_likeliest_text_is_theirs(writer: Writer, theirs: Any) -> None:
    found = write_text(writer, ROW, cpu(), at_most=40)
    assert found == generated(theirs, None, 40) and len(set(found)) > 5


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_a_seed_gives_their_text(writer: Writer, theirs: Any, seed: int) -> None:
    found = write_text(writer, ROW, cpu(), at_most=40, choice=BY_CHANCE, seed=seed)
    wanted = generated(theirs, seed, 40, temperature=0.7, top_k=64, top_p=0.95, min_p=0.05, repetition_penalty=1.05)
    assert found == wanted and len(found) > 3


def cpu() -> Weights:
    return Weights(CPU)


def test_scores_are_theirs(writer: Writer, theirs: Any) -> None:
    with cpu().hold(writer.encoder) as net, cpu().hold(writer.head) as head, torch.no_grad():
        found = head(net(torch.tensor([ROW])).states)
        torch.testing.assert_close(found, theirs(torch.tensor([ROW])).logits, rtol=1e-4, atol=1e-4)


def test_a_text_ends_before_an_end_token(writer: Writer) -> None:
    whole = write_text(writer, ROW, cpu(), at_most=12)
    at = next(place for place, token in enumerate(whole) if token not in whole[:place] and place > 2)
    ending = replace(writer, chat=replace(writer.chat, ends=(1, whole[at])))
    assert write_text(ending, ROW, cpu(), at_most=12) == whole[:at]
    first = replace(writer, chat=replace(writer.chat, ends=(whole[0],)))
    assert write_text(first, ROW, cpu(), at_most=12) == []


@pytest.mark.parametrize("at_most", [1, 5])
def test_a_text_is_no_longer_than_asked_for(writer: Writer, at_most: int) -> None:
    told: list[int] = []
    found = write_text(writer, ROW, cpu(), at_most=at_most, on_token=lambda written: told.append(len(written)))
    assert len(found) == at_most and told == list(range(1, at_most + 1))


def test_each_token_costs_one_place(writer: Writer) -> None:
    weights, places = cpu(), list[int]()
    with weights.hold(writer.encoder) as net:
        hook = net.model.layers[0].register_forward_pre_hook(lambda _block, args: places.append(args[0].shape[1]))
        write_text(writer, ROW, weights, at_most=4)
        hook.remove()
    assert places == [len(ROW), 1, 1, 1]


def test_a_long_prompt_is_read_in_parts(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = write_text(writer, ROW, cpu(), at_most=8)
    told: list[int] = []
    monkeypatch.setattr(text_writing, "READ_AT_ONCE", 4)
    found = write_text(writer, ROW, cpu(), at_most=8, on_token=lambda written: told.append(len(written)))
    assert found == wanted and told[:3] == [0, 0, 1]


def test_a_stop_between_tokens_lets_the_weights_go(writer: Writer) -> None:
    weights = cpu()

    def stop(written: Any) -> None:
        if len(written) == 2:
            raise Cancelled()

    with pytest.raises(Cancelled):
        write_text(writer, ROW, weights, at_most=8, on_token=stop)
    weights.release_all()
    assert weights.residents == []


def test_a_matrix_of_its_own_in_the_file_is_used(
    tmp_path: Path, clip: Clip, writer: Writer
) -> None:  # clip: the widths are known as long as it is
    head = torch.randn(GEMMA_2.vocabulary, GEMMA_2.width, generator=torch.Generator().manual_seed(9)).half()
    tensors = {**gemma2_tensors(), "lm_head.weight": head}
    own = writer_of(opened(tmp_path, tensors), FAMILIES)
    found = write_text(own, ROW, cpu(), at_most=20)
    assert found == generated(their_net(tensors), None, 20) != write_text(writer, ROW, cpu(), at_most=20)


def test_a_matrix_that_is_needed_and_missing_is_named(writer: Writer) -> None:
    with pytest.raises(WeightsError, match=r"lm_head\.weight"):
        write_text(replace(writer, config=replace(writer.config, ties_head=False)), ROW, cpu(), at_most=2)


@pytest.mark.parametrize("share", [0.3, 0.6, 3.0])
def test_a_device_without_room_for_all_weights_writes_the_same(writer: Writer, share: float) -> None:
    wanted = write_text(writer, ROW, cpu(), at_most=10)
    size = sum(4 * stored.numel for stored in (writer.encoder.stored, writer.head.stored))
    accelerator = PretendedAccelerator(int(share * size))
    weights = Weights(CPU, accelerator=accelerator)
    with torch.inference_mode():
        assert write_text(writer, ROW, weights, at_most=10) == wanted
    assert accelerator.most_bytes <= share * size


def test_a_clip_without_a_language_model_says_which_would_do(tmp_path: Path) -> None:
    clip = opened_l(tmp_path)
    with pytest.raises(GraphError, match=r"holds l, but a language model is wanted: Gemma 2, Gemma 3, .*; load one"):
        writer_of(clip, FAMILIES)


def opened_l(folder: Path) -> Clip:
    path = tiny.write_checkpoint(folder / "l.safetensors", tiny_transformers.clip_tensors(""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "NAMES", {tiny.TEXT.width: "l"})
        return open_text_encoders([path], "stable_diffusion", FAMILIES)


@pytest.mark.parametrize(
    ("row", "words"), [([], "the prompt is empty"), ([2, 330], "the token 330, but Gemma 2 knows")]
)
def test_rows_that_cannot_be_read_are_refused(writer: Writer, row: list[int], words: str) -> None:
    with pytest.raises(GraphError, match=words):
        write_text(writer, row, cpu(), at_most=2)
