"""The demo model: a text-to-image checkpoint in Stable Diffusion 1's single-file layout, trained from nothing.

Its stages, each leaving a file in the work folder that the next one starts from: the autoencoder; the training scenes
as latents; the decoder once more, alone; the text encoder; the UNet. A stage that is done is not done again, one that
was stopped goes on, and both ways lead to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import TRAINABLE, Ops, quiet_start
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.conditions import Condition, condition_sides, denoiser_of
from heddle.samplers.guiders import cfg
from heddle.samplers.noise import initial_noise
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import normal
from heddle.training.charts import draw_curves, draw_sheet
from heddle.training.drawing import draw, draw_crowd, draw_many
from heddle.training.loop import Plan, Progress, load_average, never, read_losses, train
from heddle.training.losses import gaussian_latent, noise_loss, reconstruction_loss, seeded_chance
from heddle.training.reading import (
    Captions,
    Tokenize,
    Vocabulary,
    clip_tokens,
    read_vocabulary,
    train_reader,
)
from heddle.training.world import Scene, pick_scene

LATENT_SCALE = 0.18215  # what this family multiplies its VAE's latents with: the published configuration of SD 1
# How wide latents times that scale are spread. At the published 64 x 64 cells and a spread of 1 the strongest noise
# still lets a picture's broad outlines through; at 16 x 16 cells the same noise drowns them four times as deep.
# Source: Hoogeboom et al. 2023, arXiv:2301.11093, section 3.1.
LATENT_SPREAD = 2.0
LEAST_VARIANCE = 1 / 400  # of a latent direction, as a share of the strongest one's, that is taken for more than noise


# 64 channels at full size, two for each of the norm's groups: with one, the decoder's last norm would take the mean of
# every channel away, and with it the colour of a plain background (see `SOFT_EPS`). The scale below can be narrower.
VAE_SIZES = VaeConfig(widths=(64, 32, 64, 128), blocks=1)
TEXT_SIZES = ClipTextConfig(width=128, layers=2, mlp_width=512)
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
)


@dataclass(frozen=True)
class DemoPlan:
    """Every number of the training. Sizes fit 40 MB in fp16, steps 100 minutes on two cores."""

    seed: int = 1
    vae: VaeConfig = VAE_SIZES
    text: ClipTextConfig = TEXT_SIZES
    unet: UNetConfig = UNET_SIZES
    crowds: int = 3000  # drawings for the autoencoder alone
    scenes: int = 12000  # drawings with captions
    vae_training: Plan = field(
        default_factory=lambda: Plan(steps=1500, learning_rate=1e-3, average_decay=0.99, fall_share=0.3)
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
            steps=2000, learning_rate=1e-3, warmup_steps=50, average_decay=0.99, fall_share=0.4, weight_decay=0.01
        )
    )
    reader_batch: int = 64
    denoiser_training: Plan = field(
        default_factory=lambda: Plan(
            steps=8000, learning_rate=1e-3, warmup_steps=300, average_decay=0.998, fall_share=0.25
        )
    )
    denoiser_batch: int = 32
    noisy_from: int = 700  # timestep
    no_caption_share: float = 0.1  # of the captions left empty, for guidance
    unknown_word_share: float = 0.1  # of the captions get words from outside the world, to learn to pass over them
    export_every: int = 500  # steps
    sample_prompts: tuple[str, ...] = SAMPLE_PROMPTS  # painted at each export


class Nets(NamedTuple):
    """The three nets of a checkpoint; the text encoder may have a narrowed vocabulary."""

    text: ClipText
    unet: UNet
    vae: Autoencoder


class SoftNorm(nn.GroupNorm):
    """A group norm that leaves quiet channels quiet, while the autoencoder learns.

    With the layout's eps of 1e-6 and two channels to a group, nothing is left of a plain colour but which channel of a
    pair is larger. With `SOFT_EPS` the norm is almost linear for small signals, and a colour comes through as it is.
    `harden_norms` gives the same function with the layout's eps.
    """

    def __init__(self, groups: int, channels: int, eps: float = 1e-6) -> None:
        super().__init__(groups, channels, eps=SOFT_EPS)


SOFT_EPS, LAYOUT_EPS = 0.1, 1e-6
SOFT_OPS = replace(TRAINABLE, GroupNorm=SoftNorm)


def build_autoencoder(plan: DemoPlan, device: torch.device, ops: Ops = SOFT_OPS) -> Autoencoder:
    """A fresh autoencoder, the same for the same seed."""
    torch.manual_seed(plan.seed)
    vae = Autoencoder(plan.vae, ops)
    quiet_start(vae)
    # A third faster on a CPU at these sizes. (torch takes this keyword, its stubs leave it out.)
    return vae.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


@torch.no_grad()
def harden_norms(plan: DemoPlan, soft: Autoencoder) -> Autoencoder:
    """The same function as `soft`, with the layout's eps in its norms.

    (x - m) / sqrt(v + E) is the same for x, E and for c x, c^2 E. So all that flows from norm to norm is made c times
    smaller: what writes it anew by weight and bias, what passes it on by its bias alone.
    """
    factor = (LAYOUT_EPS / SOFT_EPS) ** 0.5
    hard = build_autoencoder(plan, next(soft.parameters()).device, TRAINABLE)
    hard.load_state_dict(soft.state_dict())
    for name, parameter in hard.named_parameters():
        layer, kind = name.split(".")[-2:] if "sample.conv" not in name else ("sample", name.split(".")[-1])
        writes = layer in ("conv_in", "conv1", "conv2", "proj_out")
        passes_on = layer in ("nin_shortcut", "sample")
        if writes or (passes_on and kind == "bias"):
            parameter *= factor
    return hard


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


def to_pixels(pictures: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """[N, H, W, 3] uint8 to [N, 3, H, W], -1..1."""
    return torch.as_tensor(pictures).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(pixels: Tensor) -> np.ndarray:
    """[N, 3, H, W], -1..1, to [N, H, W, 3] uint8."""
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def train_autoencoder(plan: DemoPlan, folder: Path, device: torch.device, watch: Watch) -> Autoencoder:
    """The first stage: pictures to latents and back. Its latents are not yet of unit variance."""
    vae = build_autoencoder(plan, device)
    crowds = torch.from_numpy(draw_many(plan.crowds, plan.seed, draw_crowd))
    scenes = torch.from_numpy(np.stack([draw_scene(plan, i)[1] for i in range(plan.crowds)]))
    whole_from = round(plan.vae_training.steps * (1 - plan.vae_whole_share))

    # Reads the mean colour of each latent cell off the latent, linearly. It is there for its gradient: within a hundred
    # steps three directions of the latent hold colour, where the decoder alone would take thousands to ask for them.
    preview = nn.Conv2d(plan.vae.latent_channels, 3, 1).to(device)

    def loss_of(step: int) -> Tensor:
        chance = seeded_chance(plan.seed, step)
        if step < whole_from:
            half = plan.vae_batch // 2
            pictures = torch.cat([random_crops(each, half, plan.vae_crop_px, chance) for each in (crowds, scenes)])
        else:
            chosen = torch.randint(plan.crowds, (plan.vae_whole_batch,), generator=chance)
            pictures = torch.cat([crowds[chosen[:1]], scenes[chosen[1:]]])
        pixels = to_pixels(pictures, device)
        moments = vae.encode(pixels)
        noise = torch.randn(moments.chunk(2, dim=1)[0].shape, generator=chance).to(device)
        latent, divergence = gaussian_latent(moments, noise)
        coarse = avg_pool2d(pixels, plan.vae.px_per_cell)
        return (
            reconstruction_loss(vae.decode(latent), pixels)
            + plan.preview_weight * reconstruction_loss(preview(latent), coarse)
            + plan.divergence_weight * divergence
        )

    def show(step: int, average: Mapping[str, Tensor], losses: Sequence[float]) -> None:
        shown = build_autoencoder(plan, device)
        load_average(shown, average, "vae.")
        show_reconstructions(plan, shown, folder / "autoencoder.png", device)

    parameters = {f"vae.{name}": each for name, each in vae.named_parameters()}
    parameters |= {f"preview.{name}": each for name, each in preview.named_parameters()}
    trained = train(
        parameters,
        loss_of,
        plan.vae_training,
        folder / "autoencoder.pt",
        on_progress=watch.stage("autoencoder"),
        on_average=show,
        average_every=plan.export_every,
        should_stop=watch.should_stop,
    )
    watch.curves["autoencoder"] = trained.losses
    load_average(vae, trained.average, "vae.")
    return vae


def random_crops(pictures: Tensor, count: int, side_px: int, chance: torch.Generator) -> Tensor:
    """Squares from anywhere in pictures [N, H, W, 3]."""
    span = pictures.shape[1] - side_px + 1
    places = torch.stack(
        [torch.randint(top, (count,), generator=chance) for top in (len(pictures), span, span)], dim=1
    ).tolist()
    return torch.stack([pictures[i, y : y + side_px, x : x + side_px] for i, y, x in places])


def draw_scene(plan: DemoPlan, number: int) -> tuple[Scene, np.ndarray]:
    """Training scene `number` and its drawing, from the plan's seed and the number alone."""
    random = Random(f"{plan.seed}/scene/{number}")
    scene = pick_scene(random)
    return scene, draw(random, scene)


@torch.no_grad()
def encode_scenes(plan: DemoPlan, vae: Autoencoder, device: torch.device, watch: Watch) -> Tensor:
    """The moments of all training scenes, [scenes, 8, 16, 16]: means and log variances in the VAE's own units."""
    tell, moments = watch.stage("latents"), []
    for first in range(0, plan.scenes, 16):
        pictures = np.stack([draw_scene(plan, i)[1] for i in range(first, min(first + 16, plan.scenes))])
        moments.append(vae.encode(to_pixels(pictures, device)).cpu().contiguous())
        tell(Progress(min(first + 16, plan.scenes), plan.scenes, float("nan"), float("nan")))
    return torch.cat(moments)


@torch.no_grad()
def whiten_latents(vae: Autoencoder, moments: Tensor) -> Tensor:
    """Fold into the VAE what makes its latents, times the family's scale, uncorrelated, each of the same spread.

    The two convolutions of one pixel at the latents' side take up the turn, so that the layout stays as it is.
    Untreated, most of a latent's variance is lightness, and what tells colours apart would drown in the denoiser's
    noise. A direction of next to no variance is mostly noise itself, and is left weak.

    Args:
        moments: [N, 2 * C, h, w], as the VAE gives them now.
    Returns: [N, C, h, w], the same latents in the VAE's new units.
    """
    old, log_variances = moments.chunk(2, dim=1)
    channels = old.shape[1]
    rows = old.permute(1, 0, 2, 3).flatten(1).double()
    mean = rows.mean(dim=1)
    variances, directions = torch.linalg.eigh(torch.cov(rows))
    # Eigenvectors come with either sign; the larger sum is taken, so that the same latents give the same file.
    directions = directions * torch.where(directions.sum(dim=0) < 0, -1.0, 1.0)
    spread = variances.clamp(min=float(variances.max()) * LEAST_VARIANCE).sqrt() * LATENT_SCALE / LATENT_SPREAD
    inward = (directions / spread).T  # new = inward (old - mean)
    outward = directions * spread  # old = outward new + mean
    # The variance of a sum of independent parts, its logarithm taken as linear around the mean of each.
    parts = inward.square() * log_variances.mean(dim=(0, 2, 3)).double().exp()
    shares = parts / parts.sum(dim=1, keepdim=True)
    shift = parts.sum(dim=1).log() - shares @ log_variances.mean(dim=(0, 2, 3)).double()

    quant, post = vae.quant_conv, vae.post_quant_conv
    assert isinstance(quant, nn.Conv2d) and isinstance(post, nn.Conv2d)
    assert quant.bias is not None and post.bias is not None
    place = {"device": quant.weight.device, "dtype": torch.float64}
    turn = torch.block_diag(inward, shares).to(**place)
    offset = torch.cat([-inward @ mean, shift]).to(**place)
    quant.bias.copy_(turn @ quant.bias.double() + offset)
    quant.weight.copy_((turn @ quant.weight.double()[:, :, 0, 0])[:, :, None, None])
    weight = post.weight.double()[:, :, 0, 0]
    post.bias.copy_(post.bias.double() + weight @ mean.to(**place))
    post.weight.copy_((weight @ outward.to(**place))[:, :, None, None])
    new = (inward @ (rows - mean[:, None])).float()
    return new.reshape(channels, len(old), *old.shape[2:]).permute(1, 0, 2, 3).contiguous()


def refine_decoder(
    plan: DemoPlan, vae: Autoencoder, latents: Tensor, folder: Path, device: torch.device, watch: Watch
) -> None:
    """The third stage: the decoder alone, on latents that stay as they are, slightly noised.

    Args:
        latents: [scenes, 4, 16, 16] in the VAE's units.
    """
    learning = {f"decoder.{name}": each for name, each in vae.decoder.named_parameters()}
    learning |= {f"post_quant_conv.{name}": each for name, each in vae.post_quant_conv.named_parameters()}

    def loss_of(step: int) -> Tensor:
        chance = seeded_chance(plan.seed + 2, step)
        chosen = torch.randint(plan.scenes, (plan.decoder_batch,), generator=chance)
        pictures = np.stack([draw_scene(plan, i)[1] for i in chosen.tolist()])
        clean = latents[chosen]
        levels = torch.rand(len(clean), 1, 1, 1, generator=chance) * plan.decoder_noise * LATENT_SPREAD / LATENT_SCALE
        noisy = clean + levels * torch.randn(clean.shape, generator=chance)
        return reconstruction_loss(vae.decode(noisy.to(device)), to_pixels(pictures, device))

    trained = train(
        learning,
        loss_of,
        plan.decoder_training,
        folder / "decoder.pt",
        on_progress=watch.stage("decoder"),
        should_stop=watch.should_stop,
    )
    watch.curves["decoder"] = trained.losses
    with torch.no_grad():
        for name, parameter in learning.items():
            parameter.copy_(trained.average[name])
    show_reconstructions(plan, vae, folder / "autoencoder.png", device)


@torch.no_grad()
def show_reconstructions(plan: DemoPlan, vae: Autoencoder, path: Path, device: torch.device) -> None:
    """Drawings above, what the autoencoder makes of them below."""
    pictures = np.stack([draw_scene(plan, plan.scenes + i)[1] for i in range(8)])
    decoded = to_pictures(vae.decode(vae.encode(to_pixels(pictures, device)).chunk(2, dim=1)[0]))
    labels = ["drawn"] * len(pictures) + ["decoded"] * len(pictures)
    draw_sheet(np.concatenate([pictures, decoded]), labels, path, columns=8)


def train_denoiser(
    plan: DemoPlan,
    vae: Autoencoder,
    latents: Tensor,
    tokenize: Tokenize,
    folder: Path,
    device: torch.device,
    watch: Watch,
) -> Nets:
    """The last two stages: the text encoder learns to read captions, then the UNet to tell the noise from what it read.

    Args:
        latents: [scenes, 4, 16, 16] in the VAE's units.
    """
    vocabulary = read_vocabulary(tokenize, plan.text.vocabulary)
    captions = Captions(vocabulary, tokenize, plan.no_caption_share, plan.unknown_word_share)
    scenes = [pick_scene(Random(f"{plan.seed}/scene/{i}")) for i in range(plan.scenes)]
    text = build_text(plan, vocabulary, device)
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
    sigmas = scaled_linear(0.00085, 0.012).sigmas

    def loss_of(step: int) -> Tensor:
        chance, random = seeded_chance(plan.seed + 1, step), Random(f"{plan.seed}/caption/{step}")
        chosen = torch.randint(plan.scenes, (plan.denoiser_batch,), generator=chance)
        ids = captions.draw(random, [scenes[i] for i in chosen.tolist()])
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
    tensors = {f"model.diffusion_model.{name}": each for name, each in nets.unet.state_dict().items()}
    tensors |= {f"first_stage_model.{name}": each for name, each in harden_norms(plan, nets.vae).state_dict().items()}
    text = nets.text.state_dict()
    words = "text_model.embeddings.token_embedding.weight"
    text[words] = vocabulary.widen(text[words])
    tensors |= {f"cond_stage_model.transformer.{name}": each for name, each in text.items()}
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


@dataclass
class Watch:
    """Where a training reports to, and who may stop it. Loss curves gather here by stage."""

    tell: Callable[[str, Progress], None]
    should_stop: Callable[[], bool] = never
    curves: dict[str, Sequence[float]] = field(default_factory=dict)

    def stage(self, name: str) -> Callable[[Progress], None]:
        return lambda progress: self.tell(name, progress)


def train_demo(
    folder: Path,
    *,
    tokenize: Tokenize = clip_tokens,
    plan: DemoPlan | None = None,
    device: str | torch.device | None = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
    should_stop: Callable[[], bool] = never,
) -> Path:
    """Train the demo model, or go on where the folder's files say.

    Args:
        folder: for checkpoints, loss curves, sample sheets and the result; made if missing.
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

    latents_file = folder / "latents.safetensors"  # written last in its stage: with it there, the autoencoder is final
    vae_file = folder / "autoencoder.safetensors"
    if not latents_file.exists():
        vae = train_autoencoder(plan, folder, place, watch)
        latents = whiten_latents(vae, encode_scenes(plan, vae, place, watch))
        save_file({name: each.cpu().contiguous() for name, each in vae.state_dict().items()}, vae_file)
        save_file({"latents": latents.contiguous()}, latents_file.with_suffix(".partial"))
        latents_file.with_suffix(".partial").replace(latents_file)
    # Read back even when just written: a tensor's order in memory changes the last bits of what is computed from it.
    vae = build_autoencoder(plan, place)
    vae.load_state_dict(load_file(vae_file))
    latents = load_file(latents_file)["latents"]
    watch.curves["autoencoder"] = read_losses(folder / "autoencoder.pt")
    refine_decoder(plan, vae, latents, folder, place, watch)
    vae.requires_grad_(False)

    train_denoiser(plan, vae, latents, tokenize, folder, place, watch)
    return folder / "heddle-demo.safetensors"
