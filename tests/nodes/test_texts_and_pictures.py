"""Nodes that encode texts for several encoders, and those that show a network a picture beside the latent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.prompts.embeddings import EmbeddingRow
from heddle.samplers.predictions import Epsilon, Velocity
from model_management import text_files
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Clip
from model_management.prompt_tokens import tokenize_for
from model_management.weights import Weights
from nodes.conditioning.pictures import for_editing, for_inpainting
from nodes.conditioning.sdxl_texts import encode_refiner, encode_sdxl
from nodes.conditioning.texts import encode_prompt
from nodes.latent.autoencoder import encode, encode_for_inpainting
from nodes.loaders.checkpoints import load_checkpoint_with_config
from nodes.loaders.parts import load_network, load_text_encoder, load_two_text_encoders
from tests.model_management import tiny, tiny_xl
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

LONG = "word " * 80
TEXT: list[Any] = [[torch.zeros(1, 77, 64), {"strength": 2.0}]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OpenedCheckpoint]:
    folder = tmp_path_factory.mktemp("m")
    made = {"sd15": open_checkpoint(write_tiny_checkpoint(folder / "sd15.safetensors"), FAMILIES)}
    for name in ("sdxl", "sdxl_refiner"):
        tensors = tiny_xl.tensors_of(name, vocabulary=49408, positions=77)
        made[name] = open_checkpoint(tiny.write_checkpoint(folder / f"{name}.safetensors", tensors), FAMILIES)
    return made


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path, weights=Weights(torch.device("cpu")))


def encode_both(clip: Clip, text_g: str, text_l: str, ctx: FakeContext) -> list[Any]:
    return encode_sdxl(clip, 640, 512, 3, 9, 700, 800, text_g, text_l, ctx)[0]


def test_each_encoder_reads_its_own_text_and_the_sizes_go_along(opened, ctx) -> None:
    clip = opened["sdxl"].clip
    states, more = encode_both(clip, "a cat", "a dog", ctx)
    other, _ = encode_both(clip, "a cat", "a bird", ctx)
    assert states.shape == (1, 77, 192)
    assert torch.equal(states[..., 64:], other[..., 64:])
    assert not torch.allclose(states[..., :64], other[..., :64], atol=1e-2)
    sizes = {name: more[name] for name in more if name != "pooled_output"}
    assert sizes == {
        "width": 640, "height": 512, "crop_w": 3, "crop_h": 9, "target_width": 700, "target_height": 800
    }  # fmt: skip
    (same,) = encode_prompt("a cat", clip, ctx)
    assert torch.equal(same[0][..., 64:], states[..., 64:])
    assert torch.equal(same[1]["pooled_output"], more["pooled_output"])


def test_the_shorter_text_is_filled_up_with_empty_chunks(opened, ctx) -> None:
    clip = opened["sdxl"].clip
    states, _ = encode_both(clip, LONG, "a dog", ctx)
    assert states.shape == (1, 154, 192)
    empty, _ = encode_both(clip, "", "", ctx)
    torch.testing.assert_close(states[:, 77:, :64], empty[..., :64])
    tokens = tokenize_for(clip, {"l": "a dog", "g": LONG}, ()).chunks
    assert [token[0] for token in tokens["l"][1]][:3] == [49406, 49407, 49407]
    assert len(tokens["l"]) == len(tokens["g"]) == 2
    short = tokenize_for(clip, {"l": LONG, "g": "a dog"}, ()).chunks["g"]
    assert [token[0] for token in short[1]][:3] == [49406, 49407, 0]


def test_embeddings_are_looked_up_for_each_encoder_and_missing_ones_told_once(opened, ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "embeddings"
    folder.mkdir(parents=True)
    save_file({"clip_l": torch.ones(2, 64), "clip_g": torch.ones(2, 128)}, folder / "both.safetensors")
    tokens = tokenize_for(opened["sdxl"].clip, "embedding:both embedding:none", [folder])
    for name, width in (("l", 64), ("g", 128)):
        words = [token.token for token in tokens.chunks[name][0][1:3]]
        assert [word.vector.shape for word in words if isinstance(word, EmbeddingRow)] == [(width,), (width,)]
    assert len(tokens.notes) == 1 and "'none'" in tokens.notes[0]


def test_the_refiners_text_takes_a_score(opened, ctx) -> None:
    ((states, more),) = encode_refiner(7.5, 640, 512, "a cat", opened["sdxl_refiner"].clip, ctx)
    assert states.shape == (1, 77, 128)
    assert (more["aesthetic_score"], more["width"], more["height"]) == (7.5, 640, 512)


def test_a_clip_of_another_family_is_refused_where_two_texts_are_given(opened, ctx) -> None:
    with pytest.raises(GraphError, match="encoders l and g of Stable Diffusion XL are wanted, found l;"):
        encode_both(opened["sd15"].clip, "a", "b", ctx)


def picture(height: int = 16, width: int = 24) -> Tensor:
    return torch.rand(1, height, width, 3, generator=torch.manual_seed(3))


MASK = torch.zeros(1, 16, 24)
MASK[:, 4:12, 8:] = 1


@pytest.mark.parametrize("noise_mask", [True, False])
def test_an_inpainting_model_is_shown_mask_and_picture_on_both_sides(opened, ctx, noise_mask: bool) -> None:
    vae, image = opened["sd15"].vae, picture()
    positive, negative, latent = for_inpainting(TEXT, TEXT, vae, image, MASK, noise_mask, ctx)
    grey = image.clone()
    grey[:, 4:12, 8:] = 0.5
    hidden = encode(grey, vae, ctx)["samples"]
    for ((_states, more),) in (positive, negative):
        torch.testing.assert_close(more["concat_latent_image"], hidden)
        assert torch.equal(more["concat_mask"][:, 0], MASK)
        assert more["strength"] == 2.0
    torch.testing.assert_close(latent["samples"], encode(image, vae, ctx)["samples"])
    assert ("noise_mask" in latent) == noise_mask
    assert "concat_mask" not in TEXT[0][1]


def test_picture_and_mask_are_cut_alike(opened, ctx) -> None:
    image, mask = picture(19, 30), torch.zeros(1, 19, 30)
    mask[:, 5:13, 11:] = 1
    positive, _, latent = for_inpainting(TEXT, TEXT, opened["sd15"].vae, image, mask, True, ctx)
    assert torch.equal(latent["noise_mask"][:, 0], mask[:, 1:17, 3:27])
    assert positive[0][1]["concat_latent_image"].shape == (1, 4, 2, 3)
    assert ctx.notes == ["30 x 19 is no multiple of 8; cut at the sides to 24 x 16"]


def test_an_editing_model_is_shown_the_picture_and_begins_empty(opened, ctx) -> None:
    vae, image = opened["sd15"].vae, picture()
    positive, negative, latent = for_editing(TEXT, TEXT, vae, image, ctx)
    for side in (positive, negative):
        torch.testing.assert_close(side[0][1]["concat_latent_image"], encode(image, vae, ctx)["samples"])
    assert latent["samples"].shape == (1, 4, 2, 3) and latent["samples"].eq(0).all()


def test_encoding_for_inpainting_hides_what_the_mask_shows_and_grows_it(opened, ctx) -> None:
    vae, image = opened["sd15"].vae, picture()
    grey = image.clone()
    grey[:, 4:12, 8:] = 0.5
    latent = encode_for_inpainting(image, vae, MASK, 5, ctx)
    torch.testing.assert_close(latent["samples"], encode(grey, vae, ctx)["samples"])
    grown = torch.zeros(1, 1, 16, 24)
    grown[..., 2:14, 6:] = 1
    assert torch.equal(latent["noise_mask"], grown)


def test_parts_from_files_of_their_own(ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "NAMES", {64: "l", 128: "g"})
    models = tmp_path / "models"
    for folder in ("diffusion_models", "text_encoders"):
        (models / folder).mkdir(parents=True)
    network = tiny.part_of(tiny.tiny_tensors(), "unet")
    tiny.write_checkpoint(models / "diffusion_models" / "unet.safetensors", network)
    tiny.write_checkpoint(models / "text_encoders" / "l.safetensors", tiny.clip_tensors(tiny.TEXT))
    tiny.write_checkpoint(models / "text_encoders" / "g.safetensors", tiny_xl.open_clip_tensors())
    assert load_network("unet.safetensors", "default", ctx).family.name == "sd15"
    assert len(load_text_encoder("l.safetensors", "stable_diffusion", ctx=ctx).encoders) == 1
    assert len(load_two_text_encoders("g.safetensors", "l.safetensors", "sdxl", device="cpu", ctx=ctx).encoders) == 2
    assert ctx.notes == []


@pytest.mark.parametrize(
    ("asked", "dtype"),
    [
        ("fp8_e4m3fn", torch.float8_e4m3fn),
        ("fp8_e4m3fn_fast", torch.float8_e4m3fn),
        ("fp8_e5m2", torch.float8_e5m2),
    ],
)
def test_weights_are_rounded_to_the_kind_that_is_asked_for(
    ctx: FakeContext, tmp_path: Path, asked: str, dtype: torch.dtype
) -> None:
    folder = tmp_path / "models" / "diffusion_models"
    folder.mkdir(parents=True)
    network = tiny.part_of(tiny.tiny_tensors(), "unet")
    network["out.2.bias"] = torch.tensor([1e6, -1e6, 0.3, 1e-9])  # beyond the largest that it knows
    tiny.write_checkpoint(folder / "unet.safetensors", network)
    plain, rounded = (load_network("unet.safetensors", kind, ctx) for kind in ("default", asked))
    with Weights(torch.device("cpu")).hold(rounded) as net:
        found = net.state_dict()
        for name, weight in network.items():
            if name != "out.2.bias":
                assert torch.equal(found[name], weight.to(dtype).float())
        largest = torch.finfo(dtype).max
        assert found["out.2.bias"].tolist()[:2] == [largest, -largest]
    assert plain.stored.key != rounded.stored.key
    assert bool(ctx.notes) == asked.endswith("_fast")


def test_a_configuration_says_what_the_network_predicts(ctx, tmp_path: Path) -> None:
    for folder in ("checkpoints", "configs"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    tiny.write_checkpoint(tmp_path / "models" / "checkpoints" / "m.safetensors")
    for word, wanted in (("v", Velocity), ("eps", Epsilon)):
        text = f"model:\n  params:\n    parameterization: {word}\n"
        (tmp_path / "models" / "configs" / f"{word}.yaml").write_text(text)
        model, _, _ = load_checkpoint_with_config(f"{word}.yaml", "m.safetensors", ctx)
        assert type(model.predicts) is wanted
