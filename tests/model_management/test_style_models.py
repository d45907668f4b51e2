"""Style models: their files, and what they make of what was read off an image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from heddle.graph.errors import ShapeError, WeightsError
from heddle.networks.clip_text import quick_gelu
from model_management.style_models import open_style_model, style_tokens
from model_management.vision import ClipVisionOutput
from model_management.weights import Weights
from tests.oracles import diffusers

WIDTH, CONTEXT, TOKENS, LAYERS = 32, 24, 3, 2
REDUX_WIDTH, REDUX_CONTEXT = 12, 20
INNER = 3 * REDUX_CONTEXT


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.3


def adapter_tensors() -> dict[str, Tensor]:
    """The style adapter by its published names."""
    tensors = {
        "style_embedding": draw(1, TOKENS, WIDTH, seed=1),
        "proj": draw(WIDTH, CONTEXT, seed=2),
    }
    norms = ["ln_pre", "ln_post"]
    for number in range(LAYERS):
        layer = f"transformer_layes.{number}"
        norms += [f"{layer}.ln_1", f"{layer}.ln_2"]
        sizes = {
            "attn.in_proj_": (3 * WIDTH, WIDTH), "attn.out_proj.": (WIDTH, WIDTH), "mlp.c_fc.": (40, WIDTH),
            "mlp.c_proj.": (WIDTH, 40),
        }  # fmt: skip
        for seed, (name, (rows, columns)) in enumerate(sizes.items(), 10 * number + 3):
            tensors[f"{layer}.{name}weight"] = draw(rows, columns, seed=seed)
            tensors[f"{layer}.{name}bias"] = draw(rows, seed=seed + 100)
    for seed, norm in enumerate(norms, 50):
        tensors |= {f"{norm}.weight": 1 + draw(WIDTH, seed=seed), f"{norm}.bias": draw(WIDTH, seed=seed + 100)}
    return tensors


def redux_tensors() -> dict[str, Tensor]:
    return {
        "redux_up.weight": draw(INNER, REDUX_WIDTH, seed=1),
        "redux_up.bias": draw(INNER, seed=2),
        "redux_down.weight": draw(REDUX_CONTEXT, INNER, seed=3),
        "redux_down.bias": draw(REDUX_CONTEXT, seed=4),
    }


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, path)
    return path


def read_off(*shape: int) -> ClipVisionOutput:
    states = draw(*shape, seed=9) * 5
    return ClipVisionOutput(states, states + 1, states[:, 0])


def by_torch(tensors: dict[str, Tensor], states: Tensor) -> Tensor:
    """The style adapter, of torch's own layers."""

    def normed(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, (WIDTH,), tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    x = normed("ln_pre", torch.cat([states, tensors["style_embedding"].expand(len(states), -1, -1)], 1))
    for number in range(LAYERS):
        layer = nn.TransformerEncoderLayer(WIDTH, 8, 40, 0.0, quick_gelu, batch_first=True, norm_first=True)
        theirs = {
            "self_attn.in_proj_": "attn.in_proj_", "self_attn.out_proj.": "attn.out_proj.", "linear1.": "mlp.c_fc.",
            "linear2.": "mlp.c_proj.", "norm1.": "ln_1.", "norm2.": "ln_2.",
        }  # fmt: skip
        layer.load_state_dict(
            {
                mine + kind: tensors[f"transformer_layes.{number}.{its}{kind}"]
                for mine, its in theirs.items()
                for kind in ("weight", "bias")
            }
        )
        with torch.no_grad():
            x = layer(x)
    return normed("ln_post", x[:, -TOKENS:]) @ tensors["proj"]


@pytest.fixture
def weights() -> Weights:
    return Weights(torch.device("cpu"))


def test_the_style_adapter_computes_what_torchs_layers_do(tmp_path: Path, weights) -> None:
    tensors, read = adapter_tensors(), read_off(2, 5, WIDTH)
    style = open_style_model(written(tmp_path / "style.safetensors", tensors))
    with torch.inference_mode():
        found = style_tokens(style, read, weights)
    assert found.shape == (1, 2 * TOKENS, CONTEXT)
    torch.testing.assert_close(found[0], by_torch(tensors, read.last_hidden_state).flatten(0, 1), rtol=1e-4, atol=1e-5)


def test_redux_makes_the_tokens_that_diffusers_makes(tmp_path: Path, weights) -> None:
    tensors, read = redux_tensors(), read_off(2, 5, REDUX_WIDTH)
    style = open_style_model(written(tmp_path / "redux.safetensors", tensors))
    with torch.inference_mode():
        found = style_tokens(style, read, weights)
    diffusers()
    from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder

    theirs = ReduxImageEncoder(REDUX_WIDTH, REDUX_CONTEXT)
    theirs.load_state_dict(tensors)
    with torch.no_grad():
        wanted = theirs(read.last_hidden_state).image_embeds
    torch.testing.assert_close(found, wanted.reshape(1, 10, REDUX_CONTEXT), rtol=1e-4, atol=1e-5)


def test_what_another_encoder_read_is_refused(tmp_path: Path, weights) -> None:
    style = open_style_model(written(tmp_path / "redux.safetensors", redux_tensors()))
    with pytest.raises(ShapeError, match=r"encoded 32 wide, but the style model redux\.safetensors wants 12.*SigLIP"):
        style_tokens(style, read_off(1, 5, WIDTH), weights)


def test_what_is_no_style_model_is_refused(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no style model known here: .*but found were"):
        open_style_model(checkpoint)


@pytest.mark.parametrize("missing", ["redux_up.bias", "redux_up.weight"])
def test_a_damaged_file_is_refused_with_the_key_that_it_lacks(tmp_path: Path, missing: str) -> None:
    tensors = redux_tensors()
    del tensors[missing]
    with pytest.raises(WeightsError, match=missing):
        open_style_model(written(tmp_path / "redux.safetensors", tensors))
