"""Nodes that speak as A1111's web UI does: prompts, networks that they call, noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError, HeddleError
from heddle.networks.clip_text import EncodedText
from heddle.numerics.emphasis import scaled_to_same_mean
from heddle.prompts.a1111.chunks import chunk_prompt
from heddle.prompts.tokenizer import clip_tokenizer
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise import brownian_noise, initial_noise
from heddle.samplers.noise_a1111 import CpuStream, ImageNoise, Variation
from heddle.samplers.philox import Philox
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.text_encoding import encode_text
from model_management.weights import Weights
from nodes.conditioning.a1111 import encode_prompt_of_a1111
from nodes.loaders.a1111 import load_networks_of_prompt
from nodes.sampling.custom import random_noise, sample_custom_advanced
from nodes.sampling.guiders import basic_guider, cfg_guider
from nodes.sampling.ksampler import ksampler, ksampler_advanced
from nodes.sampling.noise import noise_of_source
from tests.model_management import tiny, tiny_transformers
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

EMPTY = {"samples": torch.zeros(1, 4, 6, 8)}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("m") / "tiny.safetensors"), FAMILIES)


@pytest.fixture
def ctx(tmp_path: Path) -> Any:
    return FakeContext(tmp_path, weights=Weights(torch.device("cpu")))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def encode(opened: OpenedCheckpoint, text: str, ctx: Any, steps: int = 10, **more: Any) -> list[Any]:
    return encode_prompt_of_a1111(opened.clip, text, steps, **more, ctx=ctx)


def states_of(opened: OpenedCheckpoint, text: str, ctx: Any) -> EncodedText:
    chunks = chunk_prompt(text, clip_tokenizer()).chunks
    return encode_text(opened.clip, {"l": chunks}, ctx.weights, emphasis=scaled_to_same_mean)


def test_a_plain_prompt_is_one_text_for_all_of_the_run(opened, ctx) -> None:
    ((states, more),) = encode(opened, "a (red:1.3) [tree]", ctx)
    wanted = states_of(opened, "a (red:1.3) [tree]", ctx)
    assert torch.equal(states, wanted.states)
    assert list(more) == ["pooled_output"] and torch.equal(more["pooled_output"], wanted.pooled)


def test_editing_and_alternation_give_texts_with_their_steps(opened, ctx) -> None:
    edited = encode(opened, "a [cat:dog:0.4] here", ctx)
    assert [more["step_span"] for _, more in edited] == [(0, 4, 10), (4, 10, 10)]
    assert torch.equal(edited[1][0], states_of(opened, "a dog here", ctx).states)
    turns = encode(opened, "[cat|dog]", ctx, steps=4)
    assert [more["step_span"] for _, more in turns] == [(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 4, 4)]
    assert torch.equal(turns[0][0], turns[2][0]) and not torch.equal(turns[0][0], turns[1][0])
    second = encode(opened, "a [cat:dog:1.5]", ctx, steps=10, hires_steps=6)
    assert [more["step_span"] for _, more in second] == [(0, 3, 6), (3, 6, 6)]


def test_each_text_is_encoded_once(opened, ctx, monkeypatch) -> None:
    texts: list[int] = []

    def counted(*given: Any) -> EncodedText:
        texts.append(1)
        return encode_text(*given)

    monkeypatch.setattr("model_management.a1111_texts.encode_text", counted)
    encode(opened, "[cat|dog] AND[cat|dog]", ctx, steps=20)
    assert len(texts) == 2


def test_break_begins_a_chunk_and_emphasis_may_be_chosen(opened, ctx) -> None:
    assert encode(opened, "a BREAK b", ctx)[0][0].shape[1] == 2 * 77
    plain, heavy = encode(opened, "a (b:1.5)", ctx, emphasis="Ignore")[0][0], encode(opened, "a (b:1.5)", ctx)[0][0]
    assert not torch.allclose(plain, heavy)
    as_text = encode(opened, "a (b:1.5)", ctx, emphasis="None")[0][0]
    assert torch.equal(as_text, encode(opened, r"a \(b:1.5\)", ctx)[0][0])


def test_an_embedding_is_meant_by_its_bare_name(opened, ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "embeddings"
    folder.mkdir(parents=True)
    save_file({"emb_params": torch.randn(2, 64)}, folder / "sunny.safetensors")
    assert not torch.allclose(encode(opened, "a sunny day", ctx)[0][0], states_of(opened, "a sunny day", ctx).states)
    save_file({"emb_params": torch.randn(2, 32)}, folder / "sunny.safetensors")
    encode(opened, "a sunny day", ctx)
    assert len(ctx.notes) == 1 and "sunny" in ctx.notes[0]


def test_what_no_encoder_can_load_and_other_encoders_are_refused(opened, ctx, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"<lora:fur:0\.8>.*Load LoRA of Prompt"):
        encode(opened, "a cat <lora:fur:0.8>", ctx)
    path = tiny.write_checkpoint(tmp_path / "flux.safetensors", tiny_transformers.flux_tensors())
    with pytest.raises(GraphError, match="found t5xxl"):
        encode(open_checkpoint(path, FAMILIES), "a cat", ctx)
    with pytest.raises(GraphError, match="is the most that"):
        encode(opened, "BREAK " * 80, ctx)


def run(
    opened: OpenedCheckpoint, ctx: Any, positive: list[Any], steps: int = 4, cfg: float = 3.0, **more: Any
) -> Tensor:
    negative = encode(opened, "grey", ctx)
    given = (opened.model, 7, steps, cfg, more.get("sampler", "euler"), more.get("scheduler", "karras"))
    return ksampler(*given, positive, negative, EMPTY, 1.0, ctx)["samples"]


def by_hand(opened: OpenedCheckpoint, ctx: Any, texts: list[str], scheduler: str = "karras") -> Tensor:
    """The same run, with a sampler for each part of it."""
    latent, first = EMPTY, 0
    for number, text in enumerate(texts):
        last = (number + 1) * 4 // len(texts)
        sides = encode(opened, text, ctx), encode(opened, "grey", ctx)
        switches = ("enable" if number == 0 else "disable", "enable" if last < 4 else "disable")
        latent = ksampler_advanced(
            *(opened.model, switches[0], 7, 4, 3.0, "euler", scheduler, *sides, latent, first, last, switches[1], ctx)
        )
        first = last
    return latent["samples"]


@pytest.mark.parametrize("scheduler", ["karras", "normal", "exponential", "beta"])
def test_an_edited_prompt_changes_at_its_step_whatever_the_levels_are(scheduler: str, opened, ctx) -> None:
    edited = run(opened, ctx, encode(opened, "[cat:dog:2]", ctx, steps=4), scheduler=scheduler)
    torch.testing.assert_close(edited, by_hand(opened, ctx, ["cat", "dog"], scheduler), atol=1e-3, rtol=1e-3)
    assert not torch.allclose(edited, run(opened, ctx, encode(opened, "cat", ctx), scheduler=scheduler))
    turns = run(opened, ctx, encode(opened, "[cat|dog]", ctx, steps=4), scheduler=scheduler)
    torch.testing.assert_close(turns, by_hand(opened, ctx, ["cat", "dog"] * 2, scheduler), atol=1e-3, rtol=1e-3)


def test_a_run_in_parts_counts_the_steps_of_the_whole_run(opened, ctx) -> None:
    positive, negative = encode(opened, "[cat:dog:3]", ctx, steps=4), encode(opened, "grey", ctx)
    given = (opened.model, "enable", 7, 4, 3.0, "euler", "karras", positive, negative)
    half = ksampler_advanced(*given, EMPTY, 0, 2, "enable", ctx)
    given = (opened.model, "disable", 7, 4, 3.0, "euler", "karras", positive, negative)
    whole = ksampler_advanced(*given, half, 2, 4, "disable", ctx)["samples"]
    torch.testing.assert_close(whole, run(opened, ctx, positive))


def test_a_run_of_another_number_of_steps_changes_at_the_same_share_of_its_time(opened, ctx) -> None:
    six = run(opened, ctx, encode(opened, "[cat:dog:0.5]", ctx, steps=20), steps=6, scheduler="simple")
    exact = run(opened, ctx, encode(opened, "[cat:dog:0.5]", ctx, steps=6), steps=6, scheduler="simple")
    torch.testing.assert_close(six, exact)


@pytest.mark.parametrize("sampler", ["euler", "euler_cfg_pp"])
def test_and_adds_up_the_ways_from_the_negative(sampler: str, opened, ctx) -> None:
    joined = run(opened, ctx, encode(opened, "cat AND dog :-0.5 AND red :2", ctx), sampler=sampler)
    assert joined.isfinite().all()
    twice = run(opened, ctx, encode(opened, "cat :2", ctx), cfg=3.0)
    torch.testing.assert_close(twice, run(opened, ctx, encode(opened, "cat", ctx), cfg=6.0), atol=1e-3, rtol=1e-3)
    same = run(opened, ctx, encode(opened, "cat AND cat", ctx), cfg=3.0)
    torch.testing.assert_close(same, twice, atol=1e-3, rtol=1e-3)
    none = run(opened, ctx, encode(opened, "cat AND cat :-1", ctx))
    torch.testing.assert_close(none, run(opened, ctx, encode(opened, "grey", ctx)), atol=1e-3, rtol=1e-3)
    off = run(opened, ctx, encode(opened, "cat :2", ctx), cfg=1.0)
    torch.testing.assert_close(off, run(opened, ctx, encode(opened, "cat", ctx), cfg=2.0), atol=1e-3, rtol=1e-3)


def test_networks_that_a_prompt_calls_are_put_in_and_taken_out_of_the_text(opened, ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "loras" / "sub"
    folder.mkdir(parents=True)
    tensors = {
        "lora_unet_mid_block_attentions_0_proj_in.diff": torch.ones(64, 64, 1, 1),
        "lora_te_text_model_encoder_layers_0_mlp_fc1.diff": torch.ones(128, 64),
    }
    save_file(tensors, folder / "fur.safetensors")
    text = "a cat <lora:fur:0.8:0.5:dyn> and <lyco:sub/fur:te=0:unet=2> <b:c>"
    model, clip, rest = load_networks_of_prompt(opened.model, opened.clip, text, ctx)
    assert rest == "a cat  and  <b:c>"
    assert [patch.strength for _, patch in model.patches] == [0.5, 2.0]
    assert [patch.strength for _, patch in clip.encoders[0].patches] == [0.8]
    assert any("dyn has no meaning" in line for line in ctx.notes)
    assert load_networks_of_prompt(opened.model, opened.clip, "a cat", ctx) == (opened.model, opened.clip, "a cat")
    with pytest.raises(GraphError, match=r"no file of this name in models/loras; near to it: sub/fur"):
        load_networks_of_prompt(opened.model, opened.clip, "<lora:sub/fu:1>", ctx)
    with pytest.raises(GraphError, match="models/hypernetworks"):
        load_networks_of_prompt(opened.model, opened.clip, "<hypernet:anime:1>", ctx)


def drawn(latent: dict[str, Any], **given: Any) -> Tensor:
    return noise_of_source(20, **given).generate_noise(latent)


TWO = {"samples": torch.zeros(2, 4, 6, 8)}


def test_the_usual_source_gives_the_usual_noise(opened, ctx) -> None:
    assert torch.equal(drawn(TWO), initial_noise(20, (2, 4, 6, 8)))
    guider, levels = (
        basic_guider(opened.model, encode(opened, "a", ctx)),
        SCHEDULERS["karras"](opened.model.predicts.schedule, 4),
    )
    for name in ("euler_ancestral", "dpmpp_2m_sde"):
        found, wanted = (
            sample_custom_advanced(noise, guider, SAMPLERS[name], levels, EMPTY, ctx)[0]["samples"]
            for noise in (noise_of_source(20), random_noise(20))
        )
        assert torch.equal(found, wanted)


@pytest.mark.parametrize(("source", "stream"), [("a1111 cpu", CpuStream), ("a1111 gpu", Philox)])
def test_the_web_uis_sources_give_its_noise(source: str, stream: Any) -> None:
    given = {"variation_seed": 5, "variation_strength": 0.3, "resize_from_width": 32, "resize_from_height": 64}
    wanted = ImageNoise(stream, (4, 6, 8), [20, 21], variation=Variation([5, 6], 0.3), made_at_px=(64, 32))
    assert torch.equal(drawn(TWO, source=source, **given), wanted.first())
    steps = noise_of_source(20, source, step_seed_delta=31337).step_noise(TWO)
    level = torch.tensor(1.0)
    wanted = ImageNoise(stream, (4, 6, 8), [20, 21], step_seed_delta=31337)
    found = steps.source("white", TWO["samples"], torch.tensor([2.0, 1.0]))(level, level)
    assert torch.equal(found, wanted.next())
    levels = torch.tensor([2.0, 1.0, 0.5])
    path = steps.source("brownian", TWO["samples"], levels)(levels[0], levels[1])
    alone = brownian_noise(21 + 31337, EMPTY["samples"], levels)(levels[0], levels[1])
    assert torch.equal(path[1:], alone)


@pytest.mark.parametrize("source", ["default", "a1111 cpu", "a1111 gpu"])
@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m_sde"])
def test_a_picture_of_a_batch_equals_that_picture_made_alone(source: str, sampler: str, opened, ctx) -> None:
    guider = cfg_guider(opened.model, encode(opened, "a", ctx), encode(opened, "b", ctx), 3.0)
    levels = SCHEDULERS["karras"](opened.model.predicts.schedule, 3)
    variation = {"variation_seed": 5, "variation_strength": 0.3}

    def made(seed: int, latent: dict[str, Any], **more: Any) -> Tensor:
        noise = noise_of_source(seed, source, each_alone=True, **variation | more)
        return sample_custom_advanced(noise, guider, SAMPLERS[sampler], levels, latent, ctx)[0]["samples"]

    both = made(20, TWO)
    torch.testing.assert_close(both[1:], made(21, EMPTY, variation_seed=6), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(both[:1], made(20, EMPTY), atol=1e-3, rtol=1e-3)


def test_a_variation_lies_between_two_noises_and_keeps_their_deviation() -> None:
    one, other = drawn(TWO), noise_of_source(5).generate_noise(TWO)
    assert torch.equal(drawn(TWO, variation_seed=5, variation_strength=0.0), one)
    torch.testing.assert_close(drawn(TWO, variation_seed=5, variation_strength=1.0), other)
    between = drawn(TWO, variation_seed=5, variation_strength=0.5)
    assert 0.9 < float(between.std()) < 1.1
    assert 0.6 < float(torch.cosine_similarity(between.flatten(), one.flatten(), 0)) < 0.8


def test_a_size_of_another_picture_is_for_the_web_uis_sources() -> None:
    with pytest.raises(HeddleError, match="a1111 cpu or a1111 gpu"):
        noise_of_source(1, "default", resize_from_width=512, resize_from_height=512)
