"""What flows along MODEL, CLIP and VAE wires: names of nets and how to use them, no weights.

A copy is cheap and shares the weights, which the ledger (`weights.py`) brings in when a handle is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.causal_text import CausalTextConfig
from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.small_vae import SmallVaeConfig
from heddle.networks.t5 import T5Config
from heddle.networks.vae import VaeConfig
from heddle.samplers.predictions import Prediction
from model_management.clip_hooks import NO_CLIP_HOOKS, ClipHooks
from model_management.family import Family, JoinTexts, LatentSpace, TextPart, only_text
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch

T = TypeVar("T")


class NetworkConfig(Protocol):
    """What the configs of all diffusion networks say.

    in_channels: of the latent and all that is joined to it. context_width: of the encoded text. vector_width: of the
    vector beside it, 0 = there is none.
    """

    @property
    def in_channels(self) -> int: ...
    @property
    def context_width(self) -> int: ...
    @property
    def vector_width(self) -> int: ...


@dataclass(frozen=True)
class Model:
    """A diffusion network. Held, it gives a `UNet` or another net of `heddle.networks`.

    predicts: what its output means, with the noise schedule; a copy may carry another one.
    vae: the autoencoder of its own file, whose latents it was trained on; None where the file has none.
    patches: what was put into this copy, by name and in order; kinds in `patches.py`.
    own_latent: the latents that it works on, where they are not its family's.
    """

    stored: StoredNet
    family: Family
    config: NetworkConfig
    predicts: Prediction
    vae: Vae | None = None
    patches: tuple[tuple[str, object], ...] = ()
    own_latent: LatentSpace | None = None

    @property
    def latent(self) -> LatentSpace:
        return self.own_latent or self.family.latent

    def with_patch(self, name: str, patch: object) -> Model:
        """A copy with one thing more put in, after what is in it."""
        return self._with_patches((*self.patches, (name, patch)))

    def without_patch(self, name: str) -> Model:
        """A copy without what was put in under this name."""
        return self._with_patches(tuple(each for each in self.patches if each[0] != name))

    def placed(self, *, on_cpu: bool) -> Model:
        """A copy whose net runs on the CPU, or where the ledger's device is."""
        return replace(self, stored=replace(self.stored, on_cpu=on_cpu))

    def rounded(self, dtype: torch.dtype) -> Model:
        """A copy whose weights are the nearest numbers of a narrower kind, before all that is put into it."""
        return replace(self, stored=replace(self.stored, rounded_to=dtype))

    def patches_of(self, kind: type[T]) -> list[T]:
        """What was put in of one kind, in order."""
        return [patch for _name, patch in self.patches if isinstance(patch, kind)]

    @property
    def weight_patches(self) -> tuple[WeightPatch, ...]:
        """What changes the weights of the net, in order."""
        return tuple(self.patches_of(WeightPatch))

    def _with_patches(self, patches: tuple[tuple[str, object], ...]) -> Model:
        changed = replace(self, patches=patches)
        before, after = (
            [patch.config for patch in model.weight_patches if patch.config is not None] for model in (self, changed)
        )
        return replace(changed, config=(after or [self.stored.config])[-1]) if before or after else changed


@dataclass(frozen=True)
class TextEncoder:
    """One text encoder of a `Clip`. Held, it gives a `ClipText`, a `T5` or a `CausalText`.

    part: which encoder it is, and how it is used where nobody says otherwise.
    last_layer: the layer whose output is used, -1 = the last.
    patches: what changes its weights, by name and in order.
    tokenizer: the folder with the tokenizer that it came with; None where nobody knows of one.
    """

    stored: StoredNet
    part: TextPart
    config: ClipTextConfig | T5Config | CausalTextConfig
    last_layer: int
    patches: tuple[tuple[str, WeightPatch], ...] = ()
    tokenizer: Path | None = None

    @property
    def weight_patches(self) -> tuple[WeightPatch, ...]:
        """What changes the weights of the net, in order."""
        return tuple(patch for _name, patch in self.patches)


@dataclass(frozen=True)
class Clip:
    """Text encoders, and how what they say becomes one conditioning.

    join: what a network reads of all of them.
    hooks: changes of the encoders' weights that each text is encoded under, see `hooked_clip.py`.
    """

    encoders: tuple[TextEncoder, ...]
    join: JoinTexts = only_text
    hooks: ClipHooks = NO_CLIP_HOOKS

    def encoder(self, name: str) -> TextEncoder | None:
        """The one of this name ("l", "g", "h"), if it is there."""
        return next((each for each in self.encoders if each.part.name == name), None)

    def with_patch(self, name: str, patches: Mapping[str, WeightPatch]) -> Clip:
        """A copy in which encoders, given by name, have one change of their weights more, after those they have."""
        return replace(
            self,
            encoders=tuple(
                replace(each, patches=(*each.patches, (name, patches[each.part.name])))
                if each.part.name in patches
                else each
                for each in self.encoders
            ),
        )

    def without_patch(self, name: str) -> Clip:
        """A copy without what was put in under this name."""
        return replace(
            self,
            encoders=tuple(
                replace(each, patches=tuple(patch for patch in each.patches if patch[0] != name))
                for each in self.encoders
            ),
        )

    def placed(self, *, on_cpu: bool) -> Clip:
        """A copy whose encoders run on the CPU, or where the ledger's device is."""
        encoders = (replace(each, stored=replace(each.stored, on_cpu=on_cpu)) for each in self.encoders)
        return replace(self, encoders=tuple(encoders))

    def with_last_layer(self, last_layer: int) -> Clip:
        """A copy whose encoders stop at another layer, -1 = the last, -2 = the one before it.

        Raises: GraphError, if one of them has no such layer.
        """
        layers = min((each.config.layers for each in self.encoders), default=-last_layer)
        if not -layers <= last_layer <= -1:
            raise GraphError(
                say(
                    "this text encoder has {layers} layers, so it can stop at -1 to -{layers}, not at {last_layer}",
                    layers=layers,
                    last_layer=last_layer,
                ),
                found=last_layer,
                wanted=f"-{layers}..-1",
            )
        return replace(self, encoders=tuple(replace(each, last_layer=last_layer) for each in self.encoders))


@dataclass(frozen=True)
class Vae:
    """A picture autoencoder. Held, it gives an `Autoencoder` or a `SmallAutoencoder`."""

    stored: StoredNet
    config: VaeConfig | SmallVaeConfig
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def px_per_cell(self) -> int:
        """Side in pixels of the square that one latent position stands for."""
        return self.config.px_per_cell

    @property
    def latent_channels(self) -> int:
        return self.config.latent_channels

    @property
    def looks_along_time(self) -> bool:
        """Latents that it decodes together are the frames of one video."""
        return isinstance(self.config, VaeConfig) and self.config.along_time
