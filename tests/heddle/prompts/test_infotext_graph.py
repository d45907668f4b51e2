"""A1111's settings as a graph: what it holds, and that what it cannot hold is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.graph.registry import Registry
from heddle.prompts.infotext import read_infotext
from heddle.prompts.infotext_graph import AUTOMATIC, SAMPLERS, SCHEDULERS, FilesHere, Made, graph_of

CORE = json.loads((Path(__file__).parents[2] / "data" / "core_nodes.json").read_text())
LORA = {
    "input": {
        "required": {
            "model": ["MODEL"],
            "clip": ["CLIP"],
            "lora_name": ["COMBO", {"options": {"files": "loras"}}],
            "strength_model": ["FLOAT", {"default": 1.0}],
            "strength_clip": ["FLOAT", {"default": 1.0}],
        }
    },
    "output": ["MODEL", "CLIP"],
}
FILES = {
    "checkpoints": ["sd/Dream_v7.safetensors", "other.ckpt"],
    "loras": ["fur.safetensors", "styles/Ink.safetensors"],
    "embeddings": ["easynegative.pt", "bad hands.safetensors"],
    "vae": ["vae-ft-mse.safetensors"],
}


def core_registry() -> Registry:
    """The nodes that this ecosystem's workflows count on, with all their choices."""
    return Registry.from_catalogue(
        {
            id: {"input": node["inputs"], "output": [kind for _, kind, _ in node["outputs"]]}
            for id, node in CORE.items()
            if isinstance(node, dict) and "inputs" in node
        }
    )


def nodes(*without: str) -> Registry:
    registry = core_registry()
    registry.add(Registry.from_catalogue({"LoraLoader": LORA})["LoraLoader"])
    for each in without:
        registry.remove(each)
    return registry


def made(text: str, *without: str, by_hash: Any = lambda kind, hash: None) -> Made:
    return graph_of(read_infotext(text), nodes(*without), FilesHere(lambda kind: FILES.get(kind, []), by_hash))


def of(found: Made, kind: str) -> list[dict[str, Any]]:
    return [node["inputs"] for node in found.prompt.values() if node["class_type"] == kind]


def settings(more: str = "", prompt: str = "a cat\nNegative prompt: a dog") -> str:
    return f"{prompt}\nSteps: 25, Sampler: DPM++ 2M, CFG scale: 6.5, Seed: 42, Size: 500x770, Model: dream_v7{more}"


def test_the_whole_graph() -> None:
    found = made(settings(", Schedule type: Karras, Clip skip: 2"))
    assert found.notes == []
    (sampler,) = of(found, "KSampler")
    assert {key: sampler[key] for key in ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")} == {
        "seed": 42,
        "steps": 25,
        "cfg": 6.5,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
    }
    assert of(found, "EmptyLatentImage") == [{"width": 512, "height": 832, "batch_size": 1}]
    assert of(found, "CheckpointLoaderSimple") == [{"ckpt_name": "sd/Dream_v7.safetensors"}]
    assert [each["text"] for each in of(found, "CLIPTextEncode")] == ["a cat", "a dog"]
    assert found.prompt[sampler["positive"][0]]["inputs"]["text"] == "a cat"
    (skip,) = of(found, "CLIPSetLastLayer")
    assert skip["stop_at_clip_layer"] == -2
    assert found.prompt[of(found, "CLIPTextEncode")[0]["clip"][0]]["class_type"] == "CLIPSetLastLayer"
    assert len(of(found, "VAEDecode")) == len(of(found, "SaveImage")) == 1


@pytest.mark.parametrize(
    ("name", "more", "sampler", "scheduler"),
    [
        ("DPM++ 2M Karras", "", "dpmpp_2m", "karras"),
        ("Euler a", "", "euler_ancestral", "normal"),
        ("DPM++ 2M SDE Heun Exponential", "", "dpmpp_2m_sde_heun", "exponential"),
        ("DPM++ 2M", ", Version: v1.6.0", "dpmpp_2m", "normal"),
        ("DPM++ 2M", ", Version: v1.10.1", "dpmpp_2m", "karras"),
        ("DPM++ 3M SDE", ", Schedule type: Automatic", "dpmpp_3m_sde", "exponential"),
        ("UniPC", ", Schedule type: SGM Uniform", "uni_pc", "sgm_uniform"),
        ("DDIM", "", "ddim", "normal"),
        ("DPM2 a Karras", "", "dpm_2_ancestral", "karras"),
        ("Euler", ", Schedule type: KL Optimal", "euler", "kl_optimal"),
        ("gradient_estimation", ", Schedule type: Beta", "gradient_estimation", "beta"),
    ],
)
def test_samplers_and_schedules_have_their_names_here(name: str, more: str, sampler: str, scheduler: str) -> None:
    found = made(f"x\nSteps: 20, Sampler: {name}, CFG scale: 7, Model: other{more}")
    assert found.notes == []
    assert (of(found, "KSampler")[0]["sampler_name"], of(found, "KSampler")[0]["scheduler"]) == (sampler, scheduler)


def test_every_name_here_is_one_that_the_sampler_node_offers() -> None:
    inputs = CORE["KSampler"]["inputs"]["required"]
    offered = {name: set(inputs[name][1]["options"]) for name in ("sampler_name", "scheduler")}
    assert set(SAMPLERS.values()) | set(AUTOMATIC) <= offered["sampler_name"]
    assert set(SCHEDULERS.values()) | set(AUTOMATIC.values()) <= offered["scheduler"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x\nSteps: 20, Sampler: Restart, CFG scale: 7, Model: other", "Restart"),
        ("x\nSteps: 20, Sampler: Euler, Schedule type: Align Your Steps, Model: other", "Align Your Steps"),
        (settings().replace("dream_v7", "dream_v8"), "Dream_v7"),
        (settings(", Model hash: 0123456789").replace(", Model: dream_v7", ""), "0123456789"),
        (settings(", VAE: nobody.pt"), "nobody.pt"),
        (settings(", Denoising strength: 0.4"), "0.4"),
        (settings(', ControlNet 0: "Module: canny", Refiner: xl'), "Refiner"),
        (settings(prompt="a <lora:nowhere:1> cat"), "nowhere"),
        (settings(prompt="a <hypernet:net:1> cat"), "net"),
        ("x\nSteps: lots, Sampler: Euler, Seed: -1, Model: other", "Steps"),
        ("x\nSteps: 5, Sampler: Euler, Seed: -1, Model: other", "Seed"),
        ("x\nSteps: 5, Sampler: Euler, CFG scale: nan, Model: other", "CFG scale"),
        ("only a prompt", "checkpoint"),
    ],
)
def test_what_cannot_be_had_is_said(text: str, word: str) -> None:
    found = made(text)
    assert any(word in note for note in found.notes), found.notes
    assert of(found, "SaveImage")


def test_a_node_type_that_is_missing_is_said() -> None:
    hires = settings(", Clip skip: 2, Hires upscale: 2, Denoising strength: 0.5", "a <lora:fur:1> cat")
    found = made(hires, "LoraLoader", "CLIPSetLastLayer", "LatentUpscale", "KSampler")
    words = " ".join(found.notes)
    assert all(word in words for word in ("fur", "CLIPSetLastLayer", "LatentUpscale", "KSampler"))
    assert not of(found, "CLIPSetLastLayer") and len(of(found, "KSampler")) == 2


def test_a_checkpoint_is_found_by_its_hash() -> None:
    text = settings(", Model hash: abcdef0123").replace("dream_v7", "renamed")
    known = {("checkpoints", "abcdef0123"): "other.ckpt"}
    found = made(text, by_hash=lambda kind, hash: known.get((kind, hash)))
    assert of(found, "CheckpointLoaderSimple") == [{"ckpt_name": "other.ckpt"}] and len(found.notes) == 1


def test_loras_become_loaders_one_after_the_other() -> None:
    found = made(settings(prompt="a cat, <lora:fur:0.8>, <lora:ink:0.5:0.25>\nNegative prompt: x <lora:fur:0.8>"))
    first, second = of(found, "LoraLoader")
    assert (first["lora_name"], first["strength_model"], first["strength_clip"]) == ("fur.safetensors", 0.8, 0.8)
    assert second["lora_name"] == "styles/Ink.safetensors"
    assert (second["strength_clip"], second["strength_model"]) == (0.5, 0.25)
    assert found.prompt[second["model"][0]]["inputs"] == first
    assert [each["text"] for each in of(found, "CLIPTextEncode")] == ["a cat", "x"]
    assert found.notes == []


def test_embeddings_get_their_prefix() -> None:
    prompt = "EasyNegative, not easynegatives, embedding:easynegative, (bad hands:1.2), ti-1"
    found = made(settings(', TI hashes: "ti-1: abc"', prompt))
    assert of(found, "CLIPTextEncode")[0]["text"] == (
        "embedding:EasyNegative, not easynegatives, embedding:easynegative, (embedding:bad hands:1.2), embedding:ti-1"
    )


def test_a_second_pass_is_a_second_sampler() -> None:
    more = ", Denoising strength: 0.55, Hires upscale: 1.5, Hires steps: 11, Hires upscaler: Latent (nearest-exact)"
    more += ', Hires sampler: Euler a, Hires prompt: "sharp, cat", Hires CFG Scale: 4'
    found = made(settings(more))
    first, second = of(found, "KSampler")
    (upscale,) = of(found, "LatentUpscale")
    assert (upscale["width"], upscale["height"], upscale["upscale_method"]) == (768, 1248, "nearest-exact")
    assert found.prompt[upscale["samples"][0]]["inputs"] == first
    assert found.prompt[second["latent_image"][0]]["inputs"] == upscale
    assert (second["steps"], second["cfg"], second["denoise"]) == (11, 4, 0.55)
    assert second["sampler_name"] == "euler_ancestral"
    assert found.prompt[second["positive"][0]]["inputs"]["text"] == "sharp, cat"
    assert second["negative"] == first["negative"] and second["seed"] == first["seed"]
    assert found.prompt[of(found, "VAEDecode")[0]["samples"][0]]["inputs"] == second
    other = made(settings(", Denoising strength: 0.5, Hires resize: 1024x1024, Hires upscaler: R-ESRGAN 4x+"))
    assert of(other, "LatentUpscale")[0]["width"] == 1024 and any("R-ESRGAN" in note for note in other.notes)
    assert of(other, "KSampler")[1]["steps"] == 25


def test_a_vae_of_its_own_is_loaded() -> None:
    found = made(settings(", VAE: vae-ft-mse.safetensors"))
    assert of(found, "VAELoader") == [{"vae_name": "vae-ft-mse.safetensors"}]
    assert found.prompt[of(found, "VAEDecode")[0]["vae"][0]]["class_type"] == "VAELoader"


NAMES = [
    "Steps",
    "Sampler",
    "Seed",
    "Size",
    "CFG scale",
    "Clip skip",
    "Hires upscale",
    "Hires resize",
    "First pass size",
]
ODD = ["1e999", "9" * 30, "0x0", "-5", "0", "99999999x1", "1x0", "NaN"]


@given(
    st.text(max_size=60),
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12) | st.sampled_from(ODD), max_size=6),
)
def test_any_settings_make_a_graph(prompt: str, values: dict[str, str]) -> None:
    line = ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
    found = made(f"{prompt}\nA: 1, Bb: 2, Cc: 3, Dd: 4, {line}")
    for width, height in ((each["width"], each["height"]) for each in of(found, "EmptyLatentImage")):
        assert width % 64 == height % 64 == 0 and 64 <= width <= 16384 and 64 <= height <= 16384
    json.dumps(found.prompt, allow_nan=False)
