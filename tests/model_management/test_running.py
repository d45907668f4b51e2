"""Texts encoded, latents denoised, images coded: what nodes call."""

from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import Cancelled, GraphError, ShapeError
from heddle.networks.hooks import NO_HOOKS, Hooks
from heddle.numerics.emphasis import EMPHASES
from heddle.samplers.conditions import Area, Call, Condition, condition_sides
from model_management import image_coding, text_encoding
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.image_coding import decode_latent, encode_image
from model_management.patches import HooksPatch
from model_management.text_encoding import encode_text
from model_management.weights import Weights
from tests.heddle.networks import plain
from tests.model_management import tiny
from tests.model_management.tiny import END, START


@pytest.fixture(scope="module")
def opened(checkpoint) -> OpenedCheckpoint:
    return open_checkpoint(checkpoint, FAMILIES)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, torch.Tensor]]:
    tensors = tiny.tiny_tensors()
    return {part: tiny.part_of(tensors, part) for part in tiny.PREFIXES}


def chunk(*tokens: int, weights: dict[int, float] | None = None) -> list[tuple[int, float]]:
    """A chunk of ten: start, tokens, ends. `weights`: by the token's place."""
    words = [START, *tokens] + [END] * (9 - len(tokens))
    return [(word, (weights or {}).get(place, 1.0)) for place, word in enumerate(words)]


def encoded(states, words: list[int], skip: int = 0) -> torch.Tensor:
    x = plain.clip_text(states["text"], torch.tensor([words]), skip)
    return plain.layer_norm(states["text"], "text_model.final_layer_norm", x)


EMPTY = [START] + [END] * 9


def test_chunks_are_encoded_alone_and_joined(opened, weights, states):
    found = encode_text(opened.clip, {"l": [chunk(1, 2, 3), chunk(4)]}, weights)
    wanted = [encoded(states, [START, 1, 2, 3] + [END] * 6), encoded(states, [START, 4] + [END] * 8)]
    torch.testing.assert_close(found.states, torch.cat(wanted, 1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.pooled, wanted[0][:, 4], rtol=1e-4, atol=1e-4)


def test_a_weight_moves_a_token_away_from_the_empty_prompt(opened, weights, states):
    found = encode_text(opened.clip, {"l": [chunk(1, 2, weights={2: 1.5, 5: 0.0})]}, weights).states
    z, empty = encoded(states, [START, 1, 2] + [END] * 7), encoded(states, EMPTY)
    wanted = z.clone()
    wanted[:, 2] = empty[:, 2] + (z[:, 2] - empty[:, 2]) * 1.5
    wanted[:, 5] = empty[:, 5]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_weights_may_count_in_a1111s_way(opened, weights):
    plain_states = encode_text(opened.clip, {"l": [chunk(1, 2), chunk(3)]}, weights).states
    chunks = [chunk(1, 2, weights={2: 1.5}), chunk(3, weights={1: 0.5})]
    found = encode_text(opened.clip, {"l": chunks}, weights, emphasis=EMPHASES["Original"]).states
    for each, z in enumerate(plain_states.split(10, 1)):
        factors = torch.tensor([[token[1] for token in chunks[each]]])[..., None]
        wanted = z * factors * (z.mean() / (z * factors).mean())
        torch.testing.assert_close(found[:, 10 * each : 10 * each + 10], wanted, rtol=1e-4, atol=1e-4)
    ignored = encode_text(opened.clip, {"l": chunks}, weights, emphasis=EMPHASES["Ignore"]).states
    torch.testing.assert_close(ignored, plain_states)


def test_an_earlier_last_layer_is_normed_and_leaves_pooled_as_it_is(opened, weights, states):
    found = encode_text(opened.clip.with_last_layer(-2), {"l": [chunk(7)]}, weights)
    torch.testing.assert_close(found.states, encoded(states, [START, 7] + [END] * 8, skip=1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.pooled, encode_text(opened.clip, {"l": [chunk(7)]}, weights).pooled)


def test_a_last_layer_that_is_not_there_is_refused(opened):
    with pytest.raises(GraphError, match=r"has 2 layers.*not at -3"):
        opened.clip.with_last_layer(-3)


def test_a_vector_in_a_tokens_place_is_read_like_a_token(opened, weights, states):
    vector = states["text"]["text_model.embeddings.token_embedding.weight"][7]
    with_vector = [(START, 1.0), (vector, 1.2), *chunk()[2:]]
    wanted = encode_text(opened.clip, {"l": [chunk(7, weights={1: 1.2})]}, weights)
    found = encode_text(opened.clip, {"l": [with_vector]}, weights)
    torch.testing.assert_close(found.states, wanted.states)
    torch.testing.assert_close(found.pooled, wanted.pooled)


def test_a_vector_of_another_width_is_refused(opened, weights):
    with pytest.raises(ShapeError, match=r"\(768,\) numbers.*wants 64"):
        encode_text(opened.clip, {"l": [[(START, 1.0), (torch.zeros(768), 1.0), *chunk()[2:]]]}, weights)


def test_a_long_prompt_is_encoded_in_parts_with_the_same_result(opened, weights, monkeypatch):
    chunks = [chunk(number, weights={1: 1.1}) for number in range(7)]
    whole = encode_text(opened.clip, {"l": chunks}, weights)
    monkeypatch.setattr(text_encoding, "TEXTS_AT_ONCE", 3)
    seen: list[tuple[int, int]] = []
    parts = encode_text(opened.clip, {"l": chunks}, weights, lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(parts.states, whole.states, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts.pooled, whole.pooled, rtol=1e-4, atol=1e-5)
    assert seen == [(3, 8), (6, 8), (8, 8)]


def test_a_clean_guess_is_the_latent_less_the_networks_noise(opened, weights, states):
    torch.manual_seed(2)
    x, context, sigma = torch.randn(2, 4, 5, 7) * 3, torch.randn(2, 6, 64), torch.tensor(1.7)
    timestep = opened.model.predicts.schedule.timestep(sigma).float().expand(2)
    noise = plain.unet(states["unet"], x / (sigma**2 + 1) ** 0.5, timestep, context)
    with torch.inference_mode(), weights.hold(opened.model) as net:
        clean = denoiser_for(opened.model, net)(x, sigma, Call({"context": context}))
    torch.testing.assert_close(clean, x - sigma * noise, rtol=1e-4, atol=1e-4)


def test_latents_and_texts_of_another_family_are_refused(opened, weights):
    with weights.hold(opened.model) as net:
        denoise = denoiser_for(opened.model, net)
        with pytest.raises(ShapeError, match="16 channels, but sd15 wants 4"):
            denoise(torch.zeros(1, 16, 4, 4), torch.tensor(1.0), Call({"context": torch.zeros(1, 6, 64)}))
        with pytest.raises(ShapeError, match="768 wide, but this model wants 64"):
            denoise(torch.zeros(1, 4, 4, 4), torch.tensor(1.0), Call({"context": torch.zeros(1, 6, 768)}))


def test_what_steps_in_is_told_what_each_call_is_about(opened, weights):
    told: list[Call] = []

    def at(call: Call) -> Hooks:
        told.append(call)
        return Hooks(entering=(lambda place, x: x + 1,)) if call.level > 1 else NO_HOOKS

    def by_call(call: Call, /) -> Call:
        return replace(call, hooks=Hooks(entering=(lambda place, x: x - 1,)))

    text = torch.randn(1, 6, 64)
    sides = {"positive": [Condition({"context": text}), Condition({"context": text}, area=Area(4, 2, 0, 3))]}
    x = torch.randn(2, 4, 8, 6)
    model = opened.model.with_patch("step in", HooksPatch(at))
    with torch.inference_mode(), weights.hold(model) as net:
        plain_guess, hooked = (condition_sides(denoiser_for(each, net), sides) for each in (opened.model, model))
        low, high = torch.tensor(0.5), torch.tensor(2.0)
        torch.testing.assert_close(hooked(x, low, ["positive"]), plain_guess(x, low, ["positive"]))
        assert [call.size for call in told] == [(8, 6), (4, 2)]
        assert all(call.whole == (8, 6) and call.sides == ("positive",) * 2 for call in told)
        wanted = plain_guess(x, high, ["positive"])["positive"]
        assert not torch.allclose(hooked(x, high, ["positive"])["positive"], wanted, atol=1e-3)
        torch.testing.assert_close(hooked(x, high, ["positive"], by_call)["positive"], wanted)


def test_an_image_becomes_the_mean_of_its_latents(opened, weights, states):
    image = torch.rand(2, 16, 24, 3)
    latent = encode_image(opened.vae, image, weights)
    wanted = plain.vae_encode(states["vae"], image.movedim(-1, 1) * 2 - 1)[:, :4]
    torch.testing.assert_close(latent, wanted, rtol=1e-4, atol=1e-5)
    assert latent.shape == (2, 4, 2, 3)


def test_transparency_is_dropped(opened, weights):
    image = torch.rand(1, 8, 8, 4)
    torch.testing.assert_close(
        encode_image(opened.vae, image, weights), encode_image(opened.vae, image[..., :3], weights)
    )


def test_a_latent_becomes_an_image_between_0_and_1(opened, weights, states):
    latent = torch.randn(2, 4, 2, 3) * 20
    image = decode_latent(opened.vae, latent, weights)
    wanted = (plain.vae_decode(states["vae"], latent) + 1) / 2
    assert wanted.min() < 0 < 1 < wanted.max()
    torch.testing.assert_close(image, wanted.clamp(0, 1).movedim(1, -1), rtol=1e-4, atol=1e-4)


def test_a_batch_too_large_for_memory_goes_in_parts_with_the_same_result(opened, weights, monkeypatch):
    latent = torch.randn(3, 4, 2, 2)
    whole = decode_latent(opened.vae, latent, weights)
    image = encode_image(opened.vae, whole, weights)
    monkeypatch.setattr(image_coding, "PART_BYTES", 1)
    seen: list[tuple[int, int]] = []
    parts = decode_latent(opened.vae, latent, weights, lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encode_image(opened.vae, whole, weights), image, rtol=1e-4, atol=1e-5)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_coding_can_be_cancelled_between_parts(opened, weights, monkeypatch):
    monkeypatch.setattr(image_coding, "PART_BYTES", 1)

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        decode_latent(opened.vae, torch.zeros(3, 4, 1, 1), weights, cancel)


def test_a_latent_of_another_family_is_refused_by_the_vae(opened, weights):
    with pytest.raises(ShapeError, match=r"\[1, 16, 2, 2\], but this VAE wants \[B, 4, h, w\]"):
        decode_latent(opened.vae, torch.zeros(1, 16, 2, 2), weights)


def test_what_is_made_does_not_change_what_was_given(opened, weights):
    image, latent = torch.rand(1, 8, 8, 3), torch.randn(1, 4, 1, 1)
    before = image.clone(), latent.clone()
    encode_image(opened.vae, image, weights)
    decode_latent(opened.vae, latent, weights)
    assert torch.equal(image, before[0]) and torch.equal(latent, before[1])
