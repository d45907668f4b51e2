"""Graphs as A1111's text of settings."""

from __future__ import annotations

from typing import Any

from heddle.prompts.infotext import Infotext, read_infotext, write_infotext
from heddle.prompts.infotext_of_graph import infotext_of_graph


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def graph(**more: dict[str, Any]) -> dict[str, Any]:
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd\\some model.v1.safetensors"),
        "2": node("CLIPTextEncode", text="a cat", clip=["1", 1]),
        "3": node("CLIPTextEncode", text="blurry", clip=["1", 1]),
        "4": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "5": node(
            "KSampler",
            model=["1", 0],
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
            seed=5,
            steps=20,
            cfg=7.0,
            sampler_name="dpmpp_2m",
            scheduler="karras",
            denoise=1.0,
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("SaveImage", images=["6", 0], filename_prefix="x"),
    } | more


def said(prompt: dict[str, Any], width: int = 512, height: int = 768, **more: Any) -> Infotext:
    found = infotext_of_graph(prompt, "7", width=width, height=height, **more)
    assert found is not None
    return found


def test_the_usual_graph_is_said_in_full_and_read_back() -> None:
    found = said(graph(), hashes={"sd\\some model.v1.safetensors": "ab" * 32}, version="Heddle 9")
    assert write_infotext(found) == (
        "a cat\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, "
        "Size: 512x768, Model hash: ababababab, Model: some model.v1, RNG: CPU, Version: Heddle 9"
    )
    assert read_infotext(write_infotext(found)) == found


def test_values_that_come_over_links_count() -> None:
    prompt = graph(**{"8": node("PrimitiveInt", value=77), "9": node("PrimitiveString", value="a dog")})
    prompt["5"]["inputs"]["seed"] = ["8", 0]
    prompt["2"]["inputs"]["text"] = ["9", 0]
    found = said(prompt)
    assert (found.prompt, found.settings["Seed"]) == ("a dog", "77")


def test_loras_clip_skip_and_another_autoencoder_are_said() -> None:
    prompt = graph(
        **{
            "10": node("LoraLoader", model=["1", 0], clip=["1", 1], lora_name="x/fur.safetensors", strength_model=0.8),
            "11": node("LoraLoaderModelOnly", model=["10", 0], lora_name="b.safetensors", strength_model=1.0),
            "12": node("CLIPSetLastLayer", clip=["10", 1], stop_at_clip_layer=-2),
            "13": node("VAELoader", vae_name="fine.pt"),
        }
    )
    prompt["5"]["inputs"]["model"] = ["11", 0]
    prompt["2"]["inputs"]["clip"] = ["12", 0]
    prompt["6"]["inputs"]["vae"] = ["13", 0]
    found = said(prompt, hashes={"x/fur.safetensors": "cd" * 32})
    assert found.prompt == "a cat <lora:fur:0.8> <lora:b:1>"
    assert (found.settings["Clip skip"], found.settings["VAE"]) == ("2", "fine")
    assert found.settings["Lora hashes"] == "fur: cdcdcdcdcd"


def test_a_second_pass_is_said_with_the_sizes_of_both() -> None:
    prompt = graph()
    prompt["20"] = node("LatentUpscale", samples=["5", 0], upscale_method="bicubic", width=1024, height=1536)
    again = prompt["5"]["inputs"] | {"latent_image": ["20", 0], "denoise": 0.5, "steps": 9, "seed": 6}
    prompt["21"] = node("KSampler", **again)
    prompt["6"]["inputs"]["samples"] = ["21", 0]
    settings = said(prompt, 1024, 1536).settings
    assert (settings["Size"], settings["Hires resize"]) == ("512x768", "1024x1536")
    assert (settings["Steps"], settings["Hires steps"], settings["Denoising strength"]) == ("20", "9", "0.5")
    assert (settings["Seed"], settings["Hires upscaler"]) == ("5", "Latent (bicubic)")


def test_the_parts_of_a_sampler_in_nodes_of_their_own_are_found() -> None:
    prompt = graph(
        **{
            "30": node("RandomNoise", noise_seed=8),
            "31": node("BasicGuider", model=["1", 0], conditioning=["32", 0]),
            "32": node("FluxGuidance", conditioning=["33", 0], guidance=3.5),
            "33": node("CLIPTextEncodeFlux", clip=["1", 1], clip_l="tags", t5xxl="a long text", guidance=3.5),
            "34": node("KSamplerSelect", sampler_name="euler"),
            "35": node("BasicScheduler", model=["1", 0], scheduler="simple", steps=4, denoise=1.0),
        }
    )
    links = {"noise": ["30", 0], "guider": ["31", 0], "sampler": ["34", 0], "sigmas": ["35", 0]}
    prompt["5"] = node("SamplerCustomAdvanced", **links, latent_image=["4", 0])
    found = said(prompt)
    assert (found.prompt, found.negative) == ("a long text", "")
    assert {key: found.settings[key] for key in ("Steps", "Sampler", "Schedule type", "Seed")} == {
        "Steps": "4",
        "Sampler": "Euler",
        "Schedule type": "Simple",
        "Seed": "8",
    }
    assert "CFG scale" not in found.settings and found.settings["Distilled CFG Scale"] == "3.5"


def test_joined_conditions_are_said_where_there_are_words_for_it() -> None:
    prompt = graph(**{"40": node("CLIPTextEncode", text="a hat", clip=["1", 1])})
    prompt["5"]["inputs"]["positive"] = ["41", 0]
    prompt["41"] = node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["40", 0])
    assert said(prompt).prompt == "a cat AND a hat"
    prompt["41"] = node("ConditioningConcat", conditioning_to=["2", 0], conditioning_from=["40", 0])
    assert said(prompt).prompt == "a cat\nBREAK\na hat"
    average = {"conditioning_to": ["2", 0], "conditioning_from": ["40", 0], "conditioning_to_strength": 0.5}
    prompt["41"] = node("ConditioningAverage", **average)
    assert infotext_of_graph(prompt, "7", width=1, height=1) is None


def test_both_texts_go_through_a_control_net_and_zeros_say_nothing() -> None:
    prompt = graph(**{"50": node("ConditioningZeroOut", conditioning=["2", 0])})
    prompt["51"] = node("ControlNetApplyAdvanced", positive=["2", 0], negative=["50", 0], strength=1.0)
    prompt["5"]["inputs"] |= {"positive": ["51", 0], "negative": ["51", 1]}
    found = said(prompt)
    assert (found.prompt, found.negative) == ("a cat", "")


def test_what_no_sampler_made_and_circles_have_no_text() -> None:
    loaded = {"1": node("LoadImage", image="a.png"), "7": node("SaveImage", images=["1", 0])}
    assert infotext_of_graph(loaded, "7", width=1, height=1) is None
    assert infotext_of_graph({}, "7", width=1, height=1) is None
    prompt = graph()
    prompt["5"]["inputs"] |= {"latent_image": ["6", 0], "positive": ["60", 0], "model": ["61", 0]}
    prompt["60"] = node("SomeConditioning", conditioning=["60", 0])
    prompt["61"] = node("SomePatch", model=["61", 0])
    assert infotext_of_graph(prompt, "7", width=1, height=1) is None
    prompt["5"]["inputs"]["positive"] = ["2", 0]
    assert said(prompt).prompt == "a cat"
