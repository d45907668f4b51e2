"""The UNet of Stable Diffusion 1, 2 and XL: residual blocks on several scales, with text attention on some of them.

Attribute names are those of the published single-file checkpoints below `model.diffusion_model.`, so `state_dict()`
is the file's layout. Source: Rombach et al. 2022, arXiv:2112.10752; Ho et al. 2020, arXiv:2006.11239; for XL Podell et
al. 2023, arXiv:2307.01952.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import interpolate

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, AttentionPlace, Hooks, StagePlace, on_grid, place_named, stage_named
from heddle.networks.ops import AddingBlock, Ops, stands_for
from heddle.networks.residuals import Residuals, add_part
from heddle.numerics.attention import attend
from heddle.numerics.layers import conv2d_of_doubled, gated_gelu
from heddle.numerics.once_per_tensor import OncePerTensor

NORM_GROUPS = 32
MAX_PERIOD = 10000.0
NOTHING: Mapping[str, int] = MappingProxyType({})


#: Transformer blocks after each residual block of one level: a number for all of them, or one for each.
Depths: TypeAlias = int | tuple[int, ...]


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the net. A level is one scale of the picture, the finest first.

    widths: channels of each level. The first is also the width of the net's first and last layer.
    blocks: residual blocks of each level on the way down; the way up has one more.
    depths: transformer blocks after each residual block of a level, 0 = no attention there.
    up_depths: the same on the way up, in the order in which they run; None = as on the way down.
    middle_depth: transformer blocks between two residual blocks in the middle; 0 = one residual block alone there,
        None = no middle.
    head_width: of attention; None = `heads` heads on every level, however wide.
    vector_width: of what a picture's vector conditioning has (its pooled text, its size ...), 0 = the net takes none.
    labels: how many kinds of picture the net tells apart by a number, 0 = none.
    text_only: for each level, whether its transformer blocks look at the text twice and not at the picture; () = none.
    """

    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    depths: tuple[Depths, ...]
    middle_depth: int | None
    context_width: int
    in_channels: int = 4
    out_channels: int = 4
    time_width: int = 1280
    heads: int = 8
    head_width: int | None = None
    linear_projections: bool = False  # of the spatial transformers; convolutions of one pixel otherwise
    up_depths: tuple[Depths, ...] | None = None
    vector_width: int = 0
    labels: int = 0
    text_only: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.blocks) == len(self.depths) > 0:
            raise ShapeError(
                say("UNetConfig: widths, blocks and depths have one entry for each level"),
                wanted=len(self.widths),
                got=(len(self.blocks), len(self.depths)),
            )
        for level, width in enumerate(self.widths):
            if width % NORM_GROUPS:
                raise ShapeError(
                    say(
                        "UNetConfig: a level of {width} channels cannot be normed in {norm_groups} "
                        "groups; use a multiple of {norm_groups}",
                        width=width,
                        norm_groups=NORM_GROUPS,
                    ),
                    wanted=f"a multiple of {NORM_GROUPS}",
                    got=width,
                )
            has_attention = any((*self.depths_down(level), *self.depths_up(level)))
            if has_attention and self.head_width is not None and width % self.head_width:
                raise ShapeError(
                    say(
                        "UNetConfig: a level of {width} channels cannot be split into heads of "
                        "{head_width}; use a multiple of {head_width}",
                        width=width,
                        head_width=self.head_width,
                    ),
                    wanted=f"a multiple of {self.head_width}",
                    got=width,
                )

    def depths_down(self, level: int) -> tuple[int, ...]:
        """Of each residual block of a level on the way down."""
        return _each(self.depths[level], self.blocks[level])

    def depths_up(self, level: int) -> tuple[int, ...]:
        """Of each residual block of a level on the way up."""
        if self.up_depths is not None:
            return _each(self.up_depths[level], self.blocks[level] + 1)
        down = self.depths_down(level)
        return (*down, down[-1])

    def reads_itself(self, level: int) -> bool:
        return not (self.text_only and self.text_only[level])

    @property
    def stages_down(self) -> int:
        """How many input blocks there are: the first layer, the residual blocks, what halves between levels."""
        return sum(self.blocks) + len(self.blocks)

    def heads_of(self, channels: int) -> int:
        return self.heads if self.head_width is None else channels // self.head_width


def _each(depths: Depths, blocks: int) -> tuple[int, ...]:
    return (depths,) * blocks if isinstance(depths, int) else depths


def embed_timesteps(timesteps: Tensor, width: int) -> Tensor:
    """Cosines, then sines, of the timesteps at `width / 2` frequencies from 1 down to almost 1 / 10000.

    Args:
        timesteps: [B], need not be whole.
    Returns: [B, width], float32.
    """
    half = width // 2
    frequencies = torch.exp(-math.log(MAX_PERIOD) / half * torch.arange(half, device=timesteps.device))
    angles = timesteps.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ResBlock(AddingBlock):
    """Two convolutions beside a shortcut; the time comes in between them."""

    def __init__(self, in_channels: int, out_channels: int, time_width: int, ops: Ops) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            ops.GroupNorm(NORM_GROUPS, in_channels, eps=1e-5),
            nn.SiLU(),
            ops.Conv2d(in_channels, out_channels, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), ops.Linear(time_width, out_channels))
        self.out_layers = nn.Sequential(
            ops.GroupNorm(NORM_GROUPS, out_channels, eps=1e-5),
            nn.SiLU(),
            nn.Identity(),  # the published net's dropout stands here, and gives the convolution its number
            ops.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        same = in_channels == out_channels
        self.skip_connection = nn.Identity() if same else ops.Conv2d(in_channels, out_channels, 1)

    def last_layer(self) -> nn.Module:
        return self.out_layers[3]

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.in_layers(x) + self.emb_layers(time)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class CrossAttention(nn.Module):
    """Each position of x gathers from the context; from x itself where that is what is given."""

    def __init__(self, width: int, context_width: int, heads: int, ops: Ops) -> None:
        super().__init__()
        self.heads = heads
        self.place: AttentionPlace | None = None  # in a net that asks hooks
        self.to_q = ops.Linear(width, width, bias=False)
        self.to_k = ops.Linear(context_width, width, bias=False)
        self.to_v = ops.Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(ops.Linear(width, width), nn.Identity())
        self.known: OncePerTensor[Tensor] = OncePerTensor()

    def forward(self, x: Tensor, context: Tensor, hooks: Hooks = NO_HOOKS, grid: tuple[int, int] = (0, 0)) -> Tensor:
        if self.place is None or hooks is NO_HOOKS:
            return self.to_out(attend(self.to_q(x), *self._project(x, context, context), self.heads))
        place = on_grid(self.place, grid)

        def run(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
            q, (k, v) = self.to_q(x), self._project(x, keys_of, values_of)
            return self.to_out(hooks.attend(place, q, k, v, self.heads))

        return hooks.attention(place, x, context, run)

    def _project(self, x: Tensor, keys_of: Tensor, values_of: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values. Those of a text are the same in every step."""
        if keys_of is x or values_of is x:
            return self.to_k(keys_of), self.to_v(values_of)
        k = self.known((keys_of, stands_for(self.to_k)), lambda: self.to_k(keys_of))
        return k, self.known((values_of, stands_for(self.to_v)), lambda: self.to_v(values_of))


class GatedGelu(nn.Module):
    """A linear layer of which one half gates the other. Source: Shazeer 2020, arXiv:2002.05202."""

    def __init__(self, in_width: int, out_width: int, ops: Ops) -> None:
        super().__init__()
        self.proj = ops.Linear(in_width, 2 * out_width)

    def forward(self, x: Tensor) -> Tensor:
        return gated_gelu(x, self.proj.weight, self.proj.bias)


class FeedForward(nn.Module):
    """What each position works out for itself, four times as wide inside."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.net = nn.Sequential(GatedGelu(width, 4 * width, ops), nn.Identity(), ops.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TransformerBlock(nn.Module):
    """The picture looks at itself, then at the text, then each position at what it has.

    Args:
        reads_itself: false = it looks at the text the first time, too.
    """

    def __init__(self, width: int, context_width: int, heads: int, ops: Ops, *, reads_itself: bool = True) -> None:
        super().__init__()
        self.reads_itself = reads_itself
        self.norm1 = ops.LayerNorm(width)
        self.attn1 = CrossAttention(width, width if reads_itself else context_width, heads, ops)
        self.norm2 = ops.LayerNorm(width)
        self.attn2 = CrossAttention(width, context_width, heads, ops)
        self.norm3 = ops.LayerNorm(width)
        self.ff = FeedForward(width, ops)

    def forward(self, x: Tensor, context: Tensor, hooks: Hooks = NO_HOOKS, grid: tuple[int, int] = (0, 0)) -> Tensor:
        own = self.norm1(x)
        x = x + self.attn1(own, own if self.reads_itself else context, hooks, grid)
        if hooks.between and self.attn2.place is not None:
            x = hooks.change_between(on_grid(self.attn2.place, grid), x)
        x = x + self.attn2(self.norm2(x), context, hooks, grid)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(AddingBlock):
    """Transformer blocks over the pixels of one level, added to what comes in."""

    def __init__(self, channels: int, depth: int, config: UNetConfig, ops: Ops, *, reads_itself: bool = True) -> None:
        super().__init__()
        self.is_linear = config.linear_projections
        self.norm = ops.GroupNorm(NORM_GROUPS, channels, eps=1e-6)
        self.proj_in = self._projection(channels, ops)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(channels, config.context_width, config.heads_of(channels), ops, reads_itself=reads_itself)
            for _ in range(depth)
        )
        self.proj_out = self._projection(channels, ops)

    def _projection(self, channels: int, ops: Ops) -> nn.Module:
        return ops.Linear(channels, channels) if self.is_linear else ops.Conv2d(channels, channels, 1)

    def last_layer(self) -> nn.Module:
        return self.proj_out

    def forward(self, x: Tensor, context: Tensor, hooks: Hooks = NO_HOOKS, **over_time: int) -> Tensor:
        height, width = x.shape[2:]
        h = self.norm(x)
        if self.is_linear:
            h = self.proj_in(rearrange(h, "b c h w -> b (h w) c"))
        else:
            h = rearrange(self.proj_in(h), "b c h w -> b (h w) c")
        h = self.run_blocks(h, context, hooks, (height, width), **over_time)
        if self.is_linear:
            h = rearrange(self.proj_out(h), "b (h w) c -> b c h w", h=height)
        else:
            h = self.proj_out(rearrange(h, "b (h w) c -> b c h w", h=height))
        return x + h

    def run_blocks(self, h: Tensor, context: Tensor, hooks: Hooks, grid: tuple[int, int]) -> Tensor:
        for block in self.transformer_blocks:
            h = block(h, context, hooks, grid)
        return h


class Downsample(nn.Module):
    """Half the height and width, rounded up."""

    def __init__(self, channels: int, ops: Ops) -> None:
        super().__init__()
        self.op = ops.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    """Back to a size that was halved on the way down; twice the size, or one less where that was odd."""

    def __init__(self, channels: int, ops: Ops) -> None:
        super().__init__()
        self.conv = ops.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        if size == (2 * x.shape[2], 2 * x.shape[3]):
            return conv2d_of_doubled(x, self.conv.weight, self.conv.bias)
        return self.conv(interpolate(x, size=size, mode="nearest"))


class Stage(nn.ModuleList):
    """Layers between two skips, each given what its kind asks for."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(layers)
        self.place: StagePlace | None = None  # in a net that asks hooks

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        context: Tensor,
        size: torch.Size,
        hooks: Hooks = NO_HOOKS,
        over_time: Mapping[str, int] = NOTHING,
    ) -> Tensor:
        """
        Args:
            over_time: what blocks of nets for videos are told beside.
        """
        if self.place is not None:
            x = hooks.enter(self.place, x)
        for layer in self:
            match layer:
                case ResBlock():
                    x = layer(x, time, **over_time)
                case SpatialTransformer():
                    x = layer(x, context, hooks, **over_time)
                case Upsample():
                    x = layer(x, size)
                case _:
                    x = layer(x)
        return x if self.place is None else hooks.leave(self.place, x)


class UNet(nn.Module):
    """Predicts, from a noisy latent, a timestep and a text, what the noise is (or whatever else it was trained to)."""

    #: The blocks that its stages are made of.
    res_block: type[ResBlock] = ResBlock
    transformer: type[SpatialTransformer] = SpatialTransformer

    def __init__(self, config: UNetConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.time_embed = nn.Sequential(
            ops.Linear(first, config.time_width), nn.SiLU(), ops.Linear(config.time_width, config.time_width)
        )
        if config.vector_width:
            self.label_emb = nn.Sequential(
                nn.Sequential(
                    ops.Linear(config.vector_width, config.time_width),
                    nn.SiLU(),
                    ops.Linear(config.time_width, config.time_width),
                )
            )
        if config.labels:
            self.label_emb = ops.Embedding(config.labels, config.time_width)
        self.input_blocks = nn.ModuleList([Stage(ops.Conv2d(config.in_channels, first, 3, padding=1))])
        self.output_blocks = nn.ModuleList()
        channels, skips = first, [first]

        for level, width in enumerate(config.widths):
            for depth in config.depths_down(level):
                self.input_blocks.append(self._stage(channels, level, depth, ops))
                channels = width
                skips.append(channels)
            if level + 1 < len(config.widths):
                self.input_blocks.append(Stage(Downsample(channels, ops)))
                skips.append(channels)

        self.middle_block = self._middle(channels, ops)

        for level, width in reversed(list(enumerate(config.widths))):
            for block, depth in enumerate(config.depths_up(level)):
                stage = self._stage(channels + skips.pop(), level, depth, ops)
                channels = width
                if level > 0 and block == config.blocks[level]:
                    stage.append(Upsample(channels, ops))
                self.output_blocks.append(stage)

        self.out = nn.Sequential(
            ops.GroupNorm(NORM_GROUPS, channels, eps=1e-5),
            nn.SiLU(),
            ops.Conv2d(channels, config.out_channels, 3, padding=1),
        )
        for name, module in self.named_modules():
            if isinstance(module, TransformerBlock):
                module.attn2.place = place_named(f"{name}.attn2")
                if module.reads_itself:
                    module.attn1.place = place_named(f"{name}.attn1")
            elif isinstance(module, Stage):
                module.place = stage_named(name)

    def _stage(self, in_channels: int, level: int, depth: int, ops: Ops) -> Stage:
        width, reads_itself = self.config.widths[level], self.config.reads_itself(level)
        stage = Stage(self.res_block(in_channels, width, self.config.time_width, ops))
        if depth:
            stage.append(self.transformer(width, depth, self.config, ops, reads_itself=reads_itself))
        return stage

    def _middle(self, channels: int, ops: Ops) -> Stage:
        depth, time_width = self.config.middle_depth, self.config.time_width
        if depth is None:
            return Stage()
        if depth == 0:
            return Stage(self.res_block(channels, channels, time_width, ops))
        return Stage(
            self.res_block(channels, channels, time_width, ops),
            self.transformer(channels, depth, self.config, ops),
            self.res_block(channels, channels, time_width, ops),
        )

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
        *,
        label: Tensor | None = None,
        control: Residuals | None = None,
        hooks: Hooks = NO_HOOKS,
        frames: int | None = None,
    ) -> Tensor:
        """One call of the net.

        Args:
            x: [B, in_channels, h, w], any h and w.
            timesteps: [B], in the units of the training, 0..999 for Stable Diffusion.
            context: [B, T, context_width], the encoded text.
            vector: [B, vector_width], for nets that take one.
            label: [B], the number of a kind, for nets that tell kinds apart.
            control: what control nets and adapters add.
            hooks: who steps in.
            frames: how many items after one another are a video, for nets that look along time.
        Returns: [B, out_channels, h, w].
        """
        time = self.time_embed(embed_timesteps(timesteps, self.config.widths[0]).to(x.dtype))
        if self.config.vector_width:
            time = time + self.label_emb(vector)
        if label is not None:
            time = time + self.label_emb(label)
        over_time: dict[str, int] = {} if frames is None else {"frames": frames}
        skips: list[Tensor] = []
        for number, stage in enumerate(self.input_blocks):
            x = stage(x, time, context, x.shape[2:], hooks, over_time)
            x = x if control is None else add_part(x, control.inside, number)
            skips.append(x)
        x = self.middle_block(x, time, context, x.shape[2:], hooks, over_time)
        if control is not None:
            skips, x = control.added_to(skips, x)
        for number, stage in enumerate(self.output_blocks):
            skip = skips.pop()
            if hooks.joining:
                x, skip = hooks.join(StagePlace("output", number), x, skip)
            x = torch.cat([x, skip], dim=1)
            # the skip that comes next has the size that an upsampling at the end of this stage goes back to
            x = stage(x, time, context, skips[-1].shape[2:] if skips else x.shape[2:], hooks, over_time)
        return self.out(x)
