"""The demo model: a text-to-image checkpoint in Stable Diffusion 1's single-file layout, trained from nothing.

Its stages, each leaving a file in the work folder that the next one starts from: the autoencoder; the training scenes
as latents; the decoder once more, alone; the text encoder; the UNet. A stage that is done is not done again, one that
was stopped goes on, and both ways lead to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from heddle.networks.clip_text import ClipText
from heddle.networks.ops import TRAINABLE, quiet_start
from heddle.networks.unet import UNet
from heddle.networks.vae import Autoencoder
from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.conditions import Condition, condition_sides, denoiser_of
from heddle.samplers.guiders import cfg
from heddle.samplers.noise import initial_noise
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import normal
from heddle.training.autoencoding import (
    build_autoencoder,
    encode_scenes,
    forget_moments,
    harden_norms,
    refine_decoder,
    to_pictures,
    train_autoencoder,
    whiten_latents,
)
from heddle.training.charts import draw_curves, draw_sheet
from heddle.training.demo_plan import LATENT_SCALE, LATENT_SPREAD, DemoPlan
from heddle.training.earlier import TEXT, UNET, VAE, WORDS, Earlier, read_earlier, take_over, take_over_text
from heddle.training.loop import Progress, Watch, load_average, never, read_losses, train
from heddle.training.losses import noise_loss, seeded_chance
from heddle.training.reading import (
    Captions,
    Tokenize,
    Vocabulary,
    clip_tokens,
    read_vocabulary,
    train_reader,
)
from heddle.training.world import in_any_order, pick_scene


class Nets(NamedTuple):
    """The three nets of a checkpoint; the text encoder may have a narrowed vocabulary."""

    text: ClipText
    unet: UNet
    vae: Autoencoder


def build_text(plan: DemoPlan, vocabulary: Vocabulary, device: torch.device) -> ClipText:
    """A fresh text encoder, the same for the same seed."""
    torch.manual_seed(plan.seed + 1)
    return ClipText(replace(plan.text, vocabulary=vocabulary.size), TRAINABLE).to(device)


def build_unet(plan: DemoPlan, device: torch.device) -> UNet:
    """A fresh UNet, the same for the same seed."""
    torch.manual_seed(plan.seed + 2)
    unet = UNet(plan.unet, TRAINABLE)
    quiet_start(unet)
    return unet.to(device)


def train_denoiser(
    plan: DemoPlan,
    vae: Autoencoder,
    latents: Tensor,
    tokenize: Tokenize,
    folder: Path,
    device: torch.device,
    watch: Watch,
    earlier: Earlier | None = None,
) -> Nets:
    """The last two stages: the text encoder learns to read captions, then the UNet to tell the noise from what it read.

    Args:
        latents: [scenes, 4, 16, 16] in the VAE's units.
    """
    vocabulary = read_vocabulary(tokenize, plan.text.vocabulary)
    captions = Captions(vocabulary, tokenize, plan.no_caption_share, plan.unknown_word_share)
    scenes = [pick_scene(Random(f"{plan.seed}/scene/{i}")) for i in range(plan.scenes)]
    text = build_text(plan, vocabulary, device)
    if earlier is not None:
        quiet_start(text)  # a layer more than the earlier encoder had begins by doing nothing
        take_over_text(text, earlier.text, vocabulary)
    watch.curves["text"] = train_reader(
        text,
        scenes,
        captions,
        plan.reader_training,
        batch=plan.reader_batch,
        seed=plan.seed + 3,
        checkpoint=folder / "text.pt",
        on_progress=watch.stage("text"),
        should_stop=watch.should_stop,
    )
    text.requires_grad_(False)
    unet = build_unet(plan, device)
    if earlier is not None:
        take_over(unet, earlier.unet, "UNet")
    sigmas = scaled_linear(0.00085, 0.012).sigmas

    def loss_of(step: int) -> Tensor:
        chance, random = seeded_chance(plan.seed + 1, step), Random(f"{plan.seed}/caption/{step}")
        chosen = torch.randint(plan.scenes, (plan.denoiser_batch,), generator=chance)
        ids = captions.draw(random, [in_any_order(random, scenes[i]) for i in chosen.tolist()])
        clean = latents[chosen] * LATENT_SCALE
        # Half of the batch at the noisy end, where only the text can say what will be where.
        timesteps = torch.randint(len(sigmas), (len(chosen),), generator=chance)
        half = len(chosen) // 2
        timesteps[:half] = torch.randint(plan.noisy_from, len(sigmas), (half,), generator=chance)
        noise = torch.randn(clean.shape, generator=chance)
        sigma = sigmas[timesteps]
        level = sigma[:, None, None, None]
        noisy = (clean + noise * level) / (level.square() + 1).sqrt()
        said = unet(noisy.to(device), timesteps.to(device), text(ids.to(device)).states)
        return noise_loss(said, noise.to(device), sigma.to(device) / LATENT_SPREAD)

    def show(step: int, average: Mapping[str, Tensor], losses: Sequence[float]) -> None:
        watch.curves["denoiser"] = losses
        draw_curves(watch.curves, folder / "losses.png")
        shown = Nets(text, build_unet(plan, device), vae)
        load_average(shown.unet, average)
        export(plan, shown, vocabulary, folder / "heddle-demo.safetensors")
        show_samples(Painter(shown, tokenize, vocabulary), plan.sample_prompts, folder / "samples.png")

    trained = train(
        dict(unet.named_parameters()),
        loss_of,
        plan.denoiser_training,
        folder / "denoiser.pt",
        on_progress=watch.stage("denoiser"),
        on_average=show,
        average_every=plan.export_every,
        should_stop=watch.should_stop,
    )
    show(plan.denoiser_training.steps, trained.average, trained.losses)
    load_average(unet, trained.average)
    return Nets(text, unet, vae)


def export(plan: DemoPlan, nets: Nets, vocabulary: Vocabulary, path: Path) -> None:
    """Write the single file: fp16, names as in the published layout, every word of the published vocabulary."""
    tensors = {f"{UNET}{name}": each for name, each in nets.unet.state_dict().items()}
    tensors |= {f"{VAE}{name}": each for name, each in harden_norms(plan, nets.vae).state_dict().items()}
    text = nets.text.state_dict()
    text[WORDS] = vocabulary.widen(text[WORDS])
    tensors |= {f"{TEXT}{name}": each for name, each in text.items()}
    halved = {
        name: (each.half() if each.is_floating_point() else each).cpu().contiguous() for name, each in tensors.items()
    }
    partial = path.with_name(path.name + ".partial")
    save_file(halved, partial, metadata={"format": "pt"})  # two entries would be written in an order of chance
    partial.replace(path)


@dataclass(frozen=True)
class Painter:
    """Prompts to pictures with nets at hand, for samples during training."""

    nets: Nets
    tokenize: Tokenize
    vocabulary: Vocabulary

    @torch.no_grad()
    def __call__(
        self, prompts: Sequence[str], negatives: Sequence[str], seeds: Sequence[int], steps: int = 20, scale: float = 5
    ) -> np.ndarray:
        """One picture for each prompt, [N, H, W, 3] uint8: euler over the normal schedule."""
        unet, vae = self.nets.unet, self.nets.vae
        device = next(unet.parameters()).device
        prediction = Epsilon(scaled_linear(0.00085, 0.012))
        noise = torch.cat([initial_noise(seed, (1, vae.config.latent_channels, 16, 16)) for seed in seeds]).to(device)
        denoise = denoiser_of(lambda x, times, call: unet(x, times, call.inputs["context"]), prediction)
        sides = {"positive": self.encode(prompts), "negative": self.encode(negatives)}
        guess = condition_sides(denoise, {name: [Condition({"context": text})] for name, text in sides.items()})
        latent = run_sampler(
            SAMPLERS["euler"],
            cfg(guess, scale, prediction),
            prediction,
            normal(prediction.schedule, steps),
            torch.zeros_like(noise),
            noise,
            scale=LATENT_SCALE,
        )
        return to_pictures(vae.decode(latent))

    def encode(self, texts: Iterable[str]) -> Tensor:
        """[N, 77, D]."""
        ids = torch.tensor([list(self.tokenize(words)) for words in texts])
        return self.nets.text(self.vocabulary.narrow(ids).to(next(self.nets.text.parameters()).device)).states


def show_samples(painter: Painter, prompts: Sequence[str], path: Path) -> None:
    """A sheet of the same prompts and seeds each time, so that sheets can be compared."""
    draw_sheet(painter(prompts, [""] * len(prompts), range(len(prompts))), prompts, path)


def train_demo(
    folder: Path,
    *,
    tokenize: Tokenize = clip_tokens,
    plan: DemoPlan | None = None,
    start: Path | None = None,
    device: str | torch.device | None = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
    should_stop: Callable[[], bool] = never,
) -> Path:
    """Train the demo model, or go on where the folder's files say.

    Args:
        folder: for checkpoints, loss curves, sample sheets and the result; made if missing.
        start: an earlier demo model, whose nets this training's begin with; None = with nothing.
        device: a GPU where there is one, else the CPU.
        tell: called after each step with the stage's name.
        should_stop: asked after each step.
    Returns: the checkpoint's path.
    Raises: Cancelled, with everything kept that is needed to go on.
    """
    plan = plan or DemoPlan()
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    folder.mkdir(parents=True, exist_ok=True)
    watch = Watch(tell, should_stop)
    earlier = read_earlier(start) if start else None

    latents_file = folder / "latents.safetensors"  # written last in its stage: with it there, the autoencoder is final
    vae_file = folder / "autoencoder.safetensors"
    if not latents_file.exists():
        vae = train_autoencoder(plan, folder, place, watch, earlier)
        latents = whiten_latents(vae, encode_scenes(plan, vae, folder, place, watch))
        save_file({name: each.cpu().contiguous() for name, each in vae.state_dict().items()}, vae_file)
        save_file({"latents": latents.contiguous()}, latents_file.with_suffix(".partial"))
        latents_file.with_suffix(".partial").replace(latents_file)
    forget_moments(folder)
    # Read back even when just written: a tensor's order in memory changes the last bits of what is computed from it.
    vae = build_autoencoder(plan, place)
    vae.load_state_dict(load_file(vae_file))
    latents = load_file(latents_file)["latents"]
    watch.curves["autoencoder"] = read_losses(folder / "autoencoder.pt")
    refine_decoder(plan, vae, latents, folder, place, watch)
    vae.requires_grad_(False)

    train_denoiser(plan, vae, latents, tokenize, folder, place, watch, earlier)
    return folder / "heddle-demo.safetensors"
