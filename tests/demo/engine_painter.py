"""The engine as a painter of many prompts at once: the functions that the nodes call, without a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.conditions import Condition, condition_sides
from heddle.samplers.guiders import cfg
from heddle.samplers.noise import initial_noise
from heddle.samplers.run import run_sampler
from heddle.training.drawing import SIDE_PX
from heddle.training.evaluate import GUIDANCE, STEPS
from model_management.checkpoint import open_checkpoint
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.image_coding import decode_latent, encode_image
from model_management.prompt_tokens import tokenize_for
from model_management.text_encoding import encode_text
from model_management.weights import Weights


class EnginePainter:
    """Prompts to pictures with a checkpoint, euler over the normal schedule."""

    def __init__(self, checkpoint: Path, device: torch.device | None = None) -> None:
        self.model, self.clip, self.vae = open_checkpoint(checkpoint, FAMILIES)
        self.weights = Weights(device or torch.device("cpu"))
        self._encoded: dict[str, Tensor] = {}

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        cells = SIDE_PX // self.vae.px_per_cell
        # A picture of its own for each seed, as if it had been asked for alone.
        noise = torch.cat([initial_noise(seed, (1, self.vae.latent_channels, cells, cells)) for seed in seeds])
        sides = {
            name: [Condition({"context": torch.cat([self.encode(prompt) for prompt in texts])})]
            for name, texts in (("positive", prompts), ("negative", negatives))
        }
        with self.weights.hold(self.model) as net:
            latent = run_sampler(
                SAMPLERS["euler"],
                cfg(condition_sides(denoiser_for(self.model, net), sides), GUIDANCE, self.model.predicts),
                self.model.predicts,
                SCHEDULERS["normal"](self.model.predicts.schedule, STEPS),
                torch.zeros_like(noise),
                noise,
                scale=self.model.latent.scale,
            )
        return to_pictures(decode_latent(self.vae, latent, self.weights))

    def encode(self, prompt: str) -> Tensor:
        """[1, 77, D]."""
        if prompt not in self._encoded:
            chunks = tokenize_for(self.clip, prompt, ()).chunks
            self._encoded[prompt] = encode_text(self.clip, chunks, self.weights).states
        return self._encoded[prompt]

    @torch.inference_mode()
    def code(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures [N, H, W, 3] uint8 through the autoencoder and back."""
        parts = []
        for part in torch.from_numpy(pictures).split(16):
            parts.append(decode_latent(self.vae, encode_image(self.vae, part / 255, self.weights), self.weights))
        return to_pictures(torch.cat(parts))


def to_pictures(images: Tensor) -> np.ndarray:
    """[N, H, W, 3], 0..1, to uint8."""
    return (images * 255).round().byte().cpu().numpy()
