"""The control net of a UNet: a copy of its way down that also sees a picture, and says what to add to the way up.

Attribute names are those of the published checkpoints below `control_model.`, so `state_dict()` is the file's layout.
Source: Zhang et al. 2023, arXiv:2302.05543.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from heddle.networks.ops import Ops
from heddle.networks.residuals import Residuals
from heddle.networks.unet import UNet, UNetConfig, embed_timesteps


@dataclass(frozen=True)
class ControlNetConfig:
    """Sizes of the net.

    unet: of the network that it is a copy of; what that has of a way up does not count.
    hint_widths: channels between the layers that read the hint. Where the width changes, height and width are halved.
    """

    unet: UNetConfig
    hint_channels: int = 3
    hint_widths: tuple[int, ...] = (16, 16, 32, 32, 96, 96, 256)

    @property
    def px_per_cell(self) -> int:
        """Side in pixels of the square of a hint that one latent position stands for."""
        return px_per_cell(self.hint_widths)

    @property
    def skip_widths(self) -> list[int]:
        """Channels of what each input block hands across."""
        widths = [self.unet.widths[0]]
        for level, (width, blocks) in enumerate(zip(self.unet.widths, self.unet.blocks, strict=True)):
            widths += [width] * (blocks if level + 1 == len(self.unet.widths) else blocks + 1)
        return widths


class ControlNet(nn.Module):
    """Residuals for a UNet, from all that the UNet itself sees and a hint: edges, depths, a pose ..."""

    def __init__(self, config: ControlNetConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        copied = UNet(config.unet, ops)
        self.time_embed = copied.time_embed
        if config.unet.vector_width:
            self.label_emb = copied.label_emb
        self.input_blocks = copied.input_blocks
        self.middle_block = copied.middle_block
        self.input_hint_block = _hint_reader(config, ops)
        self.zero_convs = nn.ModuleList(nn.Sequential(ops.Conv2d(width, width, 1)) for width in config.skip_widths)
        last = config.unet.widths[-1]
        self.middle_block_out = nn.Sequential(ops.Conv2d(last, last, 1))

    def read_hint(self, hint: Tensor) -> tuple[Tensor]:
        """What `forward` takes as `guide`; the same at every step of a run.

        Args:
            hint: [B, hint_channels, H, W], 0..1; H and W multiples of `config.px_per_cell`.
        Returns: [B, widths[0], h, w].
        """
        return (self.input_hint_block(hint),)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
        *,
        guide: tuple[Tensor],
        kind: int | None = None,
    ) -> Residuals:
        """One call of the net.

        Args:
            x, timesteps, context, vector: as the UNet itself is given them.
            guide: [1 or B, widths[0], h, w], from `read_hint`.
            kind: what the hint shows, for nets that know several kinds; None leaves it to the net.
        """
        time = self.time_embed(embed_timesteps(timesteps, self.config.unet.widths[0]).to(x.dtype))
        if self.config.unet.vector_width:
            time = time + self.label_emb(vector)
        time = self.told(time, kind)
        skips: list[Tensor] = []
        for stage, out in zip(self.input_blocks, self.zero_convs, strict=True):
            x = stage(x, time, context, x.shape[2:])
            x = x if skips else self.guided(x, guide[0], kind)
            skips.append(out(x))
        return Residuals(tuple(skips), self.middle_block_out(self.middle_block(x, time, context, x.shape[2:])))

    def told(self, time: Tensor, kind: int | None) -> Tensor:
        """The time's vector [B, D], of a net that knows several kinds of hints moved by the kind."""
        return time

    def guided(self, x: Tensor, guide: Tensor, kind: int | None) -> Tensor:
        """What the first block gives, with the guide added."""
        return x + guide


def px_per_cell(hint_widths: tuple[int, ...]) -> int:
    """See `ControlNetConfig`."""
    return 2 ** sum(before != after for before, after in pairwise(hint_widths))


def _hint_reader(config: ControlNetConfig, ops: Ops) -> nn.Sequential:
    widths = config.hint_widths
    layers: list[nn.Module] = [ops.Conv2d(config.hint_channels, widths[0], 3, padding=1), nn.SiLU()]
    for before, after in pairwise(widths):
        layers += [ops.Conv2d(before, after, 3, padding=1, stride=1 if before == after else 2), nn.SiLU()]
    return nn.Sequential(*layers, ops.Conv2d(widths[-1], config.unet.widths[0], 3, padding=1))
