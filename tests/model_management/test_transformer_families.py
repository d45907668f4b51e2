"""Stable Diffusion 3 and FLUX.1: how their files are told, what of a conditioning their networks take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from heddle.graph.errors import GraphError, WeightsError
from heddle.networks.clip_text import EncodedText
from heddle.samplers.conditions import Call, condition_sides
from heddle.samplers.noise_schedules import FlowSchedule, FluxSchedule
from model_management import text_files
from model_management.checkpoint import open_checkpoint, open_network, open_vae
from model_management.conditioning import conditions_for
from model_management.denoiser import denoiser_for
from model_management.families.auraflow.family import AURAFLOW
from model_management.families.chroma.family import CHROMA
from model_management.families.flux.conditioning import text_and_guidance, with_masked_picture, with_picture
from model_management.families.flux.family import FLUX
from model_management.families.flux_control.family import FLUX_CONTROL
from model_management.families.flux_fill.family import FLUX_FILL
from model_management.families.known import FAMILIES
from model_management.families.lumina2.family import LUMINA2
from model_management.families.sd3.conditioning import texts_in_a_row
from model_management.families.sd3.family import SD3
from model_management.family import RunFacts, recognise, recognise_network
from model_management.text_encoding import encode_text
from model_management.text_files import open_text_encoders
from model_management.weights import Weights
from tests.model_management import tiny, tiny_transformers
from tests.model_management.test_family import PUBLISHED, header_of

STATES, POOLED = torch.randn(1, 5, 48), torch.randn(1, 64)
LATENT = torch.randn(1, 16, 4, 6)
RUN = RunFacts(tuple(LATENT.shape), LATENT, torch.randn(1, 16, 4, 6))
MORE = {"pooled_output": POOLED}


def cpu() -> Weights:
    return Weights(torch.device("cpu"))


@pytest.mark.parametrize(
    ("layout", "family"),
    [
        ("flux_1_1", FLUX),
        ("sd3_2", SD3),
        ("chroma_1_1", CHROMA),
        ("auraflow_1_1", AURAFLOW),
        ("lumina2_1", LUMINA2),
    ],
)
def test_published_networks_are_known_alone_and_as_checkpoints_without_the_rest(layout: str, family) -> None:
    header = header_of(PUBLISHED[layout])
    assert recognise_network(header, FAMILIES) == recognise(header, FAMILIES) == (family, "")


@pytest.mark.parametrize(("channels", "family"), [(16, FLUX), (32, FLUX_CONTROL), (96, FLUX_FILL)])
def test_variants_of_flux_are_told_by_what_their_networks_are_shown(channels: int, family) -> None:
    shapes = {**PUBLISHED["flux_1_1"], "img_in.weight": [3072, 4 * channels]}
    assert recognise_network(header_of(shapes), FAMILIES)[0] is family
    assert family.network.config(header_of(shapes), "").in_channels == channels


def test_a_whole_flux_checkpoint_opens_with_both_encoders_and_its_vae(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    opened = open_checkpoint(path, FAMILIES)
    assert opened.model.family is FLUX
    assert opened.model.config == tiny_transformers.FLUX
    assert [each.part.name for each in opened.clip.encoders] == ["l", "t5xxl"]
    assert opened.vae.config == open_vae(path).config == tiny_transformers.VAE
    assert isinstance(opened.model.predicts.schedule, FluxSchedule)
    assert (opened.model.latent.scale, opened.model.latent.shift) == (0.3611, 0.1159)


def test_a_flux_without_guidance_is_not_shifted(tmp_path: Path) -> None:
    config = replace(tiny_transformers.FLUX, has_guidance=False)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors(config))
    assert open_network(path, FAMILIES).predicts.schedule == FlowSchedule(shift=1.0, multiplier=1.0)


@pytest.mark.parametrize("names", [("l", "g"), ("l", "g", "t5xxl"), ("t5xxl",)])
def test_an_sd3_checkpoint_opens_with_the_encoders_that_it_has(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.sd3_tensors(*names))
    opened = open_checkpoint(path, FAMILIES)
    assert opened.model.family is SD3
    assert tuple(each.part.name for each in opened.clip.encoders) == names
    assert opened.clip.with_last_layer(-2).encoders == tuple(
        replace(each, last_layer=-2) for each in opened.clip.encoders
    )
    assert opened.model.predicts.schedule == FlowSchedule(shift=3.0)
    assert (opened.model.latent.scale, opened.model.latent.shift) == (1.5305, 0.0609)


def test_flux_reads_t5s_states_and_clips_pooled_vector_unprojected(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    clip = open_checkpoint(path, FAMILIES).clip
    chunk = [(token, 1.0) for token in (49406, 5, 7, *[49407] * 74)]
    row = [(token, 1.0) for token in (9, 4, 1, 0, 0)]
    found = encode_text(clip, {"l": [chunk], "t5xxl": [row]}, cpu())
    by_name = {each.part.name: each for each in clip.encoders}
    with cpu().hold(by_name["t5xxl"]) as t5, cpu().hold(by_name["l"]) as text, torch.no_grad():
        torch.testing.assert_close(found.states, t5(torch.tensor([[9, 4, 1, 0, 0]])).states)
        torch.testing.assert_close(found.pooled, text(torch.tensor([[token for token, _ in chunk]])).pooled)
    assert found.pooled.shape == (1, 64)


def test_a_weighted_word_of_t5_moves_away_from_the_empty_prompt(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.sd3_tensors("t5xxl"))
    (encoder,) = (clip := open_checkpoint(path, FAMILIES).clip).encoders
    row = [(9, 1.0), (4, 1.5), (1, 1.0), (0, 1.0)]
    found = encode_text(replace(clip, join=lambda texts: texts["t5xxl"]), {"t5xxl": [row]}, cpu()).states
    with cpu().hold(encoder) as t5, torch.no_grad():
        text, empty = t5(torch.tensor([[9, 4, 1, 0], [1, 0, 0, 0]])).states
    wanted = text.clone()
    wanted[1] = empty[1] + (text[1] - empty[1]) * 1.5
    torch.testing.assert_close(found[0], wanted)


def test_auraflow_opens_whole_and_hides_from_its_encoder_what_fills_a_text_up(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.auraflow_tensors())
    opened = open_checkpoint(path, FAMILIES)
    assert opened.model.family is AURAFLOW and opened.model.config == tiny_transformers.AURAFLOW
    assert opened.model.predicts.schedule == FlowSchedule(shift=1.73, multiplier=1.0)
    (encoder,) = opened.clip.encoders
    row = [(token, 1.0) for token in (9, 4, 2, 1, 1, 1)]  # 2 ends the text, 1 fills up
    found = encode_text(opened.clip, {"pile_t5xl": [row]}, cpu()).states
    with cpu().hold(encoder) as t5, torch.no_grad():
        torch.testing.assert_close(found[:, :3], t5(torch.tensor([[9, 4, 2]])).states)
    assert found.shape == (1, 6, 48) and not found[:, 3:].any()


@pytest.mark.parametrize("type", ["stable_diffusion", "lumina2"])
def test_auraflows_encoder_is_known_whatever_type_is_chosen(tmp_path: Path, monkeypatch, type: str) -> None:
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "pile_t5xl"})
    t5 = tiny.write_checkpoint(tmp_path / "t5.safetensors", tiny_transformers.t5_tensors())
    (encoder,) = open_text_encoders([t5], type, FAMILIES).encoders
    assert encoder.part.row == AURAFLOW.text[0].row


def test_z_image_which_is_spelt_almost_like_lumina_is_refused_by_name() -> None:
    shapes = {
        name.replace("adaLN_modulation.1.", "adaLN_modulation.0."): s for name, s in PUBLISHED["lumina2_1"].items()
    }
    with pytest.raises(WeightsError, match="looks like Z-Image, not like"):
        recognise_network(header_of(shapes), FAMILIES)


def test_lumina_opens_whole_and_reads_gemmas_second_last_layer(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.lumina_tensors())
    opened = open_checkpoint(path, FAMILIES)
    assert opened.model.family is LUMINA2 and opened.model.config == tiny_transformers.LUMINA
    assert opened.model.predicts.schedule == FlowSchedule(shift=6.0, multiplier=1.0)
    assert (opened.model.latent.scale, opened.model.latent.shift) == (0.3611, 0.1159)
    (encoder,) = opened.clip.encoders
    assert encoder.config == tiny_transformers.GEMMA_2
    row = [(2, 1.0), (9, 1.0), (4, 1.0)]
    found = encode_text(opened.clip, {"gemma2_2b": [row]}, cpu()).states
    with cpu().hold(encoder) as gemma, torch.no_grad():
        wanted = gemma(torch.tensor([[2, 9, 4]]), layer=-2, with_norm=False).states
    torch.testing.assert_close(found, wanted)


def test_a_weighted_word_of_gemma_moves_away_from_an_empty_prompt_that_sees_no_padding(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.lumina_tensors())
    (encoder,) = (clip := open_checkpoint(path, FAMILIES).clip).encoders
    vector = torch.full((48,), 0.2)  # a learned word, which is no padding
    row = [(2, 1.0), (vector, 1.0), (9, 1.5), (0, 1.0)]
    found = encode_text(clip, {"gemma2_2b": [row]}, cpu()).states
    with cpu().hold(encoder) as gemma, torch.no_grad():
        tokens = torch.tensor([[2, 0, 9, 0], [2, 0, 0, 0]])
        vectors = gemma.embed(tokens)
        vectors[0, 1] = vector
        allowed = torch.tensor([[True, True, True, False], [True, False, False, False]])
        text, empty = gemma(tokens, layer=-2, with_norm=False, vectors=vectors, allowed=allowed).states
    wanted = text.clone()
    wanted[2] = empty[2] + (text[2] - empty[2]) * 1.5
    torch.testing.assert_close(found[0], wanted)
    assert empty[2].any()


@pytest.mark.parametrize("type", ["stable_diffusion", "lumina2"])
def test_luminas_encoder_is_known_whatever_type_is_chosen(tmp_path: Path, monkeypatch, type: str) -> None:
    monkeypatch.setattr(text_files, "GEMMA_NAMES", {48: "gemma2_2b"})
    gemma = tiny.write_checkpoint(tmp_path / "gemma.safetensors", tiny_transformers.gemma2_tensors())
    (encoder,) = open_text_encoders([gemma], type, FAMILIES).encoders
    assert (encoder.part.row, encoder.last_layer, encoder.part.with_norm) == (LUMINA2.text[0].row, -2, False)


def test_other_language_models_are_refused_by_their_width(tmp_path: Path) -> None:
    gemma = tiny.write_checkpoint(tmp_path / "gemma.safetensors", tiny_transformers.gemma2_tensors())
    with pytest.raises(WeightsError, match=r"embed_tokens\.weight is 48 wide; .* gemma2_2b \(2304\) wide"):
        open_text_encoders([gemma], "lumina2", FAMILIES)


def encoded(length: int, width: int, pooled: int) -> EncodedText:
    return EncodedText(torch.randn(1, length, width), torch.randn(1, pooled))


def test_sd3_reads_both_clips_side_by_side_and_t5_behind_them() -> None:
    texts = {"l": encoded(77, 768, 768), "g": encoded(154, 1280, 1280), "t5xxl": encoded(80, 4096, 0)}
    states, pooled = texts_in_a_row(texts)
    assert states.shape == (1, 157, 4096)
    torch.testing.assert_close(states[:, :77, :768], texts["l"].states)
    torch.testing.assert_close(states[:, :77, 768:2048], texts["g"].states[:, :77])
    assert not states[:, :77, 2048:].any()
    torch.testing.assert_close(states[:, 77:], texts["t5xxl"].states)
    torch.testing.assert_close(pooled, torch.cat([texts["l"].pooled, texts["g"].pooled], -1))


def test_zeros_stand_for_what_is_missing_in_sd3() -> None:
    only_g = encoded(77, 1280, 1280)
    states, pooled = texts_in_a_row({"g": only_g})
    assert states.shape == (1, 77, 4096) and not states[..., :768].any() and not pooled[:, :768].any()
    torch.testing.assert_close(states[..., 768:2048], only_g.states)
    torch.testing.assert_close(pooled[:, 768:], only_g.pooled)
    only_t5 = encoded(80, 4096, 0)
    states, pooled = texts_in_a_row({"t5xxl": only_t5})
    assert states is only_t5.states or torch.equal(states, only_t5.states)
    assert pooled.shape == (1, 2048) and not pooled.any()
    states, pooled = texts_in_a_row({})
    assert states.shape == (1, 77, 4096) and not states.any() and pooled.shape == (1, 2048)


def test_a_guidance_goes_to_flux_unless_it_is_left_out() -> None:
    assert text_and_guidance(STATES, MORE, RUN)["guidance"].tolist() == [3.5]
    assert text_and_guidance(STATES, {**MORE, "guidance": 2.0}, RUN)["guidance"].tolist() == [2.0]
    assert set(text_and_guidance(STATES, {**MORE, "guidance": None}, RUN)) == {"context", "vector"}


def test_chroma_is_told_a_guidance_of_nothing_and_no_pooled_text() -> None:
    assert CHROMA.read_entry(STATES, {}, RUN)["guidance"].tolist() == [0.0]
    assert CHROMA.read_entry(STATES, {"guidance": None}, RUN)["guidance"].tolist() == [0.0]
    assert CHROMA.read_entry(STATES, {"guidance": 2.0}, RUN)["guidance"].tolist() == [2.0]


@pytest.mark.parametrize("family", [FLUX, FLUX_FILL, FLUX_CONTROL, SD3])
def test_a_text_without_a_pooled_vector_is_refused(family) -> None:
    with pytest.raises(GraphError, match="no pooled text"):
        family.read_entry(STATES, {}, RUN)


@pytest.mark.parametrize("read", [text_and_guidance, CHROMA.read_entry])
def test_an_attention_mask_of_several_cells_comes_at_the_runs_size(read) -> None:
    """The latent's 4 x 6 cells are 2 x 3 tokens; a mask of one cell fits any picture, so it stays."""
    whole = torch.zeros(1, 5 + 1, 5 + 1).half()
    assert read(STATES, MORE | {"attention_mask": whole}, RUN)["attention_mask"].shape == (1, 6, 6)
    fitting = torch.randn(1, 5 + 6, 5 + 6)
    said = MORE | {"attention_mask": fitting, "attention_mask_img_shape": (2, 3)}
    assert torch.equal(read(STATES, said, RUN)["attention_mask"], fitting)
    coarse = torch.zeros(5 + 2, 5 + 2, dtype=torch.bool)
    coarse[:, :5] = True
    said = MORE | {"attention_mask": coarse, "attention_mask_img_shape": (2, 1)}
    fine = read(STATES, said, RUN)["attention_mask"]
    assert fine.shape == (1, 11, 11)
    assert fine[..., :5].eq(0).all() and fine[..., 5:].eq(-torch.inf).all()
    assert "attention_mask" not in read(STATES, MORE, RUN)


def test_references_are_named_after_how_they_are_placed() -> None:
    notes: list[str] = []
    run = replace(RUN, note=notes.append)
    for method, name in (("uxo", "reference_uxo_0"), ("sideways", "reference_offset_0")):
        more = {**MORE, "reference_latents": [LATENT], "reference_latents_method": method}
        assert name in FLUX.read_entry(STATES, more, run)
    assert notes == [
        "references are placed by offset, since FLUX.1 knows no 'sideways' but offset, index, uxo, index_timestep_zero"
    ]


def test_references_come_in_the_networks_units_and_their_own_size() -> None:
    latents = [torch.randn(1, 16, 8, 2), torch.randn(1, 16, 4, 4)]
    inputs = FLUX.read_entry(STATES, {**MORE, "reference_latents": latents}, RUN)
    for number, latent in enumerate(latents):
        torch.testing.assert_close(inputs[f"reference_offset_{number}"], (latent - 0.1159) * 0.3611)


def test_a_picture_beside_the_latent_comes_in_the_networks_units() -> None:
    picture = torch.randn(1, 16, 4, 6)
    shown = with_picture(STATES, {**MORE, "concat_latent_image": picture}, RUN)["concat"]
    torch.testing.assert_close(shown, (picture - 0.1159) * 0.3611)
    none = with_picture(STATES, MORE, RUN)["concat"]
    torch.testing.assert_close(none, torch.full_like(LATENT, -0.1159 * 0.3611))


def test_fill_is_shown_the_mask_with_a_channel_for_each_pixel_of_a_cell() -> None:
    mask = torch.rand(1, 32, 48)
    shown = with_masked_picture(STATES, {**MORE, "concat_mask": mask}, RUN)["concat"]
    assert shown.shape == (1, 80, 4, 6)
    for row, column, y, x in ((0, 0, 0, 0), (3, 5, 7, 1), (2, 4, 0, 6)):
        torch.testing.assert_close(shown[0, 16 + 8 * y + x, row, column], mask[0, 8 * row + y, 8 * column + x])
    of_run = with_masked_picture(STATES, MORE, replace(RUN, mask=mask))["concat"]
    torch.testing.assert_close(of_run, shown)
    assert with_masked_picture(STATES, MORE, RUN)["concat"][:, 16:].eq(1).all()


def test_a_guess_is_the_networks_read_as_a_flow(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    model, sigma = open_network(path, FAMILIES), torch.tensor(0.6)
    inputs = FLUX.read_entry(STATES, MORE, RUN)
    with cpu().hold(model) as net, torch.no_grad():
        wanted = LATENT - 0.6 * net(LATENT, sigma[None], STATES, POOLED, torch.tensor([3.5]))
        torch.testing.assert_close(denoiser_for(model, net)(LATENT, sigma, Call(inputs)), wanted)


def test_texts_of_different_length_run_apart_where_text_and_picture_share_one_attention(tmp_path: Path) -> None:
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors())
    model, calls = open_network(path, FAMILIES), []

    def denoise(x, sigma, call):
        calls.append(call.inputs["context"].shape)
        return x

    sides = {
        name: conditions_for(model, [[torch.randn(1, length, 48), MORE]], RUN, name)
        for name, length in (("positive", 4), ("negative", 8))
    }
    condition_sides(denoise, sides)(LATENT, torch.tensor(0.5), ("positive", "negative"))
    assert sorted(calls) == [(1, 4, 48), (1, 8, 48)]


def test_encoders_from_files_of_their_own_make_the_families_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l"})
    monkeypatch.setattr(text_files, "T5_NAMES", {48: "t5xxl"})
    clip_l = tiny.write_checkpoint(tmp_path / "l.safetensors", tiny_transformers.clip_tensors(""))
    t5 = tiny.write_checkpoint(tmp_path / "t5.safetensors", tiny_transformers.t5_tensors())
    clip = open_text_encoders([t5, clip_l], "flux", FAMILIES)
    assert [each.part.name for each in clip.encoders] == ["l", "t5xxl"]
    assert clip.encoders[1].config == tiny_transformers.T5_TINY
    chunk = [(token, 1.0) for token in (49406, 5, *[49407] * 75)]
    found = encode_text(clip, {"l": [chunk], "t5xxl": [[(4, 1.0), (1, 1.0)]]}, cpu())
    assert (found.states.shape, found.pooled.shape) == ((1, 2, 48), (1, 64))
    assert [each.part.name for each in open_text_encoders([t5], "sd3", FAMILIES).encoders] == ["t5xxl"]
    with pytest.raises(GraphError, match=r"type flux: .* t5xxl, but wanted is l with t5xxl"):
        open_text_encoders([t5], "flux", FAMILIES)
