"""b2_ sets: the same denoiser behind the sampling nodes, where all noise comes from the node's seed.

The nodes themselves run; in the place of a network's guess stands the exact one of the case's classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from model_management.family import LatentSpace, text_alone
from model_management.handles import Model
from nodes.catalogue import built_in
from tests.golden.checks import Check, NotCovered, tolerance
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.mixture import denoiser_of_classes
from tests.golden.kinds.noise_levels import model_named
from tests.golden.sets import Case
from tests.golden.workshop import Workshop
from tests.nodes.fake_context import FakeContext

_NODES = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")


class _ClassWeights:
    """Lends nothing: the classes have no weights."""

    @contextmanager
    def hold(self, handle: Any, working_bytes: int = 0, on_part: Any = None) -> Iterator[None]:
        yield


class _Bench:
    """The nodes, and the inputs that a case describes in words."""

    def __init__(self, case: Case, workshop: Workshop) -> None:
        self.case, self.inputs, self.workshop = case, case.inputs, workshop
        self.registry = built_in()
        self.ctx = FakeContext(weights=_ClassWeights())

    def call(self, node_id: str, **inputs: Any) -> Any:
        if node_id not in self.registry:
            raise NotCovered(f"node {node_id}")
        spec = self.registry[node_id]
        assert spec.call is not None
        missing = {each.name: each.options["default"] for each in spec.inputs if "default" in each.options}
        return spec.call(**{**missing, **inputs}, **({"ctx": self.ctx} if spec.takes_context else {}))

    def model(self) -> Any:
        factor = re.search(r"scale factor ([\d.]+)", str(self.inputs.get("latent")))
        space = LatentSpace(channels=4, scale=float(factor[1]) if factor else 1.0)
        family: Any = SimpleNamespace(name="classes", latent=space, read_entry=text_alone, may_repeat_text=True)
        stored: Any = SimpleNamespace(header=None)
        config: Any = None
        model: Any = Model(stored, family, config, model_named("sd1_eps", self.workshop))
        if "model_patch" in self.inputs:
            model = self.call(self.inputs["model_patch"], model=model, **self.inputs.get("patch_args", {}))[0]
        if "DifferentialDiffusion" in self.inputs.get("node", ""):
            model = self.call("DifferentialDiffusion", model=model, strength=self.inputs["strength"])[0]
        return model

    def conditioning(self, name: str, default: int) -> Any:
        """What words such as `class 1 in w64 h128 x0 y0 strength 1; class 3 everywhere` describe."""
        words = str(self.inputs.get(name, f"class {default}"))
        pieces = re.findall(r"class \d[^;+]*?(?=class \d|[;+]|$)", re.sub(r"\+ (\d)", r"+ class \1", words))
        if not pieces:
            raise NotCovered(f"{name}: {words!r}")
        whole: list[Any] = []
        for piece in pieces:
            whole = self.call("ConditioningCombine", conditioning_1=whole, conditioning_2=self._entry(piece))[0]
        return whole

    def _entry(self, words: str) -> Any:
        entry: Any = [[torch.full((1, 1, 1), float(words[6])), {}]]
        strength = re.search(r"[sS]trength ([\d.]+)", words)
        weight = float(strength[1]) if strength else 1.0
        if area := re.search(r"w(\d+) h(\d+) x(\d+) y(\d+)", words):
            width, height, x, y = map(int, area.groups())
            place = {"width": width, "height": height, "x": x, "y": y, "strength": weight}
            return self.call("ConditioningSetArea", conditioning=entry, **place)[0]
        if area := re.search(r"([\d.]+)% x ([\d.]+)% at x ([\d.]+)% y ([\d.]+)%", words):
            width, height, x, y = (float(each) / 100 for each in area.groups())
            place = {"width": width, "height": height, "x": x, "y": y, "strength": weight}
            return self.call("ConditioningSetAreaPercentage", conditioning=entry, **place)[0]
        if mask := re.search(r"tensor \S+", words):
            bounds = "mask bounds" if "mask bounds" in words else "default"
            return self.call(
                "ConditioningSetMask",
                conditioning=entry,
                mask=self.workshop.tensor(mask[0].rstrip(",;")),
                strength=weight,
                set_cond_area=bounds,
            )[0]
        if span := re.search(r"([\d.]+?)\.\.([\d.]+)", words):
            return self.call(
                "ConditioningSetTimestepRange", conditioning=entry, start=float(span[1]), end=float(span[2].rstrip("."))
            )[0]
        if strength:
            return self.call("ConditioningSetAreaStrength", conditioning=entry, strength=weight)[0]
        return entry

    def latent(self, shape: torch.Size) -> Any:
        inputs = self.inputs
        latent: dict[str, Any] = {"samples": self.workshop.tensor(inputs["latent"], shape=shape)}
        if "batch_index" in inputs:
            latent["batch_index"] = inputs["batch_index"]
        if "mask" in inputs:
            latent = self.call("SetLatentNoiseMask", samples=latent, mask=self.workshop.tensor(inputs["mask"]))[0]
        return latent

    def sampler(self) -> Any:
        return self.call("KSamplerSelect", sampler_name=self.inputs["sampler_name"])[0]

    def sigmas(self) -> Tensor:
        described = self.inputs["sigmas"]
        if isinstance(described, str):  # "the Karras list of sampler_custom.*"
            others = self.workshop.golden.cases
            described = next(
                case.inputs["sigmas"]
                for case in others
                if case.id.startswith("sampler_custom.") and isinstance(case.inputs.get("sigmas"), dict)
            )
        ((node_id, arguments),) = described.items()
        sigmas = self.call(node_id, **arguments)[0]
        part = self.inputs.get("sigmas_part")
        if part is None and self._starts_below():
            part = "SplitSigmas step 4, low part"
        if part is None:
            return sigmas
        split = re.match(r"SplitSigmas step (\d+), (low|high) part", part)
        if split is None:
            raise NotCovered(f"sigmas_part: {part}")
        return self.call("SplitSigmas", sigmas=sigmas, step=int(split[1]))[split[2] == "low"]

    def _starts_below(self) -> bool:
        """Cases of SamplerCustomAdvanced that noise a picture with a list of their own do not say that they were made
        with its low part only, as the cases beside them do: with it, and with nothing else, all their numbers agree.
        """
        inputs = self.inputs
        is_own = isinstance(inputs["sigmas"], dict) and inputs["node"] == "SamplerCustomAdvanced"
        return is_own and "zeros" not in inputs["latent"]

    def guider(self) -> Any:
        inputs, words = self.inputs, self.inputs["guider"]
        name = words.split(",")[0]
        sides = {key: self.conditioning(key, 0) for key in ("cond1", "cond2", "empty_conditioning") if key in inputs}
        if name == "BasicGuider":
            self.inputs = {**inputs, "conditioning": words}
            return self.call(name, model=self.model(), conditioning=self.conditioning("conditioning", 1))[0]
        if name == "DualCFGGuider":
            sides["negative"] = self.conditioning("negative", 2)
        else:
            sides |= {"positive": self.conditioning("positive", 1), "negative": self.conditioning("negative", 2)}
        keys = ("cfg", "cfg_conds", "cfg_cond2_negative", "style", "neg_scale")
        numbers = {"cfg": 2.0} if name == "CFGGuider" else {}
        numbers |= {key: inputs[key] for key in keys if key in inputs}
        return self.call(name, model=self.model(), **sides, **numbers)[0]


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    bench = _Bench(case, workshop)
    node_id = str(case.inputs.get("node")).split(" + ")[-1]
    if case.inputs.get("sampler_name") not in SAMPLERS:
        raise NotCovered(f"sampler {case.inputs.get('sampler_name')}")
    if case.inputs.get("scheduler", "simple") not in SCHEDULERS:
        raise NotCovered(f"scheduler {case.inputs['scheduler']}")
    wanted = {name: workshop.golden.tensors()[key] for name, key in case.tensors.items()}

    def classes(model: Model, net: Any, *more: Any) -> Any:
        return denoiser_of_classes(workshop, model.predicts.is_flow)

    with patch("model_management.guider.denoiser_for", classes):
        got = _outputs(bench, node_id, wanted["samples"].shape)
    rtol = tolerance(workshop.golden, "samples", "rtol", 1e-4)
    for name, tensor in wanted.items():
        yield Check(name, got[name], tensor, rtol, case.values.get("atol", 1e-4))


def _outputs(bench: _Bench, node_id: str, shape: torch.Size) -> Mapping[str, Tensor]:
    inputs = bench.inputs
    if node_id in ("KSampler", "KSamplerAdvanced"):
        common = {key: inputs[key] for key in ("steps", "cfg", "sampler_name", "scheduler")}
        common |= {"positive": bench.conditioning("positive", 1), "negative": bench.conditioning("negative", 2)}
        if node_id == "KSampler":
            own = {"seed": inputs["seed"], "denoise": inputs["denoise"]}
        else:
            keys = ("add_noise", "noise_seed", "start_at_step", "end_at_step", "return_with_leftover_noise")
            own = {key: inputs[key] for key in keys}
        latent = bench.call(node_id, model=bench.model(), latent_image=bench.latent(shape), **common, **own)[0]
        return {"samples": latent["samples"]}
    if node_id == "two KSamplerAdvanced":
        return _chain(bench, shape)
    parts = {"sampler": bench.sampler(), "sigmas": bench.sigmas(), "latent_image": bench.latent(shape)}
    if node_id == "SamplerCustom":
        own = {key: inputs[key] for key in ("add_noise", "noise_seed", "cfg")}
        sides = {"positive": bench.conditioning("positive", 1), "negative": bench.conditioning("negative", 2)}
        output, guess = bench.call(node_id, model=bench.model(), **parts, **own, **sides)
    elif node_id == "SamplerCustomAdvanced":
        is_off = inputs.get("noise") == "DisableNoise"
        noise = bench.call("DisableNoise") if is_off else bench.call("RandomNoise", noise_seed=inputs["noise_seed"])
        output, guess = bench.call(node_id, noise=noise[0], guider=bench.guider(), **parts)
    else:
        raise NotCovered(f"node {node_id}")
    return {"samples": output["samples"], "denoised_output": guess["samples"]}


def _chain(bench: _Bench, shape: torch.Size) -> Mapping[str, Tensor]:
    """Two samplers in a row, each described as `add_noise enable, 0..4, leftover enable`."""
    latent: Any = {"samples": torch.zeros(shape)}
    common = {key: bench.inputs[key] for key in ("noise_seed", "steps", "cfg", "sampler_name", "scheduler")}
    common |= {"positive": bench.conditioning("positive", 1), "negative": bench.conditioning("negative", 2)}
    for part in ("first", "second"):
        words = re.match(r"add_noise (\w+), (\d+)\.\.(\d+), leftover (\w+)", bench.inputs[part])
        if words is None:
            raise NotCovered(f"{part}: {bench.inputs[part]}")
        latent = bench.call(
            "KSamplerAdvanced",
            model=bench.model(),
            latent_image=latent,
            add_noise=words[1],
            start_at_step=int(words[2]),
            end_at_step=int(words[3]),
            return_with_leftover_noise=words[4],
            **common,
        )[0]
    return {"samples": latent["samples"]}


NODE_SAMPLING = Kind(names=("b2_*",), check=check)
