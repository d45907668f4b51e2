"""Files of language models that no network reads: what they are told to be, and what they write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers
from heddle.networks.ops import TRAINABLE
from model_management.families.known import FAMILIES
from model_management.handles import Clip
from model_management.language_models import gemma3_config, is_only_for_writing, qwen3_config, qwen25_config
from model_management.text_files import open_text_encoders
from model_management.text_writing import write_text, writer_of
from model_management.weights import Weights
from tests import oracles
from tests.model_management import tiny
from tests.model_management.test_family import header_of
from tests.model_management.tiny_transformers import drawn

GEMMA_3 = CausalTextConfig(
    48, 7, 2, 1, 256, 40, vocabulary=130, activation="gelu", theta=1e6, places_per_token=1 / 8, has_qk_norm=True,
    is_gemma=True, near=NearLayers(every=6, window=1024),
)  # fmt: skip
QWEN_2_5 = CausalTextConfig(48, 2, 4, 2, 128, 40, vocabulary=130, theta=1e6, has_qkv_bias=True)
QWEN_3 = CausalTextConfig(48, 2, 4, 2, 128, 40, vocabulary=130, theta=1e6, has_qk_norm=True)
KINDS = {"gemma3": GEMMA_3, "qwen25": QWEN_2_5, "qwen3": QWEN_3}
READ = {"gemma3": gemma3_config, "qwen25": qwen25_config, "qwen3": qwen3_config}
ROW = [2, 40, 41, 42, 9, 44]


def tensors_of(config: CausalTextConfig, prefix: str = "") -> dict[str, Tensor]:
    return {name: 3 * each for name, each in drawn(CausalText(config, TRAINABLE), prefix, 4).items()}


def opened(folder: Path, tensors: dict[str, Tensor], type: str = "qwen_image") -> Clip:
    return open_text_encoders([tiny.write_checkpoint(folder / "m.safetensors", tensors)], type, FAMILIES)


def their_net(kind: str, config: CausalTextConfig, tensors: dict[str, Tensor]) -> Any:
    transformers = oracles.transformers()
    sizes = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "attn_implementation": "eager",
        "tie_word_embeddings": True,
    }
    turned = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}
    near_and_far = {
        "query_pre_attn_scalar": config.head_width,
        "sliding_window": 1024,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
        },
    }
    net = {
        "gemma3": lambda: transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**sizes, **near_and_far)),
        "qwen25": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes, **turned)),
        "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**sizes, **turned)),
    }[kind]()
    loaded = net.load_state_dict({name: each.float() for name, each in tensors.items()}, strict=False)
    assert not loaded.unexpected_keys and set(loaded.missing_keys) <= {"lm_head.weight"}
    net.tie_weights()
    return net.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_told_and_writes_what_transformers_writes(tmp_path: Path, kind: str) -> None:
    tensors = tensors_of(KINDS[kind])
    clip = opened(tmp_path, tensors)
    assert clip.encoders[0].part.name == kind and is_only_for_writing(clip)
    writer = writer_of(clip, FAMILIES)
    assert writer.config == KINDS[kind]
    found = write_text(writer, ROW, Weights(torch.device("cpu")), at_most=20)
    wanted = their_net(kind, KINDS[kind], tensors).generate(
        torch.tensor([ROW]), do_sample=False, max_new_tokens=20, eos_token_id=list(writer.chat.ends), pad_token_id=0
    )
    row = wanted[0, len(ROW) :].tolist()
    assert found == [token for token in row if token not in writer.chat.ends] and len(set(found)) > 3


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("gemma3", replace(GEMMA_3, width=640, places_per_token=1.0, near=NearLayers(every=6, window=512))),
        ("gemma3", replace(GEMMA_3, width=2560)),
        ("qwen25", replace(QWEN_2_5, width=896, heads=14, head_width=64)),
        ("qwen25", replace(QWEN_2_5, width=2048)),
        ("qwen25", replace(QWEN_2_5, width=3584, ties_head=False)),
        ("qwen3", replace(QWEN_3, width=2560)),
        ("qwen3", replace(QWEN_3, width=4096, ties_head=False)),
    ],
)
def test_what_no_tensor_tells_follows_from_the_width(kind: str, config: CausalTextConfig) -> None:
    with torch.device("meta"):
        shapes = {f"a.{name}": list(each.shape) for name, each in CausalText(config, TRAINABLE).state_dict().items()}
    assert READ[kind](header_of(shapes), "a.") == config


def test_a_large_model_without_its_matrix_of_words_says_so(tmp_path: Path) -> None:
    clip = opened(tmp_path, tensors_of(replace(QWEN_3, width=4096, layers=1, mlp_width=8, heads=1, kv_heads=1)))
    with pytest.raises(WeightsError, match=r"lm_head\.weight"):
        write_text(writer_of(clip, FAMILIES), ROW, Weights(torch.device("cpu")), at_most=2)


def test_a_model_behind_a_prefix_is_found_beside_its_eyes(tmp_path: Path) -> None:
    tensors = {**tensors_of(GEMMA_3, "language_model."), "vision_tower.x": torch.zeros(2)}
    assert opened(tmp_path, tensors).encoders[0].part.prefix == "language_model."


def test_a_gemma_with_other_heads_is_not_taken_for_one_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is 48 wide"):
        opened(tmp_path, tensors_of(replace(GEMMA_3, head_width=128)))
