"""A1111's settings as a graph of nodes: checkpoint, LoRAs, prompts, an empty latent, sampler, decoder, a saved picture.

What has no node here, or no file on this machine, is said in notes; nothing is replaced silently.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from heddle.graph.quoting import short
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import Prompt
from heddle.prompts.a1111.networks import take_networks
from heddle.prompts.infotext import Infotext, fields_of, version_of

_STEP_PX, _LARGEST_PX, _USUAL_PX = 64, 16384, 512
_LARGEST_SEED = 2**64 - 1
_FEW = 3

#: A1111's names of samplers, in small letters, and their names here.
SAMPLERS: Mapping[str, str] = {
    "euler": "euler",
    "euler a": "euler_ancestral",
    "lms": "lms",
    "heun": "heun",
    "dpm2": "dpm_2",
    "dpm2 a": "dpm_2_ancestral",
    "dpm++ 2s a": "dpmpp_2s_ancestral",
    "dpm++ 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_sde",
    "dpm++ 2m sde": "dpmpp_2m_sde",
    "dpm++ 2m sde heun": "dpmpp_2m_sde_heun",
    "dpm++ 3m sde": "dpmpp_3m_sde",
    "dpm fast": "dpm_fast",
    "dpm adaptive": "dpm_adaptive",
    "lcm": "lcm",
    "ddim": "ddim",
    "ddpm": "ddpm",
    "unipc": "uni_pc",
    "deis": "deis",
    "ipndm": "ipndm",
    "ipndm_v": "ipndm_v",
    "heunpp2": "heunpp2",
    "res multistep": "res_multistep",
}
#: The same of schedules; the longest come first, since older texts put them behind the sampler's name.
SCHEDULERS: Mapping[str, str] = {
    "polyexponential": "exponential",  # with its usual rho, 1, the two are one
    "exponential": "exponential",
    "sgm uniform": "sgm_uniform",
    "kl optimal": "kl_optimal",
    "linear quadratic": "linear_quadratic",
    "karras": "karras",
    "uniform": "normal",
    "simple": "simple",
    "normal": "normal",
    "ddim": "ddim_uniform",
    "beta": "beta",
}
#: What A1111 1.9 and later take for "Automatic", where that is not the uniform schedule.
AUTOMATIC: Mapping[str, str] = {
    "dpmpp_2m": "karras",
    "dpmpp_sde": "karras",
    "dpmpp_2s_ancestral": "karras",
    "dpm_2": "karras",
    "dpm_2_ancestral": "karras",
    "dpmpp_2m_sde": "exponential",
    "dpmpp_2m_sde_heun": "exponential",
    "dpmpp_3m_sde": "exponential",
}
_UPSCALERS = {
    "latent": "bilinear",
    "latent (antialiased)": "bilinear",
    "latent (bicubic)": "bicubic",
    "latent (bicubic antialiased)": "bicubic",
    "latent (nearest)": "nearest-exact",
    "latent (nearest-exact)": "nearest-exact",
}
#: What the graph holds, and what says nothing of the picture or only what goes without saying here.
_CARRIED = frozenset(
    {"Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "VAE", "Denoising strength"}
    | {"Clip skip", "First pass size", "Lora hashes", "TI hashes", "TI"}
    | {"Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Hires sampler", "Hires schedule type"}
    | {"Hires prompt", "Hires negative prompt", "Hires CFG Scale"}
    | {"Version", "RNG", "ENSD", "Emphasis", "Batch size", "Batch pos", "User", "Created Date"}
    | {"Civitai resources", "Civitai metadata"}
)
_NETWORKS = ("lora", "lyco", "hypernet")


@dataclass(frozen=True)
class FilesHere:
    """What is on this machine: names by kind, and the file of a kind that has a hash (None if none has)."""

    list_files: Callable[[str], Iterable[str]]
    by_hash: Callable[[str, str], str | None] = lambda kind, hash: None


@dataclass
class Made:
    """The graph in the API form, and what could not be said in it."""

    prompt: Prompt
    notes: list[str] = field(default_factory=list)


def graph_of(infotext: Infotext, nodes: Mapping[str, NodeSpec], files: FilesHere) -> Made:
    """The graph that does what the settings say, as far as the nodes go."""
    return _Maker(infotext, nodes, files).make()


class _Maker:
    def __init__(self, infotext: Infotext, nodes: Mapping[str, NodeSpec], files: FilesHere) -> None:
        self._infotext = infotext
        self._nodes = nodes
        self._files = files
        self._settings = infotext.settings
        self._fields = fields_of(infotext)
        self._prompt: Prompt = {}
        self._notes: list[str] = []

    def make(self) -> Made:
        loader = self._put("CheckpointLoaderSimple", ckpt_name=self._checkpoint())
        model, clip = [loader, 0], [loader, 1]
        texts, loras = self._take_loras([self._fields["Prompt"], self._fields["Negative prompt"]])
        hires = [self._settings.get("Hires prompt", ""), self._settings.get("Hires negative prompt", "")]
        hires, more = self._take_loras(hires)
        for kind, name, strengths in dict.fromkeys([*loras, *more]):
            model, clip = self._put_lora(kind, name, strengths, model, clip)
        clip = self._skip_layers(clip)
        conditions = [self._put("CLIPTextEncode", text=self._with_embeddings(text), clip=clip) for text in texts]
        width, height = self._size()
        latent = self._put("EmptyLatentImage", width=width, height=height, batch_size=1)
        sampler, scheduler = self._sampling(self._settings.get("Sampler"), self._settings.get("Schedule type"))
        steps = self._whole("Steps", 20, 1, 10_000)
        values = {
            "model": model,
            "seed": self._whole("Seed", 0, 0, _LARGEST_SEED),
            "steps": steps,
            "cfg": self._number("CFG scale", 7.0, 0.0, 100.0),
            "sampler_name": sampler,
            "scheduler": scheduler,
            "positive": [conditions[0], 0],
            "negative": [conditions[1], 0],
        }
        sampled = self._put("KSampler", **values, latent_image=[latent, 0], denoise=1.0)
        if (target := self._hires_size(width, height)) is not None:
            sampled = self._put_second_pass(sampled, target, values, hires, clip)
        elif "Denoising strength" in self._settings:
            self._note(
                say(
                    "the picture was made from another one, with denoising strength {strength!r}; this graph begins "
                    "with an empty latent, so to begin with a picture, encode it in place of that",
                    strength=self._settings["Denoising strength"],
                )
            )
        decoded = self._put("VAEDecode", samples=[sampled, 0], vae=self._vae(loader))
        self._put("SaveImage", images=[decoded, 0], filename_prefix="Heddle")
        self._tell_what_is_left_out()
        return Made(self._prompt, self._notes)

    def _put(self, kind: str, **inputs: Any) -> str:
        node_id = str(len(self._prompt) + 1)
        if kind not in self._nodes:
            self._note(say("there is no node type {kind} here; what it does is missing", kind=kind))
        self._prompt[node_id] = {"class_type": kind, "inputs": inputs}
        return node_id

    def _note(self, words: str) -> None:
        if words not in self._notes:
            self._notes.append(words)

    # Files

    def _checkpoint(self) -> str:
        name, hash = self._settings.get("Model", ""), self._settings.get("Model hash", "")
        names = list(self._files.list_files("checkpoints"))
        if found := _same_name(name, names):
            return found
        if hash and (found := self._files.by_hash("checkpoints", hash)):
            if name:
                words = "the checkpoint {name!r} has the hash {hash} and is here as {found!r}"
                self._note(say(words, name=name, hash=hash, found=found))
            return found
        if not name and not hash:
            self._note(say("the text names no checkpoint; the first one that is here was taken"))
            return names[0] if names else ""
        if name:
            words = "the checkpoint {name!r} is not here{near}; choose one or put it there"
            self._note(say(words, name=name, near=_near(name, names)))
        else:
            words = "the checkpoint with the hash {hash} is not here; choose one or put it there"
            self._note(say(words, hash=hash[:20]))
        return f"{name or hash}.safetensors"

    def _vae(self, loader: str) -> list[Any]:
        name = self._settings.get("VAE", "")
        if not name or name.lower() in ("none", "automatic"):
            return [loader, 2]
        names = list(self._files.list_files("vae"))
        found = _same_name(name, names)
        if found is None or "VAELoader" not in self._nodes:
            words = "the VAE {name!r} is not here{near}; the checkpoint's own is used"
            self._note(say(words, name=name, near=_near(name, names)))
            return [loader, 2]
        return [self._put("VAELoader", vae_name=found), 0]

    def _take_loras(self, texts: list[str]) -> tuple[list[str], list[tuple[str, str, tuple[float, float]]]]:
        """The texts without what is no prompt, and what stood there: kind, name, and strengths for model and text."""
        rests: list[str] = []
        found: list[tuple[str, str, tuple[float, float]]] = []
        for text in texts:
            rest, calls = take_networks(text, _NETWORKS)
            rests.append(rest.strip(" ,\n") if calls else text)
            found += [(call.kind.lower(), call.items[0].strip(), call.strengths) for call in calls]
        return rests, found

    def _put_lora(
        self, kind: str, name: str, strengths: tuple[float, float], model: list[Any], clip: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        if kind == "hypernet" or "LoraLoader" not in self._nodes:
            what = "hypernetwork" if kind == "hypernet" else "LoRA"
            words = "the {what} {name!r} is left out: there is no node type for it here"
            self._note(say(words, what=what, name=name))
            return model, clip
        names = list(self._files.list_files("loras"))
        found = _same_name(name, names)
        if found is None:
            words = "the LoRA {name!r} is not here{near}; choose one or put it there"
            self._note(say(words, name=name, near=_near(name, names)))
        node = self._put(
            "LoraLoader",
            model=model,
            clip=clip,
            lora_name=found or f"{name}.safetensors",
            strength_model=strengths[0],
            strength_clip=strengths[1],
        )
        return [node, 0], [node, 1]

    def _with_embeddings(self, text: str) -> str:
        """The text with `embedding:` before the names of textual inversions, which A1111 writes bare."""
        hashes = self._settings.get("TI hashes", "") + "," + self._settings.get("TI", "")
        told = (each.partition(":")[0].strip() for each in hashes.split(","))
        here = (PurePosixPath(each).stem for each in self._files.list_files("embeddings"))
        small = text.lower()
        names = sorted({name for name in (*told, *here) if name and name.lower() in small}, key=len, reverse=True)
        if not names:
            return text
        pattern = rf"(?<![\w:./\\-])(?:{'|'.join(map(re.escape, names))})(?![\w-])"
        return re.sub(pattern, lambda match: f"embedding:{match[0]}", text, flags=re.IGNORECASE)

    # Numbers

    def _size(self) -> tuple[int, int]:
        sides = (self._fields.get(f"Size-{place}", _USUAL_PX) for place in (1, 2))
        width, height = (_rounded_up(_number_in(str(side), _USUAL_PX)) for side in sides)
        return width, height

    def _whole(self, name: str, default: int, low: int, high: int) -> int:
        text = self._settings.get(name)
        if text is None:
            return default
        value = int(text) if re.fullmatch(r"-?\d{1,25}", text) else None
        if value is None or not low <= value <= high:
            words = "{name}: found {found!r}, wanted a whole number from {low} to {high}; {default} was taken"
            self._note(say(words, name=name, found=text, low=low, high=high, default=default))
            return default
        return value

    def _number(self, name: str, default: float, low: float, high: float) -> float:
        text = self._settings.get(name)
        if text is None:
            return default
        value = _number_in(text, math.nan)
        if not low <= value <= high:
            words = "{name}: found {found!r}, wanted a number from {low:g} to {high:g}; {default:g} was taken"
            self._note(say(words, name=name, found=text, low=low, high=high, default=default))
            return default
        return value

    def _skip_layers(self, clip: list[Any]) -> list[Any]:
        skip = self._whole("Clip skip", 1, 1, 24)
        if skip <= 1:
            return clip
        if "CLIPSetLastLayer" not in self._nodes:
            words = "clip skip {skip} is left out: there is no node type {kind} here"
            self._note(say(words, skip=skip, kind="CLIPSetLastLayer"))
            return clip
        return [self._put("CLIPSetLastLayer", clip=clip, stop_at_clip_layer=-skip), 0]

    # Sampling

    def _sampling(self, name: str | None, schedule: str | None) -> tuple[str, str]:
        """The names here of a sampler and a schedule, the second of which may stand in the name of the first."""
        name, schedule = (name or "Euler").strip(), (schedule or "").strip()
        if not schedule:
            for word in SCHEDULERS:
                if name.lower().endswith(f" {word}"):
                    name, schedule = name[: -len(word) - 1].strip(), word
                    break
        sampler = self._choose("sampler", name, SAMPLERS.get(name.lower()), "sampler_name", "euler")
        version = version_of(self._infotext)
        if schedule.lower() in ("", "automatic"):
            is_late = schedule or (version is not None and version >= (1, 9, 0, 0))
            wanted = AUTOMATIC.get(sampler, "normal") if is_late else "normal"
            return sampler, self._choose("schedule", wanted, wanted, "scheduler", "normal")
        return sampler, self._choose("schedule", schedule, SCHEDULERS.get(schedule.lower()), "scheduler", "normal")

    def _choose(self, what: str, name: str, ours: str | None, input_name: str, otherwise: str) -> str:
        """One of the choices that KSampler offers."""
        spec = self._nodes.get("KSampler")
        wanted = spec.input(input_name) if spec else None
        choices = [str(each) for each in (wanted.choices or ())] if wanted else []
        ours = ours or (name if name in choices else None)
        if ours is not None and (ours in choices or not choices):
            return ours
        taken = otherwise if otherwise in choices or not choices else choices[0]
        near = difflib.get_close_matches(ours or name.lower().replace(" ", "_"), choices, n=_FEW, cutoff=0.5)
        hint = say("; near to it: {names}", names=", ".join(near)) if near else ""
        told = {"name": name, "taken": taken, "near": hint}
        if what == "sampler":
            self._note(say("the sampler {name!r} is not here; {taken} was taken{near}", **told))
        else:
            self._note(say("the schedule {name!r} is not here; {taken} was taken{near}", **told))
        return taken

    def _hires_size(self, width: int, height: int) -> tuple[int, int] | None:
        """The size of a second pass, None if there was none."""
        sides = [_number_in(str(self._fields.get(f"Hires resize-{place}", 0)), 0) for place in (1, 2)]
        scale = _number_in(self._settings.get("Hires upscale", ""), 0)
        if any(sides):
            if not all(sides):  # the other side follows
                ratio = width / height
                sides = [sides[0] or sides[1] * ratio, sides[1] or sides[0] / ratio]
        elif scale >= 1:
            sides = [width * scale, height * scale]
        else:
            return None
        return _rounded_up(sides[0], 8), _rounded_up(sides[1], 8)

    def _put_second_pass(
        self, first: str, size: tuple[int, int], values: Mapping[str, Any], texts: list[str], clip: list[Any]
    ) -> str:
        upscaler = self._settings.get("Hires upscaler", "Latent")
        method = _UPSCALERS.get(upscaler.lower())
        if method is None:
            method = "bilinear"
            words = "the upscaler {name!r} is left out; the latent is scaled up instead ({method})"
            self._note(say(words, name=upscaler, method=method))
        larger = self._put(
            "LatentUpscale",
            samples=[first, 0],
            upscale_method=method,
            width=size[0],
            height=size[1],
            crop="disabled",
        )
        name = self._unless("Hires sampler", "Use same sampler")
        schedule = self._unless("Hires schedule type", "Use same scheduler")
        own: dict[str, Any] = {}
        if name or schedule:
            own["sampler_name"], own["scheduler"] = self._sampling(
                name or self._settings.get("Sampler"), schedule or self._settings.get("Schedule type")
            )
        for key, text in zip(("positive", "negative"), texts, strict=True):
            if text:
                own[key] = [self._put("CLIPTextEncode", text=self._with_embeddings(text), clip=clip), 0]
        steps = self._whole("Hires steps", 0, 0, 10_000) or values["steps"]
        cfg = self._number("Hires CFG Scale", values["cfg"], 0.0, 100.0)
        denoise = self._number("Denoising strength", 0.7, 0.0, 1.0)
        later = {**values, **own, "steps": steps, "cfg": cfg}
        return self._put("KSampler", **later, latent_image=[larger, 0], denoise=denoise)

    def _unless(self, name: str, same: str) -> str | None:
        """A setting of the second pass, None if it is that of the first."""
        value = self._settings.get(name)
        return None if value == same else value

    def _tell_what_is_left_out(self) -> None:
        left = [name for name in self._settings if name not in _CARRIED and not name.endswith(" hash")]
        if left:
            first = ", ".join(short(name) for name in left[:8])
            more = say(" and others") if len(left) > 8 else ""
            self._note(say("not carried over: {names}{more}", names=first, more=more))


def _same_name(wanted: str, names: Iterable[str]) -> str | None:
    """The file that a program calls so: with or without folder and ending, in any case; whole names first."""
    wanted = wanted.strip().replace("\\", "/").lower()
    if not wanted:
        return None
    by_rank: list[tuple[int, str]] = []
    for name in names:
        small = name.lower()
        forms = (small, str(PurePosixPath(small).with_suffix("")), PurePosixPath(small).name, PurePosixPath(small).stem)
        if wanted in forms:
            by_rank.append((forms.index(wanted), name))
    return min(by_rank)[1] if by_rank else None


def _near(wanted: str, names: Iterable[str]) -> str:
    by_stem = {PurePosixPath(name).stem.lower(): name for name in names}
    near = difflib.get_close_matches(PurePosixPath(wanted.lower()).stem, by_stem, n=_FEW, cutoff=0.4) if wanted else []
    if not near:
        return ""
    return say(" (similar: {names})", names=", ".join(short(by_stem[each]) for each in near))


def _number_in(text: str, otherwise: float) -> float:
    """A number as these texts write it, without the odd forms that Python takes as well."""
    return float(text) if re.fullmatch(r"\s*[+-]?\d{1,20}(\.\d{0,20})?\s*", text) else otherwise


def _rounded_up(side: float, step: int = _STEP_PX) -> int:
    """To whole steps, within what a picture may be."""
    return int(min(max(math.ceil(side / step), 1) * step, _LARGEST_PX))
