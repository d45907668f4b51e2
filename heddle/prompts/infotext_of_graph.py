"""What a graph says of a picture, as A1111's text of settings: found by following links back from the node that saves.

Nodes are known by the names of their inputs, so those of packs count as well. What A1111's text has no words for is
left out; a graph that it cannot stand for at all gives none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from heddle.prompts.infotext import Infotext
from heddle.prompts.infotext_graph import SAMPLERS

#: A1111's names of samplers and schedules as it writes them, by their names here.
_SAMPLERS: Mapping[str, str] = {
    SAMPLERS[name.lower()]: name
    for name in (
        *("Euler", "Euler a", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE"),
        *("DPM++ 2M SDE Heun", "DPM++ 3M SDE", "DPM fast", "DPM adaptive", "LCM", "DDIM", "DDPM", "UniPC"),
    )
}
_SCHEDULES: Mapping[str, str] = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "kl_optimal": "KL Optimal",
}
_TEXTS = ("text", "text_g", "t5xxl", "clip_l", "text_l", "prompt")
_SEEDS = ("seed", "noise_seed")
_MODELS = ("ckpt_name", "unet_name")
_MOST_NODES = 10_000  # that are looked at; a graph may lead in a circle
_SHORT_HASH = 10

Hashes = Mapping[str, str]


class _Unsayable(Exception):
    """A1111's text has no words for it."""


def infotext_of_graph(
    prompt: Mapping[str, Any],
    node_id: str,
    *,
    width: int,
    height: int,
    hashes: Hashes | None = None,
    version: str = "",
) -> Infotext | None:
    """The settings that made the pictures which a node saves; None if A1111's text cannot say them.

    Args:
        prompt: the graph in the API form.
        width, height: of the pictures, px.
        hashes: SHA-256 by the names of model files, as far as they are known.
        version: of the program that writes.
    """
    graph = _Graph(prompt)
    passes = graph.samplers_behind(node_id)
    if not passes:
        return None
    try:
        return _Writer(graph, node_id, passes, hashes or {}).write(width, height, version)
    except _Unsayable:
        return None


class _Graph:
    def __init__(self, prompt: Mapping[str, Any]) -> None:
        self._prompt = prompt

    def inputs(self, node_id: str) -> Mapping[str, Any]:
        node = self._prompt.get(node_id)
        found = node.get("inputs") if isinstance(node, dict) else None
        return found if isinstance(found, dict) else {}

    def behind(self, start: Sequence[Any]) -> Iterator[str]:
        """The nodes behind these links, those near first, each once."""
        waiting = [str(link[0]) for link in start]
        seen = set(waiting)
        while waiting and len(seen) < _MOST_NODES:
            node_id = waiting.pop(0)
            yield node_id
            for value in self.inputs(node_id).values():
                if _is_link(value) and str(value[0]) not in seen:
                    seen.add(str(value[0]))
                    waiting.append(str(value[0]))

    def samplers_behind(self, node_id: str) -> list[str]:
        """The nodes that sample on the way to a picture, the first pass first."""
        links = [value for value in self.inputs(node_id).values() if _is_link(value)]
        return [*self._along_pictures(links)][::-1]

    def _along_pictures(self, links: Sequence[Any]) -> Iterator[str]:
        """From the end to the beginning, what else the samplers read being left aside."""
        seen: set[str] = set()
        while links:
            sampler = next((each for each in self.behind(links) if self._samples(each) and each not in seen), None)
            if sampler is None:
                return
            seen.add(sampler)
            yield sampler
            links = [value for name, value in self.inputs(sampler).items() if "latent" in name and _is_link(value)]

    def _samples(self, node_id: str) -> bool:
        inputs = self.inputs(node_id)
        return any("latent" in name for name in inputs) and (
            ("guider" in inputs and "noise" in inputs)
            or ({"positive", "negative"} <= inputs.keys() and any(seed in inputs for seed in _SEEDS))
        )

    def find(self, node_id: str, names: Sequence[str], kinds: type | tuple[type, ...], *ways: str) -> Any:
        """A value of a node, or of the nearest one behind its links of these names; None if there is none."""
        links = [value for way in ways if _is_link(value := self.inputs(node_id).get(way))]
        for each in (node_id, *self.behind(links)):
            for name in names:
                if (value := self.plain(self.inputs(each).get(name), kinds)) is not None:
                    return value
        return None

    def plain(self, value: Any, kinds: type | tuple[type, ...], depth: int = 0) -> Any:
        """A value that stands there, or in the one fitting input of the node that is linked; else None."""
        if not _is_link(value):
            return value if isinstance(value, kinds) and not isinstance(value, bool) else None
        if depth > 20:
            return None
        fitting = [self.plain(each, kinds, depth + 1) for each in self.inputs(str(value[0])).values()]
        fitting = [each for each in fitting if each is not None]
        return fitting[0] if len(fitting) == 1 else None

    def text(self, link: Any, is_negative: bool, depth: int = 0) -> str:
        """What a condition says. Raises: _Unsayable."""
        if not _is_link(link) or depth > 100:
            raise _Unsayable
        inputs = self.inputs(str(link[0]))
        for name in _TEXTS:
            if (found := self.plain(inputs.get(name), str)) is not None:
                return found
        if {"positive", "negative"} <= inputs.keys():  # a control net and the like: both go through it
            return self.text(inputs["negative" if link[1] == 1 else "positive"], is_negative, depth + 1)
        conditions = [(name, value) for name, value in inputs.items() if "condition" in name and _is_link(value)]
        texts = [self.text(value, is_negative, depth + 1) for _, value in conditions]
        names = {name for name, _ in conditions}
        if not texts:
            raise _Unsayable
        if len(texts) == 1:
            # A condition of zeros is what stands for "no text" with nets that read it so.
            zeroed = "zero" in str(self._prompt[str(link[0])].get("class_type", "")).lower()
            return "" if zeroed and is_negative else texts[0]
        if names == {"conditioning_1", "conditioning_2"}:
            return " AND ".join(texts)
        if names == {"conditioning_to", "conditioning_from"} and "conditioning_to_strength" not in inputs:
            to, other = (self.text(inputs[name], is_negative, depth + 1) for name in sorted(names, reverse=True))
            return f"{to}\nBREAK\n{other}"
        raise _Unsayable


class _Writer:
    def __init__(self, graph: _Graph, node_id: str, passes: Sequence[str], hashes: Hashes) -> None:
        self._graph = graph
        self._node_id = node_id
        self._first, self._last = passes[0], passes[-1]
        self._hashes = hashes

    def write(self, width: int, height: int, version: str) -> Infotext:
        """Raises: _Unsayable."""
        settings: dict[str, str] = {}

        def put(name: str, value: Any, form: Callable[[Any], str] = str) -> None:
            if value is not None:
                settings[name] = form(value)

        first, find = self._first, self._graph.find
        steps = find(first, ("steps",), int, "sigmas")
        sampler = find(first, ("sampler_name",), str, "sampler")
        if steps is None or sampler is None:
            raise _Unsayable
        put("Steps", steps)
        put("Sampler", sampler, _sampler_name)
        schedule = find(first, ("scheduler",), str, "sigmas")
        put("Schedule type", schedule, _schedule_name)
        put("CFG scale", find(first, ("cfg",), (int, float), "guider"), _number)
        put("Distilled CFG Scale", find(first, ("guidance",), (int, float), "positive", "guider"), _number)
        put("Seed", find(first, _SEEDS, int, "noise"))
        start = self._start()
        put("Size", f"{start[0]}x{start[1]}" if start and self._first != self._last else f"{width}x{height}")
        model = find(first, _MODELS, str, "model", "guider")
        put("Model hash", None if model is None else self._short_hash(model))
        put("Model", model, _stem)
        put("VAE", self._vae(), _stem)
        denoise = find(self._last, ("denoise",), (int, float), "sigmas")
        put("Denoising strength", None if denoise in (None, 1) else denoise, _number)
        layer = self._clip_layer()
        put("Clip skip", None if layer in (None, -1) else -layer)
        if self._first != self._last and start != (width, height):
            put("Hires resize", f"{width}x{height}")
            put("Hires steps", find(self._last, ("steps",), int, "sigmas"))
            put("Hires upscaler", self._upscaler())
        loras = list(dict.fromkeys(self._loras()))
        hashes = [f"{_stem(name)}: {found}" for name, _ in loras if (found := self._short_hash(name)) is not None]
        put("Lora hashes", ", ".join(hashes) or None)
        settings["RNG"] = "CPU"
        put("Version", version or None)
        calls = "".join(f" <lora:{_stem(name)}:{_number(strength)}>" for name, strength in loras)
        positive, negative = self._conditions()
        return Infotext(
            self._graph.text(positive, is_negative=False) + calls,
            "" if negative is None else self._graph.text(negative, is_negative=True),
            settings,
        )

    def _conditions(self) -> tuple[Any, Any]:
        """The links of the first pass to what is wanted and what is not; the latter may be None."""
        inputs = self._graph.inputs(self._first)
        if _is_link(guider := inputs.get("guider")):
            inputs = self._graph.inputs(str(guider[0]))
        return inputs.get("positive") or inputs.get("conditioning"), inputs.get("negative")

    def _start(self) -> tuple[int, int] | None:
        """The size that the first pass begins with."""
        sides = [self._graph.find(self._first, (side,), int, "latent_image") for side in ("width", "height")]
        return (sides[0], sides[1]) if None not in sides else None

    def _upscaler(self) -> str | None:
        """What enlarges between the passes: a way to resize latents, or a model."""
        link = self._graph.inputs(self._last).get("latent_image")
        for node_id in self._graph.behind([link]) if _is_link(link) else ():
            inputs = self._graph.inputs(node_id)
            if "upscale_model" in inputs:
                name = self._graph.plain(inputs["upscale_model"], str)
                return None if name is None else _stem(name)
            if "samples" in inputs and (method := self._graph.plain(inputs.get("upscale_method"), str)) is not None:
                return "Latent" if method == "bilinear" else f"Latent ({method})"
        return None

    def _behind_model(self) -> Iterator[Mapping[str, Any]]:
        """The nodes that a model passes, from the loader on."""
        found: list[Mapping[str, Any]] = []
        inputs = self._graph.inputs(self._first)
        if _is_link(guider := inputs.get("guider")):
            inputs = self._graph.inputs(str(guider[0]))
        while _is_link(link := inputs.get("model")) and len(found) < _MOST_NODES:
            inputs = self._graph.inputs(str(link[0]))
            found.append(inputs)
        return reversed(found)

    def _loras(self) -> Iterator[tuple[str, float]]:
        for inputs in self._behind_model():
            name = self._graph.plain(inputs.get("lora_name"), str)
            strength = self._graph.plain(inputs.get("strength_model"), (int, float))
            if name is not None and strength not in (None, 0):
                yield name, strength

    def _clip_layer(self) -> int | None:
        positive, _ = self._conditions()
        if not _is_link(positive):
            return None
        for node_id in self._graph.behind([positive]):
            layer = self._graph.plain(self._graph.inputs(node_id).get("stop_at_clip_layer"), int)
            if layer is not None:
                return layer
        return None

    def _vae(self) -> str | None:
        """The file of the autoencoder that decodes, where it is not the checkpoint's own."""
        links = [value for value in self._graph.inputs(self._node_id).values() if _is_link(value)]
        for node_id in self._graph.behind(links):
            if {"samples", "vae"} <= self._graph.inputs(node_id).keys():
                return self._graph.find(node_id, ("vae_name",), str, "vae")
        return None

    def _short_hash(self, name: str) -> str | None:
        found = self._hashes.get(name)
        return None if found is None else found[:_SHORT_HASH]


def _sampler_name(name: str) -> str:
    return _SAMPLERS.get(name, name)


def _schedule_name(name: str) -> str:
    return _SCHEDULES.get(name, name)


def _is_link(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and not isinstance(value[1], bool)


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _number(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))
