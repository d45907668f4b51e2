"""PhotoMaker: its files, its trigger, and the word that a person is put into."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear

from heddle.graph.errors import ShapeError, WeightsError
from heddle.networks.clip_vision import ClipVision, ClipVisionConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.photomaker import PhotoMaker, PhotoMakerConfig
from heddle.prompts.chunks import tokenize_prompt
from heddle.prompts.tokenizer import END, clip_tokenizer
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.photomaker import open_photomaker, take_out_trigger, with_person
from model_management.vision import prepare
from model_management.weights import Weights
from nodes.conditioning.photomaker import encode_with_person
from nodes.conditioning.texts import encode_prompt
from nodes.loaders.photomaker import load_photomaker
from tests.model_management import tiny, tiny_xl
from tests.nodes.fake_context import FakeContext

WIDTH = tiny_xl.L_WIDTH + tiny_xl.G_WIDTH
VISION = ClipVisionConfig(64, 2, 40, 1, patch_px=4, image_px=12, quick_gate=True, projection_width=tiny_xl.L_WIDTH)
CONFIG = PhotoMakerConfig(VISION, tiny_xl.G_WIDTH)
IMAGE = torch.rand(1, 16, 20, 3, generator=torch.Generator().manual_seed(7))


def tensors_of() -> dict[str, Tensor]:
    torch.manual_seed(4)
    net = PhotoMaker(CONFIG, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name and name.endswith("weight")), std=0.2)
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@pytest.fixture
def weights() -> Weights:
    return Weights(torch.device("cpu"))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """As it was published: beside a LoRA, in one file of torch."""
    path = tmp_path / "models" / "photomaker" / "v1.bin"
    path.parent.mkdir(parents=True)
    torch.save({"id_encoder": tensors_of(), "lora_weights": {"unet.x.lora.down.weight": torch.zeros(2, 2)}}, path)
    return path


def fused(state: dict[str, Tensor], word: Tensor, person: Tensor) -> Tensor:
    def normed(name: str, x: Tensor) -> Tensor:
        weight = state[f"fuse_module.{name}.weight"]
        return layer_norm(x, weight.shape, weight, state[f"fuse_module.{name}.bias"])

    def layers(name: str, x: Tensor) -> Tensor:
        first, second = (
            (state[f"fuse_module.{name}.{layer}.weight"], state[f"fuse_module.{name}.{layer}.bias"])
            for layer in ("fc1", "fc2")
        )
        return linear(gelu(linear(normed(f"{name}.layernorm", x), *first)), *second)

    x = layers("mlp1", torch.cat([word, person], -1)) + word
    return normed("layer_norm", layers("mlp2", x) + x)


def test_one_token_gets_the_person_in_it_and_the_others_stay(published: Path, weights) -> None:
    photomaker, state = open_photomaker(published), tensors_of()
    assert photomaker.config == CONFIG
    encoder = ClipVision(VISION, TRAINABLE)
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    with torch.no_grad():
        model = encoder.vision_model
        _, last = model.encoder(model.pre_layrnorm(model.embeddings(prepare(IMAGE, VISION, is_cropped=True))), -1, None)
        whole = model.post_layernorm(last[:, 0])
        person = torch.cat([linear(whole, state[f"visual_projection{each}.weight"]) for each in ("", "_2")], -1)
        states = torch.randn(1, 9, WIDTH)
        found = with_person(photomaker, IMAGE, states, 4, weights)
        torch.testing.assert_close(found[:, 4], fused(state, states[:, 4], person), rtol=1e-4, atol=1e-4)
    others = [0, 1, 2, 3, 5, 6, 7, 8]
    assert torch.equal(found[:, others], states[:, others])
    assert not torch.allclose(found[:, 4], states[:, 4], atol=0.1)


@pytest.mark.parametrize(
    ("text", "left", "place"),
    [
        ("a photo of a man photomaker, smiling", "a photo of a man, smiling", 5),
        ("photograph of photomaker", "photograph of", 2),
        ("a (man photomaker:1.3) in a hat", "a (man:1.3) in a hat", 2),
        ("photomaker", "", 0),
        ("a man photomaker photomaker", "a man photomaker", 2),
    ],
)
def test_the_trigger_is_taken_out_and_the_word_before_it_found(text: str, left: str, place: int) -> None:
    chunks = tokenize_prompt(text, clip_tokenizer(), pad=0).chunks
    found = take_out_trigger(chunks)
    wanted = tokenize_prompt(left, clip_tokenizer(), pad=0).chunks
    assert found.place == place
    assert [[token[:2] for token in chunk] for chunk in found.chunks] == [
        [token[:2] for token in chunk] for chunk in wanted
    ]
    assert len(chunks[0]) == len(found.chunks[0]) == 77


def test_a_trigger_in_a_later_chunk_is_found_there() -> None:
    chunks = tokenize_prompt("word " * 80 + "man photomaker", clip_tokenizer()).chunks
    found = take_out_trigger(chunks)
    assert found.place is not None
    number, at = divmod(found.place, 77)
    assert number == 1 and [found.chunks[1][at].token] == clip_tokenizer().encode("man")
    assert found.chunks[0] == chunks[0] and found.chunks[1][at + 1].token == END


def test_a_prompt_without_the_trigger_stays() -> None:
    chunks = tokenize_prompt("a photographer", clip_tokenizer()).chunks
    assert take_out_trigger(chunks) == (chunks, None)


def test_a_text_of_another_family_and_other_files_are_refused(published: Path, weights, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"encoded 768 wide, but v1\.bin wants 192.*Stable Diffusion XL"):
        with_person(open_photomaker(published), IMAGE, torch.zeros(1, 77, 768), 2, weights)
    with pytest.raises(WeightsError, match="holds no PhotoMaker model of version 1"):
        open_photomaker(tiny.write_checkpoint(tmp_path / "sd15.safetensors"))
    second = tensors_of() | {"qformer_perceiver.x": torch.zeros(1)}
    save_file(second, tmp_path / "v2.safetensors")
    with pytest.raises(WeightsError, match="and no qformer_perceiver"):
        open_photomaker(tmp_path / "v2.safetensors")


def test_the_nodes_put_a_person_into_a_prompt(published: Path, weights, tmp_path: Path) -> None:
    ctx = FakeContext(tmp_path, weights=weights)
    tensors = tiny_xl.tensors_of("sdxl", vocabulary=49408, positions=77)
    clip = open_checkpoint(tiny.write_checkpoint(tmp_path / "xl.safetensors", tensors), FAMILIES).clip
    photomaker = load_photomaker("v1.bin", ctx)
    ((states, more),) = encode_with_person(photomaker, IMAGE, clip, "a man photomaker in a hat", ctx=ctx)
    ((plain, same),) = encode_prompt("a man in a hat", clip, ctx)
    assert torch.equal(more["pooled_output"], same["pooled_output"])
    changed = (states != plain).any(-1)[0].nonzero()[:, 0].tolist()
    assert changed == [2]
    ctx.notes.clear()
    ((unchanged, _),) = encode_with_person(photomaker, IMAGE.expand(2, -1, -1, -1), clip, "a man in a hat", ctx=ctx)
    assert torch.equal(unchanged, plain)
    assert ctx.notes == [
        "the prompt has no word photomaker, so the image has no effect; write it behind the word for the person"
    ]
