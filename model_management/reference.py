"""Reference-only: a model that looks at a reference latent while it draws, with no weights but its own.

In each step the reference, noised to the step's level, goes through the net first. What its self-attentions are given
then stands beside what they are given of the picture (`attention`); or the features of stages are brought to the mean
and spread that the reference's have (`adain`).

Source: the definition that sd-webui-controlnet published for its "reference" preprocessors (discussions 1236 and 1280);
for adain Huang and Belongie 2017, arXiv:1703.06868, equation 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.hooks import AttentionPlace, Hooks, RunAttention, StagePlace, place_named
from heddle.networks.unet import UNetConfig
from heddle.numerics.resize import resize
from heddle.samplers.conditions import Call, Network
from heddle.samplers.fitting import fit_batch
from heddle.samplers.noise import initial_noise
from heddle.samplers.predictions import Prediction
from model_management.control_run import Note
from model_management.family import LatentSpace
from model_management.handles import Model
from model_management.patches import NetworkPatch, with_hooks
from model_management.unet_patches import unet_of

MODES = ("attention", "adain", "attention and adain")

_WAYS = ("input", "middle", "output")  # in the order in which they run
LEAST_VARIANCE = 1e-6

#: The kind of calls that show a network its reference.
REFERENCE = "reference"

#: Sides of a run that show what the picture should not be.
AVERSE = frozenset({"negative", "empty"})

#: Of one stage's features, [N, C, 1, 1] each.
Statistics = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Reference:
    """What a model looks at, and how much.

    latent: [B, C, h, w] in the VAE's units; at another size it is resized, and what is too much at two sides is cut.
    strength: layers take part whose number, as a share of all, lies below it. Attentions count from the widest, 0..1;
        stages from the middle outwards, 0..2.
    style_fidelity: 0..1, how much of the negative's own features is kept.
    start_percent, end_percent: the part of a run in which it counts, as shares of the model's levels.
    seed: of the noise, which is the same in every step.
    """

    latent: Tensor
    mode: str = "attention"
    strength: float = 1.0
    style_fidelity: float = 0.5
    start_percent: float = 0.0
    end_percent: float = 1.0
    seed: int = 0


def put_reference(reference: Reference, model: Model) -> Model:
    """A copy of the model that looks at the reference. Raises: GraphError, if it is made for another kind of model."""
    config = unet_of(model, "HeddleReferenceOnly")
    channels, wanted = reference.latent.shape[1], model.latent.channels
    if channels != wanted:
        raise GraphError(
            say(
                "reference: {channels} channels, but {family} wants {wanted}; encode it with {family}'s VAE",
                channels=channels,
                family=model.family.name,
                wanted=wanted,
            ),
            input_name="reference",
            found=channels,
            wanted=wanted,
        )
    attentions = attentions_within(model, reference.strength if "attention" in reference.mode else 0)
    stages = stages_within(config, reference.strength if "adain" in reference.mode else 0)

    def begin(network: Network, predicts: Prediction, note: Note) -> Network:
        return _Run(reference, network, predicts, model.latent, attentions, stages, note)

    return model.with_patch("HeddleReferenceOnly", NetworkPatch(begin))


def attentions_within(model: Model, strength: float) -> frozenset[AttentionPlace]:
    """The self-attentions that take part: the widest first, of equal ones those that run first."""
    widths = {
        place_named(name.removesuffix(".to_q.weight")): shape[1]
        for name, shape in model.stored.shapes.items()
        if name.endswith(".attn1.to_q.weight")
    }
    places = sorted(widths, key=lambda each: (-widths[each], _WAYS.index(each.side), each.stage, each.block))
    return frozenset(place for number, place in enumerate(places) if number / len(places) < strength)


def stages_within(config: UNetConfig, strength: float) -> frozenset[StagePlace]:
    """The stages whose features take part: the middle, then those nearest to it, the finest level's never."""
    down: list[StagePlace] = []
    number = 1
    for level, blocks in enumerate(config.blocks):
        down += [StagePlace("input", number + block) for block in range(blocks) if level > 0]
        number += blocks + 1  # and the step down
    up = [StagePlace("output", number) for number in range(sum(config.blocks))]
    shares = {StagePlace("middle", 0): 0.0} if config.middle_depth is not None else {}
    shares |= {place: 2 * (1 - number / len(down)) for number, place in enumerate(down)}
    shares |= {place: 2 * number / len(up) for number, place in enumerate(up)}
    return frozenset(place for place, share in shares.items() if share < strength)


@dataclass(eq=False)
class _Seen:
    """What the reference left behind in one call."""

    tokens: dict[AttentionPlace, tuple[Tensor, Tensor]] = field(default_factory=dict)
    features: dict[StagePlace, Statistics] = field(default_factory=dict)


@dataclass(eq=False)
class _Run:
    """One run of a model with a reference."""

    reference: Reference
    network: Network
    predicts: Prediction
    space: LatentSpace
    attentions: frozenset[AttentionPlace]
    stages: frozenset[StagePlace]
    note: Note
    shown: dict[tuple[int, int], tuple[Tensor, Tensor]] = field(default_factory=dict)

    def __call__(self, x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        percent_to_sigma = self.predicts.schedule.percent_to_sigma
        first, last = percent_to_sigma(self.reference.start_percent), percent_to_sigma(self.reference.end_percent)
        if call.kind == REFERENCE or not last <= call.level <= first:
            return self.network(x, timesteps, call)
        seen = _Seen()
        # Its output is no condition's, so nobody keeps it to leave out the call, which would leave nothing behind then.
        shown = replace(call, control=None, conditions=(), hooks=self.writing(seen), kind=REFERENCE)
        self.network(self.noised(call).to(x), timesteps, shown)
        is_averse = torch.tensor([side in AVERSE for side in call.sides])
        return self.network(x, timesteps, with_hooks(call, self.reading(seen, is_averse)))

    def noised(self, call: Call) -> Tensor:
        """For each item of a call its piece of the reference at the call's level, scaled as the network is given it."""
        window = call.window
        latent, noise = self.at_size(call.whole if window is None else window.whole_size(call.whole))
        sigma = torch.tensor(call.level)
        x = self.predicts.scale_input(sigma, self.predicts.start(sigma, noise, latent))
        if window is not None:
            x = window.of(fit_batch(x, window.length) if window.dim == 0 and len(x) > 1 else x)
        pieces = [x if area is None else area.cut(x) for area in call.areas]
        return torch.cat([fit_batch(piece, len(call.sides) // len(pieces)) for piece in pieces])

    def at_size(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The reference in the network's units and the noise for it, for a latent of this size."""
        if size not in self.shown:
            latent = self.reference.latent.float()
            (height, width), found = size, tuple(latent.shape[-2:])
            if found != size:
                self.note(
                    say(
                        "the reference has {found_width} x {found_height} cells, the picture {width} x "
                        "{height}: it is resized, and what is too much at two sides is cut",
                        found_width=found[1],
                        found_height=found[0],
                        width=width,
                        height=height,
                    )
                )
                latent = resize(latent, width, height, "bilinear", "center")
            latent = self.space.inward(latent)
            self.shown[size] = latent, initial_noise(self.reference.seed, latent.shape).to(latent)
        return self.shown[size]

    def writing(self, seen: _Seen) -> Hooks:
        def note_tokens(
            place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor
        ) -> tuple[Tensor, Tensor, Tensor]:
            if place in self.attentions:
                seen.tokens[place] = (keys_of, values_of)
            return x, keys_of, values_of

        def note_features(place: StagePlace, x: Tensor) -> Tensor:
            if place in self.stages:
                seen.features[place] = _statistics(x)
            return x

        return Hooks(inputs=(note_tokens,), leaving=(note_features,))

    def reading(self, seen: _Seen, is_averse: Tensor) -> Hooks:
        """
        Args:
            is_averse: [N], for each item of the call whether it shows what the picture should not be.
        """
        fidelity = self.reference.style_fidelity if bool(is_averse.any()) else 0.0
        own_lengths: dict[AttentionPlace, int] = {}
        shares = fidelity * is_averse

        def keep(own: Tensor, taken_up: Tensor) -> Tensor:
            nonlocal shares
            shares = shares.to(own)  # at the first layer; after that it is there
            return torch.lerp(taken_up, own, shares.reshape(-1, *[1] * (own.ndim - 1)))

        def look(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            if place not in seen.tokens:
                return x, keys_of, values_of
            own_lengths[place] = keys_of.shape[1]
            keys, values = seen.tokens[place]
            return x, torch.cat([keys_of, keys], dim=1), torch.cat([values_of, values], dim=1)

        def look_away(
            place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor, run: RunAttention
        ) -> Tensor:
            # Attention that gives each token its own value gives some to the reference's tokens, too, which come last.
            both = run(x, keys_of, values_of)[:, : x.shape[1]]
            if place not in own_lengths or not fidelity:
                return both
            own = own_lengths[place]
            return keep(run(x, keys_of[:, :own], values_of[:, :own]), both)

        def restyle(place: StagePlace, x: Tensor) -> Tensor:
            if place not in seen.features:
                return x
            mean, deviation = _statistics(x)
            its_mean, its_deviation = seen.features[place]
            y = (x - mean) / deviation * its_deviation + its_mean
            return keep(x, y) if fidelity else y

        return Hooks(inputs=(look,), around=(look_away,), leaving=(restyle,))


def _statistics(x: Tensor) -> Statistics:
    """Mean and standard deviation of each channel of [N, C, h, w]."""
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, correction=0)
    return mean, variance.clamp(min=LEAST_VARIANCE).sqrt()
