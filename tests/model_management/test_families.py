"""What is peculiar to each family: its text encoders, what its network is shown beside the text, what it predicts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import GraphError, ShapeError, WeightsError
from heddle.samplers.conditions import Call
from heddle.samplers.predictions import Epsilon, Velocity
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.families.sd21.family import TELLING
from model_management.family import RunFacts
from model_management.handles import Model
from model_management.text_encoding import encode_text
from model_management.weights import Weights
from tests.heddle.networks import plain
from tests.model_management import tiny, tiny_xl

START, END = tiny.START, tiny.END
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module")
def tensors() -> dict[str, dict[str, Tensor]]:
    return {name: tiny_xl.tensors_of(name) for name in tiny_xl.UNETS}


@pytest.fixture(scope="module")
def opened(folder: Path, tensors: dict[str, dict[str, Tensor]]) -> dict[str, OpenedCheckpoint]:
    return {
        name: open_checkpoint(tiny.write_checkpoint(folder / f"{name}.safetensors", content), FAMILIES)
        for name, content in tensors.items()
    }


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(CPU)


def chunk(*tokens: int, pad: int = END, weight: float = 1.0) -> list[tuple[int, float]]:
    """A chunk of ten: start, tokens of one weight, end, padding."""
    rest = [END] + [pad] * (8 - len(tokens))
    return [(START, 1.0), *((token, weight) for token in tokens), *((token, 1.0) for token in rest)]


def numbers(words: list[tuple[int, float]]) -> Tensor:
    return torch.tensor([[token for token, _weight in words]])


def normed(state: dict[str, Tensor], x: Tensor) -> Tensor:
    return plain.layer_norm(state, "ln_final", x)


def near(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", tiny_xl.UNETS)
def test_a_small_checkpoint_of_each_layout_is_its_familys(opened, name: str) -> None:
    assert opened[name].model.family.name == name
    assert opened[name].model.config == tiny_xl.UNETS[name]


def test_sd2_reads_the_second_last_layer_normed_and_projects_the_pooled(opened, tensors, weights) -> None:
    state = tiny_xl.below(tensors["sd21"], tiny_xl.OPEN_CLIP["sd21"])
    words = chunk(3, 4, pad=0)
    found = encode_text(opened["sd21"].clip, {"h": [words]}, weights)
    near(found.states, normed(state, plain.open_clip_text(state, numbers(words), skip=1)))
    last = normed(state, plain.open_clip_text(state, numbers(words)))
    near(found.pooled, last[:, 3] @ state["text_projection"])
    near(encode_text(opened["sd21"].clip.with_last_layer(-1), {"h": [words]}, weights).states, last)


def test_sdxl_reads_two_encoders_side_by_side_without_norm_and_the_larger_ones_pooled(opened, tensors, weights) -> None:
    small, large = (tiny_xl.below(tensors["sdxl"], prefix) for prefix in (tiny_xl.CLIP_L, tiny_xl.OPEN_CLIP["sdxl"]))
    of_l, of_g = chunk(5, 6), chunk(7, 8, pad=0)
    found = encode_text(opened["sdxl"].clip, {"l": [of_l], "g": [of_g]}, weights)
    wanted = [plain.clip_text(small, numbers(of_l), 1), plain.open_clip_text(large, numbers(of_g), 1)]
    near(found.states, torch.cat(wanted, -1))
    near(found.pooled, normed(large, plain.open_clip_text(large, numbers(of_g)))[:, 3] @ large["text_projection"])


def test_weights_compare_with_what_each_encoder_makes_of_the_empty_prompt(opened, tensors, weights) -> None:
    large = tiny_xl.below(tensors["sdxl"], tiny_xl.OPEN_CLIP["sdxl"])
    words = chunk(7, 8, pad=0, weight=1.5)
    found = encode_text(opened["sdxl"].clip, {"l": [chunk(5)], "g": [words]}, weights).states[..., tiny_xl.L_WIDTH :]
    z, empty = (plain.open_clip_text(large, numbers(each), 1) for each in (words, chunk(pad=0)))
    wanted = z.clone()
    wanted[:, 1:3] = empty[:, 1:3] + (z[:, 1:3] - empty[:, 1:3]) * 1.5
    near(found, wanted)


def test_a_text_that_is_longer_for_one_encoder_is_cut_to_the_shorter(opened, weights) -> None:
    chunks = {"l": [chunk(5), chunk(6)], "g": [chunk(7, pad=0)]}
    assert encode_text(opened["sdxl"].clip, chunks, weights).states.shape == (1, 10, 192)


def test_progress_counts_the_texts_of_all_encoders(opened, weights) -> None:
    seen: list[tuple[int, int]] = []
    chunks = {"l": [chunk(5, weight=2.0)], "g": [chunk(7, pad=0), chunk(8, pad=0)]}
    encode_text(opened["sdxl"].clip, chunks, weights, lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4), (4, 4)]


def test_clip_skip_reaches_both_encoders(opened) -> None:
    assert [each.last_layer for each in opened["sdxl"].clip.encoders] == [-2, -2]
    assert [each.last_layer for each in opened["sdxl"].clip.with_last_layer(-3).encoders] == [-3, -3]
    with pytest.raises(GraphError, match="has 3 layers"):
        opened["sdxl"].clip.with_last_layer(-4)


def facts(side: str = "positive", batch: int = 1, mask: Tensor | None = None) -> RunFacts:
    latent = torch.full((batch, 4, 4, 6), 0.5)
    return RunFacts(tuple(latent.shape), latent, latent, mask, side)


def entry(model: Model, given: RunFacts | None = None, **more: Any) -> dict[str, Tensor]:
    return model.family.read_entry(torch.zeros(1, 10, 8), more, given or facts())


def embedded(number: float) -> list[float]:
    angles = [number / 10000 ** (i / 128) for i in range(128)]
    return [math.cos(angle) for angle in angles] + [math.sin(angle) for angle in angles]


def vector(pooled: Tensor, *sizes: float) -> Tensor:
    return torch.cat([pooled, torch.tensor([[each for size in sizes for each in embedded(size)]])], -1)


def test_sdxl_is_told_the_pooled_text_and_six_sizes(opened) -> None:
    pooled, model = torch.randn(1, 48), opened["sdxl"].model
    sizes: dict[str, Any] = {
        "width": 640,
        "height": 512,
        "crop_w": 3,
        "crop_h": 9,
        "target_width": 700,
        "target_height": 800,
    }
    near(entry(model, pooled_output=pooled, **sizes)["vector"], vector(pooled, 512, 640, 9, 3, 800, 700))
    near(entry(model, pooled_output=pooled)["vector"], vector(pooled, 32, 48, 0, 0, 32, 48))
    near(entry(model, pooled_output=pooled, height=64)["vector"], vector(pooled, 64, 48, 0, 0, 64, 48))


def test_the_refiner_is_told_a_score_which_is_poor_for_the_negative(opened) -> None:
    pooled, model = torch.randn(1, 48), opened["sdxl_refiner"].model
    sizes: dict[str, Any] = {"width": 640, "height": 512, "crop_w": 3, "crop_h": 9, "aesthetic_score": 7.5}
    near(entry(model, pooled_output=pooled, **sizes)["vector"], vector(pooled, 512, 640, 9, 3, 7.5))
    near(entry(model, pooled_output=pooled)["vector"], vector(pooled, 32, 48, 0, 0, 6))
    near(entry(model, facts("negative"), pooled_output=pooled)["vector"], vector(pooled, 32, 48, 0, 0, 2.5))


def test_a_text_without_a_pooled_vector_is_refused_by_sdxl(opened) -> None:
    with pytest.raises(GraphError, match="no pooled text"):
        entry(opened["sdxl"].model)


def test_sdxl_denoises_with_its_vector_and_refuses_one_of_another_width(opened, tensors, weights) -> None:
    torch.manual_seed(5)
    model, state = opened["sdxl"].model, tiny_xl.below(tensors["sdxl"], tiny_xl.UNET)
    x, context, sigma = torch.randn(2, 4, 6, 5), torch.randn(2, 10, 192), torch.tensor(1.7)
    given = torch.randn(2, model.config.vector_width)
    timestep = model.predicts.schedule.timestep(sigma).float().expand(2)
    noise = plain.unet(state, x / (sigma**2 + 1) ** 0.5, timestep, context, given, head_width=64)
    with torch.inference_mode(), weights.hold(model) as net:
        denoise = denoiser_for(model, net)
        near(denoise(x, sigma, Call({"context": context, "vector": given})), x - sigma * noise)
        with pytest.raises(ShapeError, match="vector beside the text is 7 wide, but this model wants 1584"):
            denoise(x, sigma, Call({"context": context, "vector": given[:, :7]}))
        with pytest.raises(ShapeError, match="vector beside the text is 0 wide"):
            denoise(x, sigma, Call({"context": context}))


def test_an_inpainting_network_is_shown_mask_and_picture(opened) -> None:
    model = opened["sd21_inpainting"].model
    mask, picture = torch.zeros(1, 1, 32, 48), torch.randn(1, 4, 4, 6)
    mask[..., 8:16, :] = 0.9
    concat = entry(model, facts(batch=2), concat_mask=mask, concat_latent_image=picture)["concat"]
    assert concat.shape == (2, 5, 4, 6)
    assert concat[:, 0].eq(torch.tensor([0.0, 1, 0, 0])[:, None]).all()
    near(concat[:, 1:], (picture * 0.18215).expand(2, -1, -1, -1))


def test_an_inpainting_network_without_mask_draws_everything_over_grey(opened) -> None:
    concat = entry(opened["sd21_inpainting"].model)["concat"]
    assert concat[:, 0].eq(1).all()
    assert concat[0, 1:, 0, 0].tolist() == pytest.approx([0.8223, -0.6876, 0.6364, 0.1380])


def test_the_runs_own_mask_and_latent_count_where_the_conditioning_names_none(opened) -> None:
    run = facts(mask=torch.ones(4, 6))
    concat = entry(opened["sd21_inpainting"].model, run)["concat"]
    assert concat[:, 0].eq(1).all()
    assert concat[:, 1:].eq(0.5).all()


def test_an_editing_network_is_shown_the_picture_as_the_vae_gives_it(tmp_path: Path) -> None:
    content = tiny.tiny_tensors()
    content["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(32, 8, 3, 3)
    model = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES).model
    assert model.family.name == "sd15_edit"
    picture = torch.randn(1, 4, 4, 6)
    near(entry(model, concat_latent_image=picture)["concat"], picture)
    assert entry(model)["concat"].eq(0).all()
    larger = entry(model, concat_latent_image=torch.ones(1, 4, 8, 12))["concat"]
    assert larger.shape == (1, 4, 4, 6) and larger.eq(1).all()


def open_sd21(
    folder: Path, tensors, spread: float | None = None, metadata: dict[str, str] | None = None, yaml: str = ""
):
    content = dict(tensors["sd21"])
    if spread is not None:
        content[tiny_xl.UNET + TELLING] = torch.randn(4096, generator=torch.manual_seed(1)) * spread
    path = tiny.write_checkpoint(folder / "m.safetensors", content, metadata)
    if yaml:
        path.with_suffix(".yaml").write_text(yaml)
    return open_checkpoint(path, FAMILIES).model.predicts


V_YAML = "model:\n  params:\n    parameterization: v\n"


def test_sd2_predicts_what_is_written_or_else_what_its_weights_show(tmp_path: Path, tensors) -> None:
    cases = [
        ({}, Epsilon),
        ({"spread": 0.05}, Epsilon),
        ({"spread": 0.2}, Velocity),
        ({"spread": 0.2, "metadata": {"modelspec.prediction_type": "epsilon"}}, Epsilon),
        ({"metadata": {"modelspec.prediction_type": "v"}}, Velocity),
        ({"spread": 0.05, "yaml": V_YAML}, Velocity),
        ({"spread": 0.2, "yaml": V_YAML.replace("v\n", "eps\n")}, Epsilon),
        ({"spread": 0.2, "yaml": "model: 3\n"}, Velocity),
    ]
    for number, (given, wanted) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        assert type(open_sd21(tmp_path / str(number), tensors, **given)) is wanted, given


def test_a_yaml_file_that_cannot_be_read_is_named(tmp_path: Path, tensors) -> None:
    with pytest.raises(WeightsError, match=r"m\.yaml, which says how a model is to be used, cannot be read"):
        open_sd21(tmp_path, tensors, yaml="model: [")


def test_sdxl_predicts_v_where_a_tensor_says_so_down_to_pure_noise_where_another_does(tmp_path: Path, tensors) -> None:
    for marks, top in ((("v_pred",), 14.6), (("v_pred", "ztsnr"), 4518)):
        content = {**tensors["sdxl"], **{mark: torch.zeros(0) for mark in marks}}
        path = tiny.write_checkpoint(tmp_path / f"{len(marks)}.safetensors", content)
        predicts = open_checkpoint(path, FAMILIES).model.predicts
        assert type(predicts) is Velocity
        assert predicts.schedule.sigma_max == pytest.approx(top, rel=1e-2)


def test_sdxl_of_edms_levels_predicts_v_over_the_levels_that_the_file_names(tmp_path: Path, tensors) -> None:
    content = {**tensors["sdxl"], "edm_vpred.sigma_max": torch.tensor(80.0), "edm_vpred.sigma_min": torch.tensor(0.01)}
    predicts = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES).model.predicts
    assert type(predicts) is Velocity
    assert (predicts.schedule.sigma_min, predicts.schedule.sigma_max) == pytest.approx((0.01, 80))


@pytest.mark.parametrize(("channels", "name"), [(9, "sdxl_inpainting"), (8, "sdxl_edit")])
def test_sdxl_with_more_channels_is_shown_a_picture_and_the_sizes(tmp_path: Path, tensors, channels, name) -> None:
    content = {**tensors["sdxl"], f"{tiny_xl.UNET}input_blocks.0.0.weight": torch.zeros(64, channels, 3, 3)}
    model = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES).model
    assert model.family.name == name
    picture = torch.randn(1, 4, 4, 6)
    given = entry(model, pooled_output=torch.zeros(1, 48), concat_latent_image=picture, concat_mask=torch.ones(1, 4, 6))
    assert given["vector"].shape == (1, model.config.vector_width)
    assert given["concat"].shape == (1, channels - 4, 4, 6)
    near(given["concat"][:, -4:], picture * 0.13025 if channels == 9 else picture)


def test_an_editing_network_of_edms_levels_is_shown_the_picture_in_its_own_units(tmp_path: Path, tensors) -> None:
    marks = {"edm_vpred.sigma_max": torch.tensor(120.0), "edm_vpred.sigma_min": torch.tensor(0.002)}
    content = {**tensors["sdxl"], **marks, f"{tiny_xl.UNET}input_blocks.0.0.weight": torch.zeros(64, 8, 3, 3)}
    model = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", content), FAMILIES).model
    assert (model.family.name, type(model.predicts)) == ("sdxl_edit", Velocity)
    picture, run = torch.randn(1, 4, 4, 6), replace(facts(), header=model.stored.header)
    near(entry(model, run, pooled_output=torch.zeros(1, 48), concat_latent_image=picture)["concat"], picture * 0.13025)


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_network_alone_opens_with_bare_names_or_a_checkpoints(tmp_path: Path, prefix: str, weights) -> None:
    state = tiny.part_of(tiny.tiny_tensors(), "unet")
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", {prefix + name: each for name, each in state.items()})
    model = open_network(path, FAMILIES)
    assert (model.family.name, model.config, model.vae) == ("sd15", tiny.UNET, None)
    with weights.hold(model) as net:
        assert torch.equal(net.out[2].weight, state["out.2.weight"])
