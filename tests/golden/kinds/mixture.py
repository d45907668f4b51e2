"""A denoiser that is known exactly: data from a mixture of Gaussians over the channel values of one pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.samplers.conditions import Call, Condition, ConditionedDenoiser
from tests.golden.checks import NotCovered
from tests.golden.notation import read_tensor
from tests.golden.workshop import Workshop


@dataclass(frozen=True)
class Mixture:
    """One class: centres [J, C], log-weights [J], and the standard deviation that its components share."""

    centres: Tensor
    log_weights: Tensor
    deviation: float

    def clean(self, x: Tensor, sigma: Tensor, is_flow: bool) -> Tensor:
        """The posterior mean of the data, given x [B, C, h, w] at a noise level."""
        scale = 1 - sigma if is_flow else torch.ones_like(sigma)
        variance = (scale * self.deviation) ** 2 + sigma**2
        centres = self.centres[None, :, :, None, None]
        away = x[:, None] - scale * centres  # [B, J, C, h, w]
        logits = self.log_weights[None, :, None, None] - away.square().sum(2) / (2 * variance)
        share = logits.softmax(1)[:, :, None]
        return (share * (centres + scale * self.deviation**2 / variance * away)).sum(1)


def mixture_named(number: int, workshop: Workshop) -> Mixture:
    """A class of the set: from its tensors, or made as its `about` says."""
    about = workshop.golden.about["denoiser"]
    tensors = workshop.golden.tensors()
    parts = []
    for part in ("centres", "log_weights"):
        key = f"mix.{number}.{part}"
        text = about[part]
        if key not in tensors and not isinstance(text, str):
            raise NotCovered(f"a denoiser whose {part} are not described")
        parts.append(tensors[key] if key in tensors else read_tensor(text, variables={"class": number}))
    return Mixture(parts[0], parts[1], about["component_std"])


def denoiser_of_classes(workshop: Workshop, is_flow: bool) -> ConditionedDenoiser:
    """A denoiser whose context is the number of a class, [N, 1, 1]: guidance is tested together with it."""

    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        numbers = call.inputs["context"][:, 0, 0].int().tolist()
        parts = [
            mixture_named(number, workshop).clean(item[None], sigma, is_flow)
            for number, item in zip(numbers, x, strict=True)
        ]
        return torch.cat(parts)

    return denoise


def class_condition(number: int) -> Condition:
    """What stands for a class where a network has the encoded text."""
    return Condition({"context": torch.full((1, 1, 1), float(number))})
