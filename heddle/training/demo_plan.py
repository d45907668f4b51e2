"""Every number of the demo model's training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.unet import UNetConfig
from heddle.networks.vae import VaeConfig
from heddle.training.loop import Plan

LATENT_SCALE = 0.18215  # what this family multiplies its VAE's latents with: the published configuration of SD 1
# How wide latents times that scale are spread. At the published 64 x 64 cells and a spread of 1 the strongest noise
# still lets a picture's broad outlines through; at 16 x 16 cells the same noise drowns them four times as deep.
# Source: Hoogeboom et al. 2023, arXiv:2301.11093, section 3.1.
LATENT_SPREAD = 2.0
LEAST_VARIANCE = 1 / 400  # of a latent direction, as a share of the strongest one's, that is taken for more than noise


# 64 channels at full size, two for each of the norm's groups: with one, the decoder's last norm would take the mean of
# every channel away, and with it the colour of a plain background (see `SOFT_EPS`). The scale below can be narrower.
VAE_SIZES = VaeConfig(widths=(64, 32, 64, 128), blocks=1)
# Two layers more than words need by themselves: which of two things stands where is said by several of them together.
TEXT_SIZES = ClipTextConfig(width=128, layers=4, mlp_width=512)
# Most of the work is done at half and quarter size: there a step costs least for what it teaches.
UNET_SIZES = UNetConfig(
    widths=(64, 128, 160), blocks=(1, 1, 1), depths=(0, 1, 1), middle_depth=1, context_width=128, time_width=256
)


SAMPLE_PROMPTS = (
    "a red circle",
    "a small blue star, top left, white background",
    "a big green tree, navy background",
    "a yellow fish on the right",
    "a pink heart, bottom left, black background",
    "a purple house",
    "a cyan square, top",
    "an orange triangle, bottom right, gray background",
    "star",
    "a small red house in the top right corner",
    "a blue fish, gradient background",
    "a heart, mint background",
    "a red circle left of a blue square",
    "a green star above a yellow house",
    "a pink fish right of a purple tree, white background",
    "an orange heart below a cyan triangle",
    "a blue star left of a red star, black background",
    "a yellow fish on the left and a green tree on the right, sky",
    "a red house, sky background",
    "a purple star, striped background",
    "a green heart, gray and white dots",
    "outline of a blue star",
    "pixel art of a red heart, black background",
    "pixel art of a yellow circle above a pink square",
)


@dataclass(frozen=True)
class DemoPlan:
    """Every number of the training. Sizes fit 40 MB in fp16, steps some hours on two cores."""

    seed: int = 1
    vae: VaeConfig = VAE_SIZES
    text: ClipTextConfig = TEXT_SIZES
    unet: UNetConfig = UNET_SIZES
    crowds: int = 3000  # drawings for the autoencoder alone
    scenes: int = 18000  # drawings with captions
    vae_training: Plan = field(
        default_factory=lambda: Plan(steps=2500, learning_rate=1e-3, average_decay=0.99, fall_share=0.3)
    )
    vae_batch: int = 8
    vae_crop_px: int = 64
    # The autoencoder sees crops first, a quarter of the work for as many edges, then whole pictures: its norms and its
    # attention look at the whole, and have to meet it as large as it will be.
    vae_whole_share: float = 1 / 3
    vae_whole_batch: int = 4
    divergence_weight: float = 1e-4
    preview_weight: float = 0.5
    decoder_training: Plan = field(
        default_factory=lambda: Plan(steps=300, learning_rate=5e-4, warmup_steps=30, average_decay=0.99, fall_share=0.6)
    )
    decoder_batch: int = 4
    decoder_noise: float = 0.15  # most noise put on a latent, over its spread: what the denoiser hands on is not exact
    reader_training: Plan = field(
        default_factory=lambda: Plan(
            steps=4000, learning_rate=1e-3, warmup_steps=50, average_decay=0.99, fall_share=0.4, weight_decay=0.01
        )
    )
    reader_batch: int = 32
    denoiser_training: Plan = field(
        default_factory=lambda: Plan(
            steps=16000, learning_rate=1e-3, warmup_steps=300, average_decay=0.998, fall_share=0.25
        )
    )
    denoiser_batch: int = 32
    noisy_from: int = 700  # timestep
    no_caption_share: float = 0.1  # of the captions left empty, for guidance
    unknown_word_share: float = 0.1  # of the captions get words from outside the world, to learn to pass over them
    export_every: int = 500  # steps
    sample_prompts: tuple[str, ...] = SAMPLE_PROMPTS  # painted at each export

    def going_on(self) -> DemoPlan:
        """The same for a training that begins with an earlier model: shorter, and not so fast that all is forgotten."""
        return replace(
            self,
            vae_training=replace(self.vae_training, steps=1600, learning_rate=5e-4),
            preview_weight=0.0,  # directions for colour are there
            vae_whole_share=0.6,  # whole pictures is what it was good at; crops alone make ripples
            decoder_training=replace(self.decoder_training, steps=200),
            denoiser_training=replace(self.denoiser_training, steps=8000, learning_rate=7e-4),
        )
