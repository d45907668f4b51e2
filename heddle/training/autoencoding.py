"""The demo model's autoencoder: how it learns, and how its latents become what a denoiser of the layout expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from heddle.graph.errors import Cancelled
from heddle.networks.ops import TRAINABLE, Ops, quiet_start
from heddle.networks.vae import Autoencoder
from heddle.training.charts import draw_sheet
from heddle.training.demo_plan import LATENT_SCALE, LATENT_SPREAD, LEAST_VARIANCE, DemoPlan
from heddle.training.drawing import draw, draw_crowd, draw_many
from heddle.training.earlier import Earlier, take_over
from heddle.training.loop import Progress, Watch, load_average, train
from heddle.training.losses import gaussian_latent, reconstruction_loss, seeded_chance
from heddle.training.world import Scene, pick_scene


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


def harden_norms(plan: DemoPlan, soft: Autoencoder) -> Autoencoder:
    """The same function as `soft`, with the layout's eps in its norms."""
    hard = build_autoencoder(plan, next(soft.parameters()).device, TRAINABLE)
    hard.load_state_dict(soft.state_dict())
    scale_between_norms(hard, (LAYOUT_EPS / SOFT_EPS) ** 0.5)
    return hard


@torch.no_grad()
def scale_between_norms(vae: Autoencoder, factor: float) -> None:
    """Make all that flows from norm to norm so many times larger: what `harden_norms` does, and what takes it back.

    (x - m) / sqrt(v + E) is the same for x, E and for c x, c^2 E. What writes a stream anew is scaled by weight and
    bias, what passes it on by its bias alone.
    """
    for name, parameter in vae.named_parameters():
        layer, kind = name.split(".")[-2:] if "sample.conv" not in name else ("sample", name.split(".")[-1])
        writes = layer in ("conv_in", "conv1", "conv2", "proj_out")
        passes_on = layer in ("nin_shortcut", "sample")
        if writes or (passes_on and kind == "bias"):
            parameter *= factor


def to_pixels(pictures: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """[N, H, W, 3] uint8 to [N, 3, H, W], -1..1."""
    return torch.as_tensor(pictures).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(pixels: Tensor) -> np.ndarray:
    """[N, 3, H, W], -1..1, to [N, H, W, 3] uint8."""
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def train_autoencoder(
    plan: DemoPlan, folder: Path, device: torch.device, watch: Watch, earlier: Earlier | None = None
) -> Autoencoder:
    """The first stage: pictures to latents and back. Its latents are not yet of unit variance."""
    vae = build_autoencoder(plan, device)
    if earlier is not None:
        take_over(vae, earlier.vae, "autoencoder")
        scale_between_norms(vae, (SOFT_EPS / LAYOUT_EPS) ** 0.5)
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
            pictures = torch.cat(
                [random_crops(each, half, plan.vae_crop_px, plan.vae.px_per_cell, chance) for each in (crowds, scenes)]
            )
        else:
            chosen = torch.randint(plan.crowds, (plan.vae_whole_batch,), generator=chance)
            half = plan.vae_whole_batch // 2
            pictures = torch.cat([crowds[chosen[:half]], scenes[chosen[half:]]])
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


def random_crops(pictures: Tensor, count: int, side_px: int, step_px: int, chance: torch.Generator) -> Tensor:
    """Squares from anywhere in pictures [N, H, W, 3], a multiple of `step_px` from their corner.

    That is a latent's cell: patterns and pixels lie in its cells as they will in whole pictures.
    """
    span = (pictures.shape[1] - side_px) // step_px + 1
    places = torch.stack(
        [torch.randint(top, (count,), generator=chance) for top in (len(pictures), span, span)], dim=1
    ).tolist()
    squares = [(i, y * step_px, x * step_px) for i, y, x in places]
    return torch.stack([pictures[i, y : y + side_px, x : x + side_px] for i, y, x in squares])


def draw_scene(plan: DemoPlan, number: int) -> tuple[Scene, np.ndarray]:
    """Training scene `number` and its drawing, from the plan's seed and the number alone."""
    random = Random(f"{plan.seed}/scene/{number}")
    scene = pick_scene(random)
    return scene, draw(random, scene)


SCENES_AT_ONCE, SCENES_A_FILE = 16, 1024


@torch.no_grad()
def encode_scenes(plan: DemoPlan, vae: Autoencoder, folder: Path, device: torch.device, watch: Watch) -> Tensor:
    """The moments of all training scenes, [scenes, 8, 16, 16]: means and log variances in the VAE's own units.

    They gather in files of the folder, so that a stopped training does not begin anew; `forget_moments` takes these
    away.
    Raises: Cancelled, when stopped.
    """
    tell, parts = watch.stage("latents"), list[Path]()
    for first in range(0, plan.scenes, SCENES_A_FILE):
        last = min(first + SCENES_A_FILE, plan.scenes)
        parts.append(folder / f"moments_{first}.safetensors")
        if parts[-1].exists():
            continue
        moments = []
        for start in range(first, last, SCENES_AT_ONCE):
            numbers = range(start, min(start + SCENES_AT_ONCE, last))
            pictures = np.stack([draw_scene(plan, i)[1] for i in numbers])
            moments.append(vae.encode(to_pixels(pictures, device)).cpu().contiguous())
            tell(Progress(numbers.stop, plan.scenes, float("nan"), float("nan")))
            if watch.should_stop():
                raise Cancelled(f"stopped after scene {numbers.stop} of {plan.scenes}; the same command goes on")
        partial = parts[-1].with_suffix(".partial")
        save_file({"moments": torch.cat(moments)}, partial)
        partial.replace(parts[-1])
    return torch.cat([load_file(part)["moments"] for part in parts])


def forget_moments(folder: Path) -> None:
    """Take away the files of `encode_scenes`."""
    for file in folder.glob("moments_*.safetensors"):
        file.unlink()


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
    spread = variances.clamp(min=float(variances.max()) * LEAST_VARIANCE).sqrt() * LATENT_SCALE / LATENT_SPREAD
    # There and back again: of all turns that whiten, this one moves latents least, so that a denoiser which learned on
    # an earlier autoencoder's finds its own here.
    inward = directions / spread @ directions.T  # new = inward (old - mean)
    outward = directions * spread @ directions.T  # old = outward new + mean
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
