"""f_ sets: chains of nodes from text to picture, with a synthetic checkpoint.

A case says in words where its latent comes from; chains with nodes that do not exist yet are not covered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from model_management.weights import Weights
from nodes.catalogue import built_in
from tests.golden.checks import Check, NotCovered, cut, tolerance
from tests.golden.kinds.chain_words import read_conditioning, read_mask
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop
from tests.nodes.fake_context import FakeContext

_SAMPLED = {"seed", "steps", "cfg", "sampler", "scheduler", "denoise", "latent", "clip"}
_SAMPLED |= {"positive", "negative", "node", "noise_mask"}
_SAMPLED |= {"lora", "strength_model", "strength_clip"}
_PATCHED = {"model_patch", "patch_args"}
_CONTROLLED = {"controlnet", "strength", "start_percent", "end_percent"}


class _Chain:
    """The nodes of one set's checkpoint, and what its cases share."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.registry = built_in()
        self.ctx = FakeContext(weights=Weights(torch.device("cpu")))
        about = workshop.golden.about
        checkpoint = workshop.made(about.get("checkpoint") or about["clip_and_vae"])
        self.ctx.folders = _folders(checkpoint, workshop.golden.path.parent)
        self.model, self.clip, self.vae = self.call("CheckpointLoaderSimple", ckpt_name=checkpoint.name)
        if "unet" in about:
            network = workshop.made(about["unet"])
            self.model = self.call("UNETLoader", unet_name=network.name, weight_dtype="default")[0]
        self.texts: Mapping[str, str] = about["text"]

    def call(self, node_id: str, **inputs: Any) -> Any:
        spec = self.registry[node_id]
        assert spec.call is not None
        return spec.call(**inputs, **({"ctx": self.ctx} if spec.takes_context else {}))

    def encode(self, name: str, clip: Any = None) -> Any:
        return self.call("CLIPTextEncode", text=self.texts[name], clip=clip or self.clip)[0]

    def sample(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        model, clip = self.model, self.clip
        if "lora" in inputs:
            strengths = {name: inputs[name] for name in ("strength_model", "strength_clip")}
            name = inputs["lora"].removeprefix("loras/")
            model, clip = self.call("LoraLoader", model=model, clip=clip, lora_name=name, **strengths)
        if (patch := inputs.get("model_patch")) is not None:
            if patch not in self.registry:
                raise NotCovered(f"model_patch: {patch}")
            model = self.call(patch, model=model, **inputs.get("patch_args", {}))[0]
        if "clip" in inputs:
            skip = re.fullmatch(r"CLIPSetLastLayer (-\d+)", inputs["clip"])
            if skip is None:
                raise NotCovered(f"clip: {inputs['clip']}")
            clip = self.call("CLIPSetLastLayer", clip=clip, stop_at_clip_layer=int(skip[1]))[0]
        positive, negative = self.conditioning(inputs, "positive", clip), self.conditioning(inputs, "negative", clip)
        if "controlnet" in inputs:
            positive, negative = self.control(inputs, positive, negative)
        if inputs.get("node") == "InpaintModelConditioning":
            picture = {"pixels": self.picture(), "mask": self.mask(), "vae": self.vae}
            given = {"positive": positive, "negative": negative, "noise_mask": inputs["noise_mask"]}
            positive, negative, latent = self.call("InpaintModelConditioning", **given, **picture)
        elif "node" in inputs:
            raise NotCovered(f"node: {inputs['node']}")
        else:
            latent = self.latent(inputs["latent"])
        return self.call(
            "KSampler",
            model=model,
            seed=inputs["seed"],
            steps=inputs["steps"],
            cfg=inputs["cfg"],
            sampler_name=inputs["sampler"],
            scheduler=inputs["scheduler"],
            positive=positive,
            negative=negative,
            latent_image=latent,
            denoise=inputs["denoise"],
        )[0]

    def control(self, inputs: Mapping[str, Any], positive: Any, negative: Any) -> tuple[Any, Any]:
        """Both sides with the set's control net applied as a case's words say."""
        words = inputs["controlnet"]
        drawn = re.match(r"hint (rand\(.*?\]\))", words)
        if drawn is None and not words.startswith("ControlNetApply"):
            raise NotCovered(f"controlnet: {words}")
        hint = self.workshop.tensor(drawn[1] if drawn else self.workshop.golden.about["image"])
        file = self.workshop.made(self.workshop.golden.about["controlnet"])
        net = self.call("ControlNetLoader", control_net_name=file.name)[0]
        shared = {"control_net": net, "image": hint, "strength": inputs["strength"]}
        if words.startswith("ControlNetApply (positive only"):
            return self.call("ControlNetApply", conditioning=positive, **shared)[0], negative
        span = {"start_percent": inputs.get("start_percent", 0.0), "end_percent": inputs.get("end_percent", 1.0)}
        return self.call("ControlNetApplyAdvanced", positive=positive, negative=negative, **shared, **span)

    def latent(self, words: str) -> dict[str, Any]:
        """The latent that a case's words describe."""
        if size := re.fullmatch(r"EmptyLatentImage (\d+)x(\d+)(?: \(width x height\))?(?: batch (\d+))?", words):
            width, height, batch = int(size[1]), int(size[2]), int(size[3] or 1)
            return self.call("EmptyLatentImage", width=width, height=height, batch_size=batch)[0]
        if words == "VAEEncode of the image":
            return self.call("VAEEncode", pixels=self.picture(), vae=self.vae)[0]
        if words == "VAEEncode of the image + SetLatentNoiseMask":
            encoded = self.latent("VAEEncode of the image")
            return self.call("SetLatentNoiseMask", samples=encoded, mask=self.mask())[0]
        if grown := re.fullmatch(r"VAEEncodeForInpaint grow (\d+)", words):
            return self.for_inpainting(int(grown[1]))
        if scaled := re.fullmatch(r"(\S+) samples, LatentUpscaleBy (\S+) ([\d.]+)", words):
            samples = self.stored(scaled[1])
            return self.call("LatentUpscaleBy", samples=samples, upscale_method=scaled[2], scale_by=float(scaled[3]))[0]
        raise NotCovered(f"latent: {words}")

    def conditioning(self, inputs: Mapping[str, Any], side: str, clip: Any) -> Any:
        if side not in inputs:
            return self.encode(side, clip)
        return read_conditioning(inputs[side], lambda name: self.encode(name, clip), self.encode_sdxl, self.call)

    def encode_sdxl(self, words: str | None = None) -> Any:
        """A text with sizes, as described; None = as the set describes it somewhere."""
        if words is None:
            described = (str(case.inputs.get("text")) for case in self.workshop.golden.cases)
            words = next((text for text in described if text.startswith("CLIPTextEncodeSDXL:")), "")
        sizes = {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", words)}
        texts = {name: self.texts[text] for name, text in re.findall(r"(text_[gl]) (\w+)", words)}
        if not (sizes and texts):
            raise NotCovered("a text with sizes that the set does not describe")
        return self.call("CLIPTextEncodeSDXL", clip=self.clip, **sizes, **texts)[0]

    def picture(self) -> Tensor:
        return self.workshop.tensor(self.workshop.golden.about["image"])

    def mask(self) -> Tensor:
        return read_mask(self.workshop.golden.about["mask"])

    def for_inpainting(self, grow: int) -> dict[str, Any]:
        picture = {"pixels": self.picture(), "mask": self.mask(), "vae": self.vae}
        return self.call("VAEEncodeForInpaint", **picture, grow_mask_by=grow)[0]

    def stored(self, case_id: str) -> dict[str, Tensor]:
        """The latent that another case must give."""
        case = self.workshop.golden.case(case_id)
        if case is None:
            raise NotCovered(f"samples of {case_id}")
        return {"samples": self.workshop.golden.tensors()[case.tensors["samples"]]}


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    inputs = case.inputs
    compute = _form_of(inputs)
    if "chain" not in workshop.kept:
        workshop.kept["chain"] = _Chain(workshop)
    outputs = compute(workshop.kept["chain"], inputs)
    if unknown := case.tensors.keys() - outputs.keys():
        raise NotCovered(f"output {', '.join(sorted(unknown))}")
    for name, key in case.tensors.items():
        want = workshop.golden.tensors()[key]
        if name == "image":
            atol = tolerance(workshop.golden, "image", "atol", 4e-3)
        elif "atol" in case.values:
            atol = case.values["atol"]
        else:
            atol = 5e-4 * max(1.0, float(want.abs().max()))
        got = outputs[name]
        part = case.values.get("note", "") if name == "cond" else ""
        got = cut(got, part) if "joined" in part else got[tuple(slice(size) for size in want.shape)]
        yield Check(name, got, want, 0.0, atol)


def _form_of(inputs: Mapping[str, Any]) -> Any:
    if set(inputs) == {"text"}:
        return _encoded
    if inputs.get("image") == "the image" and len(inputs) == 1:
        return _encoded_image
    if {"image", "mask", "grow_mask_by"} == set(inputs):
        return _encoded_for_inpainting
    if {"from", "method", "width", "height", "crop"} == set(inputs):
        return _upscaled
    if "sampler" in inputs:
        if unknown := set(inputs) - _SAMPLED - _CONTROLLED - _PATCHED:
            raise NotCovered(f"input {', '.join(sorted(unknown))}")
        if inputs["sampler"] not in SAMPLERS or inputs["scheduler"] not in SCHEDULERS:
            raise NotCovered(f"{inputs['sampler']} with {inputs['scheduler']}")
        return _sampled
    raise NotCovered("cases of this form")


def _encoded(chain: _Chain, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    words = inputs["text"]
    if words.startswith("CLIPTextEncodeSDXL:"):
        ((states, more),) = chain.encode_sdxl(words)
    else:
        named = re.fullmatch(r"(\w+) with CLIPTextEncode", words)
        text = chain.texts[named[1]] if named else words
        ((states, more),) = chain.call("CLIPTextEncode", text=text, clip=chain.clip)[0]
    return {"cond": states, "pooled": more["pooled_output"]}


def _encoded_image(chain: _Chain, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    return chain.latent("VAEEncode of the image")


def _encoded_for_inpainting(chain: _Chain, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    latent = chain.for_inpainting(inputs["grow_mask_by"])
    return {**latent, "mask": latent["noise_mask"]}


def _upscaled(chain: _Chain, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    source = re.fullmatch(r"(\S+) samples", inputs["from"])
    if source is None:
        raise NotCovered(f"from: {inputs['from']}")
    size = {name: inputs[name] for name in ("width", "height", "crop")}
    return chain.call("LatentUpscale", samples=chain.stored(source[1]), upscale_method=inputs["method"], **size)[0]


def _sampled(chain: _Chain, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    latent = chain.sample(inputs)
    return {"samples": latent["samples"], "image": chain.call("VAEDecode", samples=latent, vae=chain.vae)[0]}


def _folders(checkpoint: Path, golden: Path) -> Folders:
    """Folders: checkpoints and control nets where the workshop made this one, adapters beside the set."""
    folders = Folders.from_settings(Settings(base_directory=checkpoint.parent))
    here = (checkpoint.parent,)
    roots = {"checkpoints": here, "diffusion_models": here, "controlnet": here, "loras": (golden / "loras",)}
    return Folders(**{**vars(folders), "roots_of": {**folders.roots_of, **roots}})


CHAINS = Kind(names=("f_sd15*", "f_sd2*", "f_sdxl*"), check=check)
