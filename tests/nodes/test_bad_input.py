"""What people feed in by mistake, through the nodes: an error that says what to do, or a correction that is told."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError, HeddleError, ShapeError, WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.checkpoint import OpenedCheckpoint
from model_management.weights import Weights
from nodes.conditioning.combining import combine
from nodes.conditioning.pictures import for_inpainting
from nodes.conditioning.places import set_area, set_mask
from nodes.conditioning.texts import encode_prompt
from nodes.latent.autoencoder import decode, encode, encode_for_inpainting
from nodes.latent.empty import make_empty_latent
from nodes.latent.masking import set_noise_mask
from nodes.loaders.adapters import load_lora
from nodes.loaders.checkpoints import load_checkpoint, load_vae
from nodes.loaders.control import load_control_net
from nodes.loaders.parts import load_network, load_text_encoder
from nodes.loaders.vision import load_clip_vision
from nodes.sampling.ksampler import ksampler
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import VAE, write_tiny_checkpoint

UNET, AUTOENCODER, ENCODER = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
FLUX_VAE = VaeConfig((32, 32, 32, 32), blocks=1, latent_channels=16, has_quant=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("base")
    write_tiny_checkpoint(base / "models/checkpoints/tiny.safetensors")
    return base


@pytest.fixture
def ctx(base: Path) -> FakeContext:
    return FakeContext(base, Weights(torch.device("cpu")))


@pytest.fixture
def opened(ctx: FakeContext) -> OpenedCheckpoint:
    return OpenedCheckpoint(*load_checkpoint("tiny.safetensors", ctx))


@pytest.fixture(autouse=True)
def no_training():
    with torch.inference_mode():
        yield


def put(base: Path, kind: str, name: str, content: dict[str, Tensor] | bytes) -> str:
    path = base / "models" / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file({key: each.contiguous().clone() for key, each in content.items()}, path)
    return name


def tensors(base: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file  # not at the top: a test's own reading, beside the house's

    return load_file(base / "models/checkpoints/tiny.safetensors")


def text(width: int = 64) -> list[Any]:
    return [[torch.randn(1, 77, width, generator=torch.Generator().manual_seed(1)), {}]]


class MakesFolder:
    """Its pickle makes a folder when it is loaded in the usual way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def sample(model: Any, ctx: Any, latent: dict[str, Any], positive: list[Any] | None = None) -> Tensor:
    return ksampler(model, 7, 2, 3.0, "euler", "normal", positive or text(), text(), latent, 1.0, ctx)["samples"]


LORA = {"lora_unet_x.lora_down.weight": torch.ones(4, 64), "lora_unet_x.lora_up.weight": torch.ones(64, 4)}


@pytest.mark.parametrize(
    ("load", "kind", "words"),
    [
        (load_checkpoint, "checkpoints", "looks like a LoRA .* load it with LoraLoader"),
        (load_network, "diffusion_models", "looks like a LoRA .* load it with LoraLoader"),
        (load_vae, "vae", "holds no VAE known here: .* looks like a LoRA"),
        (load_control_net, "controlnet", "holds no control net known here: .* looks like a LoRA"),
        (load_text_encoder, "text_encoders", "holds no text encoder known here: .* looks like a LoRA"),
        (load_clip_vision, "clip_vision", "holds no vision encoder known here: .* looks like a LoRA"),
    ],
)
def test_a_file_in_the_wrong_folder_is_refused_as_what_it_is(base, ctx, load, kind: str, words: str) -> None:
    name = put(base, kind, "style.safetensors", LORA)
    more = {load_network: ("default",), load_text_encoder: ("flux",)}.get(load, ())
    keywords = {"ctx": ctx} if load is load_text_encoder else {}
    with pytest.raises(WeightsError, match=rf"style\.safetensors .*{words}"):
        load(name, *more, **keywords) if keywords else load(name, *more, ctx)


def test_an_adapter_of_another_family_is_refused(base, ctx, opened) -> None:
    name = put(base, "loras", "other.safetensors", LORA)
    with pytest.raises(WeightsError, match=r"other\.safetensors fits nothing of this model: .* made for the model's"):
        load_lora(opened.model, opened.clip, name, ctx=ctx)


def test_a_vae_of_another_family_is_refused_where_its_channels_differ(base, ctx, opened) -> None:
    vae = load_vae(put(base, "vae", "ae.safetensors", Autoencoder(FLUX_VAE, TRAINABLE).state_dict()), ctx)
    latent = encode(torch.rand(1, 16, 16, 3), vae, ctx)
    with pytest.raises(ShapeError, match="the latent has 16 channels, but sd15 wants 4; make it with sd15's VAE"):
        sample(opened.model, ctx, latent)
    with pytest.raises(ShapeError, match=r"this VAE wants \[B, 16, h, w\]; decode it with the VAE of the model"):
        decode({"samples": torch.ones(1, 4, 2, 2)}, vae, ctx)


def test_a_text_of_another_width_is_refused(ctx, opened) -> None:
    with pytest.raises(ShapeError, match="the text is encoded 96 wide, but this model wants 64; encode it with the"):
        sample(opened.model, ctx, {"samples": torch.zeros(1, 4, 4, 4)}, text(96))


@pytest.mark.parametrize("prefix", [UNET, AUTOENCODER, ENCODER])
def test_broken_weights_are_named_at_their_first_result(base, ctx, prefix: str) -> None:
    content = tensors(base)
    key = {
        UNET: f"{UNET}middle_block.0.in_layers.2.weight",
        AUTOENCODER: f"{AUTOENCODER}decoder.conv_in.weight",
        ENCODER: f"{ENCODER}text_model.encoder.layers.1.mlp.fc1.weight",
    }[prefix]
    content[key] = content[key].clone()
    content[key].view(-1)[3] = float("nan")
    model, clip, vae = load_checkpoint(put(base, "checkpoints", "nan.safetensors", content), ctx)
    use = {
        UNET: lambda: sample(model, ctx, {"samples": torch.zeros(1, 4, 4, 4)}),
        AUTOENCODER: lambda: decode({"samples": torch.ones(1, 4, 2, 2)}, vae, ctx),
        ENCODER: lambda: encode_prompt("a cat", clip, ctx),
    }
    message = rf"nan\.safetensors: {key} holds numbers that are not finite; the file is damaged"
    with pytest.raises(WeightsError, match=message) as refused:
        use[prefix]()
    assert refused.value.key == key


def test_numbers_that_are_none_are_told_where_no_weight_is_at_fault(ctx, opened) -> None:
    latent = {"samples": torch.full((1, 4, 2, 2), float("nan"))}
    sample(opened.model, ctx, latent)
    assert "the result holds numbers that are not finite" in ctx.notes[-1]
    decode(latent, opened.vae, ctx)
    assert "what came in holds such numbers" in ctx.notes[-1]


def test_an_embedding_that_is_none_of_numbers_is_left_out_and_told(base, ctx, opened) -> None:
    put(base, "embeddings", "bad.safetensors", {"emb_params": torch.full((1, 64), float("nan"))})
    assert encode_prompt("a cat embedding:bad", opened.clip, ctx)[0][0].isfinite().all()
    (said,) = ctx.notes
    assert "bad.safetensors has vectors that are no finite numbers" in said


def test_an_embedding_of_another_width_is_left_out_and_told(base, ctx, opened) -> None:
    put(base, "embeddings", "wide.safetensors", {"emb_params": torch.ones(1, 96)})
    with_it = encode_prompt("a cat embedding:wide", opened.clip, ctx)
    (said,) = ctx.notes
    assert "wide" in said and "96" in said and "64" in said
    assert torch.equal(with_it[0][0], encode_prompt("a cat", opened.clip, ctx)[0][0])


@pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
def test_a_download_that_broke_off_is_refused(base, ctx, share: float) -> None:
    whole = (base / "models/checkpoints/tiny.safetensors").read_bytes()
    name = put(base, "checkpoints", "part.safetensors", whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"part\.safetensors is cut short: .* download it again"):
        load_checkpoint(name, ctx)


def test_a_file_that_would_run_code_is_refused_and_runs_none(base, ctx, tmp_path) -> None:
    target = tmp_path / "made"
    torch.save({"state_dict": MakesFolder(target)}, base / "models/checkpoints/code.ckpt")
    with pytest.raises(WeightsError, match=r"code\.ckpt .*\.mkdir"):
        load_checkpoint("code.ckpt", ctx)
    assert not target.exists()


def raw(header: dict[str, Any], length: int = 8) -> bytes:
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + bytes(length)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (struct.pack("<Q", 2**62) + bytes(64), "promise a header of"),
        (struct.pack("<Q", 50_000) + b"{}" + bytes(64), "cut short: its header alone"),
        (raw({"a": {"dtype": "F99", "shape": [4], "data_offsets": [0, 8]}}), "a has type 'F99'"),
        (raw({"a": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}, "b": {}}), "does not say type, shape"),
        (raw({"a": {"dtype": "F16", "shape": [2**40], "data_offsets": [0, 8]}}), "takes 8 bytes where"),
        (raw({"a": {"dtype": "F16", "shape": [4], "data_offsets": [8, 16]}}, 16), "leaves a gap"),
        (raw({"a": {"dtype": "F16", "shape": [400], "data_offsets": [0, 800]}}), "cut short"),
    ],
)
@pytest.mark.parametrize("load", [load_checkpoint, load_vae, load_control_net, load_clip_vision])
def test_a_header_that_lies_is_refused_by_every_loader(base, ctx, load, content: bytes, words: str) -> None:
    kind = {load_vae: "vae", load_control_net: "controlnet", load_clip_vision: "clip_vision"}.get(load, "checkpoints")
    with pytest.raises(WeightsError, match=rf"lies\.safetensors is .*{words}"):
        load(put(base, kind, "lies.safetensors", content), ctx)


def test_an_empty_mask_is_told(ctx, opened) -> None:
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    kept = sample(opened.model, ctx, set_noise_mask(latent, torch.zeros(1, 64, 64)))
    torch.testing.assert_close(kept, latent["samples"])
    assert ctx.notes == ["the latent's mask is empty, so sampling changes nothing"]
    for bounds in ("default", "mask bounds"):
        ctx.notes.clear()
        made = sample(opened.model, ctx, latent, set_mask(text(), torch.zeros(64, 64), 1.0, bounds))
        assert made.isfinite().all()
        empty, left_out = ctx.notes
        assert empty == "positive: the mask is empty, so the text counts nowhere"
        assert left_out.startswith("positive: its texts leave 100% of the picture out, where nothing steers it")
    ctx.notes.clear()
    encode_for_inpainting(torch.rand(1, 16, 16, 3), opened.vae, torch.zeros(16, 16), 6, ctx)
    assert ctx.notes == ["the mask is empty, so nothing of the image is drawn anew"]


def test_an_area_outside_of_the_picture_is_told(ctx, opened) -> None:
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    sample(opened.model, ctx, latent, combine(text(), set_area(text(), 64, 64, 128, 0, 1.0)))
    (said,) = ctx.notes
    assert said.startswith("positive: an area begins 16 cells from the left and 0 from the top, outside of the latent")
    ctx.notes.clear()
    sample(opened.model, ctx, latent, combine(text(), set_area(text(), 64, 64, 32, 0, 1.0)))
    assert ctx.notes == []


@pytest.mark.parametrize("prompt", ["(a:1e39)", "(" * 2000 + "a" + ")" * 2000])
def test_a_weight_that_no_number_survives_is_refused(prompt: str, ctx, opened) -> None:
    with pytest.raises(GraphError, match=r"the text has a weight of .* write a smaller one, such as \(word:1\.3\)"):
        encode_prompt(prompt, opened.clip, ctx)


def test_a_mask_of_another_size_is_resized_and_told(ctx, opened) -> None:
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    sample(opened.model, ctx, set_noise_mask(latent, torch.ones(1, 67, 64)))  # within a cell
    assert ctx.notes == []
    sample(opened.model, ctx, set_noise_mask(latent, torch.ones(1, 64, 96)))
    assert ctx.notes == ["the latent's mask of 96 x 64 is stretched to the proportions of the latent, 8 x 8 cells"]
    ctx.notes.clear()
    sample(opened.model, ctx, latent, set_mask(text(), torch.ones(48, 64), 1.0, "default"))
    assert ctx.notes == ["positive: the mask of 64 x 48 is stretched to the proportions of the latent, 8 x 8 cells"]
    for use in (
        lambda mask: encode_for_inpainting(torch.rand(1, 16, 24, 3), opened.vae, mask, 0, ctx),
        lambda mask: for_inpainting(text(), text(), opened.vae, torch.rand(1, 16, 24, 3), mask, True, ctx)[2],
    ):
        ctx.notes.clear()
        assert use(torch.ones(1, 8, 8))["noise_mask"].shape == (1, 1, 16, 24)
        assert ctx.notes == ["the mask of 8 x 8 is resized to the image's 24 x 16"]


def test_parts_of_a_mask_that_vanish_in_the_latent_are_told(ctx, opened) -> None:
    """Bilinear, as workflows of this ecosystem have it, a cell is the mean of four pixels in its middle."""
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    words = "{} has parts thinner than a cell of the latent, which count nowhere; grow it by some pixels"
    mask = torch.zeros(1, 64, 64)
    mask[:, 8:40, 8:40] = 1
    mask[:, 40:44, 20] = 1  # something thin at its border
    mask[:, 51] = 1  # a line through the middle of cells
    assert torch.equal(sample(opened.model, ctx, set_noise_mask(latent, mask))[..., 0, 0], torch.ones(1, 4))
    assert ctx.notes == []
    mask[:, :, 57] = 1  # beside it
    sample(opened.model, ctx, set_noise_mask(latent, mask))
    assert ctx.notes == [words.format("the latent's mask")]
    ctx.notes.clear()
    mask[:, :, 57:60] = 1
    sample(opened.model, ctx, latent, combine(text(), set_mask(text(), mask[0], 1.0, "default")))
    assert ctx.notes == []
    speck = torch.zeros(64, 64)
    speck[9, 9] = 1
    sample(opened.model, ctx, latent, combine(text(), set_mask(text(), speck, 1.0, "default")))
    assert ctx.notes == [words.format("positive: the mask")]


def test_sizes_that_are_no_multiple_of_eight_are_rounded_down_or_cut_evenly_and_told(ctx, opened) -> None:
    assert make_empty_latent(60, 30, ctx=ctx)["samples"].shape == (1, 4, 3, 7)
    image = torch.rand(1, 21, 19, 3)
    made = encode(image, opened.vae, ctx)["samples"]
    assert torch.equal(made, encode(image[:, 2:18, 1:17], opened.vae, ctx)["samples"])
    assert ctx.notes == [
        "60 x 30 is no multiple of 8; rounded down to 56 x 24",
        "19 x 21 is no multiple of 8; cut at the sides to 16 x 16",
    ]
    with pytest.raises(HeddleError, match="smaller than one cell"):
        encode(image[:, :5], opened.vae, ctx)


def test_a_half_of_a_vae_is_refused(base, ctx) -> None:
    whole = Autoencoder(replace(VAE, widths=(32, 32)), TRAINABLE).state_dict()
    half = {name: each for name, each in whole.items() if not name.startswith("decoder.up.")}
    with pytest.raises(WeightsError, match=r"half\.safetensors: the tensor decoder\.up\..* is missing"):
        load_vae(put(base, "vae", "half.safetensors", half), ctx)
