"""IP-Adapters from their files into models, against what diffusers computes with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError, WeightsError
from heddle.networks.hooks import AttentionPlace
from heddle.samplers.conditions import Area, Call
from heddle.samplers.windows import Window
from model_management.checkpoint import model_of, stored_net
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.families.sd15.family import SD15
from model_management.families.sdxl.family import SDXL
from model_management.family import Family
from model_management.handles import Model
from model_management.header import read_header
from model_management.ip_adapter import chosen_places, cross_attentions, put_ip_adapter, read_images
from model_management.ip_adapter_files import IpAdapter, open_ip_adapter
from model_management.patches import NetworkPatch
from model_management.vision import open_clip_vision
from model_management.weights import Weights
from tests.model_management import ip_adapter_cases as cases
from tests.model_management.test_family import PUBLISHED, header_of
from tests.model_management.tiny_ip_adapter import WHOLE, ip_adapter_tensors, seen, written
from tests.oracles import diffusers

LEVEL = 1.5
SIDES = ("positive", "negative")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("models")
    opened = {}
    for family in cases.SIZES:
        path = folder / f"{family}.safetensors"
        save_file({name: each.half() for name, each in cases.network_tensors(family).items()}, path)
        known = next(each for each in FAMILIES if each.name == family)
        opened[family] = model_of(stored_net("network", read_header(path), replace(known.network, prefix="")), known)
    return opened


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


def adapter(folder: Path, kind: str = "base", family: str = "sd15", seed: int = 11, suffix: str = ".bin") -> IpAdapter:
    tensors = ip_adapter_tensors(kind, *cases.SIZES[family], seed)
    return open_ip_adapter(written(folder / f"{kind}{seed}{suffix}", tensors))


def output(model: Model, weights: Weights, call: Call, size: tuple[int, int] = (8, 8)) -> Tensor:
    """The net's raw output for the cases' latents at their timestep, whatever the level is that the call names."""
    x, timestep, _text, _vector = cases.inputs(model.family.name)
    sigma = model.predicts.schedule.sigma(timestep[0].float())
    x = x[: len(call.sides), :, : size[0], : size[1]]
    noisy = x * (sigma**2 + 1) ** 0.5
    with torch.inference_mode(), weights.hold(model) as net:
        return (noisy - denoiser_for(model, net)(noisy, sigma, call)) / sigma


def reaching_the_net(model: Model, x: Tensor, call: Call) -> Call:
    """What becomes of a call on its way."""
    calls: list[Call] = []

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        calls.append(call)
        return x

    (patch,) = model.patches_of(NetworkPatch)
    patch.begin(network, model.predicts, print)(x, torch.ones(2), call)
    return calls[0]


def call_of(model: Model, level: float = LEVEL, areas: tuple[Area | None, ...] = (None, None)) -> Call:
    _x, _timestep, text, vector = cases.inputs(model.family.name)
    inputs = {"context": text} if vector is None else {"context": text, "vector": vector}
    return Call(inputs, SIDES, level=level, areas=areas, whole=(8, 8))


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_a_network_with_adapters_computes_what_diffusers_computes(
    case: cases.Case, suffix: str, models: dict[str, Model], weights: Weights, tmp_path: Path
) -> None:
    model = models[case.family]
    for number, (kind, seed) in enumerate(case.adapters):
        opened = adapter(tmp_path, kind, case.family, seed, suffix)
        positive, negative = cases.images(case, kind)
        mask = case.mask(number)
        model = put_ip_adapter(opened, model, positive, negative, weights, weight=case.weight, mask=mask)
    found = output(model, weights, call_of(model))
    torch.testing.assert_close(found, cases.wanted(case), rtol=0, atol=1e-5)
    plain = output(models[case.family], weights, call_of(model))
    assert (plain - found).abs().amax((1, 2, 3)).min() > 3e-3


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_images_and_none_are_read_as_diffusers_reads_them(kind: str, weights: Weights, tmp_path: Path) -> None:
    """The picture has the encoder's size: how it is resized is tested with the encoders."""
    pipeline = diffusers().StableDiffusionPipeline
    torch.manual_seed(0)
    config = transformers.CLIPVisionConfig(
        hidden_size=64, intermediate_size=40, projection_dim=WHOLE, num_hidden_layers=3, num_attention_heads=1,
        image_size=28, patch_size=14,
    )  # fmt: skip
    net = transformers.CLIPVisionModelWithProjection(config).eval()
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    published = {
        name if name.startswith(("vision_model.", "visual_projection.")) else f"vision_model.{name}": tensor
        for name, tensor in net.state_dict().items()
    }
    save_file({name: each.contiguous() for name, each in published.items()}, tmp_path / "vision.safetensors")
    prepare = transformers.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    parts = SimpleNamespace(image_encoder=net, feature_extractor=prepare)
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    with torch.inference_mode():
        wanted = pipeline.encode_image(parts, Pillow.fromarray(picture), "cpu", 1, kind == "plus")
    tensors = ip_adapter_tensors(kind, *cases.SIZES["sd15"])
    if kind == "plus":
        tensors["image_proj.proj_in.weight"] = torch.zeros(32, 64)
    opened = open_ip_adapter(written(tmp_path / "a.bin", tensors))
    vision = open_clip_vision(tmp_path / "vision.safetensors")
    images = (torch.from_numpy(picture)[None] / 255, None)
    for found, theirs in zip((read_images(opened, vision, each, weights) for each in images), wanted, strict=True):
        torch.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-5)


def test_a_network_in_half_precision_is_given_its_own_dtype(
    models: dict[str, Model], weights: Weights, tmp_path: Path
) -> None:
    put = put_ip_adapter(
        adapter(tmp_path), models["sd15"], seen("base"), seen("base"), weights, mask=torch.ones(1, 64, 64)
    )
    x, call = torch.randn(2, 4, 8, 8, generator=torch.manual_seed(1)), call_of(put)
    narrow = replace(put, stored=replace(put.stored, dtype=torch.bfloat16))
    with torch.inference_mode(), weights.hold(put) as net, weights.hold(narrow) as other:
        wanted, found = (denoiser_for(put, each)(x, torch.tensor(LEVEL), call) for each in (net, other))
    torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05)


def test_a_file_says_how_much_of_it_is_known_and_which_encoder_it_wants(tmp_path: Path) -> None:
    tensors = ip_adapter_tensors("plus", *cases.SIZES["sd15"])
    tensors["image_proj.strange"] = torch.ones(1)
    words = str(open_ip_adapter(written(tmp_path / "p.safetensors", tensors)))
    known = len(tensors) - 1
    assert f"p.safetensors: {known} of {known + 1} keys match; not: image_proj.strange" in words
    assert "5 tokens an image to 4 cross-attentions of a text 64 wide" in words
    assert "a vision encoder (20 wide)" in words


@pytest.mark.parametrize(
    ("kind", "key", "width", "wanted"),
    [
        ("base", "proj.weight", 1024, "ViT-H"),
        ("base", "proj.weight", 1280, "ViT-bigG"),
        ("plus", "proj_in.weight", 1280, "ViT-H"),
        ("plus", "proj_in.weight", 1664, "ViT-bigG"),
    ],
)
def test_published_widths_name_their_encoder(tmp_path: Path, kind: str, key: str, width: int, wanted: str) -> None:
    tensors = ip_adapter_tensors(kind, *cases.SIZES["sd15"])
    rows = tensors[f"image_proj.{key}"].shape[0]
    tensors[f"image_proj.{key}"] = torch.zeros(rows, width)
    assert wanted in open_ip_adapter(written(tmp_path / "w.bin", tensors)).wanted_encoder


FACES = {
    "faceid": {"image_proj.proj.0.weight": torch.zeros(8, 512), "image_proj.proj.2.weight": torch.zeros(8, 8)},
    "faceid plus": {"image_proj.perceiver_resampler.proj_in.weight": torch.zeros(8, 8)},
    "instantid": {"image_proj.proj_in.weight": torch.zeros(8, 512), "image_proj.latents": torch.zeros(1, 2, 8)},
    "with a lora": {"image_proj.norm.weight": torch.zeros(8), "ip_adapter.0.to_q_lora.down.weight": torch.zeros(4, 8)},
}


@pytest.mark.parametrize("kind", FACES)
def test_adapters_that_read_faces_by_insightface_are_refused(tmp_path: Path, kind: str) -> None:
    tensors = {**FACES[kind], "ip_adapter.1.to_k_ip.weight": torch.zeros(8, 8)}
    with pytest.raises(WeightsError, match="insightface says of a face"):
        open_ip_adapter(written(tmp_path / "f.bin", tensors))


def test_other_files_and_incomplete_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no IP-Adapter known here.*found were 1 tensors, such as a\.b"):
        open_ip_adapter(written(tmp_path / "o.safetensors", {"a.b": torch.zeros(1)}))
    tensors = ip_adapter_tensors("base", *cases.SIZES["sd15"])
    del tensors["ip_adapter.3.to_k_ip.weight"]
    with pytest.raises(WeightsError, match=r"ip_adapter\.3\.to_k_ip\.weight is missing"):
        open_ip_adapter(written(tmp_path / "i.safetensors", tensors))


def test_an_adapter_of_another_family_is_refused(models: dict[str, Model], weights: Weights, tmp_path: Path) -> None:
    opened = adapter(tmp_path, family="sdxl")
    with pytest.raises(WeightsError, match=r"8 cross-attentions of a text 192 wide.*sd15.*has 4 of a text 64 wide"):
        put_ip_adapter(opened, models["sd15"], seen("base"), seen("base"), weights)


def test_it_counts_only_in_its_part_of_a_run(models: dict[str, Model], weights: Weights, tmp_path: Path) -> None:
    model = models["sd15"]
    percent_to_sigma = model.predicts.schedule.percent_to_sigma
    put = put_ip_adapter(
        adapter(tmp_path), model, seen("base"), seen("base"), weights, start_percent=0.2, end_percent=0.6
    )
    for percent, counts in ((0.1, False), (0.3, True), (0.7, False)):
        call = call_of(model, percent_to_sigma(percent))
        assert torch.equal(output(put, weights, call), output(model, weights, call)) is not counts


def test_of_a_mask_each_token_has_its_share(models: dict[str, Model], weights: Weights, tmp_path: Path) -> None:
    model, opened = models["sd15"], adapter(tmp_path)

    def with_mask(mask: Tensor | None, weight: float = 1.0) -> Model:
        return put_ip_adapter(opened, model, seen("base"), seen("base"), weights, mask=mask, weight=weight)

    call = call_of(model)
    torch.testing.assert_close(
        output(with_mask(torch.full((1, 64, 64), 0.5)), weights, call), output(with_mask(None, 0.5), weights, call)
    )
    torch.testing.assert_close(output(with_mask(torch.zeros(1, 64, 64)), weights, call), output(model, weights, call))
    lower = torch.zeros(1, 64, 64)
    lower[:, 40:] = 1
    for grid, first in (((8, 8), 5), ((4, 4), 2)):
        place = AttentionPlace("input", 1, 0, "text", grid)
        q, x = torch.randn(2, grid[0] * grid[1], 32), torch.zeros(2, 4, 8, 8)
        shown = {}
        for name, put in (("masked", with_mask(lower)), ("whole", with_mask(None))):
            shown[name] = (
                reaching_the_net(put, x, call).hooks.attended[0](place, q, torch.zeros_like(q), 8).unflatten(1, grid)
            )
        share = shown["masked"] / shown["whole"]
        assert (share[:, :first] == 0).all()
        torch.testing.assert_close(share[:, first + 1 :], torch.ones_like(share[:, first + 1 :]))
        half = 0.5 if grid == (4, 4) else 1.0  # the edge of the mask runs through the middle of a token there
        torch.testing.assert_close(share[:, first], torch.full_like(share[:, first], half))


def test_a_piece_of_the_picture_has_its_piece_of_the_mask(
    models: dict[str, Model], weights: Weights, tmp_path: Path
) -> None:
    model, opened = models["sd15"], adapter(tmp_path)
    lower = torch.zeros(1, 64, 64)
    lower[:, 32:] = 1
    masked = put_ip_adapter(opened, model, seen("base"), seen("base"), weights, mask=lower)
    whole = put_ip_adapter(opened, model, seen("base"), seen("base"), weights)
    areas = Area(4, 8, 0, 0), Area(4, 8, 4, 0)
    found, everywhere, nowhere = (
        output(each, weights, call_of(model, areas=areas), (4, 8)) for each in (masked, whole, model)
    )
    torch.testing.assert_close(found[0], nowhere[0])
    torch.testing.assert_close(found[1], everywhere[1])


def test_each_side_sees_its_own_image_however_the_rows_lie(
    models: dict[str, Model], weights: Weights, tmp_path: Path
) -> None:
    model = models["sd15"]
    put = put_ip_adapter(adapter(tmp_path), model, seen("base", seed=1), seen("base", seed=2), weights)
    swapped = put_ip_adapter(adapter(tmp_path), model, seen("base", seed=2), seen("base", seed=1), weights)
    call = call_of(model)
    turned = Call(call.inputs, ("empty", "middle"), level=LEVEL, areas=(None, None), whole=(8, 8))
    torch.testing.assert_close(output(put, weights, call), output(swapped, weights, turned))


@pytest.mark.parametrize(
    ("layout", "family", "widths"),
    [
        ("sd15", SD15, [320] * 2 + [640] * 2 + [1280] * 2 + [1280] * 3 + [640] * 3 + [320] * 3 + [1280]),
        ("sdxl_base", SDXL, [640] * 4 + [1280] * 20 + [1280] * 30 + [640] * 6 + [1280] * 10),
    ],
)
def test_published_networks_have_the_attentions_that_published_adapters_count(
    layout: str, family: Family, widths: list[int]
) -> None:
    """Adapters of Stable Diffusion 1 end with `ip_adapter.31`, those of XL with `ip_adapter.139`."""
    model = model_of(stored_net("network", header_of(PUBLISHED[layout]), family.network), family)
    found = cross_attentions(model)
    assert [width for width, _text in found.values()] == widths
    assert {text for _width, text in found.values()} == {model.config.context_width}
    if family is SDXL:
        style, composition = (chosen_places(list(found), model, f"{word} only") for word in ("style", "composition"))
        assert style == [AttentionPlace("output", 1, block, "text") for block in range(10)]
        assert composition == [AttentionPlace("input", 8, block, "text") for block in range(10)]


def test_style_and_composition_are_blocks_of_xl(models: dict[str, Model]) -> None:
    places = list(cross_attentions(models["sdxl"]))
    style, composition = (chosen_places(places, models["sdxl"], f"{word} only") for word in ("style", "composition"))
    assert style == [AttentionPlace("output", 1, block, "text") for block in (0, 1)]
    assert composition == [AttentionPlace("input", 3, block, "text") for block in (0, 1)]
    assert chosen_places(places, models["sdxl"], "whole") == places
    with pytest.raises(GraphError, match="known of Stable Diffusion XL alone"):
        chosen_places(list(cross_attentions(models["sd15"])), models["sd15"], "style only")


def test_a_window_has_its_part_of_the_mask(models: dict[str, Model], weights: Weights, tmp_path: Path) -> None:
    model, opened = models["sd15"], adapter(tmp_path)
    lower = torch.zeros(2, 64, 64)
    lower[1, 32:] = 1
    masked = put_ip_adapter(opened, model, seen("base"), seen("base"), weights, mask=lower[1:])
    whole = put_ip_adapter(opened, model, seen("base"), seen("base"), weights)
    call = call_of(model, areas=(None, None))
    for rows, counts in (((0, 1, 2, 3), False), ((4, 5, 6, 7), True), ((7, 4, 6, 5), True)):
        piece = replace(call, whole=(4, 8), window=Window(2, rows, 8))
        found, everywhere, nowhere = (output(each, weights, piece, (4, 8)) for each in (masked, whole, model))
        torch.testing.assert_close(found, everywhere if counts else nowhere)
    one_each = put_ip_adapter(opened, model, seen("base"), seen("base"), weights, mask=lower)
    for picture, mask in enumerate(lower):
        alone = put_ip_adapter(opened, model, seen("base"), seen("base"), weights, mask=mask[None])
        window = replace(call, window=Window(0, (picture,), 2))
        torch.testing.assert_close(output(one_each, weights, window), output(alone, weights, call))
